# SPDX-License-Identifier: MIT
"""A client under test: a command that connects to the URL that it is given, and echoes."""

import os
import shlex
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from .link import Link, Log
from .session import Session
from .targets import Unreachable, said
from .verdict import Judged

PATH = "/conformance?case=1"


class ClientTarget:
    """The command has {url} for one connection, or {urls} for many, which it serves in turn."""

    role = "client"

    def __init__(self, command, settings, pair=None):
        if "{url}" not in command and "{urls}" not in command:
            raise Unreachable(f"there is no {{url}} in {command!r}")
        self.command = command
        self.settings = settings
        self.url = command
        self.in_turn = "{urls}" in command
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                self.context.load_cert_chain(*pair)
            except OSError as error:
                raise Unreachable(f"cannot use the certificate {pair[0]}: {said(error)}") from None
        self.keys = set()
        self.keys_seen_twice = False
        self.lock = threading.Lock()

    def probe(self):
        """Raises Unreachable if the command is no client: it does not connect, or does not ask for
        a WebSocket."""
        batch, log = Batch(self, 1), Log()
        try:
            link = batch.connect(log)
            try:
                Session(link, batch).open()
            finally:
                link.close()
        except Judged as judged:
            raise Unreachable(f"{self.command}: {judged.seen}{batch.complaint()}") from None
        except Unreachable as error:
            raise Unreachable(f"{self.command}: {error}") from None
        finally:
            batch.stop()

    def note_key(self, key):
        """Keys of all connections, to see that each is another one."""
        with self.lock:
            self.keys_seen_twice |= key in self.keys
            self.keys.add(key)


class Batch:
    """Cases that the client is run for, with one process as long as that lives."""

    role = "client"
    path = PATH

    def __init__(self, target, count):
        self.target = target
        self.settings = target.settings
        self.left = count
        self.process = self.listener = self.output = None
        self.heard = 0  # bytes of the output
        self.host = None

    def start(self):
        """Runs the client for all cases that are left, with a new listener."""
        self.stop()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        name = "localhost" if self.target.context else "127.0.0.1"
        self.host = f"{name}:{self.listener.getsockname()[1]}"
        url = f"{'wss' if self.target.context else 'ws'}://{self.host}{PATH}"
        words = []
        for word in shlex.split(self.target.command):
            words += [url] * self.left if word == "{urls}" else [word.replace("{url}", url)]
        self.heard = 0
        self.output = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        try:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                words, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        except OSError as error:
            raise Unreachable(f"cannot run {words[0]}: {error.strerror}") from None

    def connect(self, log):
        """The link of the next case, once the client has connected."""
        again = self.process is not None
        if not again or self.process.poll() is not None:
            self.start()
        # Many that start at the same time are slow.
        sock = self.accept(self.settings.deadline * (1 if again else 4))
        if sock is None:
            complaint = self.complaint()
            self.stop()
            if not again:
                raise Unreachable(f"the client does not connect{complaint}")
            log.note("the client did not go on, and was started again")
            return self.connect(log)
        link = Link(sock, log, self.settings, client=False, context=self.target.context,
                    server_side=True)
        try:
            if self.target.context:
                link.handshake(self.settings.deadline)
        except OSError as error:
            link.close()
            raise Unreachable(f"no TLS with the client: {said(error)}") from None
        return link

    def accept(self, seconds):
        """The client's connection, or None if it does not come or the client has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            try:
                return self.listener.accept()[0]
            except TimeoutError:
                if ended:
                    break
        return None

    def done(self, log):
        """A case has ended. After the last one the client ends, or is ended."""
        self.left -= 1
        if self.process and self.left == 0:
            try:
                status = self.process.wait(self.settings.patience)
                log.note(f"the client ended with status {status}")
            except subprocess.TimeoutExpired:
                log.note("the client did not end, and was killed")
        for line in self.said().splitlines()[-3:]:
            log.note(f"the client says: {line}")
        if self.left == 0:
            self.stop()

    def said(self):
        """What it wrote since it was asked last."""
        if not self.output:
            return ""
        # The client writes where this file stands, so it is read without moving it.
        words = os.pread(self.output.fileno(), 4000, self.heard)
        self.heard += len(words)
        return words.decode(errors="replace")

    def complaint(self):
        """The same in a sentence's end, or nothing."""
        words = " ".join(self.said().split())
        return f"; it says: {words[-300:]}" if words else ""

    def stop(self):
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process = None
        if self.listener:
            self.listener.close()
            self.output.close()
            self.listener = self.output = None

    # What a session asks of its target.

    def barrier(self):
        """There is nothing else to ask a client. Returns None."""

    def note_key(self, key):
        self.target.note_key(key)

    @property
    def keys(self):
        return self.target.keys

    @property
    def keys_seen_twice(self):
        return self.target.keys_seen_twice
