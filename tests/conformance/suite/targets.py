# SPDX-License-Identifier: MIT
"""A server under test, and what can be set. clients.py has clients under test."""

import dataclasses
import socket
import ssl
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
