# SPDX-License-Identifier: MIT
"""What connections hold, one by one and together, and what becomes of it."""

import contextlib

from guest import Guest
from peer import BINARY, TEXT, Peer, close_payload, frame, header, masked, request, stuff
from support import Server, equal, eventually, main, memory_counts, test

MIB = 1 << 20


def fill(server, peers, data):
    """Sends the data on each connection, of which nobody reads, until none takes any more."""
    streams = {peer: peer.encrypt(data) for peer in peers}
    return stuff(server, peers, streams.get, len(next(iter(streams.values()))))


@test("no connection holds more than twice --max-message and 4 MiB, whatever its messages are like")
def _():
    memory_counts()
    limit = 4 * MIB
    halves = frame(BINARY, fin=False) + frame(0, b"x")
    kinds = {
        "whole messages": frame(BINARY, bytes(limit)) * 8,
        "two fragments": halves * 400_000,
        "empty messages": frame(TEXT) * 1_000_000,
        "one byte of a header at a time": header(BINARY, limit) * 8,
        "many fragments": (frame(BINARY, fin=False) + frame(0, bytes(1000), fin=False) * 4000) * 8,
    }
    for name, data in kinds.items():
        for url in ("wss", "ws"):
            with Server("--max-message", "4M") as server, contextlib.ExitStack() as stack:
                with Peer(getattr(server, url)) as other:
                    other.echoes()
                before = server.memory()
                peers = [stack.enter_context(Peer(getattr(server, url))) for _ in range(4)]
                fill(server, peers, data)
                grown = (server.memory() - before) / len(peers) / 1024
                equal(grown < 2 * 4 + 4, True, f"that {grown:.1f} MiB for {name} over {url} is less")


@test("memory that a burst took is given back when it is over")
def _():
    memory_counts()
    with Server() as server:
        with Peer(server.ws) as other:
            other.echoes()
            before = server.memory()
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(Peer(server.ws)) for _ in range(10)]
                fill(server, peers, frame(BINARY, bytes(16 * MIB - 1)) * 3)
                equal(server.memory() - before > 200 * 1024, True, "that the burst took much")
            eventually(lambda: server.memory() - before < 20 * 1024, "the memory is given back")
            other.echoes(b"still here")


@test("what a behaviour makes to send counts for --max-memory, and over it is refused with 1013")
def _():
    with Server("--max-memory", "10M") as server, contextlib.ExitStack() as stack:
        small, large = [stack.enter_context(Guest(f"/?send={size}&count=1000&every=20ms", url=server.ws))
                        for size in ("60K", "100K")]
        equal(len(large.read_frame().payload), 100 << 10, "the bytes of one while there is memory")
        for _ in range(2):  # each of them does not read, so its messages wait
            stack.enter_context(Guest("/?send=8M", url=server.ws))
        equal(large.until_close().payload, close_payload(1013), "the Close")
        server.log.wait("closing with 1013: no memory for large messages now")
        equal(len(small.read_frame().payload), 60 << 10, "the bytes of a small one")


@test("over --max-memory large messages get 1013, new connections 503, and others are served")
def _():
    with Server("--max-memory", "7M") as server, contextlib.ExitStack() as stack:
        other, large, medium, refused = [stack.enter_context(Peer(server.ws)) for _ in range(4)]
        # Unfinished, they hold 6 MiB and 1 MiB.
        large.send(header(BINARY, 6 * MIB) + bytes(5 * MIB))
        medium.send(header(BINARY, MIB) + bytes(MIB - 1))

        def full():
            with Peer(server.ws, upgrade=False) as peer:
                peer.send(request())
                return peer.read_head()[0] == 503

        eventually(full, "that a new connection gets 503")
        refused.send(header(BINARY, 100_000) + bytes(99_999))
        refused.expect_close(1013)
        other.echoes(b"small ones go on")
        large.close()
        eventually(lambda: not full(), "that a new connection is served again")
        medium.send(b"\0")
        equal(medium.read_frame().payload, bytes(masked(bytes(MIB))), "the echo")


main(threads=2)
