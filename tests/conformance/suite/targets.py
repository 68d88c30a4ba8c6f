# SPDX-License-Identifier: MIT
"""A server under test, and what can be set. clients.py has clients under test."""

import dataclasses
import socket
import ssl
import threading
import urllib.parse

from . import http
from .frames import TEXT, text
from .link import FAULT, Link, Log
from .session import Session
from .verdict import Judged


@dataclasses.dataclass
class Settings:
    """Times in seconds."""

    deadline: float = 8  # for what must come
    patience: float = 1  # for what should not come; see Session.quiet
    jobs: int = 24  # connections at a time


class Unreachable(Exception):
    """Why there is nothing to test."""


def said(error):
    """An OSError in words, without numbers and places in Python's source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error)


def client_context(cacert=None, insecure=False):
    """A client's TLS context; certificates are verified, unless it is insecure."""
    try:
        context = ssl.create_default_context(cafile=cacert)
    except OSError as error:
        raise Unreachable(f"cannot take certificates from {cacert}: {said(error)}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    return context


class ServerTarget:
    """A server under test."""

    role = "server"

    def __init__(self, url, settings, cacert=None, insecure=False):
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Unreachable(f"{url} is not a URL: {error}") from None
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise Unreachable(f"{url} is not a URL like ws://HOST:PORT/PATH")
        self.url = url
        self.settings = settings
        self.secure = parts.scheme == "wss"
        self.address = (parts.hostname, port or (443 if self.secure else 80))
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
            raise Unreachable(f"cannot connect to {self.url}: {said(error)}") from None
        link = Link(sock, log, self.settings, client=True, context=self.context,
                    name=self.address[0])
        try:
            if self.context:
                link.handshake(self.settings.deadline)
        except OSError as error:
            link.close()
            cure = "; --cacert FILE trusts an authority, --insecure any certificate"
            raise Unreachable(f"no TLS with {self.url}: {said(error)}" + (
                cure if isinstance(error, ssl.SSLCertVerificationError) else "")) from None
        return link

    def probe(self):
        """Raises Unreachable if no case can say more than that this is no server to test: it does
        not accept a right handshake, or does not echo. Faults of an echo are for the cases."""
        link = self.connect(Log())
        session = Session(link, self)
        try:
            session.open()
            link.send(text("Hello"))
            came = session.event()
        except Judged as judged:
            raise Unreachable(f"{self.url} is no WebSocket server: {judged.seen}") from None
        finally:
            link.close()
        if came is None or (came.kind != FAULT and came.data != b"Hello"):
            raise Unreachable(f"{self.url} does not echo: a text is answered with "
                              f"{session.show(came)}")

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
