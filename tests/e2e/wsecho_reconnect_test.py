# SPDX-License-Identifier: MIT
"""wsecho when the connection is lost, or not there yet."""

import contextlib
import json
import re
import signal
import socket
import time

from peer import CLOSE, TEXT, Script, after_accept, close_payload
from screen import CTRL, LEFT, PROMPT, Talker, at_terminal, leave
from support import (Server, client_command, ends, equal, finish, main, match, run, started, test,
                     wsecho)

server = Server()


@contextlib.contextmanager
def held_port():
    """A port where nobody listens, and which nobody else gets while servers come and go there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def trying(port, **more):
    """At a terminal that is high enough for all attempts, which are not too many."""
    return at_terminal("--reconnect=500ms", f"ws://127.0.0.1:{port}", columns=200, rows=200, **more)


@test("--reconnect keeps the input, says so, and goes on where the connection was lost")
def _():
    seen = []

    def serve(peer):
        peer.accept()
        came = peer.read_frame()
        seen.append(came.payload)
        peer.send_frame(TEXT, came.payload)
        if len(seen) == 1:
            return  # with a FIN: our direction would still take something
        peer.until_close()
        peer.send_close()

    with Script(serve, connections=2) as script:
        with started(*client_command("--reconnect=100ms", script.url)) as client:
            client.stdin.write(b"one\n")
            equal(client.stdout.readline(), b"one\n", "the first reply")
            match(r"was lost \(1006\): trying again in \d+ms$",
                  client.stderr.readline().decode().rstrip("\n"))
            equal(client.stderr.readline().decode(),
                  f"wsecho: connected again to {script.url}\n", "what it says")
            client.stdin.write(b"two\n")
            equal(client.stdout.readline(), b"two\n", "the second reply")
            finish(client).expect(0)
    equal(seen, [b"one", b"two"], "what came")


@test("--reconnect -v tells of the end of each of the connections")
def _():
    codes = [1011, 1011, 1000]

    def serve(peer):
        peer.accept()
        peer.send_close(codes.pop(0))
        peer.until_close()

    with Script(serve, connections=3) as script:
        done = wsecho("-v", "-N", "--reconnect=50ms", script.url).expect(0, b"")
    equal(re.findall(r"closed by \S+: (\d+)", done.err), ["1011", "1011", "1000"], "what it tells")


@test("--reconnect waits for a server that is not there yet, and does not for what stays wrong")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with started(*client_command("--reconnect=50ms", f"ws://127.0.0.1:{port}", "x")) as client:
        match("refused: trying again in", client.stderr.readline().decode())
        match("refused: trying again in", client.stderr.readline().decode())
        with Server(listen=(f"ws://127.0.0.1:{port}",), cert=False):
            finish(client).expect(0, b"x\n")
    ends(run(client_command()[0], "--reconnect", server.wss, "x"), 4, "is not trusted")
    ends(wsecho("--reconnect", server.ws + "/?status=403", "x"), 5, "answered 403")
    done = wsecho("--reconnect", "--echo", server.ws).expect(2)
    match("'--echo' and '--reconnect' exclude each other", done.err)


@test("--reconnect ends at once, with 6, if the input ends while there is no connection")
def _():
    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, peer.read_frame().payload)
        peer.send_close(1011)
        peer.drain()

    with Script(serve) as script:
        with started(*client_command("--reconnect=60s", "-j", script.url)) as client:
            client.stdin.write(b"one\n")
            match(r"closed with 1011: trying again", client.stderr.readline().decode())
            script.listener.close()
            done = finish(client).expect(6)
    match(r"(?s)^(wsecho: \S+ refused: trying again in .*\n)*wsecho: \S+ closed with 1011\n$",
          done.err)
    equal(done.out.count(b'"event":"close"'), 1, f"the events of the close in {done.out}")


@test("--reconnect ends when the server closes with 1000, and by a signal")
def _():
    with after_accept(lambda peer: peer.send_close(1000)) as script:
        wsecho("--reconnect", "-N", script.url).expect(0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with started(*client_command("--reconnect", f"ws://127.0.0.1:{port}", "x")) as client:
        client.stderr.readline()
        client.send_signal(signal.SIGTERM)
        equal(client.wait(20), -signal.SIGTERM, "the status")


@test("--reconnect tells how many messages had no reply, and does not wait for these")
def _():
    def serve(peer):
        peer.accept()
        came = peer.read_frame()
        if came.payload == b"one":
            peer.reset()
            return
        peer.send_frame(TEXT, came.payload)
        peer.until_close()
        peer.send_close()

    with Script(serve, connections=2) as script:
        with started(*client_command("--reconnect=100ms", script.url)) as client:
            client.stdin.write(b"one\n")
            match("1006., with 1 message not replied to: trying again",
                  client.stderr.readline().decode())
            client.stdin.write(b"two\n")
            equal(client.stdout.readline(), b"two\n", "the reply")
            done = finish(client).expect(6, b"")
    match(r"(?m)^wsecho: 1 of 2 messages was not replied to: a connection was lost$", done.err)


@test("6: --reconnect does not take a message whose reply was lost for one that was replied to")
def _():
    for way in ("drop=fin", "drop=reset", "close=1001", "close=1011"):
        url = f"{server.ws}/?{way}&echo=none&after=1"
        done = wsecho("--reconnect=50ms", url, "a").expect(6, b"")
        # Nobody is told of a next attempt that will not be.
        match(r"^wsecho: \S+ closed with 1011\n$" if way == "close=1011" else
              r"^wsecho: .*(1006|1001)\)?, and 1 of 1 message was not replied to\n$", done.err)
        wsecho("--reconnect=50ms", "--skip", "1", url, "a").expect(6, b"")
        # There is nothing left to wait for, and no time-out that would wake it.
        wsecho("--reconnect=50ms", "-t", "0", url, given=b"a\n").expect(6, b"")


@test("--reconnect --skip: each connection has its greetings")
def _():
    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, b"hi")
        came = peer.read_frame()
        if came.payload == b"a":
            peer.send_frame(TEXT, b"A")  # and a FIN

    with Script(serve, connections=2) as script:
        done = wsecho("--reconnect=50ms", "--skip", "1", "--interval", "300ms", script.url, "a", "b")
        done.expect(6, b"hi\nA\nhi\n")


@test("--ping-interval finds out that a server is gone, and --ping-timeout when")
def _():
    with Script(lambda peer: (peer.accept(), peer.drain())) as script:
        done = wsecho("--ping-interval", "50ms", "--ping-timeout", "50ms", "-t", "0", "-N",
                      script.url)
        ends(done, 6, r"was lost \(1006\), for it did not answer pings$")
    # One that answers stays.
    wsecho("--ping-interval", "20ms", "--ping-timeout", "10s", server.ws + "/?delay=300ms",
           "x").expect(0, b"x\n")


@test("--json has an event for each attempt that is to come, with its reason and pause, and times anew")
def _():
    with held_port() as port, \
            Script(lambda peer: (peer.accept(), peer.read_frame(), peer.reset()), port=port) as script:
        with started(*client_command("--reconnect=200ms", "-j", script.url)) as client:
            client.stdin.write(b"one\n")
            events = []
            while not events or events[-1]["event"] != "reconnect":
                events.append(json.loads(client.stdout.readline()))
            equal([event["event"] for event in events], ["open", "lost", "reconnect"], "the events")
            match(r"was lost \(1006\)$", events[1]["reason"])
            match(r"was lost \(1006\), with 1 message not replied to$", events[2]["reason"])
            equal(0.1 <= events[2]["wait"] <= 0.2, True, f"that {events[2]} has half to all of 0.2 s")
            script.listener.close()
            with Talker(port=port) as talker:
                while events[-1]["event"] != "open":
                    events.append(json.loads(client.stdout.readline()))
                equal(events[-1]["ms"].keys(), {"tcp", "http", "name"}, "the times")
                client.stdin.close()
                talker.hears(close_payload(1000), CLOSE)
                talker.closes(1000)
                equal(client.wait(20), 6, "the status: a reply was lost")


# At a terminal.


@test("there is a prompt before there is a connection, and what is typed goes as soon as there is one")
def _():
    with held_port() as port, trying(port) as terminal:
        terminal.wait(f"wsecho: cannot connect to 127.0.0.1:{port}: Connection refused: trying again")
        terminal.shows(PROMPT)
        for line, told in (("/stats", "not connected"), ("/ping", "wsecho: /ping: there is no connec")):
            terminal.type(line + "\r")
            terminal.wait(told)
        terminal.type("half a mess" + LEFT * 4)
        terminal.shows("> half a mess")
        with Talker(port=port) as talker:
            talker.says("welcome")
            terminal.shows(f"connected to ws://127.0.0.1:{port} (plain). Ctrl-D closes, Ctrl-C quits.",
                           "< welcome", "> half a mess")
            terminal.type("X\r")
            talker.hears("half a Xmess")
            leave(terminal, talker)


@test("... lines that were ended before, too, in order")
def _():
    with held_port() as port, trying(port) as terminal:
        terminal.shows(PROMPT)
        terminal.type("first\rsecond\r")
        terminal.wait("> first")
        with Talker(port=port) as talker:
            talker.hears("first")
            talker.hears("second")
            terminal.shows("> second", PROMPT)
            leave(terminal, talker)


@test("a lost connection leaves the line that is being typed; Enter keeps it for the next connection")
def _():
    with held_port() as port, Talker(port=port) as first, trying(port) as terminal:
        terminal.wait("Ctrl-D closes")
        terminal.type("half")
        terminal.shows("> half")
        first.listener.close()
        first.closes(1011, b"gone")
        first.over.set()
        terminal.wait("closed with 1011: gone: trying again in")
        terminal.shows("> half")
        terminal.type(" a line\r")
        terminal.wait("> half a line")
        begin = time.monotonic()
        with Talker(port=port) as second:
            second.hears("half a line")
            second.says("here")
            terminal.shows("< here", PROMPT)
            terminal.wait(f"wsecho: connected again to {first.url}")
            terminal.type("/stats\r")
            terminal.wait("sent 1 message, 11 bytes; received 1 message")
            age = float(match(r"connected to .* for (\d+\.\d) s", terminal.text())[1])
            equal(age <= time.monotonic() - begin + 0.1, True, f"that {age} s are this connection's")
            leave(terminal, second)


@test("before there is a connection Ctrl-D ends with 3, Ctrl-C by the signal; what stays wrong ends it")
def _():
    for key, status in ((CTRL["D"], 3), (CTRL["C"], -signal.SIGINT)):
        with held_port() as port, trying(port) as terminal:
            terminal.wait("trying again in")
            terminal.shows(PROMPT)
            terminal.type(key)
            terminal.expect(status)
            if status == 3:
                terminal.wait("wsecho: there was no connection yet")
    with at_terminal("--reconnect", server.ws + "/?status=403") as terminal:
        terminal.expect(5)
        terminal.wait("answered 403")
        equal(PROMPT in terminal.lines(), False, "that a prompt is left")


main(threads=6)
