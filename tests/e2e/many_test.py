# SPDX-License-Identifier: MIT
"""Many connections, one after the other and at once: nothing leaks, and when there are no
descriptors left the others go on."""

import contextlib
import resource
import time

from peer import TEXT, Peer
from support import SANITIZED, Server, equal, eventually, in_parallel, main, memory_counts, test
from wire import connect, wait_ready


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
        before = server.descriptors()

        def many():
            with contextlib.ExitStack() as stack:
                peers = [stack.enter_context(Peer(server.ws)) for _ in range(3000)]
                for peer in peers:
                    peer.send_frame(TEXT, b"all at once")
                for peer in peers:
                    peer.expect((TEXT, b"all at once"))
                memory = server.memory()
            eventually(lambda: server.descriptors() == before, "their descriptors are closed")
            return memory

        grown = many() - many()
        equal(SANITIZED or -grown < 2048, True, f"that {-grown} KiB more are few")


# Out of descriptors.


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def everything(link):
    """What comes until the server ends the connection, which it does in time."""
    link.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: link.recv(4096), b""))
    return b""


def is_served(url):
    link = connect(url)
    link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return everything(link).startswith(b"HTTP/1.1 200 ")


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
            refused, _ = wait_ready(rest, [], 1)
            share = (server.cpu_time() - used) / (time.monotonic() - begin)
            equal(share < 0.3, True, f"that {share:.0%} of a core are little")
            equal(refused, [], "those that were refused")
            for peer in peers:
                peer.echoes(b"in time")
            # Then they are told; nobody hangs while others hold all descriptors.
            request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            for link in rest:
                link.sendall(request)
            told = [link for link in rest if b" 503 " in everything(link)]
            equal(len(told) > 0, True, "that some were turned away")
            equal(len(server.log.find("cannot accept")), 1, "the number of complaints")
            for peer in peers + rest:
                peer.close()
            # Who comes in the moment in which the others are turned away may be, too.
            eventually(lambda: is_served(server.ws), "somebody new is served")
            server.log.wait("accepting again")


for name in ("ev", "uv", "poll"):
    declare_emfile(name)


@test("200 idle connections cost no processor time")
def _():
    with Server() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.ws)) for _ in range(200)]
        begin, used = time.monotonic(), server.cpu_time()
        equal(wait_ready([peer.sock for peer in peers], [], 1)[0], [], "what came")
        share = (server.cpu_time() - used) / (time.monotonic() - begin)
        equal(share < 0.1, True, f"that {share:.0%} of a core are little")


main(threads=2)
