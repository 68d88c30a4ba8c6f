# SPDX-License-Identifier: MIT
"""Peers that can break every rule: WebSocket clients and servers that send any bytes they like.

A Peer is one side of a connection, over TCP, TLS or a Unix socket. What is sent with one call goes
out in one segment as far as it fits; over TLS each argument is a record of its own. Everything that
waits gives up at the DEADLINE.
"""

import base64
import collections
import hashlib
import select
import socket
import ssl
import struct
import threading
import urllib.parse
import warnings

from support import DEADLINE, certificates, equal, test

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"

Frame = collections.namedtuple("Frame", "opcode payload fin rsv masked",
                               defaults=(b"", True, 0, False))


def masked(payload, mask=MASK):
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return number.to_bytes(len(payload), "big")


def header(opcode, length, fin=True, rsv=0, mask=MASK, size=None):
    """The header of a frame. `size` is how many bytes the length takes: 0, 2 or 8."""
    if size is None:
        size = 0 if length < 126 else 2 if length < 65536 else 8
    short = {0: length, 2: 126, 8: 127}[size]
    extended = {0: b"", 2: struct.pack(">H", length & 0xffff), 8: struct.pack(">Q", length)}[size]
    return bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short]) + extended + (
        mask or b"")


def frame(opcode, payload=b"", mask=MASK, **more):
    """A whole frame, masked as a client's unless mask is None."""
    body = masked(payload, mask) if mask else payload
    return header(opcode, len(payload), mask=mask, **more) + body


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


