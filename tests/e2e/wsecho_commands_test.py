# SPDX-License-Identifier: MIT
"""What somebody at a terminal can tell wsecho: lines that begin with a slash, and options."""

import os

from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload
from screen import CTRL, LEFT, PROMPT, Talker, Terminal, at_terminal, leave, ready
from support import Server, client_command, equal, eventually, main, match, scratch, test

server = Server(listen=("ws://127.0.0.1:0",))
URL = server.ws


@test("/ping tells how long the Pong took")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        for line, payload in (("/ping", b""), ("/ping how are you", b"how are you")):
            terminal.type(line + "\r")
            talker.hears(payload, PING)
            talker.says(b"not that one", PONG)
            talker.says(payload, PONG)
        terminal.wait(lambda lines: len([line for line in lines if "pong " in line]) == 2, "Pongs")
        match(r"(?m)^pong after \d+\.\d ms$", terminal.text())
        match(r"(?m)^pong how are you after \d+\.\d ms$", terminal.text())
        terminal.type("/ping " + "x" * 126 + "\r")
        terminal.shows("wsecho: /ping: a Ping has at most 125 bytes", PROMPT)
        leave(terminal, talker)


@test("/close says with what code and reason")
def _():
    for line, payload in (("/close", close_payload(1000)), ("/close 4001", close_payload(4001)),
                          ("/close 4001 größer als", close_payload(4001, "größer als".encode()))):
        with Talker() as talker, at_terminal(talker.url) as terminal:
            ready(terminal)
            terminal.type(line + "\r")
            talker.hears(payload, CLOSE)
            talker.says(payload, CLOSE)
            terminal.expect(0)
            code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode()
            terminal.wait(f"closed by {talker.url[5:]}: {code} {reason}".rstrip())
    with Talker() as talker, at_terminal(talker.url, columns=200) as terminal:
        ready(terminal)
        for text in ("x", "1005", "1006", "999", "4001x"):
            terminal.type(f"/close {text}\r")
            terminal.wait(f"wsecho: /close: '{text}' does not begin with a code")
        terminal.type("/close 4001 " + "x" * 124 + "\r")
        terminal.shows("wsecho: /close: the reason is longer than 123 bytes", PROMPT)
        leave(terminal, talker)


@test("/binary sends bytes")
def _():
    with Talker() as talker, at_terminal("--max-message", "100", talker.url) as terminal:
        ready(terminal)
        terminal.type("/binary 00 01ff\r")
        talker.hears(b"\0\1\xff", BINARY)
        terminal.type("/binary 0x\r")
        terminal.shows("wsecho: /binary: that is not hex", PROMPT)
        terminal.type("/binary\r")
        terminal.shows("wsecho: /binary needs HEX", PROMPT)
        terminal.type("/binary " + "00" * 101 + "\r")
        terminal.shows("wsecho: /binary: that is longer than --max-message", PROMPT)
        leave(terminal, talker)


def message_of(peer):
    """The opcode and the payload of a message in fragments."""
    first = came = peer.read_frame()
    payload = came.payload
    while not came.fin:
        came = peer.read_frame()
        payload += came.payload
    return first.opcode, payload


@test("/file sends a file as one message: text if it is UTF-8")
def _():
    directory = scratch() / "files"
    directory.mkdir()
    files = {"text file": ("größe\n" * 20_000).encode(), "bytes": os.urandom(100_000), "empty": b"",
             "late": b"x" * 70_000 + b"\xff"}
    for name, data in files.items():
        (directory / name).write_bytes(data)
    with Talker() as talker, at_terminal(talker.url, columns=200) as terminal:
        ready(terminal)
        for name, data in files.items():
            kind = "text" if name in ("text file", "empty") else "binary"
            terminal.type(f"/file {directory}/{name}\r")
            equal(message_of(talker.peer), (TEXT if kind == "text" else BINARY, data), name)
            terminal.shows(f"sent {directory}/{name}: {len(data)} bytes, {kind}", PROMPT)
        terminal.type("/file /no/such\r")
        terminal.shows("wsecho: /file /no/such: No such file or directory", PROMPT)
        terminal.type(f"/file {directory}\r")
        terminal.shows(f"wsecho: /file {directory}: Is a directory", PROMPT)
        terminal.type("/file\r")
        terminal.shows("wsecho: /file needs NAME", PROMPT)
        leave(terminal, talker)


@test("/stats counts, /help lists, TAB completes, and others are told of /help")
def _():
    with at_terminal(URL, columns=120) as terminal:
        ready(terminal)
        terminal.type("hello\r")
        terminal.wait("< hello")
        terminal.type("/stats\r")
        terminal.wait("sent 1 message, 5 bytes; received 1 message, 5 bytes")
        match(r"connected to 127\.0\.0\.1:\d+ for \d+\.\d s", terminal.text())
        terminal.type("/help\r")
        terminal.wait("//TEXT")
        terminal.shows(PROMPT)
        for name in ("ping", "close", "binary", "file", "stats", "help"):
            match(rf"(?m)^/{name} ", terminal.text())
        terminal.type("/\t")
        terminal.shows("/ping  /close  /binary  /file  /stats  /help", "> /")
        terminal.type("st\t\r")
        terminal.wait("sent 1 message, 5 bytes; received 1 message, 5 bytes")
        terminal.type("/foo bar\r")
        terminal.wait("wsecho: there is no command '/foo': /help lists them, and // sends a text")
        leave(terminal)


