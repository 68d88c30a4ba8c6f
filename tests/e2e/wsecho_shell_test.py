# SPDX-License-Identifier: MIT
"""However a session at a terminal ends or stops, the terminal is as it was."""

import os
import pathlib
import signal
import termios

from peer import CLOSE, PING, PONG, Script, close_payload
from screen import CTRL, HOME, LEFT, PROMPT, Talker, Terminal, at_terminal, leave, ready
from support import DEADLINE, Server, client_command, equal, main, match, test

server = Server(listen=("ws://127.0.0.1:0",))
URL = server.ws


@test("the server closes: its code and reason, the line stays, and the status is as elsewhere")
def _():
    for code, reason, status in ((4001, b"told to go", 6), (1000, b"", 0), (1001, b"bye", 0)):
        with Talker() as talker, at_terminal(talker.url) as terminal:
            ready(terminal)
            terminal.type("half a line")
            terminal.wait("> half a line")
            talker.closes(code, reason)
            terminal.expect(status)
            told = f"closed by {talker.url[5:]}: {code} {reason.decode()}".rstrip()
            terminal.shows("> half a line", told)
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        talker.over.set()
        terminal.expect(6)
        terminal.shows(f"wsecho: the connection to {talker.url[5:]} was lost (1006)")


@test("-v says once where it is connected, and how the server closed; -L where that was")
def _():
    def send_on(peer):
        peer.read_request()
        peer.send(f"HTTP/1.1 302 F\r\nLocation: {URL}/x\r\nContent-Length: 0\r\n\r\n".encode())
        peer.drain()

    with at_terminal("-v", URL) as terminal:
        ready(terminal)
        leave(terminal)
        terminal.wait(f"* closed by {URL[5:]}: 1000")
        equal(terminal.text().count("closed by"), 1, "how often it says so")
    with Script(send_on) as script, at_terminal("-L", script.url) as terminal:
        leave(ready(terminal))
        terminal.wait(f"connected to {URL}/x (plain)")


@test("replies are not waited for: Ctrl-D closes at once, and what still comes is printed")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("question\r")
        talker.hears("question")
        terminal.type(CTRL["D"])
        talker.hears(close_payload(1000), CLOSE)
        talker.says("answer")
        talker.closes(1000)
        terminal.expect(0)
        terminal.shows("< answer", f"closed by {talker.url[5:]}: 1000")


@test("... also with --count and --expect: what did not come is told, status 6 and 8")
def _():
    for words, status, told in ((("--count", "3"), 6, "wsecho: 1 of 3 messages came"),
                                (("--expect", "never"), 8, "wsecho: no message matched 'never'")):
        with at_terminal("-t", "0", *words, URL) as terminal:
            ready(terminal)
            terminal.type("one\r")
            terminal.shows("< one", PROMPT)
            terminal.type(CTRL["D"])
            terminal.expect(status)
            terminal.wait(told)


@test("Ctrl-D while --reconnect waits ends it at once, with 6")
def _():
    with Talker() as talker, at_terminal("--reconnect=60s", talker.url) as terminal:
        ready(terminal)
        talker.listener.close()
        talker.closes(1011, b"gone")
        talker.over.set()
        terminal.wait("closed with 1011: gone: trying again")
        terminal.shows(PROMPT)
        terminal.type(CTRL["D"])
        terminal.expect(6)


@test("Ctrl-C, SIGTERM, SIGHUP: a Close, the terminal as it was, and the end by the signal")
def _():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with Talker() as talker, at_terminal(talker.url) as terminal:
            ready(terminal)
            terminal.type("typed")
            terminal.wait("> typed")
            if number == signal.SIGINT:
                terminal.type(CTRL["C"])
            else:
                terminal.process.send_signal(number)
            talker.hears(close_payload(1000), CLOSE)
            terminal.expect(-number)
            terminal.wait(lambda lines: lines[1] == "> typed" and
                          terminal.screen.cursor.x == 0, "a line of one's own for the shell")
            match(r"(?s)2004h.*2004l", terminal.raw.decode())


@test("... Ctrl-\\ as well, without a Close")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type(CTRL["\\"])
        terminal.expect(-signal.SIGQUIT)


@test("-m, and --count, leave the terminal as it was")
def _():
    with at_terminal("-m", "300ms", URL) as terminal:
        terminal.expect(7)
        terminal.wait("wsecho: time-out: --max-time is over")
    with at_terminal("--count", "1", URL) as terminal:
        ready(terminal)
        terminal.type("x\r")
        terminal.expect(0)


@test("a terminal that goes away ends it by SIGHUP, with a Close, and nothing is written to it")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.hang_up()
        talker.hears(close_payload(1000), CLOSE)
        talker.closes(1000)
        equal(terminal.process.wait(DEADLINE), -signal.SIGHUP, "the status")


# A shell around it.


def shell(*words, **more):
    """bash with job control, in which wsecho has been started."""
    terminal = Terminal("bash", "--norc", "--noprofile", "-i", **more)
    terminal.shows("$")
    terminal.type(" ".join(str(word) for word in client_command(*words)) + "\r")
    return terminal


