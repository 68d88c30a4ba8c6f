# SPDX-License-Identifier: MIT
"""A direction that ends says nothing about the other one: echoes behind a FIN arrive whole."""

import itertools

from peer import BINARY, CLOSE, TEXT, Peer, close_payload, frame, request
from support import Server, equal, main, test

server = Server()
SIZE = 8 << 20


def echo(url, close, notify, fin, slow):
    """Sends 8 MiB and an end, and then reads what comes back."""
    message = bytes(range(256)) * (SIZE // 256)
    pieces = [frame(BINARY, message)] + ([frame(CLOSE, close_payload(1000))] if close else [])
    with Peer(url, buffer=16384 if slow else None) as peer:
        data = peer.encrypt(*pieces)
        if notify:
            peer.close_notify(data)
        else:
            peer.sock.sendall(data)
        if fin:
            peer.half_close()
        came = peer.read_frame()
        equal((came.opcode, len(came.payload)), (BINARY, SIZE), "the echo")
        equal(came.payload == message, True, "that it is the same")
        peer.expect_close(1000)
        peer.expect_end()


def title(scheme, close, notify, fin, slow):
    ends = [name for name, there in (("a Close frame", close), ("close_notify", notify),
                                     ("FIN", fin)) if there]
    return f"{scheme}: 8 MiB and {', '.join(ends)} come back whole" + (
        " to a slow reader" if slow else "")


def declare(scheme, *ways):
    @test(title(scheme, *ways))
    def _():
        echo(getattr(server, scheme), *ways)


for ways in itertools.product((False, True), repeat=4):
    if any(ways[:3]):
        declare("wss", *ways)
        if not ways[1]:
            declare("ws", *ways)


@test("many messages and a FIN behind them come back whole")
def _():
    for url in (server.wss, server.ws):
        with Peer(url) as peer:
            messages = [bytes([i % 256]) * (i % 3000) for i in range(3000)]
            data = peer.encrypt(*(frame(BINARY, message) for message in messages))
            received = []
            want = sum(len(frame(BINARY, message, mask=None)) for message in messages)
            for piece in peer.push(data, lambda: sum(map(len, received)) > want // 2):
                received.append(piece)
            peer.half_close()
            peer.buffer = b"".join(received)
            for message in messages:
                peer.expect((BINARY, message))
            peer.expect_close(1000)
            peer.expect_end()


@test("a response that is slow reaches who has ended its direction, and so does the echo")
def _():
    for url in (server.ws, server.wss):
        for behaviour in ("handshake-delay=300ms", "handshake-drip=1ms"):
            with Peer(url, upgrade=False) as peer:
                asked = request(line=f"GET /?{behaviour} HTTP/1.1")
                equal(peer.ask_and_end(asked, frame(TEXT, b"early")), 101, "the status")
                peer.expect((TEXT, b"early"))


main(threads=2)
