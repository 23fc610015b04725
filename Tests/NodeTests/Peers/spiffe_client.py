"""A workload that knows SPIFFE and nothing of the mesh: py-spiffe, and the stubs that protoc made for it.

spiffe_client.py fetch SOCKET DIRECTORY       writes svid.pem, key.pem and bundle.pem, and prints the SPIFFE ID
spiffe_client.py watch SOCKET COUNT           prints the serial of each SVID as it comes, until there were so many
spiffe_client.py refused SOCKET               prints the gRPC status with which an SVID is refused
spiffe_client.py probe SOCKET TRUST_DOMAIN    tries what the specification asks of a server; prints "ok", or fails
"""
import os
import sys
import threading

import grpc
from cryptography.hazmat.primitives import serialization
from spiffe import WorkloadApiClient
from spiffe._proto import workload_pb2, workload_pb2_grpc

SECURE = (("workload.spiffe.io", "true"),)
TIMEOUT = 10


def pem(certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def fetch(socket, directory):
    with WorkloadApiClient("unix://" + socket) as client:
        context = client.fetch_x509_context(timeout=TIMEOUT)
    svid = context.default_svid
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    os.makedirs(directory, exist_ok=True)
    key = svid.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name, content in (("svid", pem(svid.cert_chain)), ("key", key), ("bundle", pem(bundle.x509_authorities))):
        with open(f"{directory}/{name}.pem", "wb") as file:
            file.write(content)
    print(svid.spiffe_id)


def watch(socket, count):
    left = [int(count)]
    done = threading.Event()

    def update(context):
        print(context.default_svid.leaf.serial_number, flush=True)
        left[0] -= 1
        if left[0] == 0:
            done.set()

    def failed(error):
        print("error", error, flush=True)
        os._exit(1)

    with WorkloadApiClient("unix://" + socket) as client:
        handler = client.stream_x509_contexts(update, failed)
        if not done.wait(60):
            sys.exit("no further SVID came")
        handler.cancel()


def stub(socket):
    return workload_pb2_grpc.SpiffeWorkloadAPIStub(grpc.insecure_channel("unix:" + socket))


def status(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def refused(socket):
    print(status(lambda: next(stub(socket).FetchX509SVID(workload_pb2.X509SVIDRequest(), metadata=SECURE, timeout=TIMEOUT))))


def expect(name, found, wanted):
    if found != wanted:
        sys.exit(f"{name}: {found}, where {wanted} is expected")


def probe(socket, trust_domain):
    api = stub(socket)
    svid, bundles = workload_pb2.X509SVIDRequest(), workload_pb2.X509BundlesRequest()
    for metadata in ((), (("workload.spiffe.io", "True"),), (("workload.spiffe.io", ""),)):
        expect(f"header {metadata}", status(lambda: next(api.FetchX509SVID(svid, metadata=metadata, timeout=TIMEOUT))), "INVALID_ARGUMENT")
        expect(f"header {metadata}", status(lambda: api.ValidateJWTSVID(
            workload_pb2.ValidateJWTSVIDRequest(), metadata=metadata, timeout=TIMEOUT)), "INVALID_ARGUMENT")
    for name, call in {
        "FetchJWTSVID": lambda: api.FetchJWTSVID(workload_pb2.JWTSVIDRequest(audience=["a"]), metadata=SECURE, timeout=TIMEOUT),
        "FetchJWTBundles": lambda: next(api.FetchJWTBundles(workload_pb2.JWTBundlesRequest(), metadata=SECURE, timeout=TIMEOUT)),
        "ValidateJWTSVID": lambda: api.ValidateJWTSVID(
            workload_pb2.ValidateJWTSVIDRequest(audience="a", svid="b"), metadata=SECURE, timeout=TIMEOUT),
    }.items():
        expect(name, status(call), "UNIMPLEMENTED")
    channel = grpc.insecure_channel("unix:" + socket)
    send = lambda request: channel.unary_stream("/SpiffeWorkloadAPI/FetchX509SVID")(request, metadata=SECURE, timeout=TIMEOUT)
    expect("a request of 17 KiB", status(lambda: next(send(b"\0" * (17 << 10)))), "RESOURCE_EXHAUSTED")
    other = channel.unary_stream("/SpiffeWorkloadAPI/Other")
    expect("another method", status(lambda: next(other(b"", metadata=SECURE, timeout=TIMEOUT))), "UNIMPLEMENTED")

    # Both kinds of streams over one connection, each with its first message at once; protobuf reads what we wrote by hand.
    first, second = api.FetchX509SVID(svid, metadata=SECURE), api.FetchX509Bundles(bundles, metadata=SECURE)
    one, two = next(first), next(second)
    expect("SVIDs", len(one.svids), 1)
    expect("unknown fields", one.ByteSize(), len(one.SerializeToString(deterministic=True)))
    expect("trust domains", list(two.bundles), ["spiffe://" + trust_domain])
    expect("bundle", two.bundles["spiffe://" + trust_domain], one.svids[0].bundle)
    first.cancel()
    second.cancel()
    print("ok")


if __name__ == "__main__":
    {"fetch": fetch, "watch": watch, "refused": refused, "probe": probe}[sys.argv[1]](*sys.argv[2:])
