# SPDX-License-Identifier: MIT
"""Programs at a terminal: a pseudo-terminal whose screen is drawn by pyte, somebody who types, and a
server that talks to him."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading

import pyte

from peer import CLOSE, TEXT, Script, close_payload
from support import COMPLAINT, DEADLINE, client_command, equal, scratch

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": str(scratch()), "TERM": "xterm", "PS1": "$ ",
               "LC_ALL": "C.UTF-8"}
ENVIRONMENT |= {name: value for name, value in os.environ.items()
                if name.endswith("SAN_OPTIONS") or name.startswith("MUTANT")}


class Terminal:
    """A program that runs at a terminal of its own while the block does."""

    def __init__(self, *command, rows=24, columns=80, term=None, stdout=None, **environment):
        self.ours, self.its = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.changed = threading.Condition()
        self.set_size(rows, columns)
        self.modes = self.get_modes()
        environment = ENVIRONMENT | ({"TERM": term} if term else {}) | environment
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=self.its, stderr=self.its,
            stdout=self.its if stdout is None else stdout, env=environment,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        # Who closes a descriptor that another thread reads has not closed it yet.
        self.stop, stop = os.pipe()
        self.reader = threading.Thread(target=self.read, args=(stop,), daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()
        if COMPLAINT.search(self.raw.decode(errors="replace")):
            raise AssertionError(self.raw.decode(errors="replace"))

    def read(self, stop):
        with open(stop, "rb"), contextlib.suppress(OSError):
            while stop not in (ready := select.select([self.ours, stop], [], [])[0]):
                data = os.read(ready[0], 65536)
                with self.changed:
                    self.raw += data
                    self.stream.feed(data)
                    self.changed.notify_all()

    def hang_up(self):
        """The terminal goes away."""
        if self.ours != -1:
            os.close(self.stop)
            self.reader.join(DEADLINE)
            os.close(self.its)
            os.close(self.ours)
            self.ours = -1

    def get_modes(self):
        return termios.tcgetattr(self.its)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        with self.changed:
            self.screen.resize(rows, columns)
            self.set_size(rows, columns)

    def type(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.ours, data[:1000]):]

    def paste(self, text):
        """As a terminal does that was asked to mark it; line ends are CR."""
        self.type(b"\033[200~" + text.replace("\n", "\r").encode() + b"\033[201~")

    def lines(self):
        """What is on the screen, without blanks at the ends and empty lines below."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def text(self):
        return "\n".join(self.lines())

    def wait(self, condition, what=None):
        """Until the condition holds of the lines; or one of them is, or ends with, the text."""
        if isinstance(condition, str):
            text, what = condition, repr(condition)

            def condition(lines):
                return any(text in line for line in lines)
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.lines()), DEADLINE):
                raise AssertionError(f"never came: {what}\n" + self.text() + f"\n{self.raw!r:.2000}")

    def shows(self, *lines):
        """Waits until the screen's last lines are these."""
        def condition(shown):
            return shown[-len(lines):] == list(lines)
        self.wait(condition, lines)

    def at(self, row, column):
        """Waits until the cursor is there, counted from 0."""
        self.wait(lambda _: (self.screen.cursor.y, self.screen.cursor.x) == (row, column),
                  f"the cursor at {row}, {column}")

    def see_all(self):
        """What was written to it is on the screen, up to a NUL behind it, which shows nothing. One
        that is stopped takes none."""
        if not select.select([], [self.its], [], 0)[1]:
            return
        os.write(self.its, b"\0")
        with self.changed:
            if not self.changed.wait_for(lambda: self.raw.endswith(b"\0"), DEADLINE):
                raise AssertionError(f"never came: the end of {self.raw!r:.2000}")
            self.raw = self.raw[:-1]

    def expect(self, status):
        """It ends with this status, and the terminal is as it was."""
        equal(self.process.wait(DEADLINE), status, f"the status, after\n{self.text()}\n")
        self.see_all()
        equal(self.get_modes(), self.modes, "the modes of the terminal")


def at_terminal(*words, **more):
    """wsecho, at a terminal."""
    return Terminal(*client_command(*words), **more)


# Somebody who uses it.

PROMPT = ">"
LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (f"\033{key}" for key in (
    "[D", "[C", "[A", "[B", "[H", "[F", "[3~"))
CTRL = {letter: chr(ord(letter) & 31) for letter in "ABCDEFKLNPQRSUVWYZ\\"}


class Talker(Script):
    """A server on whose side of the connection the test itself speaks."""

    def __init__(self, port=0):
        super().__init__(self.talk, port=port)
        self.opened, self.over = threading.Event(), threading.Event()
        self.accepted = None

    def talk(self, peer):
        peer.accept()
        self.accepted = peer
        self.opened.set()
        self.over.wait(DEADLINE)

    @property
    def peer(self):
        """The connection. The client may have seen its opening before this side has."""
        assert self.opened.wait(DEADLINE), "nobody connected"
        return self.accepted

    def says(self, text, opcode=TEXT):
        self.peer.send_frame(opcode, text if isinstance(text, bytes) else text.encode())

    def hears(self, payload, opcode=TEXT):
        came = self.peer.read_frame()
        equal((came.opcode, came.payload),
              (opcode, payload if isinstance(payload, bytes) else payload.encode()), "what came")

    def closes(self, code, reason=b""):
        """Answers the client's Close, or is answered."""
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
