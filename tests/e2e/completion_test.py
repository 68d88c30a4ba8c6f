# SPDX-License-Identifier: MIT
"""The completions, in shells at a terminal: what TAB makes of a line."""

import contextlib
import functools
import os
import shutil

from screen import CTRL, Terminal
from support import BUILD, Skip, main, run, scratch, test

WORDS = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}
BEGIN = {"bash": "for file in ../bash/*; do . $file; done; PS1='> '",
         "zsh": "fpath=($PWD/../zsh $fpath); autoload -Uz compinit; compinit -D -u; PROMPT='> '"}
open_shells = contextlib.ExitStack()


@functools.cache
def shell(name):
    """The shell, with all completions, in a directory with a file and a folder."""
    if not shutil.which(name):
        raise Skip(f"there is no {name}")
    home, functions = scratch() / f"in-{name}", scratch() / name
    for folder in (home, home / "certs", functions):
        folder.mkdir()
    (home / "ca.pem").touch()
    for program in ("wsecho", "wsechod", "wsbench"):
        (functions / f"_{program}").write_bytes(run(BUILD / program, "--completion", name).expect(0).out)
    terminal = open_shells.enter_context(Terminal(
        *WORDS[name], rows=40, columns=120, PATH=f"{BUILD}:{os.environ['PATH']}"))
    terminal.type(f"cd {home}; {BEGIN[name]}; echo re''ady\n")
    terminal.wait("ready")
    is_line(terminal, ">")
    return terminal


def is_line(terminal, text):
    """Waits until the line with the cursor is this."""
    terminal.wait(lambda _: terminal.screen.display[terminal.screen.cursor.y].rstrip() == text, text)


def completes(name, *pairs):
    """TAB behind the first of two makes the second of it."""
    terminal = shell(name)
    for typed, line in pairs:
        terminal.type(typed + "\t")
        is_line(terminal, "> " + line)
        terminal.type(CTRL["U"])
        is_line(terminal, ">")


def test_each(title):
    """Makes a test for each shell of a function that gets its name."""

    def declare(function):
        for name in WORDS:
            test(f"{name}: {title}")(functools.partial(function, name))
        return function

    return declare


@test_each("options, by their beginning, wherever they stand")
def _(name):
    completes(name, ("wsecho --expec", "wsecho --expect" + ("=" if name == "zsh" else "")),
              ("wsecho ws://h --verb", "wsecho ws://h --verbose"),
              ("wsechod --daem", "wsechod --daemon"), ("wsbench --chur", "wsbench --churn"))


@test_each("the words that an option takes, behind it or behind '='")
def _(name):
    completes(name, ("wsecho --loop u", "wsecho --loop uv"), ("wsecho --loop=p", "wsecho --loop=poll"))
    terminal = shell(name)
    terminal.type("wsecho --print \t\t")
    for word in ("auto", "hex", "base64", "raw"):
        terminal.wait(word)
    terminal.type(CTRL["U"])
    is_line(terminal, ">")


@test_each("files and folders, where they are wanted")
def _(name):
    completes(name, *((f"wsecho {option}ca", f"wsecho {option}ca.pem") for option in (
        "--cacert ", "--cacert=", "-E ", "--unix-socket ", "-f ")),
              ("wsecho --capath ce", "wsecho --capath certs/"), ("wsechod --cert ca", "wsechod --cert ca.pem"))


with open_shells:
    main()
