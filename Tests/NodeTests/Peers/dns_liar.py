"""A name server that does not do as it should, over UDP and TCP.

dns_liar.py MODE PORT    MODE: honest, slow, wrong-id, wrong-question, oversized, truncated, garbage, other-port, no-answer
"""
import socket
import struct
import sys
import threading
import time

RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02"


def question(query):
    """The question's bytes, without what follows."""
    end = 12
    while query[end]:
        end += 1 + query[end]
    return query[12:end + 5]


def answer(query, last=7, count=1):
    head = query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, count, 0, 0)
    return head + question(query) + (RECORD + bytes([last])) * count


def respond(mode, query, reply, over_tcp):
    """Honest over TCP, save for what lies there too."""
    if mode == "slow":
        time.sleep(1.2)
    elif mode == "no-answer":
        return
    elif mode == "wrong-id":
        reply(bytes([query[0] ^ 1]) + answer(query, 66)[1:])
        return
    elif mode == "wrong-question":
        lie = answer(query, 66)
        reply(lie[:13] + bytes([lie[13] ^ 1]) + lie[14:])
        return
    elif mode == "oversized":
        reply(answer(query, 7, 3000))
        return
    elif mode == "truncated" and not over_tcp:
        reply(query[:2] + b"\x83\x80" + struct.pack(">HHHH", 1, 0, 0, 0) + question(query))
        return
    elif mode == "garbage":
        reply(answer(query, 7)[:-3])
        return
    elif mode == "other-port" and not over_tcp:
        return
    reply(answer(query))


def main(mode, port):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    listener = socket.create_server(("127.0.0.1", port))

    def streams():
        while True:
            connection, _ = listener.accept()
            with connection:
                length = connection.recv(2)
                if len(length) < 2:
                    continue
                query = connection.recv(struct.unpack(">H", length)[0])

                def send(message):
                    connection.sendall(struct.pack(">H", len(message)) + message)
                respond(mode, query, send, True)

    threading.Thread(target=streams, daemon=True).start()
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        query, peer = datagrams.recvfrom(65535)
        if mode == "other-port":
            stranger.sendto(answer(query, 66), peer)

        def reply(message, peer=peer):
            datagrams.sendto(message, peer)
        threading.Thread(target=respond, args=(mode, query, reply, False), daemon=True).start()


main(sys.argv[1], int(sys.argv[2]))
