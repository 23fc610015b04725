"""Asks name servers as an attacker does: SERVER[,SERVER...] NAME[,NAME...], one question each, over UDP and TCP.

Prints `SERVER TRANSPORT NAME RCODE ADDRESS|-` for each; RCODE is `none` where no answer came.
`random` as a name stands for 200 names with two labels of random base32 below smuggled.example.
"""
import random
import socket
import struct
import sys


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", random.randrange(65536), 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def over_udp(server, query):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.sendto(query, (server, 53))
        answer, source = client.recvfrom(4096)
        assert source == (server, 53), source
        return answer


def over_tcp(server, query):
    with socket.create_connection((server, 53), timeout=3) as client:
        client.sendall(struct.pack(">H", len(query)) + query)
        length = struct.unpack(">H", client.recv(2, socket.MSG_WAITALL))[0]
        return client.recv(length, socket.MSG_WAITALL)


def label():
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(60))


def main():
    names = []
    for name in sys.argv[2].split(","):
        names += [f"{label()}.{label()}.smuggled.example" for _ in range(200)] if name == "random" else [name]
    for server in sys.argv[1].split(","):
        for transport, ask in (("udp", over_udp), ("tcp", over_tcp)):
            for name in names if transport == "udp" else names[:3]:
                try:
                    answer = ask(server, question(name))
                    code = str(answer[3] & 15)
                    address = socket.inet_ntoa(answer[-4:]) if struct.unpack(">H", answer[6:8])[0] else "-"
                except (OSError, struct.error):
                    code, address = "none", "-"
                print(server, transport, name, code, address, flush=True)


main()
