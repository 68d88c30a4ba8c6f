# SPDX-License-Identifier: MIT
"""Load that should not hurt: peers that do not read, many connections, no descriptors left."""

import contextlib
import hashlib
import resource
import select
import time

from peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, close_payload, connect, frame, header
from support import SANITIZED, Server, Skip, equal, eventually, in_parallel, main, test

MIB = 1 << 20


def memory_counts():
    if SANITIZED:
        raise Skip("AddressSanitizer keeps freed memory")


# Peers that do not read.


def stuff(peers, data, most):
    """Sends the data again and again on each connection, which nobody reads, until none of them
    takes any more for a while; returns how many bytes each took. Over TLS a peer cannot repeat
    what it has encrypted, so there `data` is a function of the peer."""
    rest = {peer: b"" for peer in peers}
    sent = {peer: 0 for peer in peers}
    by_socket = {peer.sock: peer for peer in peers}
    for peer in peers:
        peer.sock.setblocking(False)
    while True:
        waiting = [peer.sock for peer in peers if sent[peer] < most]
        _, writable, _ = select.select([], waiting, [], 0.5)
        if not writable:
            return sent
        for sock in writable:
            peer = by_socket[sock]
            view = rest[peer] or data(peer)
            with contextlib.suppress(BlockingIOError):
                count = sock.send(view)
                sent[peer] += count
                rest[peer] = view[count:]


def hold(url, message, most):
    """200 connections that send messages and read nothing."""
    with Server() as server, contextlib.ExitStack() as stack:
        before = server.memory()
        peers = [stack.enter_context(Peer(getattr(server, url), buffer=16384)) for _ in range(200)]
        plain = frame(BINARY, bytes(message))
        sent = stuff(peers, lambda peer: peer.encrypt(plain), most)
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


@test("the same is true of tiny messages, and of pings")
def _():
    for opcode in (TEXT, PING):
        with Server() as server, contextlib.ExitStack() as stack:
            before = server.memory()
            peers = [stack.enter_context(Peer(server.ws, buffer=16384)) for _ in range(20)]
            data = frame(opcode, b"x") * 10_000
            sent = stuff(peers, lambda peer, data=data: data, 8 * MIB)
            equal(min(sent.values()) < 8 * MIB, True, "that all of them came to a halt")
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
                peer.sock.settimeout(0.5)
                sent = 0
                with contextlib.suppress(TimeoutError):
                    while sent < len(stream):
                        sent += peer.sock.send(stream[sent:sent + 65536])
                equal(sent < len(stream), True, "that it could send no more")
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
            peer.send(header(BINARY, 16 * MIB) + b"a little")
            peer.send_frame(PING)
            peer.expect((PONG, b""))
        grown = (server.memory() - before) / len(peers)
        equal(grown < 200, True, f"that {grown:.0f} KiB for each are few")


# Descriptors and memory over many connections.


def visit(server, way):
    """One connection, from its beginning to its end."""
    with Peer(server.wss if way % 2 else server.ws) as peer:
        peer.echoes(b"hello" * (way % 100))
        if way % 5 == 0:
            peer.reset()
        elif way % 5 == 1:
            peer.close()
        else:
            peer.finish()


@test("after 500 connections no descriptor is left open")
def _():
    with Server() as server:
        visit(server, 3)
        visit(server, 2)
        before = server.descriptors()
        in_parallel(lambda start: [visit(server, way) for way in range(start, 500, 8)], *range(8))
        eventually(lambda: server.descriptors() == before, "their descriptors are closed")


@test("memory is steady over 5,000 connections")
def _():
    memory_counts()
    with Server() as server:
        in_parallel(lambda start: [visit(server, way) for way in range(start, 1000, 4)], *range(4))
        before = server.memory()
        in_parallel(lambda start: [visit(server, way) for way in range(start, 4000, 4)], *range(4))
        grown = server.memory() - before
        equal(grown < 512, True, f"that {grown} KiB more after 4,000 connections are few")


@test("3,000 connections at once are served, and their memory is used again")
def _():
    with Server() as server:
        def many():
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(Peer(server.ws)) for _ in range(3000)]
                for peer in peers:
                    peer.send_frame(TEXT, b"all at once")
                for peer in peers:
                    peer.expect((TEXT, b"all at once"))

        before = server.descriptors()
        many()
        eventually(lambda: server.descriptors() == before, "their descriptors are closed")
        after = server.memory()
        many()
        eventually(lambda: server.descriptors() == before, "their descriptors are closed")
        grown = server.memory() - after
        equal(SANITIZED or grown < 2048, True, f"that {grown} KiB more are few")


# Out of descriptors.


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def declare_emfile(loop):
    @test(f"--loop {loop}: out of descriptors it waits without spinning, says so once, and goes on")
    def _():
        with Server("--loop", loop, setup=few_descriptors) as server, \
                contextlib.ExitStack() as stack:
            own = server.descriptors()
            peers = [stack.enter_context(Peer(server.ws)) for _ in range((40 - own) // 2)]
            rest = [stack.enter_context(connect(server.ws)) for _ in range(60 - len(peers))]
            server.log.wait("cannot accept connections for now: Too many open files")
            # What it uses while some wait at the door for a second.
            begin, used = time.monotonic(), server.cpu_time()
            refused, _, _ = select.select(rest, [], [], 1)
            share = (server.cpu_time() - used) / (time.monotonic() - begin)
            equal(share < 0.3, True, f"that {share:.0%} of a core are little")
            equal(refused, [], "those that were refused")
            for peer in peers:
                peer.echoes(b"in time")
            equal(len(server.log.find("cannot accept")), 1, "the number of complaints")
            for peer in peers + rest:
                peer.close()
            with Peer(server.wss) as peer:
                peer.echoes()
                server.log.wait("accepting again")
                peer.finish()


for name in ("ev", "uv", "poll"):
    declare_emfile(name)


@test("200 idle connections cost no processor time")
def _():
    with Server() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.ws)) for _ in range(200)]
        begin, used = time.monotonic(), server.cpu_time()
        equal(select.select([peer.sock for peer in peers], [], [], 1)[0], [], "what came")
        share = (server.cpu_time() - used) / (time.monotonic() - begin)
        equal(share < 0.1, True, f"that {share:.0%} of a core are little")


main(threads=2)