@test("Ctrl-Z stops it and gives the terminal back; fg draws the line again")
def _():
    with Talker() as talker, shell(talker.url, columns=200) as terminal:
        ready(terminal)
        terminal.type("half a line")
        terminal.wait("> half a line")
        terminal.type(CTRL["Z"])
        terminal.wait(lambda lines: "Stopped" in "".join(lines) and lines[-1] == "$", "the shell")
        terminal.type("stty -a | grep -o -e '-*icanon' -e ' -*echo '\r")
        terminal.wait(lambda lines: "icanon" in lines and lines[-1] == "$", "the modes")
        equal("-icanon" in terminal.lines(), False, "that the modes are raw")
        match(r"(?s)2004h.*2004l", terminal.raw.decode())
        talker.says("tick")
        terminal.type("fg\r")
        terminal.shows("< tick", "> half a line")
        terminal.type(" more\r")
        talker.hears("half a line more")
        terminal.shows(PROMPT)
        terminal.type(CTRL["Z"])
        terminal.wait(lambda lines: "".join(lines).count("Stopped") == 2 and lines[-1] == "$",
                      "the shell")
        terminal.type("fg\r")
        terminal.shows(PROMPT)
        terminal.type(CTRL["D"])
        talker.hears(close_payload(1000), CLOSE)
        talker.closes(1000)
        terminal.shows("$")
        terminal.type("echo status $?\r")
        terminal.wait("status 0")


@test("Ctrl-Z at the question for a password: fg asks again, and what is typed is not shown")
def _():
    with shell("-u", "me", URL, columns=200) as terminal:
        terminal.wait("wsecho: password for me:")
        terminal.type("half")
        terminal.type(CTRL["Z"])
        terminal.wait(lambda lines: "Stopped" in "".join(lines) and lines[-1] == "$", "the shell")
        terminal.type("fg\r")
        terminal.wait(lambda lines: "".join(lines).count("password for me:") == 2, "the question")
        equal(bool(terminal.get_modes()[3] & termios.ECHO), False, "that it is shown")
        terminal.type("secret\r")
        ready(terminal)
        equal("secret" in terminal.text(), False, "that it is shown")
        leave_by_c(terminal)


@test("... Ctrl-C there ends it by the signal, and the terminal is as it was")
def _():
    with at_terminal("-u", "me", URL) as terminal:
        terminal.wait("wsecho: password for me:")
        terminal.type(CTRL["Z"])
        terminal.wait(lambda _: not terminal.get_modes()[3] & termios.ECHO, "that it goes on")
        terminal.type(CTRL["C"])
        terminal.expect(-signal.SIGINT)


@test("Ctrl-Z without a shell that could bring it back changes nothing")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("ab")
        terminal.wait("> ab")
        terminal.type(CTRL["Z"])
        terminal.wait(lambda _: terminal.raw.count(b"2004h") == 2, "that it goes on")
        terminal.type("c\r")
        talker.hears("abc")
        leave(terminal, talker)


@test("bg: it goes on printing in the background, and fg takes lines again")
def _():
    with Talker() as talker, shell(talker.url, columns=200) as terminal:
        ready(terminal)
        terminal.type(CTRL["Z"])
        terminal.wait(lambda lines: "Stopped" in "".join(lines) and lines[-1] == "$", "the shell")
        terminal.type("bg\r")
        terminal.wait(lambda lines: lines[-1] == "$", "the shell")
        talker.says("tick")
        terminal.wait("< tick")
        terminal.type("fg\r")
        terminal.shows(PROMPT)
        terminal.type("hello\r")
        talker.hears("hello")
        leave_by_c(terminal, talker)


def leave_by_c(terminal, talker=None):
    terminal.type(CTRL["C"])
    if talker:
        talker.hears(close_payload(1000), CLOSE)
        talker.closes(1000)
    terminal.shows("$")
    terminal.type("echo status $?\r")
    terminal.wait("status 130")


@test("SIGSTOP and SIGCONT, of which nobody tells it beforehand: its modes are set again")
def _():
    with Talker() as talker, shell(talker.url, columns=200) as terminal:
        ready(terminal)
        terminal.type("half")
        terminal.wait("> half")
        pid = int(match(r"(\d+)", pathlib.Path(
            f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text())[1])
        os.kill(pid, signal.SIGSTOP)
        terminal.wait(lambda lines: "Stopped" in "".join(lines) and lines[-1] == "$", "the shell")
        terminal.type("fg\r")
        terminal.shows("> half")
        terminal.type(LEFT + "X\r")
        talker.hears("halXf")
        leave_by_c(terminal, talker)


@test("another size: the line is drawn for that")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("0123456789" * 5)
        terminal.wait("> " + "0123456789" * 5)
        terminal.resize(24, 30)
        terminal.shows("> 0123456789012345678901234567", "8901234567890123456789")
        talker.says("tick")
        terminal.shows("< tick", "> 0123456789012345678901234567", "8901234567890123456789")
        terminal.type(HOME + "X\r")
        talker.hears("X" + "0123456789" * 5)
        leave(terminal, talker)


def stop(terminal, talker):
    """Ctrl-S, and until it has worked: the kernel takes keys when it has time, but those that come
    together together, and only then is the line read."""
    terminal.type("stopped\r" + CTRL["S"])
    talker.hears("stopped")


@test("Ctrl-S stops the terminal and nothing else: Pings are answered; Ctrl-Q shows what came")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        stop(terminal, talker)
        for i in range(10):
            talker.says(f"tick {i}")
            talker.says(b"%d" % i, PING)
            talker.hears(b"%d" % i, PONG)
        terminal.type("typed\r")
        talker.hears("typed")
        equal("tick" in terminal.text(), False, "that something is shown")
        terminal.type(CTRL["Q"])
        terminal.wait("< tick 9")
        terminal.shows("> typed", PROMPT)
        leave(terminal, talker)


@test("... for as long as one likes: what waits is bounded, and SIGTERM ends it")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        stop(terminal, talker)
        talker.opened.wait(DEADLINE)
        talker.peer.sock.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                talker.says("x" * 100_000)
                sent += 100_000
        except TimeoutError:
            pass
        equal(sent < 64 << 20, True, "that the server has to wait")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.expect(-signal.SIGTERM)

main(threads=4)
