# SPDX-License-Identifier: MIT
"""What breaks RFC 6455 is refused with the right code: 1002, or 1007 for what is not UTF-8."""

from peer import (BINARY, CONTINUATION, MASK, PING, PONG, TEXT, Peer, frame, header, masked,
                  peer_test)
from support import Server, equal, eventually, main, test

server = Server()


def refused(code, title, *records):
    """A test that each of the records, sent as it is, is answered with this code, then the end."""

    @test(title)
    def _():
        for record in records:
            for url in (server.wss, server.ws):
                with Peer(url) as other, Peer(url) as peer:
                    peer.send(record)
                    peer.expect_close(code)
                    peer.send_close(code)
                    peer.expect_end()
                    other.echoes()


refused(1002, "each reserved bit of a message is refused with 1002",
        *(frame(TEXT, b"x", rsv=bit) for bit in (1, 2, 4, 7)))
refused(1002, "each reserved bit of a ping is refused with 1002",
        *(frame(PING, b"x", rsv=bit) for bit in (1, 2, 4)))
refused(1002, "each reserved opcode is refused with 1002",
        *(frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)))
refused(1002, "a frame without mask is refused with 1002",
        frame(TEXT, b"x", mask=None), frame(PING, mask=None), frame(TEXT, mask=None))
refused(1002, "a fragmented control frame is refused with 1002",
        *(frame(opcode, b"", fin=False) for opcode in (8, PING, PONG)))
refused(1002, "a control frame of 126 bytes is refused with 1002",
        *(frame(opcode, bytes(126)) for opcode in (8, PING, PONG)))
refused(1002, "a control frame that announces 65,536 bytes is refused with 1002 by its header",
        *(header(opcode, 65536) for opcode in (8, PING, PONG)))
refused(1002, "a 64-bit length with the highest bit set is refused with 1002",
        header(BINARY, 1 << 63, size=8), header(BINARY, (1 << 64) - 1, size=8))
refused(1002, "a length that is not in its shortest form is refused with 1002",
        frame(TEXT, b"", size=2), frame(TEXT, bytes(125), size=2), frame(TEXT, b"x", size=8),
        frame(BINARY, bytes(126), size=8), frame(BINARY, bytes(65535), size=8),
        frame(PING, b"x", size=2))
refused(1002, "a continuation of nothing is refused with 1002",
        frame(CONTINUATION, b"x"), frame(CONTINUATION, b"x", fin=False))
refused(1002, "a message within the fragments of another one is refused with 1002",
        frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"),
        frame(BINARY, b"x", fin=False) + frame(TEXT, b"x", fin=False))


@peer_test(server, "a continuation after a complete message is refused with 1002")
def _(peer):
    peer.send_frame(TEXT, b"one", fin=False)
    peer.send_frame(CONTINUATION, b" two")
    peer.expect((TEXT, b"one two"))
    peer.send_frame(CONTINUATION, b"three")
    peer.expect_close(1002)


# UTF-8.

BAD = {"a continuation byte alone": b"\x80",
       "a sequence broken by ASCII": b"\xe2\x82x",
       "an overlong form": b"\xc0\xaf",
       "an overlong form of three bytes": b"\xe0\x80\xaf",
       "an overlong form of four bytes": b"\xf0\x80\x80\xaf",
       "a surrogate": b"\xed\xa0\x80",
       "a number over U+10FFFF": b"\xf4\x90\x80\x80",
       "a byte that is in no UTF-8": b"\xff"}

for name, bad in BAD.items():
    refused(1007, f"{name} in a text is refused with 1007",
            frame(TEXT, bad), frame(TEXT, b"long enough to be looked at in blocks " * 9 + bad))
refused(1007, "a text that ends within a character is refused with 1007",
        frame(TEXT, "€".encode()[:2]), frame(TEXT, "😀".encode()[:3]), frame(TEXT, b"\xc3"))
refused(1007, "a character that goes wrong in the next fragment is refused with 1007",
        frame(TEXT, b"caf\xc3", fin=False) + frame(CONTINUATION, b"e"),
        frame(TEXT, b"\xf0\x9f", fin=False) + frame(CONTINUATION, b"", fin=False) +
        frame(CONTINUATION, b"\x98"))
refused(1007, "invalid UTF-8 is refused before the message, or its frame, is complete",
        frame(TEXT, b"\xff", fin=False), header(TEXT, 1_000_000) + masked(b"caf\xe9 is"),
        frame(TEXT, b"\xed", fin=False) + header(CONTINUATION, 100) + masked(b"\xa0"))


@peer_test(server, "a character may be split over fragments, with a ping in between")
def _(peer):
    text = "a😀b".encode()
    for i in range(1, len(text)):
        peer.send(frame(TEXT, text[:i], fin=False) + frame(PING, b"\xff") +
                  frame(CONTINUATION, text[i:]))
        peer.expect((PONG, b"\xff"), (TEXT, text))


@peer_test(server, "every character from U+0000 to U+10FFFF comes back")
def _(peer):
    text = "".join(map(chr, (*range(0xd800), *range(0xe000, 0x110000)))).encode()
    peer.echoes(text)


@peer_test(server, "binary messages may hold anything")
def _(peer):
    for bad in BAD.values():
        peer.echoes(bad, BINARY)


@peer_test(server, "the server's own frames are final, without mask and without reserved bits")
def _(peer):
    for opcode, payload in ((TEXT, b"x"), (BINARY, bytes(70_000)), (TEXT, b"")):
        peer.send_frame(opcode, payload)
        frame_read = peer.read_frame()
        equal((frame_read.fin, frame_read.rsv, frame_read.masked), (True, 0, False))
        equal(len(frame_read.payload), len(payload))


@test("a thousand connections that break the protocol leave nothing behind")
def _():
    with Server() as own, Peer(own.ws) as other:
        other.echoes()
        before = own.descriptors()
        for i in range(1000):
            with Peer(own.ws) as peer:
                peer.send(frame(TEXT, b"x", mask=None if i % 2 else MASK, rsv=i % 8 | 1))
                peer.expect_close(1002)
                peer.send_close(1002)
                peer.expect_end()
        other.echoes()
        eventually(lambda: own.descriptors() == before, "their descriptors are closed")
        other.finish()


main(threads=4)
