# SPDX-License-Identifier: MIT
"""wsecho at a terminal: lines are edited, and what comes is printed above them."""

import os
import signal

from peer import BINARY, PING
from screen import (CTRL, DELETE, DOWN, END, HOME, LEFT, PROMPT, UP, Talker, at_terminal, leave,
                    ready)
from support import Server, equal, eventually, main, match, scratch, test

server = Server(listen=("ws://127.0.0.1:0", "wss://localhost:0"))
URL = server.ws


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
        # Behind the last character of Unicode: the C library may take it for one.
        terminal.type(b"c\xfd\x89\x89\x89\x89\x89")
        terminal.type(b"\xf4\x90\x80\x80d\r")
        equal(talker.peer.read_frame().payload.decode().replace("\ufffd", ""), "cd", "the others")
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


@test("... on each kind of terminal")
def _():
    for term in ("xterm-256color", "screen", "tmux-256color", "linux", "vt100", "vt220", "rxvt"):
        with Talker() as talker, at_terminal(talker.url, term=term) as terminal:
            ready(terminal)
            terminal.type("0123456789" * 10 + LEFT * 10 + "X\x7f")
            terminal.at(2, 12)
            talker.says("tick")
            terminal.shows("< tick", "> " + "0123456789" * 7 + "01234567", "89" + "0123456789" * 2)
            terminal.at(3, 12)
            terminal.type("X\r")
            talker.hears("0123456789" * 9 + "X0123456789")


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
        # As a terminal of another system sends it; a line end may also be empty, or have no second half.
        terminal.type(b"\033[200~a\r\nb\r\rc\r\n\033[201~")
        terminal.type("\r")
        talker.hears("a\nb\n\nc")
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
    state = scratch() / "state"
    (state / "wsecho").mkdir(parents=True)
    os.mkfifo(state / "wsecho/history")
    with at_terminal("--history", URL, XDG_STATE_HOME=str(state)) as terminal:
        terminal.wait("cannot be kept: it is no regular file")
        leave(ready(terminal))


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
