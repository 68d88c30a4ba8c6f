# SPDX-License-Identifier: MIT
"""wsecho at a terminal: lines are edited, what comes is printed above them, and the terminal is as
it was afterwards, however that ends."""

import os
import pathlib
import shutil
import signal
import termios
import threading

from peer import BINARY, CLOSE, PING, PONG, TEXT, Script, close_payload
from screen import ENVIRONMENT, Terminal, at_terminal
from support import DEADLINE, Server, client_command, equal, eventually, main, match, scratch, test

server = Server(listen=("ws://127.0.0.1:0", "wss://localhost:0"))
URL = server.ws
PROMPT = ">"
LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (f"\033{key}" for key in (
    "[D", "[C", "[A", "[B", "[H", "[F", "[3~"))
CTRL = {letter: chr(ord(letter) & 31) for letter in "ABCDEFKLNPQRSUVWYZ\\"}


class Talker(Script):
    """A server on whose side of the connection the test itself speaks."""

    def __init__(self):
        super().__init__(self.talk)
        self.opened, self.over = threading.Event(), threading.Event()
        self.peer = None

    def talk(self, peer):
        peer.accept()
        self.peer = peer
        self.opened.set()
        self.over.wait(DEADLINE)

    def says(self, text, opcode=TEXT):
        self.opened.wait(DEADLINE)
        self.peer.send_frame(opcode, text if isinstance(text, bytes) else text.encode())

    def hears(self, payload, opcode=TEXT):
        self.opened.wait(DEADLINE)
        came = self.peer.read_frame()
        equal((came.opcode, came.payload),
              (opcode, payload if isinstance(payload, bytes) else payload.encode()), "what came")

    def closes(self, code, reason=b""):
        """Answers the client's Close, or is answered."""
        self.opened.wait(DEADLINE)
        self.peer.send_close(code, reason)

    def __exit__(self, *raised):
        self.over.set()
        super().__exit__(*raised)


def ready(terminal):
    """It is connected and waits for a line."""
    terminal.wait(lambda lines: "Ctrl-D closes, Ctrl-C quits." in "".join(lines), "the greeting")
    terminal.shows(PROMPT)
    return terminal


def leave(terminal, talker=None):
    """Ctrl-D."""
    terminal.type(CTRL["D"])
    if talker:
        talker.hears(close_payload(1000), CLOSE)
        talker.closes(1000)
    terminal.expect(0)


# Sending and printing.


@test("it says where it is connected and how, shows what goes and what comes, and Ctrl-D closes: 0")
def _():
    with at_terminal(URL) as terminal:
        ready(terminal)
        terminal.type("hello\r")
        terminal.shows(f"connected to {URL} (plain). Ctrl-D closes, Ctrl-C quits.", "> hello",
                       "< hello", PROMPT)
        leave(terminal)
        terminal.shows("< hello", f"closed by {URL[5:]}: 1000")
    with at_terminal(server.wss) as terminal:
        terminal.wait(f"connected to {server.wss} (TLSv1.3). Ctrl-D closes")
        leave(ready(terminal))


@test("keys edit the line: cursor, Home, End, Backspace, Delete, Ctrl-A, E, K, U, W, words")
def _():
    for keys, wanted in ((("hello", LEFT, LEFT, "\x7f", "X"), "heXlo"),
                         (("ello", HOME, "h", END, "!"), "hello!"),
                         (("xhello", "\033[1~", DELETE, "\033[4~", "."), "hello."),
                         (("b", CTRL["A"], "a", CTRL["E"], "c"), "abc"),
                         (("abc", LEFT, CTRL["D"]), "ab"),
                         (("abc def", CTRL["W"], "x"), "abc x"),
                         (("abc", CTRL["U"], "x"), "x"),
                         (("abc", LEFT, CTRL["K"]), "ab"),
                         (("one two", "\033[1;5D", "x"), "one xtwo"),
                         (("one two", "\033b", "\033b", "x"), "xone two"),
                         (("größe 漢字", LEFT, "\x7f", LEFT, LEFT, "é"), "größée 字"),
                         (("a", CTRL["V"], "\t", "b"), "a\tb")):
        with Talker() as talker, at_terminal(talker.url) as terminal:
            ready(terminal)
            for key in keys:
                terminal.type(key)
            terminal.type("\r")
            talker.hears(wanted)


