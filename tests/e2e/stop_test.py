# SPDX-License-Identifier: MIT
"""Signals: the first SIGTERM, SIGINT or SIGQUIT ends wsechod gently, the second at once; SIGUSR1
shows its tasks; the others that could end it do not."""

import contextlib
import signal

from peer import BINARY, Peer, frame, header
from support import (LOOP, WSECHOD, Log, Server, client_command, equal, finish, main, match,
                     preloaded, scratch, started, test, wsecho)
from wire import connect


def going_away(peer):
    """The server closes with 1001; the peer answers, as it should."""
    peer.expect_close(1001)
    peer.send_close(1001)
    peer.expect_end()


def declare_gentle(number, name):
    @test(f"{name} closes idle connections with 1001 and ends with status 0")
    def _():
        with Server() as server, contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(url)) for url in (server.wss, server.ws) * 10]
            peers[0].echoes()
            server.signal(number)
            for peer in peers:
                going_away(peer)
            equal(server.wait(), 0, "the status")
            equal(server.log.text().splitlines()[-1], "wsechod: stopping", "the last line of the log")


for one, called in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT"),
                    (signal.SIGQUIT, "SIGQUIT")):
    declare_gentle(one, called)


@test("SIGTERM without any connection ends it with status 0")
def _():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            server.signal(number)
            equal(server.wait(), 0, "the status")


@test("500 connections that are all at work get what they sent, and 1001, each of them")
def _():
    with Server() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.ws)) for _ in range(500)]
        for peer in peers:
            peer.send_frame(BINARY, bytes(10_000))
        peers[-1].expect((BINARY, bytes(10_000)))
        server.signal(signal.SIGTERM)
        for peer in peers[:-1]:
            peer.expect((BINARY, bytes(10_000)))
        for peer in peers:
            going_away(peer)
        equal(server.wait(), 0, "the status")


@test("a busy connection gets all echoes of what was received before its 1001")
def _():
    message = frame(BINARY, bytes(1000))
    with Server() as server:
        with Peer(server.wss) as peer:
            peer.send(message * 100)
            peer.expect((BINARY, bytes(1000)))
            server.signal(signal.SIGTERM)
            echoes = 1
            while (came := peer.read_frame()).opcode == BINARY:
                echoes += 1
            equal((came.opcode, came.payload[:2]), (8, b"\x03\xe9"), "what came last")
            equal(echoes, 100, "the number of echoes")
            peer.send_close(1001)
            peer.expect_end()
        equal(server.wait(), 0, "the status")


@test("a connection in the middle of a message gets 1001")
def _():
    with Server() as server:
        with Peer(server.wss) as peer, Peer(server.ws) as other:
            for each in (peer, other):
                each.echoes()
                each.send(header(BINARY, 1000) + bytes(10))
            server.signal(signal.SIGTERM)
            for each in (peer, other):
                each.expect_close(1001)
        equal(server.wait(), 0, "the status")


@test("after SIGTERM nobody new is let in, and handshakes in progress end")
def _():
    with Server() as server:
        with Peer(server.wss) as peer, connect(server.wss) as tcp, \
                Peer(server.wss, upgrade=False) as half:
            peer.echoes()
            half.send(b"GET / HTTP/1.1\r\n")
            server.signal(signal.SIGTERM)
            peer.expect_close(1001)
            for url in server.urls:
                try:
                    connect(url).close()
                    raise AssertionError(f"{url} still accepts")
                except ConnectionRefusedError:
                    pass
            for wire in (tcp, half.sock):
                try:
                    while wire.recv(1000):
                        pass
                except ConnectionResetError:
                    pass
            peer.send_close(1001)
            peer.expect_end()
        equal(server.wait(), 0, "the status")


@test("SIGTERM ends it within 10 s even if peers never answer, or never read")
def _():
    with Server() as server, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(Peer(url)) for url in (server.wss, server.ws)]
        stuck = [stack.enter_context(Peer(url, buffer=4096)) for url in (server.wss, server.ws)]
        for peer in silent:
            peer.echoes()
        for peer in stuck:
            peer.sock.settimeout(0.5)
            data = peer.encrypt(frame(BINARY, bytes(60_000)) * 100)
            try:
                peer.sock.sendall(data)
            except TimeoutError:
                pass
        server.signal(signal.SIGTERM)
        server.log.wait("stopping")
        # Python's deadline for it; the server's own is 8 s for these.
        equal(server.process.wait(10), 0, "the status")
        server.wait()