def accept_of(key):
    """The Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def request(*fields, line="GET / HTTP/1.1", host="localhost", drop=()):
    """An opening handshake; fields replace its own, or are added; those in drop are left out."""
    own = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade",
           "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    given = {field.partition(":")[0] for field in fields}
    lines = [f"{name}: {value}" for name, value in own.items()
             if name not in given and name not in drop]
    return "\r\n".join([line, *lines, *fields, "", ""]).encode("latin-1")


def any_certificate():
    """A client's TLS context that trusts everyone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def versions(context, first, last):
    """Has the context speak these, out of date or not, with any suite; returns it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = first
        context.maximum_version = last
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Wire:
    """A stream of bytes: a socket, and TLS on it if there is a context."""

    def __init__(self, sock, context=None, server=False):
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
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
                data = self.tls.read(262144)
                self.notified = self.notified or not data
                return data
            except ssl.SSLWantReadError:
                self.feed()
            except ssl.SSLZeroReturnError:
                self.notified = True
                return b""
            except ssl.SSLEOFError:
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
                readable, writable, _ = select.select([self.sock], [self.sock] if view else [], [],
                                                      DEADLINE)
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


class Peer(Wire):
    """A WebSocket peer: a client that has connected to the URL, or one side of a given socket."""

    def __init__(self, url=None, sock=None, context=None, server=False, upgrade=True, buffer=None):
        self.buffer = b""
        self.mask = None if server else MASK
        if url and url.startswith("wss:") and context is None:
            context = any_certificate()
        super().__init__(sock or connect(url, buffer), context, server)
        if upgrade and not server:
            try:
                self.upgrade()
            except BaseException:
                self.close()
                raise

    # HTTP.

    def upgrade(self):
        """The client's side of the opening handshake."""
        self.send(request())
        status, fields = self.read_head()
        equal(status, 101, "the status")
        equal(fields["sec-websocket-accept"], ACCEPT)

    def read_until(self, mark):
        """The text up to the mark, which is taken away too."""
        while mark not in self.buffer:
            data = self.receive()
            if not data:
                raise EOFError(f"the end came after {self.buffer!r}")
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(mark)
        return text.decode("latin-1")

    def read_head(self):
        """The status and the fields of an HTTP response; their names in small letters."""
        line, *fields = self.read_until(b"\r\n\r\n").split("\r\n")
        pairs = (field.partition(":") for field in fields)
        return int(line.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def read_request(self):
        """The server's side: the request line and the fields, as they came."""
        return self.read_until(b"\r\n\r\n").split("\r\n")

    def accept(self, *more):
        """The server's side of the opening handshake; returns the request's lines."""
        lines = self.read_request()
        key = next(line.partition(": ")[2] for line in lines if line.startswith("Sec-WebSocket-K"))
        self.send("\r\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                               "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_of(key)}",
                               *more, "", ""]).encode())
        return lines

    # Frames.

    def frame(self, opcode, payload=b"", **more):
        return frame(opcode, payload, **({"mask": self.mask} | more))

    def send_frame(self, opcode, payload=b"", **more):
        self.send(self.frame(opcode, payload, **more))

    def send_close(self, code=1000, reason=b""):
        self.send_frame(CLOSE, close_payload(code, reason))

    def take(self, length):
        pieces, have = [self.buffer], len(self.buffer)
        while have < length:
            data = self.receive()
            if not data:
                self.buffer = b"".join(pieces)
                raise EOFError(f"the end came after {have} of {length} bytes")
            pieces.append(data)
            have += len(data)
        data = b"".join(pieces)
        self.buffer = data[length:]
        return data[:length]

    def read_frame(self):
        first, second = self.take(2)
        length = second & 0x7f
        if length >= 126:
            least = 126 if length == 126 else 65536
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
            if length < least:
                raise AssertionError(f"a length of {length} in its longer form")
        mask = self.take(4) if second & 0x80 else None
        payload = self.take(length)
        return Frame(first & 15, masked(payload, mask) if mask else payload, bool(first & 0x80),
                     first >> 4 & 7, mask is not None)

    def expect(self, *frames):
        """Fails unless these come next, in this order."""
        for opcode, payload in frames:
            equal(self.read_frame(), Frame(opcode, payload), "the frame")

    def expect_close(self, code):
        """Fails unless a Close frame with this code comes next, or one without if it is None."""
        came = self.read_frame()
        equal(came.opcode, CLOSE, f"the opcode of {came!r:.200}")
        if code is None:
            equal(came.payload, b"", "the payload of the Close")
        else:
            equal(came.payload[:2], struct.pack(">H", code), "the code of the Close")

    def expect_end(self):
        """Fails unless the stream ends here."""
        rest = self.buffer + self.receive()
        equal(rest, b"", "what came before the end")

    def echoes(self, payload=b"still here", opcode=TEXT):
        """Fails unless a message comes back."""
        self.send_frame(opcode, payload)
        self.expect((opcode, payload))

    def finish(self):
        """Closes as it should be done."""
        self.send_close(1000)
        self.expect_close(1000)
        self.expect_end()
        self.close()


def peer_test(server, title):
    """Makes a test of a function that gets a peer: over TLS, then again over plain TCP."""

    def declare(function):
        def both():
            for url in (server.wss, server.ws):
                with Peer(url) as peer:
                    function(peer)

        test(title)(both)
        return function

    return declare


class Script:
    """A server for clients to talk to: runs a function on each connection, in a thread."""

    def __init__(self, function, tls=False, connections=1, host="127.0.0.1"):
        self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host
                                             else socket.AF_INET)
        self.listener.settimeout(DEADLINE)
        self.port = self.listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'wss' if tls else 'ws'}://{name}:{self.port}"
        self.context = server_context() if tls else None
        self.function = function
        self.connections = connections
        self.error = None
        self.result = None
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        try:
            for _ in range(self.connections):
                sock, _ = self.listener.accept()
                with sock, Peer(sock=sock, context=self.context, server=True) as peer:
                    self.result = self.function(peer)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.listener.close()
        if kind is None:
            self.thread.join(DEADLINE)
            if self.error:
                raise self.error


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates() / "localhost.pem", certificates() / "localhost.key")
    return context
