#!/usr/bin/env python3
"""Load for scripts/systemd/test.py, run as a unit: requests over kept and over new connections, and connections that only connect.

Writes its counts to the file named by its first argument, over and over. A request over a kept connection that the server closed in between is
sent again on a new connection if no byte of an answer has come, as HTTP clients do with GET (RFC 9110 section 9.2.2); that is counted as
`again`, everything else that is not a 200 is a failure.
"""
import http.client
import json
import os
import socket
import sys
import threading
import time

output, targets = sys.argv[1], sys.argv[2:]
TIMEOUT = 20
lock = threading.Lock()
counts = {}


def note(kind, what, seconds=0.0, detail=None):
    with lock:
        entry = counts.setdefault(kind, {"ok": 0, "again": 0, "failed": 0, "slowest": 0.0, "failures": []})
        entry[what] += 1
        entry["slowest"] = max(entry["slowest"], seconds)
        if detail and len(entry["failures"]) < 20:
            entry["failures"].append(f"{time.time():.3f} {detail}")


def exchange(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status} {answer.getheader('x-myelin-reason')}")
    return answer.will_close


def kept(host, port, path):
    """One connection after the other, each for as long as the server keeps it."""
    connection, used = http.client.HTTPConnection(host, port, timeout=TIMEOUT), False
    while True:
        start = time.monotonic()
        try:
            try:
                closes = exchange(connection, path)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not used:
                    raise
                note("kept " + path, "again")
                connection.close()
                closes = exchange(connection, path)
            used = not closes
            if closes:
                connection.close()
            note("kept " + path, "ok", time.monotonic() - start)
        except Exception as error:
            note("kept " + path, "failed", time.monotonic() - start, f"{type(error).__name__}: {error}")
            connection.close()
            used = False
        time.sleep(0.002)


def new(host, port, path):
    while True:
        start = time.monotonic()
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        try:
            exchange(connection, path)
            note("new", "ok", time.monotonic() - start)
        except Exception as error:
            note("new", "failed", time.monotonic() - start, f"{type(error).__name__}: {error}")
        connection.close()
        time.sleep(0.005)


def connect(name, host, port):
    """A byte there and back over TCP, on a connection each."""
    while True:
        start = time.monotonic()
        try:
            with socket.create_connection((host, port), timeout=TIMEOUT) as stream:
                stream.sendall(b"x")
                if stream.recv(1) != b"x":
                    raise RuntimeError("closed without an answer")
            note(name, "ok", time.monotonic() - start)
        except Exception as error:
            note(name, "failed", time.monotonic() - start, f"{type(error).__name__}: {error}")
        time.sleep(0.005)


def run(target):
    kind, host, port = target.split(":")
    if kind == "http":
        for _ in range(4):
            yield threading.Thread(target=kept, args=(host, int(port), "/"), daemon=True)
        yield threading.Thread(target=new, args=(host, int(port), "/"), daemon=True)
    else:
        yield threading.Thread(target=connect, args=(kind, host, int(port)), daemon=True)


for target in targets:
    for thread in run(target):
        thread.start()
while True:
    time.sleep(0.2)
    with lock:
        text = json.dumps(counts)
    with open(output + ".new", "w") as file:
        file.write(text)
    os.replace(output + ".new", output)