@test("an empty line is an empty message, and what is no UTF-8 is U+FFFD")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("\r")
        talker.hears("")
        terminal.type(b"a\xffb\xc3\r")
        talker.hears("a\ufffdb\ufffd")
        leave(terminal, talker)


@test("what comes while one types is printed above the line, which stays as it is")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("half a message" + LEFT * 4)
        terminal.shows("> half a message")
        talker.says("tick")
        terminal.shows("< tick", "> half a message")
        terminal.at(2, 12)
        terminal.type("X")
        terminal.shows("< tick", "> half a mesXsage")
        # Over several rows, the cursor in the middle.
        terminal.type(CTRL["U"] + "0123456789" * 20 + LEFT * 100)
        terminal.at(3, 22)
        talker.says("tock")
        rows = ["> " + "0123456789" * 7 + "01234567", "89" + "0123456789" * 7 + "01234567",
                "89" + "0123456789" * 4]
        terminal.shows("< tick", "< tock", *rows)
        terminal.at(4, 22)
        # The line ends where the row does.
        terminal.type(CTRL["U"] + "x" * 78)
        talker.says("tack")
        terminal.shows("< tock", "< tack", "> " + "x" * 78)
        terminal.type("y\r")
        talker.hears("x" * 78 + "y")


@test("... also in a search, and after half of a key's sequence")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("findme\r")
        talker.hears("findme")
        terminal.type(CTRL["R"] + "ind")
        terminal.wait("bck:ind")
        talker.says("tick")
        terminal.wait("< tick")
        terminal.wait("bck:ind")
        equal([line for line in terminal.lines() if "bck:" in line], ["bck:ind"])
        terminal.type("\r")
        talker.hears("findme")
        terminal.type("ab\033")
        talker.says("tock")
        terminal.shows("< tock", "> ab")
        terminal.type("[Dc\r")
        talker.hears("acb")


@test("wide characters, combining ones and tabs keep their places")
def _():
    with Talker() as talker, at_terminal(talker.url, columns=20) as terminal:
        ready(terminal)
        for text in ("漢字" * 8 + "x", "a\tb\tc", "x" * 17 + "漢"):
            terminal.paste(text)
            talker.says("tick")
            terminal.wait("< tick")
            terminal.wait(lambda lines: "".join(lines).count(">") >= 1, "the prompt")
            terminal.type("!\r")
            talker.hears(text + "!")
            terminal.shows(PROMPT)
            terminal.type(CTRL["L"])
            terminal.wait(lambda lines: lines == [PROMPT], "an empty screen")


@test("a terminal obeys nothing of what comes, and lines of a message are no lines of ours")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        talker.says("\033]0;title\007\033[2J\u202ered\nclosed by bank: 1000")
        talker.says(b"\0\1\xff", BINARY)
        terminal.shows(r"< \x1b]0;title\x07\x1b[2J\xe2\x80\xaered", "  closed by bank: 1000",
                       "< 3 bytes: 00 01 ff", PROMPT)
        leave(terminal, talker)


@test("-T shows the time, --json events, --raw what it is, above the line as well")
def _():
    for option, wanted in (("-T", r"^< \d\d:\d\d:\d\d\.\d{3} tick$"), ("--raw", "^tick$"),
                           ("--json", r'"data": *"tick"')):
        with Talker() as talker, at_terminal(option, talker.url, columns=200) as terminal:
            ready(terminal)
            terminal.type("typed")
            terminal.wait("> typed")
            talker.says("tick")
            terminal.wait(lambda lines: "tick" in "".join(lines) and lines[-1] == "> typed", "tick")
            match(rf"(?m){wanted}", terminal.text())
            terminal.type(CTRL["U"])
            leave(terminal, talker)


