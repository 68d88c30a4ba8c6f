# SPDX-License-Identifier: MIT
"""What is tested: a server with a URL, or a client that is started with one."""

import dataclasses
import shlex
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

from . import http
from .frames import TEXT, text
from .link import Link, Log


@dataclasses.dataclass
class Settings:
    """Times in seconds."""

    deadline: float = 8  # for what must come
    patience: float = 1  # for what should not come; see Session.quiet
    jobs: int = 24  # connections at a time


class Unreachable(Exception):
    """Why there is nothing to test."""


def client_context(cacert=None, insecure=False):
    """A client's TLS context; certificates are verified, unless it is insecure."""
    context = ssl.create_default_context(cafile=cacert)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    return context


class ServerTarget:
    """A server under test."""

    role = "server"

    def __init__(self, url, settings, cacert=None, insecure=False):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise Unreachable(f"{url} is not a URL like ws://HOST:PORT/PATH")
        self.url = url
        self.settings = settings
        self.secure = parts.scheme == "wss"
        self.address = (parts.hostname, parts.port or (443 if self.secure else 80))
        self.host = parts.netloc.rpartition("@")[2]
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.context = client_context(cacert, insecure) if self.secure else None
        self.lock = threading.Lock()
        self.deflates = None  # not known

    def connect(self, log):
        """A link whose TLS handshake is done."""
        try:
            sock = socket.create_connection(self.address, self.settings.deadline)
        except OSError as error:
            raise Unreachable(f"cannot connect to {self.url}: {error}") from None
        link = Link(sock, log, self.settings, client=True, context=self.context,
                    name=self.address[0])
        try:
            if self.context:
                link.handshake(self.settings.deadline)
        except (OSError, ssl.SSLError) as error:
            link.close()
            raise Unreachable(f"no TLS with {self.url}: {error}") from None
        return link

    def compresses(self):
        """True if the server agrees to permessage-deflate at all; asked once."""
        with self.lock:
            if self.deflates is None:
                link = self.connect(Log())
                link.send(http.encode(f"GET {self.path} HTTP/1.1", http.request_fields(
                    self.host, http.new_key(), "permessage-deflate; client_max_window_bits")))
                head = http.Head(link.head() or [""])
                link.close()
                self.deflates = head.get("Sec-WebSocket-Extensions") is not None
            return self.deflates

    def barrier(self):
        """Waits until the server has echoed on another connection, twice: what it was given before
        it has seen by then. Returns None."""
        link = self.connect(Log())
        try:
            link.send(http.encode(f"GET {self.path} HTTP/1.1",
                                  http.request_fields(self.host, http.new_key())))
            link.head()
            for _ in range(2):
                link.send(text("barrier"))
                while (came := link.event()) and came.kind not in ("end", "reset", TEXT):
                    pass
        finally:
            link.close()


class ClientTarget:
    """A client under test: a command, which connects to the URL that it is given and echoes."""

    role = "client"

    def __init__(self, command, settings, pair=None):
        self.command = command
        self.settings = settings
        self.url = command
        self.context = None
        if pair:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*pair)
        self.path = "/conformance?case=1"
        self.keys = set()
        self.keys_seen_twice = False
        self.lock = threading.Lock()

    def visit(self, log):
        """A copy of the target for one case, with a listener and a client of its own."""
        return Visit(self, log)

    def barrier(self):
        """There is nothing else to ask a client. Returns None."""

    def note_key(self, key):
        with self.lock:
            self.keys_seen_twice |= key in self.keys
            self.keys.add(key)


class Visit:
    """One run of the client: `link` is its connection."""

    role = "client"

    def __init__(self, target, log):
        self.settings = target.settings
        self.target = target
        self.path = target.path
        self.log = log
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(self.settings.deadline)
        name = "localhost" if target.context else "127.0.0.1"
        self.host = f"{name}:{self.listener.getsockname()[1]}"
        url = f"{'wss' if target.context else 'ws'}://{self.host}{self.path}"
        words = [word.replace("{url}", url) for word in shlex.split(target.command)]
        self.output = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.output,
                                            stderr=self.output, start_new_session=True)
        except OSError as error:
            self.listener.close()
            self.output.close()
            raise Unreachable(f"cannot run {words[0]}: {error.strerror}") from None

    def connect(self, log):
        """The link, once the client has connected."""
        try:
            sock, _ = self.listener.accept()
        except TimeoutError:
            raise Unreachable("the client does not connect") from None
        link = Link(sock, log, self.settings, client=False, context=self.target.context,
                    server_side=True)
        try:
            if self.target.context:
                link.handshake(self.settings.deadline)
        except (OSError, ssl.SSLError) as error:
            link.close()
            raise Unreachable(f"no TLS with the client: {error}") from None
        return link

    def barrier(self):
        """See ClientTarget."""

    def note_key(self, key):
        self.target.note_key(key)

    @property
    def keys(self):
        return self.target.keys

    @property
    def keys_seen_twice(self):
        return self.target.keys_seen_twice

    def end(self):
        """Sees the client end, or ends it; what it said goes to the log."""
        self.listener.close()
        try:
            status = self.process.wait(self.settings.patience)
            self.log.note(f"the client ended with status {status}")
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.log.note("the client did not end and was killed")
        self.output.seek(0)
        for line in self.output.read(2000).decode(errors="replace").splitlines()[-4:]:
            self.log.note(f"the client says: {line}")
        self.output.close()
