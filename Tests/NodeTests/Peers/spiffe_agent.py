"""An agent that serves the SPIFFE Workload API as SPIRE's does, on grpcio; its messages are built here from their field numbers.

spiffe_agent.py SOCKET AUTHORITY ENTRIES

AUTHORITY is a directory for the root's key and certificate, made by whoever comes first. ENTRIES is a file with one SPIFFE ID a line, and a
word that says what to do wrong: two-names, authority, other-key, no-usage. All streams get a new message when it changes.
"""
import concurrent.futures
import datetime
import fcntl
import os
import sys
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
PKCS8 = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def messages():
    """X509SVID and X509SVIDResponse as SPIFFE Workload API §5.1 numbers their fields."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="agent.proto", syntax="proto3")
    svid = file.message_type.add(name="X509SVID")
    for number, name in enumerate(["spiffe_id", "x509_svid", "x509_svid_key", "bundle", "hint"], 1):
        kind = field.TYPE_STRING if name in ("spiffe_id", "hint") else field.TYPE_BYTES
        svid.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    response = file.message_type.add(name="X509SVIDResponse")
    response.field.add(name="svids", number=1, type=field.TYPE_MESSAGE, type_name=".X509SVID", label=field.LABEL_REPEATED)
    response.field.add(name="crl", number=2, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    entry = response.nested_type.add(name="FederatedBundlesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    response.field.add(
        name="federated_bundles", number=3, type=field.TYPE_MESSAGE, type_name=".X509SVIDResponse.FederatedBundlesEntry",
        label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("X509SVIDResponse"))


Response = messages()


def certificate(subject, key, issuer, signer, names, authority, usage, lifetime):
    now = datetime.datetime.now(datetime.timezone.utc)
    bits = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(seconds=10))
        .not_valid_after(now + lifetime).add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(n) for n in names]), critical=False))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    if usage:
        builder = builder.add_extension(x509.KeyUsage(
            digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **bits), critical=True)
    if not authority:
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(signer, hashes.SHA256())


class Authority:
    """Root and one intermediate, as SPIRE has them with an upstream authority."""

    NAME = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIFFE")])
    MIDDLE = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIRE")])

    def __init__(self, directory, trust_domain):
        os.makedirs(directory, exist_ok=True)
        day = datetime.timedelta(days=1)
        domain = "spiffe://" + trust_domain
        with open(directory + "/lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(directory + "/root.der"):
                key = ec.generate_private_key(ec.SECP256R1())
                root = certificate(self.NAME, key, self.NAME, key, [domain], True, True, day)
                with open(directory + "/root.key", "wb") as file:
                    file.write(key.private_bytes(PEM, *PKCS8))
                with open(directory + "/root.der", "wb") as file:
                    file.write(root.public_bytes(DER))
        with open(directory + "/root.key", "rb") as file:
            root_key = serialization.load_pem_private_key(file.read(), None)
        with open(directory + "/root.der", "rb") as file:
            self.root = file.read()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.middle = certificate(self.MIDDLE, self.key, self.NAME, root_key, [domain], True, True, day).public_bytes(DER)

    def issue(self, identity, flaw):
        key = ec.generate_private_key(ec.SECP256R1())
        names = [identity, identity + "-2"] if flaw == "two-names" else [identity]
        subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIRE")])
        leaf = certificate(
            subject, key, self.MIDDLE, self.key, names, flaw == "authority", flaw != "no-usage", datetime.timedelta(hours=1))
        if flaw == "other-key":
            key = ec.generate_private_key(ec.SECP256R1())
        return leaf.public_bytes(DER) + self.middle, key.private_bytes(DER, *PKCS8)


def serve(socket, directory, entries):
    with open(entries) as file:
        trust_domain = file.readline().split("/")[2]
    authority = Authority(directory, trust_domain)

    def message():
        response = Response()
        with open(entries) as file:
            lines = [line.split() for line in file if line.strip()]
        for identity, *flaw in lines:
            chain, key = authority.issue(identity, flaw[0] if flaw else "")
            response.svids.add(spiffe_id=identity, x509_svid=chain, x509_svid_key=key, bundle=authority.root, hint="")
        # Bundles of other trust domains come with SPIRE's messages too.
        response.federated_bundles["spiffe://elsewhere.example"] = authority.root
        return response

    def fetch(request, context):
        if ("workload.spiffe.io", "true") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing from request")
        seen = None
        while context.is_active():
            stamp = os.stat(entries).st_mtime_ns
            if stamp != seen:
                seen = stamp
                response = message()
                if not response.svids:
                    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
                yield response
            time.sleep(0.05)

    handler = grpc.unary_stream_rpc_method_handler(
        fetch, request_deserializer=bytes, response_serializer=Response.SerializeToString)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("SpiffeWorkloadAPI", {"FetchX509SVID": handler})])
    server.add_insecure_port("unix:" + socket)
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(*sys.argv[1:])