@test("what is said on the way comes above the line, too: -v, Pings with -P, the dump of SIGUSR1")
def _():
    with Talker() as talker, at_terminal("-P", "-v", talker.url) as terminal:
        terminal.wait("* open after")
        terminal.wait("Ctrl-D closes")
        terminal.type("typed")
        terminal.wait("> typed")
        talker.says("are you there", PING)
        terminal.shows("< ping: are you there", "> pong: are you there", "> typed")
        terminal.process.send_signal(signal.SIGUSR1)
        terminal.wait(lambda lines: any("print what comes" in line for line in lines) and
                      lines[-1] == "> typed", "the tree of tasks")


@test("a larger message than the screen is printed whole, with the line below it")
def _():
    text = "".join(f"line {i}\n" for i in range(30_000))
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("typed")
        terminal.wait("> typed")
        talker.says(text)
        terminal.shows("  line 29998", "  line 29999", "> typed")
        terminal.type(CTRL["U"])
        leave(terminal, talker)


# Pastes.


@test("6,000 characters that are pasted are one message, with and without the marks of a paste")
def _():
    text = "".join(f"{i:05},{'ä' if i % 7 else '漢'}" for i in range(1_000))[:6_000]
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.paste(text)
        talker.says("tick")
        terminal.wait(lambda lines: lines[-1].endswith(text[-3:]), "the end of the paste")
        terminal.type("\r")
        talker.hears(text)
        terminal.shows(PROMPT)
        terminal.type(text + "\r")
        talker.hears(text)
        leave(terminal, talker)
    equal(len(text), 6_000)


@test("a paste of several lines is one message, without the line ends behind it, and no command")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.paste("{\n  \"a\": 1\n}\n\n")
        terminal.shows("> {", "  \"a\": 1", "}")
        talker.says("tick")
        terminal.shows("< tick", "> {", "  \"a\": 1", "}")
        terminal.type(" \r")
        talker.hears("{\n  \"a\": 1\n} ")
        terminal.paste("/etc/passwd\n//x\033[A")
        terminal.type("\r")
        talker.hears("/etc/passwd\n//x\033[A")
        leave(terminal, talker)


@test("a paste that is too long is refused in a sentence, and the line is as it was")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type("before")
        terminal.paste("x" * 1_100_000)
        terminal.shows("wsecho: what was pasted is too long for a line: send it with /file",
                       "> before")
        terminal.type("\r")
        talker.hears("before")
        terminal.paste("y" * 1_000_000)
        terminal.wait(lambda lines: lines[-1].endswith("y"), "the paste")
        terminal.type("\r")
        talker.hears("y" * 1_000_000)
        leave(terminal, talker)
    with Talker() as talker, at_terminal("--max-message", "10", talker.url) as terminal:
        ready(terminal)
        terminal.type("01234567890\r")
        terminal.shows("wsecho: the line is longer than --max-message", PROMPT)
        leave(terminal, talker)


# History.


@test("Up and Down go through what was typed, and Ctrl-R searches it")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        for line in ("one", "two", "three"):
            terminal.type(line + "\r")
            talker.hears(line)
        terminal.type(UP + UP + "!\r")
        talker.hears("two!")
        terminal.type("draft" + UP + DOWN + "\r")
        talker.hears("draft")
        terminal.type(CTRL["R"] + "on")
        terminal.wait("bck:on")
        terminal.type("\r")
        talker.hears("one")
        leave(terminal, talker)


def state_file(directory):
    return directory / "state" / "wsecho" / "history"