@test("a second SIGTERM ends it at once")
def _():
    for numbers in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
        with Server() as server, Peer(server.wss) as peer, Peer(server.ws) as other:
            for each in (peer, other):
                each.echoes()
            server.signal(numbers[0])
            for each in (peer, other):
                each.expect_close(1001)
            server.signal(numbers[1])
            equal(server.process.wait(4), 0, "the status")
            equal(server.wait(), 0, "the status")
            equal(server.log.text().splitlines()[-1],
                  "wsechod: dropped the connections that did not close")


@test("signals that come while it ends do not change its status")
def _():
    for _ in range(10):
        with Server(listen=("ws://127.0.0.1:0",), cert=False) as server:
            while server.process.poll() is None:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
                    server.signal(number)
            equal(server.wait(), 0, "the status")


@test("SIGUSR1 prints the tree of tasks, each with its name and where it waits")
def _():
    with Server() as server, Peer(server.wss) as peer:
        peer.echoes()
        server.signal(signal.SIGUSR1)
        name = f"127.0.0.1:{peer.sock.getsockname()[1]}"
        line = server.log.wait(rf"^( *){name} \(waiting, .* s\) at (.*)$")[0]
        match(r"server/echo\.c:\d+: ws_receive\(ws, &message, AW_NEVER\)", line[2])
        for task, site in (("main", r"server/worker\.c:\d+: aw_event_wait\("),
                           ("signals", ""), ("accept", r"server/worker\.c:\d+: ws_accept\(")):
            server.log.wait(rf"^ *{task} \(\w+, .* s\).*{site}")
        # A child stands under its parent.
        main_line = server.log.find("^( *)main ")[0]
        equal(len(line[1]) > len(main_line[1]), True, "that it is indented")
        peer.echoes()


@test("SIGUSR1 a hundred times over disturbs nobody")
def _():
    with Server() as server, Peer(server.wss) as peer:
        for _ in range(100):
            server.signal(signal.SIGUSR1)
            peer.echoes()


@test("SIGHUP disturbs nobody")
def _():
    with Server() as server, Peer(server.wss) as peer:
        peer.echoes()
        for count in range(1, 4):
            server.signal(signal.SIGHUP)
            server.log.wait("^wsechod: reloaded: ", count)
            peer.echoes()


@test("a signal ends it while a name resolves, with status 0 and one line")
def _():
    slow = preloaded("""
        #include <unistd.h>
        int getaddrinfo(void *name, void *service, void *hints, void *found)
        {
                write(2, "resolving\\n", 10);
                for (;;)
                        pause();
        }
    """)
    path = scratch() / "resolving.sock"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        with started(*slow, WSECHOD, "-l", f"unix:{path}",
                     "-l", "ws://slow.test:0", *(["--loop", LOOP] if LOOP else [])) as process:
            log = Log(process.stderr)
            log.wait("^resolving$")
            for other, name in ((signal.SIGHUP, "SIGHUP"), (signal.SIGUSR1, " signals ")):
                process.send_signal(other)
                log.wait(name)
            process.send_signal(number)
            equal(process.wait(20), 0, "the status")
            equal(log.text().splitlines()[-1], "wsechod: stopping", "the last line")
            equal(path.exists(), False, "that the Unix socket was left behind")


@test("SIGPIPE does not end it")
def _():
    with Server() as server:
        server.signal(signal.SIGPIPE)
        with Peer(server.wss) as peer:
            peer.echoes()
            peer.finish()


@test("the client, to whom all was replied, ends with status 0 when the server stops")
def _():
    with Server() as server, started(*client_command(server.wss)) as client:
        client.stdin.write(b"one\n")
        equal(client.stdout.readline(), b"one\n")
        server.signal(signal.SIGTERM)
        equal(client.wait(10), 0, "the status of the client, whose input is still open")
        done = finish(client)
        equal(done.err, "", "what it says")
        equal(server.wait(), 0, "the status")
        wsecho(server.wss, "too late").expect(3)


main(threads=4)
