# SPDX-License-Identifier: MIT
"""Streams of bytes, over TCP, TLS or a Unix socket, that can be cut, ended and broken anywhere.

What is sent with one call goes out in one segment as far as it fits; over TLS each argument is a
record of its own. Everything that waits gives up at the DEADLINE.
"""

import selectors
import socket
import ssl
import struct
import threading
import urllib.parse
import warnings

from support import DEADLINE, certificates


def any_certificate():
    """A client's TLS context that trusts everyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # A stream that breaks off is not taken for one that ends as it should.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    return context


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates() / "localhost.pem", certificates() / "localhost.key")
    return context


def versions(context, first, last):
    """Has the context speak these, out of date or not, with any suite; returns it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = first
        context.maximum_version = last
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def wait_ready(readers, writers, seconds):
    """Which of the sockets can be read, and which written, within this time. Takes any number."""
    with selectors.DefaultSelector() as selector:
        writers = set(writers)
        for sock in readers:
            both = sock in writers
            selector.register(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if both else 0))
        for sock in writers.difference(readers):
            selector.register(sock, selectors.EVENT_WRITE)
        ready = selector.select(seconds)
    return ([key.fileobj for key, events in ready if events & selectors.EVENT_READ],
            [key.fileobj for key, events in ready if events & selectors.EVENT_WRITE])


class Wire:
    """A stream of bytes: a socket, and TLS on it if there is a context."""

    def __init__(self, sock, context=None, server=False):
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
        self.lock = threading.Lock()  # of the session: one thread may read while another one sends
        self.notified = False  # a close_notify came: the stream did not just break off
        if context:
            self.from_net, self.to_net = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.from_net, self.to_net, server_side=server,
                                        server_hostname=None if server else "localhost")
            try:
                self.handshake()
            except BaseException:
                self.close()
                raise

    def flush(self):
        if data := self.to_net.read():
            self.sock.sendall(data)

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()
            except ssl.SSLError:
                self.flush()
                raise

    def feed(self):
        """Waits for bytes from the network."""
        if data := self.sock.recv(262144):
            self.from_net.write(data)
        else:
            self.from_net.write_eof()

    def encrypt(self, *pieces):
        """What has to go out for these."""
        if not self.tls:
            return b"".join(pieces)
        with self.lock:
            for piece in pieces:
                for start in range(0, len(piece), 16384):
                    self.tls.write(piece[start:start + 16384])
            return self.to_net.read()

    def send(self, *pieces):
        self.sock.sendall(self.encrypt(*pieces))

    def receive(self):
        """Some bytes, b"" at the end of the stream."""
        if not self.tls:
            return self.sock.recv(262144)
        while True:
            try:
                with self.lock:
                    data = self.tls.read(262144)
                self.notified = self.notified or not data
                return data
            except ssl.SSLWantReadError:
                self.feed()
            except ssl.SSLZeroReturnError:
                self.notified = True
                return b""
            except ssl.SSLError as error:
                if error.reason != "UNEXPECTED_EOF_WHILE_READING":
                    raise
                return b""

    def pending(self):
        """What has been received already, without waiting."""
        try:
            return self.tls.read(262144)
        except ssl.SSLWantReadError:
            return b""

    def push(self, data, enough=lambda: False):
        """Sends and receives at once, whatever comes first; yields what comes. `data` goes out as
        it is (see encrypt). Ends when all is sent and `enough` says so, or with the stream."""
        view = memoryview(data)
        self.sock.setblocking(False)
        try:
            while view or not enough():
                readable, writable = wait_ready([self.sock], [self.sock] if view else [], DEADLINE)
                if not readable and not writable:
                    raise TimeoutError("nothing comes, and nothing can be sent")
                if writable:
                    view = view[self.sock.send(view[:262144]):]
                if readable:
                    received = self.sock.recv(262144)
                    if self.tls and received:
                        self.from_net.write(received)
                        while piece := self.pending():
                            yield piece
                    elif received:
                        yield received
                    else:
                        return
        finally:
            self.sock.settimeout(DEADLINE)

    def close_notify(self, before=b""):
        """Ends the sending side of TLS, and leaves TCP as it is; `before` goes out as it is."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.sock.sendall(before + self.to_net.read())

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(url, buffer=None):
    """A socket that is connected to the URL's server."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        address = parts.path
    else:
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        sock = socket.socket(family)
        address = (parts.hostname, parts.port)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    sock.settimeout(DEADLINE)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock
