# SPDX-License-Identifier: MIT
"""wsechod sends back every message: of any size, in fragments, in any number, in its order."""

import os

from peer import (ACCEPT, BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, close_payload, frame,
                  header, masked, peer_test, request)
from support import Server, equal, main, test

MIB = 1 << 20
server = Server()
small = Server("--max-message", "64K")


def declare_sizes(length):
    @peer_test(server, f"a text of {length} bytes comes back")
    def _(peer):
        peer.echoes("aé€😀".encode() * (length // 10) + b"z" * (length % 10))

    @peer_test(server, f"a binary message of {length} bytes comes back")
    def _(peer):
        peer.echoes(os.urandom(length), BINARY)


for size in (0, 1, 125, 126, 127, 65535, 65536):
    declare_sizes(size)


@peer_test(server, "a text of 10 MB comes back")
def _(peer):
    peer.echoes(("é" * 5_000_000).encode())


@peer_test(server, "a binary message of 10 MB comes back")
def _(peer):
    peer.echoes(os.urandom(10_000_000), BINARY)


# The limit.


@peer_test(server, "a message of 16 MiB, the limit, comes back")
def _(peer):
    peer.echoes(bytes(16 * MIB), BINARY)


@peer_test(server, "one byte more than 16 MiB is refused by its header, with 1009")
def _(peer):
    peer.send(header(BINARY, 16 * MIB + 1))
    peer.expect_close(1009)
    peer.send_close(1009)
    peer.expect_end()


@peer_test(small, "a message of exactly --max-message comes back")
def _(peer):
    peer.echoes(b"x" * 65536)


@peer_test(small, "a message of one byte more is refused with 1009, and others are not disturbed")
def _(peer):
    with Peer(small.wss) as other:
        peer.send_frame(TEXT, b"x" * 65537)
        peer.expect_close(1009)
        peer.expect_end()
        other.echoes()


@peer_test(small, "fragments that are more than the limit together are refused with 1009")
def _(peer):
    peer.send_frame(TEXT, b"x" * 65536, fin=False)
    peer.send_frame(CONTINUATION, b"", fin=False)
    peer.send_frame(CONTINUATION, b"x")
    peer.expect_close(1009)


@peer_test(small, "fragments that are exactly the limit together come back")
def _(peer):
    peer.send_frame(TEXT, b"x" * 65535, fin=False)
    peer.send_frame(CONTINUATION, b"x", fin=False)
    peer.send_frame(CONTINUATION, b"")
    peer.expect((TEXT, b"x" * 65536))


@peer_test(small, "a length of 2^63 - 1 is refused with 1009 and allocates nothing")
def _(peer):
    peer.send(header(BINARY, (1 << 63) - 1))
    peer.expect_close(1009)


# Fragments and masks.


@peer_test(server, "a message in three fragments comes back as one")
def _(peer):
    peer.send_frame(TEXT, b"one ", fin=False)
    peer.send_frame(CONTINUATION, b"two ", fin=False)
    peer.send_frame(CONTINUATION, b"three")
    peer.expect((TEXT, b"one two three"))


@peer_test(server, "pings between the fragments of a message are answered before it is complete")
def _(peer):
    peer.send_frame(BINARY, b"one ", fin=False)
    peer.send_frame(PING, b"first")
    peer.expect((PONG, b"first"))
    peer.send_frame(CONTINUATION, b"two", fin=False)
    peer.send_frame(PING, b"second")
    peer.expect((PONG, b"second"))
    peer.send_frame(CONTINUATION)
    peer.expect((BINARY, b"one two"))


@peer_test(server, "a message in 1,000 fragments of a byte comes back")
def _(peer):
    text = ("é" * 500).encode()
    peer.send(b"".join(frame(CONTINUATION if i else TEXT, text[i:i + 1], fin=i == 999)
                       for i in range(1000)))
    peer.expect((TEXT, text))


@peer_test(server, "a message of empty fragments comes back empty")
def _(peer):
    peer.send_frame(TEXT, fin=False)
    peer.send_frame(CONTINUATION, fin=False)
    peer.send_frame(CONTINUATION)
    peer.expect((TEXT, b""))


@peer_test(server, "masks of any value are undone, at every length up to 100 bytes")
def _(peer):
    for length in range(101):
        for mask in (bytes(4), b"\xff\x00\x80\x01"):
            peer.send_frame(BINARY, bytes(range(length)), mask=mask)
            peer.expect((BINARY, bytes(range(length))))


# Many in one segment, and what comes between them.


@peer_test(server, "ten pings in one segment get ten pongs, with their payloads, in order")
def _(peer):
    peer.send(b"".join(frame(PING, b"%d" % i) for i in range(10)))
    peer.expect(*((PONG, b"%d" % i) for i in range(10)))


@test("ten pings in one segment, each in a record of its own, get ten pongs in order")
def _():
    with Peer(server.wss) as peer:
        peer.send(*(frame(PING, b"%d" % i) for i in range(10)))
        peer.expect(*((PONG, b"%d" % i) for i in range(10)))


@peer_test(server, "a ping without payload and one with 125 bytes are answered in kind")
def _(peer):
    peer.send_frame(PING)
    peer.send_frame(PING, bytes(range(125)))
    peer.expect((PONG, b""), (PONG, bytes(range(125))))


@peer_test(server, "text, ping and text in one segment get echo, pong and echo, in this order")
def _(peer):
    peer.send(frame(TEXT, b"one") + frame(PING, b"two") + frame(TEXT, b"three"))
    peer.expect((TEXT, b"one"), (PONG, b"two"), (TEXT, b"three"))


@peer_test(server, "pongs that nobody asked for are ignored")
def _(peer):
    peer.send(frame(PONG) + frame(PONG, b"7") + frame(PONG, b"\xff" * 125))
    peer.echoes()


@peer_test(server, "a message and a Close in one segment get the echo, then the same Close")
def _(peer):
    peer.send(frame(TEXT, b"last words") + frame(CLOSE, close_payload(3000, b"done")))
    peer.expect((TEXT, b"last words"))
    peer.expect_close(3000)
    peer.expect_end()


@peer_test(server, "100 messages of 10 KB and a Close in one go all come back before the Close")
def _(peer):
    data = peer.encrypt(*[frame(BINARY, bytes([i]) * 10_000) for i in range(100)],
                        frame(CLOSE, close_payload(1000)))
    peer.buffer = b"".join(peer.push(data))
    peer.expect(*((BINARY, bytes([i]) * 10_000) for i in range(100)))
    peer.expect_close(1000)


@peer_test(server, "5,000 messages in as few segments as they fit in come back in order")
def _(peer):
    messages = [b"message %d" % i for i in range(5000)]
    length = sum(len(message) + 2 for message in messages)
    data = peer.encrypt(b"".join(frame(TEXT, message) for message in messages))
    for piece in peer.push(data, lambda: len(peer.buffer) >= length):
        peer.buffer += piece
    peer.expect(*((TEXT, message) for message in messages))


@peer_test(server, "messages, pings and fragments come and go at once, 20 MB of them")
def _(peer):
    pieces, expected = [], []
    for i in range(200):
        text = bytes([i]) * 100_000
        pieces += [header(BINARY, 50_000, fin=False), masked(text[:50_000]),
                   frame(CONTINUATION, text[50_000:]), frame(TEXT, b"%d" % i)]
        expected += [(BINARY, text), (TEXT, b"%d" % i)]
    length = sum(len(frame(*message, mask=None)) for message in expected)
    received = bytearray()
    for piece in peer.push(peer.encrypt(*pieces), lambda: len(received) >= length):
        received += piece
    peer.buffer = bytes(received)
    peer.expect(*expected)


# In small pieces.


def bytewise(url, *records):
    """Sends what the records make, a byte at a time."""
    with Peer(url, upgrade=False) as peer:
        for byte in peer.encrypt(*records):
            peer.sock.sendall(bytes([byte]))
        equal(peer.read_head()[1]["sec-websocket-accept"], ACCEPT)
        peer.expect((TEXT, b"drop by drop"), (PONG, b""))
        peer.expect_close(1000)
        peer.expect_end()


CONVERSATION = (request(), frame(TEXT, b"drop ", fin=False), frame(CONTINUATION, b"by drop"),
                frame(PING), frame(CLOSE, close_payload(1000)))


@test("handshake and frames may come byte by byte, over TCP")
def _():
    bytewise(server.ws, *CONVERSATION)


@test("handshake and frames may come byte by byte, over TLS")
def _():
    bytewise(server.wss, *CONVERSATION)


@test("handshake and frames may come in TLS records of a byte")
def _():
    bytewise(server.wss, *(bytes([byte]) for byte in b"".join(CONVERSATION)))


@test("frames in the same segment as the request are answered")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(b"".join(CONVERSATION))
            equal(peer.read_head()[0], 101)
            peer.expect((TEXT, b"drop by drop"), (PONG, b""))
            peer.expect_close(1000)


main()
