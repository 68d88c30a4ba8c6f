# SPDX-License-Identifier: MIT
"""Peers that do not read: they cost a bounded amount of memory, and lose nothing."""

import contextlib
import hashlib
import signal
import socket
import ssl
import struct

from peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, close_payload, frame, header, stuff
from support import SANITIZED, Server, equal, eventually, main, memory_counts, test
from wire import any_certificate, connect

MIB = 1 << 20
SO_TIMESTAMPNS = 35  # the kernel's time of what it has received; Python has no name for it


def hold(url, message, most):
    """200 connections that send messages and read nothing."""
    with Server() as server, contextlib.ExitStack() as stack:
        before = server.memory()
        peers = [stack.enter_context(Peer(getattr(server, url), buffer=16384)) for _ in range(200)]
        plain = frame(BINARY, bytes(message))
        sent = stuff(server, peers, lambda peer: peer.encrypt(plain), most)
        with Peer(server.wss) as other:
            other.echoes()
        for way in (Peer.close, Peer.reset):
            way(peers.pop())
        with Peer(server.ws) as other:
            other.echoes(b"still prompt")
            other.finish()
        equal(min(sent.values()) < most, True, "that all of them came to a halt")
        grown = (server.memory() - before) / len(peers)
        if not SANITIZED and grown > 2048:
            raise AssertionError(f"{grown:.0f} KiB for each connection")


@test("200 TLS connections that read nothing hold 2 MiB each at most, and others are served")
def _():
    hold("wss", 16_000, 8 * MIB)


@test("200 plain connections that read nothing hold 2 MiB each at most, and others are served")
def _():
    hold("ws", 16_000, 8 * MIB)


@test("the same is true of tiny messages; pings are read on, and the last is answered")
def _():
    for opcode in (TEXT, PING):
        with Server("--max-control-rate", "0") as server, contextlib.ExitStack() as stack:
            before = server.memory()
            peers = [stack.enter_context(Peer(server.ws, buffer=16384)) for _ in range(4)]
            data = frame(opcode, b"x") * 10_000
            # The kernel alone may take 32 MiB. Two that flood each other with pings must not wait
            # for each other, so these come to no halt.
            most = 64 * MIB if opcode == TEXT else 4 * MIB
            sent = stuff(server, peers, lambda peer, data=data: data, most)
            equal(min(sent.values()) < most, opcode == TEXT, "that all of them came to a halt")
            with Peer(server.wss) as other:
                other.echoes()
            grown = (server.memory() - before) / len(peers)
            if not SANITIZED and grown > 4096:
                raise AssertionError(f"{grown:.0f} KiB for each connection")


@test("a peer that reads only after it could send no more gets everything that it sent")
def _():
    with Server() as server:
        for url in (server.wss, server.ws):
            with Peer(url, buffer=16384) as peer:
                messages = [bytes([i % 256]) * (i * 37 % 40_000) for i in range(1000)]
                records = [frame(BINARY, message) for message in messages]
                stream = peer.encrypt(*records, frame(PING, b"end"),
                                      frame(CLOSE, close_payload(1000)))
                peer.sock.settimeout(0.2)
                sent = 0
                with contextlib.suppress(TimeoutError):
                    while sent < len(stream):
                        sent += peer.sock.send(stream[sent:sent + 65536])
                equal(sent < len(stream), True, "that it could send no more")
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
                received = b"".join(peer.push(stream[sent:], lambda: False))
                expected = b"".join([*(frame(BINARY, message, mask=None) for message in messages),
                                     frame(PONG, b"end", mask=None),
                                     frame(CLOSE, close_payload(1000), mask=None)])
                equal(hashlib.sha256(received).hexdigest(), hashlib.sha256(expected).hexdigest(),
                      f"the digest of {len(received)} bytes for {len(expected)}")


@test("a message announced with 16 MiB takes memory only as it comes")
def _():
    memory_counts()
    with Server() as server, contextlib.ExitStack() as stack:
        before = server.memory()
        peers = [stack.enter_context(Peer(server.ws)) for _ in range(200)]
        for peer in peers:
            peer.echoes()
            peer.send(header(BINARY, 16 * MIB) + b"a little")
        with Peer(server.ws) as other:
            other.echoes(b"that has arrived now")
        grown = (server.memory() - before) / len(peers)
        equal(grown < 200, True, f"that {grown:.0f} KiB for each are few")


def client_hello():
    """The first bytes that a TLS client sends."""
    sent = ssl.MemoryBIO()
    tls = any_certificate().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


def arrival(sock):
    """When the next bytes came to the kernel, once they have."""
    control = sock.recvmsg(1 << 16, 64)[1]
    return next(struct.unpack("qq", data) for level, kind, data in control
                if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS))


@test("of 400 TLS handshakes that come at once an echo waits for a few")
def _():
    hello = client_hello()
    with Server() as server, contextlib.ExitStack() as stack, Peer(server.ws) as other:
        other.echoes()
        strangers = [stack.enter_context(connect(server.wss)) for _ in range(400)]
        for sock in (*strangers, other.sock):
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for sock in strangers:
            sock.send(hello[:5])
        eventually(lambda: server.descriptors() > 400 and server.sleeps(), "all are accepted")
        server.signal(signal.SIGSTOP)
        for sock in strangers:
            sock.send(hello[5:])
        other.send_frame(TEXT, b"first")
        server.signal(signal.SIGCONT)
        echoed = arrival(other.sock)
        before = sum(arrival(sock) < echoed for sock in strangers)
        equal(before < 100, True, f"that {before} of 400 handshakes that were first are few")


main(threads=2)
