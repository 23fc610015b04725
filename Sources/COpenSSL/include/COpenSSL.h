/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3 for Swift, with functions in place of the macros that Swift cannot import. Imported by MeshTLS only. */
#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* Bytes of certificates that a peer may send; OpenSSL's own bound is 100 KiB. */
#define COPENSSL_MAXIMUM_PEER_CHAIN (32 << 10)

typedef int (*copenssl_server_name_callback)(SSL *ssl, int *alert, void *argument);

/* TLS 1.3 only, buffers released while idle, the configured chain sent as it is, no session cache. 1 on success. */
int copenssl_configure(SSL_CTX *context);
int copenssl_set_groups(SSL_CTX *context, const char *groups);
void copenssl_on_server_name(SSL_CTX *context, copenssl_server_name_callback callback, void *argument);
/* Appends an intermediate certificate to the chain that is sent; takes its own reference. */
int copenssl_add_chain(SSL_CTX *context, X509 *certificate);
void copenssl_use_store(SSL_CTX *context, X509_STORE *store);
/* The name in the client hello (SNI). */
int copenssl_set_server_name(SSL *ssl, const char *name);
/* Says "no data now" to OpenSSL: the caller comes back with more. */
void copenssl_retry_read(BIO *bio);
void copenssl_clear_retry(BIO *bio);
/* The library and reason numbers of an entry of the error queue. */
int copenssl_error_library(unsigned long code);
int copenssl_error_reason(unsigned long code);
/* A new P-256 key; NULL on failure. */
EVP_PKEY *copenssl_generate_p256(void);
void copenssl_free(void *memory);

#endif
