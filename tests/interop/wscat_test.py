# SPDX-License-Identifier: MIT
"""wsechod and wscat, the command-line client from npm: one message, lines from a pipe, a person at
a terminal."""

import os
import pty
import re
import select
import signal

from others import NODE, PACKAGES, need_package
from support import DEADLINE, Server, certificates, equal, main, match, run, started, test

need_package("wscat")
server = Server()


def wscat(*words, url=server.wss, trust=True):
    trusted = ["--ca", certificates() / "ca.pem"] if trust else []
    return [NODE, PACKAGES / ".bin/wscat", "--connect", url, *trusted, *words]


def run_open(*command):
    """Runs it with an input that stays open: at the end of that it would end, come what may."""
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"):
        return run(*command, stdin=reading)


class Terminal:
    """The other side of a program's terminal."""

    def __init__(self):
        self.seen = ""
        self.ours, self.its = pty.openpty()

    def read_until(self, pattern):
        """Reads on until the pattern is in what came since the last one."""
        while not (found := re.search(pattern, self.seen)):
            if not select.select([self.ours], [], [], DEADLINE)[0]:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        self.seen = self.seen[found.end():]
        return found

    def type(self, line):
        os.write(self.ours, line.encode() + b"\r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.ours)
        os.close(self.its)


@test("wscat -x sends a message and prints the reply")
def _():
    # With -w 0 it closes at once, but prints what comes before the server's Close.
    for text in ("Hello", "Grüße 😀"):
        run_open(*wscat("-w", "0", "-x", text)).expect(0, text.encode() + b"\n")


@test("wscat and the server compress a long message")
def _():
    text = "a long message " * 1000
    run_open(*wscat("-w", "0", "-x", text)).expect(0, text.encode() + b"\n")


@test("wscat -s gets the subprotocol that it insists on, and none from a server that chooses none")
def _():
    run_open(*wscat("-w", "0", "-s", "chat", "-x", "Hello")).expect(0, b"Hello\n")
    with Server("--subprotocol", "none") as own:
        done = run_open(*wscat("-w", "0", "-s", "chat", "-x", "Hello", url=own.wss)).expect(255, b"")
        match("Server sent no subprotocol", done.err)


@test("a line typed at wscat's terminal comes back, and Ctrl-D ends it")
def _():
    with Terminal() as terminal, started(*wscat(), stdin=terminal.its, stdout=terminal.its,
                                         stderr=terminal.its) as client:
        terminal.read_until("Connected")
        for line in ("Hello World!", "größer"):
            terminal.type(line)
            terminal.read_until(f"< {line}")
        os.write(terminal.ours, b"\x04")
        equal(client.wait(DEADLINE), 0, "the status")


@test("wscat --slash: a ping gets its pong, and a Close comes back with its code")
def _():
    with Terminal() as terminal, started(*wscat("--slash", "-P"), stdin=terminal.its,
                                         stdout=terminal.its, stderr=terminal.its) as client:
        terminal.read_until("Connected")
        terminal.type("/ping abc")
        terminal.read_until(r'< Received pong \(data: "abc"\)')
        terminal.type("still here")
        terminal.read_until("< still here")
        terminal.type("/close 4001 bye")
        terminal.read_until(r"Disconnected \(code: 4001")
        equal(client.wait(DEADLINE), 0, "the status")


@test("wscat is told by a server that stops: 1001")
def _():
    with Server() as own, Terminal() as terminal:
        with started(*wscat(url=own.wss), stdin=terminal.its, stdout=terminal.its,
                     stderr=terminal.its) as client:
            terminal.read_until("Connected")
            own.signal(signal.SIGTERM)
            terminal.read_until(r"Disconnected \(code: 1001")
            equal(client.wait(DEADLINE), 0, "the status")
        equal(own.wait(), 0, "the server's status")


@test("wscat without our authority refuses the server")
def _():
    done = run_open(*wscat("-x", "Hello", trust=False)).expect(255, b"")
    match("error: .*(certificate|self-signed)", done.err)


main(threads=2)
