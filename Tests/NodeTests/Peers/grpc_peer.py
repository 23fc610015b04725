"""A gRPC service and its client, on grpcio alone: generic handlers, messages are plain bytes.

grpc_peer.py serve PORT            serves until it is killed
grpc_peer.py call ADDRESS WHAT     one of unary, server, client, bidi, deadline, cancel, trailers, spread; prints "ok", or fails
"""
import collections
import concurrent.futures
import os
import sys
import threading
import time

import grpc

INSTANCE = str(os.getpid()).encode()
cancelled = threading.Event()


def unary(request, context):
    return INSTANCE + b" " + request


def slow(request, context):
    time.sleep(float(request))
    return b"late"


def fail(request, context):
    context.set_trailing_metadata((("x-detail", "of the refusal"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, request.decode())


def counting(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def endless(request, context):
    context.add_callback(cancelled.set)
    while context.is_active():
        yield b"x" * 1000
        time.sleep(0.01)


def was_cancelled(request, context):
    return b"yes" if cancelled.is_set() else b"no"


def summing(requests, context):
    return b"%d" % sum(int(request) for request in requests)


def echoing(requests, context):
    for request in requests:
        yield request


def serve(port):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
        "Counting": grpc.unary_stream_rpc_method_handler(counting),
        "Endless": grpc.unary_stream_rpc_method_handler(endless),
        "Summing": grpc.stream_unary_rpc_method_handler(summing),
        "Echoing": grpc.stream_stream_rpc_method_handler(echoing),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Peer", handlers),))
    if server.add_insecure_port("[::]:" + port) == 0:
        sys.exit("port " + port + " is taken")
    server.start()
    server.wait_for_termination()


def expect(condition, what):
    if not condition:
        sys.exit("not as expected: " + str(what))


def call(address, what):
    # No proxy of the environment, and one connection.
    channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    method = "/test.Peer/{}".format
    if what == "unary":
        for size in (0, 1, 100_000, 3_000_000):
            body = b"b" * size
            expect(channel.unary_unary(method("Unary"))(body, timeout=20).split(b" ", 1)[1] == body, size)
    elif what == "server":
        got = list(channel.unary_stream(method("Counting"))(b"1000", timeout=20))
        expect(got == [b"%d" % number for number in range(1000)], len(got))
    elif what == "client":
        got = channel.stream_unary(method("Summing"))((b"%d" % number for number in range(1000)), timeout=20)
        expect(got == b"499500", got)
    elif what == "bidi":
        sent = threading.Semaphore(0)

        def requests():
            # Each is sent only once the one before has come back: neither end may hold anything back.
            for number in range(50):
                yield b"%d" % number
                expect(sent.acquire(timeout=10), "no echo of " + str(number))

        got = []
        for answer in channel.stream_stream(method("Echoing"))(requests(), timeout=20):
            got.append(answer)
            sent.release()
        expect(got == [b"%d" % number for number in range(50)], got)
    elif what == "deadline":
        started = time.monotonic()
        try:
            channel.unary_unary(method("Slow"))(b"5", timeout=0.5)
            expect(False, "an answer after the deadline")
        except grpc.RpcError as error:
            expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error.code())
        expect(time.monotonic() - started < 3, "the deadline came late")
        expect(channel.unary_unary(method("Unary"))(b"on", timeout=10).endswith(b" on"), "the connection goes on")
    elif what == "cancel":
        stream = channel.unary_stream(method("Endless"))(b"", timeout=20)
        next(stream)
        stream.cancel()
        # Another instance may answer.
        for attempt in range(100):
            if channel.unary_unary(method("WasCancelled"))(b"", timeout=10) == b"yes":
                break
            time.sleep(0.05)
        else:
            expect(False, "the server never heard of it")
    elif what == "trailers":
        try:
            channel.unary_unary(method("Fail"))(b"not now", timeout=10)
            expect(False, "no error")
        except grpc.RpcError as error:
            expect(error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == "not now", error)
            expect(("x-detail", "of the refusal") in [(key, value) for key, value in error.trailing_metadata()], error)
    elif what == "spread":
        answers = collections.Counter(channel.unary_unary(method("Unary"))(b"", timeout=10).split(b" ")[0] for _ in range(100))
        print(len(answers), "instances answered:", sorted(answers.values()))
    else:
        sys.exit("what is " + what + "?")
    print("ok")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        call(sys.argv[2], sys.argv[3])