@test("// sends a slash, and with --no-slash / does")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        for typed, sent in (("//help", "/help"), ("///", "//"), ("//", "/")):
            terminal.type(typed + "\r")
            talker.hears(sent)
        leave(terminal, talker)
    with Talker() as talker, at_terminal("--no-slash", talker.url) as terminal:
        ready(terminal)
        for typed in ("/help", "//x"):
            terminal.type(typed + "\r")
            talker.hears(typed)
        leave(terminal, talker)


@test("-b, --hex and --base64 send each line as bytes; what is none is told")
def _():
    for option, typed, sent in (("-b", "abc", b"abc"), ("--hex", "00 ff", b"\0\xff"),
                                ("--base64", "AP8=", b"\0\xff")):
        with Talker() as talker, at_terminal(option, talker.url) as terminal:
            ready(terminal)
            terminal.type(typed + "\r")
            talker.hears(sent, BINARY)
            if option != "-b":
                terminal.type("?\r")
                terminal.shows(f"wsecho: the line is not {option[2:]}", PROMPT)
            leave(terminal, talker)


# Colours and where things go.


@test("colours: the marks, unless NO_COLOR is set, or with --no-color")
def _():
    for words, more, wanted in (((), {}, True), (("--no-color",), {}, False),
                                ((), {"NO_COLOR": "1"}, False), ((), {"NO_COLOR": ""}, True)):
        with at_terminal(*words, URL, **more) as terminal:
            ready(terminal)
            terminal.type("x\r")
            terminal.wait("< x")
            equal(b"\033[36m<\033[0m x" in terminal.raw, wanted, f"that {words} {more} has colours")
            equal(b"\033[1m>\033[0m " in terminal.raw, wanted, f"that {words} {more} has colours")
            leave(terminal)


@test(">log has the messages as they are, and nothing else")
def _():
    log = scratch() / "log"
    with open(log, "wb") as out, at_terminal(URL, stdout=out) as terminal:
        ready(terminal)
        terminal.type("one\r")
        eventually(lambda: log.read_bytes() == b"one\n", "the log")
        terminal.paste("two\033[1m\nlines")
        terminal.type("\r/help\r")
        terminal.wait("//TEXT")
        terminal.type(CTRL["D"])
        terminal.expect(0)
        equal("< one" in terminal.text(), False, "that the message is on the terminal")
    equal(log.read_bytes(), b"one\ntwo\033[1m\nlines\n", "the log")


@test("2>log, or input that is no terminal: nobody is prompted")
def _():
    for redirection in ("2>/dev/null", "</dev/null -w 0", "-N -w 0", "hello"):
        with Terminal("sh", "-c", f'"$0" "$@" {redirection}; echo done',
                      *client_command(URL)) as terminal:
            if redirection.startswith("2"):
                terminal.type("hello\n")
                terminal.wait(lambda lines: lines == ["hello", "hello"], "the reply")
                terminal.type(CTRL["D"])
            terminal.wait("done")
            equal(b"Ctrl-D" in terminal.raw, False, "that it speaks to a person")


@test("-q: no words, but lines are edited")
def _():
    with at_terminal("-q", URL) as terminal:
        terminal.shows(PROMPT)
        terminal.type("helo" + LEFT + "l\r")
        terminal.shows("> hello", "< hello", PROMPT)
        leave(terminal)
        equal(terminal.lines(), ["> hello", "< hello"])


@test("a terminal that can do nothing (TERM=dumb, unknown): lines as they come, same prompts")
def _():
    for term in ("dumb", "no-such-terminal"):
        with Talker() as talker, at_terminal(talker.url, term=term) as terminal:
            ready(terminal)
            terminal.type("hello\n")
            talker.hears("hello")
            terminal.shows("> hello", PROMPT)
            talker.says("tick")
            terminal.shows("> hello", "< tick", PROMPT)
            talker.says("")
            terminal.shows("< tick", "<", PROMPT)
            terminal.type("/stats\n")
            terminal.wait("connected to 127")
            terminal.shows(PROMPT)
            terminal.type("//x\n")
            talker.hears("/x")
            terminal.shows("> //x", PROMPT)
            terminal.type(b"\xff\n")
            terminal.shows("wsecho: the line is not UTF-8: send it with --binary", PROMPT)
            equal(b"\033" in terminal.raw, False, "that there are escape sequences")
            leave(terminal, talker)

main(threads=4)
