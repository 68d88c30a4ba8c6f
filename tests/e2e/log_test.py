# SPDX-License-Identifier: MIT
"""The server's log: nobody reads it, or peers fill it."""

import contextlib
import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import termios
import tty

from peer import TEXT, Frame, Peer, frame
from support import DEADLINE, LOOP, WSECHOD, Server, equal, eventually, main, match, scratch, test

F_SETPIPE_SZ = 1031  # of Linux; Python names it from 3.10 on
LOSSES = rb"warning: (\d+) lines? (?:was|were) lost: standard error took no more\n"


def refused(port):
    """A request that makes a line in the log."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as peer:
        peer.sendall(b"nonsense\r\n\r\n")
        match("^HTTP/1.1 400 ", peer.recv(1000).decode())


class Unread:
    """A server whose standard error is `writer`. It is read through `reader`, when told to."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.data = b""
        self.flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        self.writer = writer
        self.process = subprocess.Popen(
            [WSECHOD, "--listen", "ws://127.0.0.1:0", *(["--loop", LOOP] if LOOP else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
        self.port = int(self.wait(rb"listening on ws://127.0.0.1:(\d+)\r?\n")[1])

    def read(self):
        """What there is, at once."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.reader, 1 << 16):
                self.data += data

    def wait(self, pattern):
        """Reads until the pattern is there, and forgets what came before it."""
        os.set_blocking(self.reader, False)
        while True:
            self.read()
            if found := re.search(pattern, self.data):
                self.data = self.data[found.end():]
                return found
            if not select.select([self.reader], [], [], DEADLINE)[0]:
                raise AssertionError(f"no {pattern!r} in {self.data!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.reader)
        os.close(self.writer)


def small_pipe():
    """Of one page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    return reader, writer


def fill(writer):
    """Leaves room for one line. It is empty when this is called."""
    os.write(writer, b"." * 3990 + b"\n")


def small_socket():
    """A few lines go."""
    reader, writer = socket.socketpair()
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    return reader.detach(), writer.detach()


def terminal():
    reader, writer = os.openpty()
    tty.setraw(writer)
    return reader, writer


def loses(pair, hold=lambda writer: None, release=lambda writer: None):
    """That a log which nobody reads loses lines and counts them, and stops nothing."""
    with Unread(*pair) as server, Peer(f"ws://127.0.0.1:{server.port}/") as peer:
        hold(server.writer)
        for number in range(15):
            refused(server.port)
            peer.send(frame(TEXT, b"%d" % number))
            equal(peer.read_frame(), Frame(TEXT, b"%d" % number), "the echo")
        release(server.writer)
        server.read()
        shown = server.data.count(b"refused with 400")
        server.data = b""
        refused(server.port)
        lost = int(server.wait(LOSSES)[1])
        equal(shown + lost, 15, "the number of lines that were shown or counted")
        server.wait(b"refused with 400")
        equal(fcntl.fcntl(server.writer, fcntl.F_GETFL), server.flags, "the flags")
        hold(server.writer)
        for number in range(3):
            refused(server.port)
        peer.close()
        server.process.send_signal(signal.SIGTERM)
        equal(server.process.wait(DEADLINE), 0, "the status")


@test("a pipe that nobody reads loses lines, which are counted, and stops nothing")
def _():
    loses(small_pipe(), fill)


@test("a socket that nobody reads loses lines, which are counted, and stops nothing")
def _():
    loses(small_socket())


@test("a terminal that is stopped loses lines, which are counted, and stops nothing")
def _():
    loses(terminal(), lambda writer: termios.tcflow(writer, termios.TCOOFF),
          lambda writer: termios.tcflow(writer, termios.TCOON))


def shows_tasks(pair, hold=lambda writer: None, release=lambda writer: None):
    """That SIGUSR1 shows all tasks to a reader that takes its time, and stops nothing meanwhile."""
    with Unread(*pair) as server, contextlib.ExitStack() as peers:
        url = f"ws://127.0.0.1:{server.port}/"
        several = [peers.enter_context(Peer(url)) for _ in range(60)]
        for peer in several:
            peer.echoes()
        hold(server.writer)
        server.process.send_signal(signal.SIGUSR1)
        for peer in several:
            peer.echoes()
        release(server.writer)
        for _ in several:
            server.wait(rb"127\.0\.0\.1:\d+ \(\w+, .*ws_receive\(.*\r?\n")
        hold(server.writer)
        for _ in range(3):
            server.process.send_signal(signal.SIGUSR1)
            several[0].echoes()
        server.process.send_signal(signal.SIGTERM)
        for peer in several:
            peer.close()
        equal(server.process.wait(DEADLINE), 0, "the status")


@test("SIGUSR1 stops nothing if nobody reads what it prints: a pipe, a socket, a terminal")
def _():
    shows_tasks(small_pipe())
    shows_tasks(small_socket())
    shows_tasks(terminal(), lambda writer: termios.tcflow(writer, termios.TCOOFF),
                lambda writer: termios.tcflow(writer, termios.TCOON))


def works(name, **more):
    """That the server works and ends as it should, whatever its standard error is."""
    path = scratch() / name
    server = subprocess.Popen([WSECHOD, "--listen", f"ws+unix:{path}",
                               *(["--loop", LOOP] if LOOP else [])],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **more)
    try:
        for _ in range(3):
            with connect_to(path) as sock:
                sock.sendall(b"nonsense\r\n\r\n")
                match("^HTTP/1.1 400 ", sock.recv(1000).decode())
        with Peer(sock=connect_to(path)) as peer:
            peer.echoes()
            server.send_signal(signal.SIGUSR1)
            peer.echoes()
        server.send_signal(signal.SIGTERM)
        equal(server.wait(DEADLINE), 0, "the status")
    finally:
        server.kill()
        server.wait()


def connect_to(path):
    """A connection to a server that starts: its socket is there before it is listened on."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)

    def connected():
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    eventually(connected, "the server listens")
    return sock


@test("with standard error closed, on a full disk, or without a reader, the server works")
def _():
    works("closed", preexec_fn=lambda: os.close(2))
    with open("/dev/full", "wb") as full:
        works("full", stderr=full)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        works("pipe", stderr=pipe)


@test("peers cause at most 20 lines of a kind a second, and the others are counted")
def _():
    with Server(listen=("ws://127.0.0.1:0",)) as server:
        port = int(server.ws.rpartition(":")[2].rstrip("/"))
        sent = 0

        def left_out():
            return [int(found[1]) for found in server.log.find(
                r"left out (\d+) lines? like this one: .*: refused with 400: ")]

        while not left_out():
            for _ in range(50):
                refused(port)
            sent += 50
        shown = len(server.log.find(r"^wsechod: \S+: refused with 400: "))
        equal(shown < sent, True, f"that fewer than {sent} lines are shown, which are {shown}")
        equal(shown + sum(left_out()) <= sent, True, "that no line is counted twice")


main(threads=3)
