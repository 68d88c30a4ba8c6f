# SPDX-License-Identifier: MIT
"""The access log, the times in the log, and what SIGHUP opens anew."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile

from peer import CLOSE, TEXT, Peer, close_payload, frame, request
from service import PLAIN, Workers
from support import (DEADLINE, LOOP, WSECHOD, Log, Server, equal, eventually, main, match, run,
                     scratch, started, test, wsecho, wsechod)

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# A value is a number, a word, or a text as in JSON.
PAIR = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|[\w.]+)')


def parsed(line):
    """A line of pairs, as what JSON would have said."""
    begin = match(rf"^({TIME})((?: \w+=(?:\"(?:[^\"\\]|\\.)*\"|[\w.]+))+)$", line)
    return {"time": begin[1], **{name: json.loads(value) for name, value in PAIR.findall(begin[2])}}


class Logged(Server):
    """A server with an access log."""

    def __init__(self, *options, form="text", **more):
        self.path = pathlib.Path(tempfile.mkdtemp(dir=scratch())) / "access.log"
        self.form = form
        super().__init__("--access-log", self.path, "--log-format", form, *options, **more)

    def lines(self, path=None):
        text = (path or self.path).read_text()
        equal(text == "" or text.endswith("\n"), True, "that lines are whole")
        return [json.loads(line) if self.form == "json" else parsed(line) for line in text.splitlines()]

    def line(self, number=1):
        """Waits for so many lines; the last of them."""
        eventually(lambda: self.path.read_text().count("\n") >= number, f"{number} lines are there")
        return self.lines()[number - 1]


def known(line, **wanted):
    """Fails unless the line says this; those that are None must not be there."""
    equal({name: line.get(name) for name in wanted}, wanted, "what the line says")


def says_how_it_ended(form):
    with Logged("--test", "all", form=form) as server:
        with Peer(server.wss, upgrade=False) as peer:
            peer.send(request("User-Agent: test/1", "Sec-WebSocket-Protocol: chat",
                              line="GET /a?echo=upper HTTP/1.1"))
            equal(peer.read_head()[0], 101, "the status")
            peer.send(frame(TEXT, b"hello"))
            equal(peer.read_frame().payload, b"HELLO", "the echo")
            peer.send(frame(CLOSE, close_payload(4000, b"bye")))
            equal(peer.read_frame().opcode, CLOSE, "the frame")
        line = server.line(1)
        known(line, method="GET", path="/a?echo=upper", behaviour="echo=upper", subprotocol="chat",
              agent="test/1", status=101, received_messages=1, received_bytes=5, sent_messages=1,
              sent_bytes=5, received_close=4000, sent_close=4000, ended_by="client", why="it closed",
              tls="TLSv1.3", resumed=False)
        match(r"^127\.0\.0\.1:\d+$", line["peer"])
        match(rf"^{TIME}$", line["time"])
        equal(0 <= line["seconds"] < DEADLINE, True, "that it took a while")
        with Peer(server.ws) as peer:
            peer.send(frame(TEXT, b"x", mask=None))
            equal(peer.read_frame().opcode, CLOSE, "the frame")
        known(server.line(2), sent_close=1002, received_close=None, ended_by="server",
              why="a frame without mask", tls=None, resumed=None, subprotocol=None, behaviour=None)
        with Peer(server.ws) as peer:
            peer.echoes()
        known(server.line(3), ended_by="client", why="it ended the stream", sent_close=1000)
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(request(line="GET /?close=4001 HTTP/1.1"))
            peer.read_head()
            equal(peer.read_frame().opcode, CLOSE, "the frame")
            peer.send(frame(CLOSE, close_payload(4001)))
        known(server.line(4), ended_by="server", why="the program closed", sent_close=4001,
              received_close=4001)
        with Peer(server.ws, upgrade=False) as peer:
            # The reset may overtake the response.
            peer.send(request(line="GET /?drop=reset HTTP/1.1"))
            known(server.line(5), ended_by="server", why="the program broke it off", sent_close=None,
                  received_close=None)
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(request(line="GET /?fragment=2 HTTP/1.1"))
            peer.read_head()
            peer.send(frame(TEXT, b"hello"), frame(TEXT, b"x"))
            equal([peer.read_frame().payload for _ in range(4)], [b"he", b"ll", b"o", b"x"], "the echoes")
        known(server.line(6), received_messages=2, received_bytes=6, sent_messages=2, sent_bytes=6)
        with Peer(server.ws) as peer:
            server.signal(signal.SIGTERM)
            equal(peer.read_frame().payload, close_payload(1001), "the Close frame")
            peer.send(frame(CLOSE, close_payload(1001)))
            equal(server.wait(), 0, "the status")
        known(server.lines()[6], ended_by="server", why="the server ends", sent_close=1001)
        equal(len(server.lines()), 7, "the number of lines")


@test("a line tells who connected, what for, how much went by, who ended it and why")
def _():
    says_how_it_ended("text")


@test("with --log-format json each line is an object that tells the same")
def _():
    says_how_it_ended("json")


@test("a refusal has its line: of HTTP, of TLS, and of who goes before it comes to that")
def _():
    with Logged("--test", "all") as server:
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(request(line="GET /-/nonsense HTTP/1.1"))
            peer.read_head()
        known(server.line(1), path="/-/nonsense", status=404, ended_by="server", why="Not Found")
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(b"nonsense\r\n\r\n")
            peer.read_head()
        known(server.line(2), path=None, status=400, ended_by="server", why="this is not an HTTP request")
        with Peer(f"ws:{server.wss.partition(':')[2]}", upgrade=False) as peer:
            peer.send(b"\x16\x03\x01\x00\x01\x00" + b"x" * 20)
        line = server.line(3)
        known(line, status=None, ended_by="client", tls=None)
        equal(line["why"] != "", True, "that there is a reason")
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(b"GET / HT")
        known(server.line(4), status=None, ended_by="client", why="it ended the stream")


FORGED = (b"/\xff\x1b[31m\" ended_by=\"server\" \\", b"x\xe2\x80\xaey \"; \\\" status=101\x7f", b"\\x0a\xc2\x9b")


def cannot_be_forged(form):
    with Logged(form=form, cert=False, listen=("ws://127.0.0.1:0",)) as server:
        for number, bytes_ in enumerate(FORGED, 1):
            with Peer(server.ws, upgrade=False) as peer:
                head = request().replace(b"\r\n\r\n", b"\r\nUser-Agent: " + bytes_ + b"\r\n\r\n")
                peer.send(head)
                equal(peer.read_head()[0] in (101, 400), True, "that it is answered")
            server.line(number)
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(request("User-Agent: " + "\xe9\"\\" * 1500, line=f"GET /{'%22' * 2000} HTTP/1.1"))
            equal(peer.read_head()[0], 101, "the status")
        line = server.line(len(FORGED) + 1)
        match(r"^(%22|/|%2|%)+\.\.\.$", line["path"])
        match(r"^(?:\\xe9|\"|\\)+\.\.\.$", line["agent"])
        raw = server.path.read_bytes()
        equal(raw.count(b"\n"), len(FORGED) + 1, "the number of lines")
        match(r"^[ -~\n]*$", raw.decode())
        equal(max(map(len, raw.splitlines())) < 4096, True, "that each fits into a pipe")
        for one in server.lines():
            equal(one["ended_by"] in ("client", "server"), True, "who ended it")
            equal(one.get("status") in (101, 400), True, "the status")


@test("no line can be forged or broken by what a client sends")
def _():
    cannot_be_forged("text")
    cannot_be_forged("json")


@test("SIGHUP opens the file anew, and no line is lost")
def _():
    with Logged(listen=("ws://127.0.0.1:0",), cert=False) as server:
        with Peer(server.ws) as peer:
            peer.echoes()
        server.line(1)
        old = server.path.with_suffix(".old")
        server.path.rename(old)
        server.signal(signal.SIGHUP)
        server.log.wait("reopened the access log")
        with Peer(server.ws) as peer:
            peer.echoes()
        server.line(1)
        equal((len(server.lines()), len(server.lines(old))), (1, 1), "the lines in each")


class LoggedWorkers(Logged, Workers):
    """The same with several workers, of whose log of errors each line is shown."""

    def __init__(self, *options):
        super().__init__("--log-level", "debug", *options, listen=PLAIN, cert=False)

    def rotate(self):
        """Renames the file and waits until the supervisor and both workers have another one."""
        old = self.path.with_suffix(".old")
        self.path.rename(old)
        self.signal(signal.SIGHUP)
        self.log.wait("reopened the access log", 3)
        return old


@test("SIGHUP opens the file anew for workers that come later, too")
def _():
    with LoggedWorkers() as server:
        old = server.rotate()
        for pid in server.pids():
            server.kill(pid)
            server.replaced(pid)
        with Peer(server.ws) as peer:
            peer.echoes()
        eventually(lambda: server.lines() + server.lines(old), "a line")
        equal((len(server.lines()), len(server.lines(old))), (1, 0), "the lines in each")


@test("SIGHUP opens the file anew while workers drain, too")
def _():
    with LoggedWorkers("--drain-timeout", "1h") as server, contextlib.ExitStack() as stack:
        peers = [server.peer_of(pid, stack) for pid in server.pids()]
        server.signal(signal.SIGTERM)
        for peer in peers:
            peer.expect_close(1001)
        old = server.rotate()
        seen = len(server.lines(old))
        stack.close()
        equal(server.wait(), 0, "the status")
        equal((len(server.lines()) >= 2, len(server.lines(old))), (True, seen), "the lines in each")


@test("with - the lines go to standard output")
def _():
    with started(WSECHOD, "--listen", "ws://127.0.0.1:0", "--access-log", "-",
                 *(["--loop", LOOP] if LOOP else [])) as process:
        log, out = Log(process.stderr), Log(process.stdout)
        url = log.wait("listening on (.*)")[0][1]
        wsecho(url, "hello").expect(0, b"hello\n")
        known(parsed(out.wait("peer=")[0].string), received_bytes=5, sent_bytes=5)
        process.send_signal(signal.SIGTERM)
        equal(process.wait(DEADLINE), 0, "the status")


@test("a reader that does not read stops nothing, and is told how many lines it has lost")
def _():
    path = scratch() / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with Server("--access-log", path, "--log-level", "error", "--admin", "http://127.0.0.1:0",
                listen=("ws://127.0.0.1:0",), cert=False) as server:
        admin = server.log.wait(r"metrics at http://(\S+)/metrics")[0][1]
        port = int(server.ws.rpartition(":")[2])
        sent = 0

        def lost():
            text = run("curl", "-s", f"http://{admin}/metrics").expect(0).out.decode()
            return int(match(r'lines_lost_total\{log="access"\} (\d+)', text)[1])

        agent = "x" * 250
        while lost() == 0:
            for _ in range(200):
                with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
                    sock.sendall(f"GET /{agent} HTTP/1.0\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n".encode())
                    while sock.recv(1 << 16):
                        pass
                sent += 1
        with Peer(server.ws) as peer:
            peer.echoes()
        sent += 1
        data = b""
        os.set_blocking(reader, True)
        while b"echo" not in data and data.count(b"\n") - data.count(b"lost_lines") + lost() < sent:
            data += os.read(reader, 1 << 16)
        shown = data.count(b"\n") - data.count(b"lost_lines")
        told = sum(int(number) for number in re.findall(rb"lost_lines=(\d+)", data))
        equal(shown + lost(), sent, "the lines that were shown or counted")
        equal(told <= lost(), True, "that no more are told of than were lost")
    os.close(reader)


@test("a file that cannot be written to ends the server at its start, with one sentence")
def _():
    for path, says in (("/nonexistent/log", "No such file"), (scratch(), "Is a directory")):
        refused = wsechod("--access-log", path, "--listen", "ws://127.0.0.1:0").expect(1)
        match(rf"^wsechod: error: --access-log: cannot write to {path}: {says}.*\n$", refused.err)


# Standard error.


def first_line(*options, command=(), **more):
    """Of a server that cannot start."""
    words = [*command, WSECHOD, "--listen", "ws://192.0.2.1:0", *options]
    return subprocess.run(words, check=False, timeout=DEADLINE, **more)


@test("each line of the log begins with the time if it goes to a pipe or a file, and to nothing else")
def _():
    done = first_line(stderr=subprocess.PIPE)
    match(rf"^{TIME} wsechod: error: cannot listen", done.stderr.decode())
    path = scratch() / "error.log"
    with open(path, "wb") as file:
        first_line(stderr=file)
    match(rf"^{TIME} wsechod: error: cannot listen", path.read_text())
    master, terminal = os.openpty()
    first_line(stderr=terminal)
    match(r"^wsechod: error: cannot listen", os.read(master, 1000).decode())
    os.close(master)
    os.close(terminal)


@test("secrets that behaviours ask for stand in neither log, however they are written")
def _():
    with Logged(listen=("ws://127.0.0.1:0",), cert=False) as server:
        for number, (target, shown, status) in enumerate((
                ("/a?x=1&basic=me:hidden&y=2", "/a?x=1&basic=...&y=2", 401),
                ("/?be%61rer=hidden", "/?be%61rer=...", 401),
                ("/-/greet/hi/bearer/hidden?basic=me:hidden", "/-/greet/hi/bearer/...?basic=...", 401),
                ("/-/greet/basic/x", "/-/greet/basic/x", 404),
                ("http://h/-/bearer/hidden", "http://h/-/bearer/...", 401),
                ("/?basic=me:hidden&close=99", "/?basic=...&close=99", 400),
                ("/?basic=hidden", "/?basic=...", 400)), 1):
            with Peer(server.ws, upgrade=False) as peer:
                peer.send(request(line=f"GET {target} HTTP/1.1"))
                equal((target, peer.read_head()[0]), (target, status), "the status")
            known(server.line(number), path=shown, status=status)
    for name, text in (("access log", server.path.read_text()), ("log", server.log.text())):
        equal("hidden" in text, False, f"that there is a secret in the {name}: {text}")


@test("the journal gets no times, and whatever else has its variable does")
def _():
    reader, writer = socket.socketpair()
    status = os.fstat(writer.fileno())
    for stream, pattern in ((f"{status.st_dev}:{status.st_ino}", "^wsechod: error: cannot listen"),
                            (f"{status.st_dev}:{status.st_ino + 1}", f"^{TIME} wsechod: error: ")):
        first_line(stderr=writer, env={**os.environ, "JOURNAL_STREAM": stream})
        match(pattern, reader.recv(1000).decode())
    reader.close()
    writer.close()


@test("with --log-format json each line of the log is an object")
def _():
    done = first_line("--log-format", "json", stderr=subprocess.PIPE)
    # A busy machine makes a warning before it.
    line = [json.loads(line) for line in done.stderr.splitlines()][-1]
    match(rf"^{TIME}$", line["time"])
    equal(line["level"], "error", "the level")
    match("^cannot listen", line["message"])
    process = subprocess.Popen([WSECHOD, "--listen", "ws://127.0.0.1:0", "--log-format", "json"],
                               stderr=subprocess.PIPE)
    log = Log(process.stderr)
    log.wait("listening on")
    process.terminate()
    equal(process.wait(DEADLINE), 0, "the status")
    log.text()
    equal([json.loads(line)["level"] for line in log.raw], ["info"] * len(log.raw), "the levels")


main(threads=3)
