/* SPDX-License-Identifier: Apache-2.0 */
#include "COpenSSL.h"

int copenssl_configure(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	/* Without NO_AUTO_CHAIN OpenSSL builds and verifies our own chain again in every handshake. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(context, COPENSSL_MAXIMUM_PEER_CHAIN);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1;
}

int copenssl_set_groups(SSL_CTX *context, const char *groups) { return (int)SSL_CTX_set1_groups_list(context, groups); }

void copenssl_on_server_name(SSL_CTX *context, copenssl_server_name_callback callback, void *argument)
{
	SSL_CTX_set_tlsext_servername_callback(context, callback);
	SSL_CTX_set_tlsext_servername_arg(context, argument);
}

int copenssl_add_chain(SSL_CTX *context, X509 *certificate) { return (int)SSL_CTX_add1_chain_cert(context, certificate); }

void copenssl_use_store(SSL_CTX *context, X509_STORE *store) { SSL_CTX_set1_cert_store(context, store); }

int copenssl_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

void copenssl_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

void copenssl_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

int copenssl_error_library(unsigned long code) { return ERR_GET_LIB(code); }

int copenssl_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

EVP_PKEY *copenssl_generate_p256(void) { return EVP_EC_gen("P-256"); }

void copenssl_free(void *memory) { OPENSSL_free(memory); }