@test("--history keeps it in a file for the next time, which only its owner may read")
def _():
    directory = scratch() / "kept"
    more = {"XDG_STATE_HOME": str(directory / "state")}
    with at_terminal("--history", URL, **more) as terminal:
        ready(terminal)
        terminal.type("first\r")
        terminal.wait("< first")
        terminal.type("first\r")
        terminal.paste("two\nlines \\n")
        terminal.type("\r")
        terminal.wait("  lines")
        # It is there at once: another one that begins now has it.
        path = state_file(directory)
        eventually(lambda: path.read_text() == "first\ntwo\\nlines \\\\n\n", "the file")
        equal((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777), (0o600, 0o700))
        leave(terminal)
    with at_terminal("--history", URL, **more) as terminal:
        ready(terminal)
        terminal.type(UP)
        terminal.shows("> two", "lines \\n")
        terminal.type(UP)
        terminal.shows("> first")
        terminal.type("\r")
        terminal.wait("< first")
        leave(terminal)
    with at_terminal(URL, **more) as terminal:
        ready(terminal)
        terminal.type(UP + "not kept\r")
        terminal.wait("< not kept")
        leave(terminal)
    equal(path.read_text(), "first\ntwo\\nlines \\\\n\nfirst\n", "the file")


@test("... below ~/.local/state by default; a large one is cut to its end")
def _():
    home = scratch() / "home"
    path = home / ".local/state/wsecho/history"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {i}\n" for i in range(500_000)))
    with at_terminal("--history", URL, HOME=str(home)) as terminal:
        ready(terminal)
        terminal.type(UP + "\r")
        terminal.wait("< line 499999")
        leave(terminal)
    lines = path.read_text().splitlines()
    equal((lines[-2:], path.stat().st_size < 1_100_000, lines[0].startswith("line ")),
          (["line 499998", "line 499999"], True, True))
    equal(sorted(os.listdir(path.parent)), ["history"])


@test("... one that cannot be kept is told, and done without")
def _():
    with at_terminal("--history", URL, XDG_STATE_HOME="/dev/null") as terminal:
        terminal.wait("wsecho: the history '/dev/null/wsecho/history' cannot be kept: Not a dir")
        leave(ready(terminal))


# Commands.


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
        terminal.type("/st\t\r")
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
            terminal.shows("< tick", PROMPT)
            terminal.type("/stats\n//x\n")
            talker.hears("/x")
            terminal.wait("connected to")
            terminal.type(b"\xff\n")
            terminal.shows("wsecho: the line is not UTF-8: send it with --binary", PROMPT)
            equal(b"\033" in terminal.raw, False, "that there are escape sequences")
            leave(terminal, talker)


# How it ends.


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


def leave_by_c(terminal, talker):
    terminal.type(CTRL["C"])
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


@test("Ctrl-S stops the terminal and nothing else: Pings are answered; Ctrl-Q shows what came")
def _():
    with Talker() as talker, at_terminal(talker.url) as terminal:
        ready(terminal)
        terminal.type(CTRL["S"])
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
        terminal.type(CTRL["S"])
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


@test("without a language, or with another one, text is UTF-8")
def _():
    for locale in ("C", "tr_TR.UTF-8", "no_SUCH"):
        with Talker() as talker, at_terminal(talker.url, LC_ALL=locale) as terminal:
            ready(terminal)
            terminal.type("größe" + LEFT * 3 + "\x7f\r")
            talker.hears("göße")
            leave(terminal, talker)


@test("~/.editrc is read: with the editor vi, ESC is a key, and pastes are not marked")
def _():
    home = scratch() / "editrc"
    home.mkdir()
    (home / ".editrc").write_text("bind -v\nbind ^B ed-move-to-beg\n")
    with Talker() as talker, at_terminal(talker.url, HOME=str(home)) as terminal:
        ready(terminal)
        terminal.type("hello\033" + "0xiX\r")
        talker.hears("Xello")
        terminal.type("b" + CTRL["B"] + "a\r")
        talker.hears("ab")
        equal(b"2004h" in terminal.raw, False, "that pastes are to be marked")
        leave(terminal, talker)


main(threads=4)
