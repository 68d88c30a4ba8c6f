# SPDX-License-Identifier: MIT
"""Closing: codes, what comes after a Close, and connections that end in other ways."""

import socket
import struct

from peer import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, close_payload, frame, header,
                  peer_test)
from support import DEADLINE, Server, equal, eventually, main, match, test
from wire import connect, wait_ready

server = Server()

VALID = (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 4999)
INVALID = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)


@peer_test(server, "a Close without code is answered without code; the server ends TLS and TCP")
def _(peer):
    peer.send_frame(CLOSE)
    peer.expect_close(None)
    peer.expect_end()


@peer_test(server, "the answer to a Close, the end of TLS and that of TCP are one segment")
def _(peer):
    segments, closed_by_peer = 152, 8  # tcp_info.tcpi_data_segs_in, and TCP_CLOSE_WAIT

    def info():
        return peer.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)

    peer.echoes(b"so that nothing else is on its way")
    before, = struct.unpack_from("I", info(), segments)
    peer.send_close(1000)
    wait_ready([peer.sock], [], DEADLINE)
    after, = struct.unpack_from("I", info(), segments)
    equal((after - before, info()[0]), (1, closed_by_peer), "segments with data, and the state")
    peer.expect_close(1000)
    peer.expect_end()


@test("a Close with a valid code is answered with the same code: " + ", ".join(map(str, VALID)))
def _():
    for code in VALID:
        for url in (server.wss, server.ws):
            with Peer(url) as peer:
                peer.send_close(code, "gründlich".encode())
                peer.expect_close(code)
                peer.expect_end()


@test("a Close with an invalid code is answered with 1002: " + ", ".join(map(str, INVALID)))
def _():
    for code in INVALID:
        for url in (server.wss, server.ws):
            with Peer(url) as peer:
                peer.send_close(code)
                peer.expect_close(1002)
                peer.expect_end()


@peer_test(server, "a Close with one byte of payload is answered with 1002")
def _(peer):
    peer.send_frame(CLOSE, b"\x03")
    peer.expect_close(1002)
    peer.expect_end()


@peer_test(server, "a Close with the longest reason, 123 bytes, is answered with the same code")
def _(peer):
    peer.send_close(4000, b"x" * 123)
    peer.expect_close(4000)


@peer_test(server, "a Close whose reason is not UTF-8 is answered with 1007")
def _(peer):
    peer.send_close(1000, b"caf\xe9")
    peer.expect_close(1007)
    peer.expect_end()


@peer_test(server, "a Close whose reason ends within a character is answered with 1007")
def _(peer):
    peer.send_close(1000, "€".encode()[:2])
    peer.expect_close(1007)


@peer_test(server, "what comes after a Close is ignored")
def _(peer):
    peer.send(frame(CLOSE, close_payload(1000)) + frame(TEXT, b"too late") + frame(PING) +
              frame(CLOSE, close_payload(1001)) + b"\xff" * 100)
    peer.expect_close(1000)
    peer.expect_end()


@peer_test(server, "what comes before a protocol error is echoed, what comes after it is ignored")
def _(peer):
    peer.send(frame(TEXT, b"fine") + frame(TEXT, rsv=4) + frame(TEXT, b"too late") + frame(PING))
    peer.expect((TEXT, b"fine"))
    peer.expect_close(1002)
    peer.expect_end()


@peer_test(server, "a Close in the middle of a fragmented message closes, and the fragment is lost")
def _(peer):
    peer.send_frame(TEXT, b"half a", fin=False)
    peer.send_close(1001)
    peer.expect_close(1001)
    peer.expect_end()


@peer_test(server, "a ping before the Close in the same segment is answered before the Close")
def _(peer):
    peer.send(frame(TEXT, b"one") + frame(PING, b"two") + frame(CLOSE))
    peer.expect((TEXT, b"one"), (PONG, b"two"))
    peer.expect_close(None)


