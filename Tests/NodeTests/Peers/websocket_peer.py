"""A WebSocket service and its client, on the package websockets.

websocket_peer.py serve PORT       echoes until it is killed
websocket_peer.py call URL         prints "ok", or fails
"""
import socket
import sys
import time

import websockets.sync.client
import websockets.sync.server


def echo(connection):
    for message in connection:
        connection.send(message)


def serve(port):
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    with websockets.sync.server.serve(echo, sock=listener, max_size=None) as server:
        server.serve_forever()


def expect(condition, what):
    if not condition:
        sys.exit("not as expected: " + str(what))


def call(url):
    with websockets.sync.client.connect(url, max_size=None, proxy=None) as connection:
        for message in ("text", b"\x00\xff", "long " * 400_000):
            connection.send(message)
            expect(connection.recv(timeout=20) == message, len(message))
        # Longer than a request of this service may take: this is none any more.
        time.sleep(2)
        expect(connection.ping().wait(5), "no pong")
        connection.send("still here")
        expect(connection.recv(timeout=5) == "still here", "after a pause")
    expect(connection.close_code == 1000, connection.close_code)
    print("ok")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        call(sys.argv[2])