# Ends without a Close frame.


@test("messages before a TLS close_notify come back, and then the server closes")
def _():
    with Peer(server.wss) as peer:
        peer.send_frame(TEXT, b"one")
        peer.send_frame(BINARY, b"x" * 100_000)
        peer.close_notify()
        peer.expect((TEXT, b"one"), (BINARY, b"x" * 100_000))
        peer.expect_close(1000)
        peer.expect_end()


@test("messages in the same segment as a TLS close_notify come back")
def _():
    with Peer(server.wss) as peer:
        data = peer.encrypt(frame(TEXT, b"one"), frame(TEXT, b"two"))
        peer.close_notify(data)
        peer.expect((TEXT, b"one"), (TEXT, b"two"))
        peer.expect_close(1000)
        peer.expect_end()


@peer_test(server, "messages before the end of a half-closed TCP stream come back")
def _(peer):
    peer.send_frame(TEXT, b"one")
    peer.send_frame(TEXT, b"two")
    peer.half_close()
    peer.expect((TEXT, b"one"), (TEXT, b"two"))
    peer.expect_close(1000)
    equal(peer.receive(), b"", "what else comes")


@peer_test(server, "a stream that ends where the first frame should begin is closed")
def _(peer):
    peer.half_close()
    peer.expect_close(1000)
    equal(peer.receive(), b"", "what else comes")


def broken(way, sent):
    """Connections that send this and then break off, and what is left of them."""
    with Server() as own, Peer(own.wss) as other:
        other.echoes()
        before = own.descriptors()
        for url in (own.wss, own.ws):
            peer = Peer(url)
            peer.echoes()
            peer.send(sent)
            way(peer)
        other.echoes()
        eventually(lambda: own.descriptors() == before, "their descriptors are closed")
        other.echoes()


PART = header(BINARY, 1_000_000) + bytes(500_000)
MUCH = frame(BINARY, bytes(100_000)) * 10


@test("a reset in the middle of a message disturbs nobody, and leaves nothing behind")
def _():
    broken(Peer.reset, PART)


@test("the end of the stream in the middle of a message disturbs nobody, and leaves nothing behind")
def _():
    broken(Peer.close, PART)


@test("a reset while echoes are on their way disturbs nobody, and leaves nothing behind")
def _():
    broken(Peer.reset, MUCH)


@test("the end of the stream while echoes are on their way disturbs nobody either")
def _():
    broken(Peer.close, MUCH)


@test("connections that are reset before anything was said leave nothing behind")
def _():
    with Server() as own, Peer(own.wss) as other:
        other.echoes()
        before = own.descriptors()
        for i in range(200):
            sock = connect(own.ws if i % 2 else own.wss)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        other.echoes()
        eventually(lambda: own.descriptors() == before, "their descriptors are closed")


def silent_after(*records):
    """A peer that says nothing more after the server's Close is dropped in seconds."""
    with Server() as own:
        before = own.descriptors()
        for url in (own.wss, own.ws):
            with Peer(url) as peer:
                peer.send(*records)
                peer.expect_close(1002)
                eventually(lambda: own.descriptors() == before, "the server gives it up")


@test("a peer that neither ends the stream nor reads it after a protocol error is dropped")
def _():
    silent_after(frame(CONTINUATION))


@test("the log says in a line each why a connection was closed, and of a good end says nothing")
def _():
    with Server() as quiet:
        with Peer(quiet.wss) as peer:
            peer.echoes()
            peer.finish()
        with Peer(quiet.wss) as peer:
            peer.send_frame(TEXT, rsv=1)
            peer.expect_close(1002)
        quiet.log.wait("closing with 1002")
        quiet.stop()
        lines = quiet.log.text().splitlines()
        equal(len(lines), 4, f"the number of lines in {lines}")
        match(r"^wsechod: 127\.0\.0\.1:\d+: closing with 1002: reserved bits in a frame$", lines[2])


main(threads=4)
