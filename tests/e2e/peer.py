# SPDX-License-Identifier: MIT
"""Peers that can break every rule: WebSocket clients and servers that send any bytes they like.

A Peer is one side of a connection; see wire.py for how its bytes are sent.
"""

import base64
import collections
import contextlib
import hashlib
import socket
import struct
import threading

from support import DEADLINE, equal, eventually, test
from wire import Wire, any_certificate, connect, server_context, wait_ready

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

    def upgrade(self, *fields):
        """The client's side of the opening handshake."""
        self.send(request(*fields))
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

    def accept(self, *more, then=b""):
        """Answers the opening handshake, with more behind it; returns the request's lines."""
        lines = self.read_request()
        key = next(line.partition(": ")[2] for line in lines if line.startswith("Sec-WebSocket-K"))
        self.send("\r\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                               "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_of(key)}",
                               *more, "", ""]).encode() + then)
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

    def ask_and_end(self, data, *frames):
        """Sends a request and these, and the end of the stream right behind; returns the status."""
        self.sock.sendall(self.encrypt(data, *frames))
        self.half_close()
        return self.read_head()[0]

    def expect_end(self):
        """Fails unless the stream ends here, over TLS with a close_notify."""
        rest = self.buffer + self.receive()
        equal(rest, b"", "what came before the end")
        equal(self.notified, self.tls is not None, "that a close_notify came")

    def echoes(self, payload=b"still here", opcode=TEXT):
        """Fails unless a message comes back."""
        self.send_frame(opcode, payload)
        self.expect((opcode, payload))

    def drain(self):
        """Reads what still comes, to the end."""
        with contextlib.suppress(OSError):
            while self.receive():
                pass

    def until_close(self):
        """Reads frames up to the other side's Close, which it returns; None if there is none."""
        with contextlib.suppress(EOFError, OSError):
            while (came := self.read_frame()).opcode != CLOSE:
                pass
            return came
        return None

    def finish(self):
        """Closes as it should be done."""
        self.send_close(1000)
        self.expect_close(1000)
        self.expect_end()
        self.close()


def stuff(server, peers, data, most):
    """Sends the data again and again on each connection, which nobody reads, until none of them
    takes any more though the server has nothing left to do; returns how many bytes each took. Over
    TLS a peer cannot repeat what it has encrypted, so there `data` is a function of the peer."""
    rest = {peer: b"" for peer in peers}
    sent = {peer: 0 for peer in peers}
    by_socket = {peer.sock: peer for peer in peers}
    for peer in peers:
        peer.sock.setblocking(False)
    while True:
        waiting = [peer.sock for peer in peers if sent[peer] < most]
        _, writable = wait_ready([], waiting, 0.2)
        if not writable:
            # A machine with much to do may not have let the server run yet.
            eventually(server.sleeps, "that the server has nothing left to do")
            _, writable = wait_ready([], waiting, 0)
        if not writable:
            return sent
        for sock in writable:
            peer = by_socket[sock]
            view = rest[peer] or data(peer)
            with contextlib.suppress(BlockingIOError):
                count = sock.send(view)
                sent[peer] += count
                rest[peer] = view[count:]


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

    def __init__(self, function, tls=False, connections=1, host="127.0.0.1", port=0):
        # A port that is given is one that the test holds.
        self.listener = socket.create_server((host, port), reuse_port=port != 0,
                                             family=socket.AF_INET6 if ":" in host else socket.AF_INET)
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
        if kind is not None:
            # Its thread may be in accept(), which this ends; closed, the number were another's soon.
            self.listener.shutdown(socket.SHUT_RDWR)
            return
        # A client that has come and gone may still wait to be accepted.
        self.thread.join(DEADLINE)
        if self.thread.is_alive():
            raise AssertionError("the script goes on")
        self.listener.close()
        if self.error:
            raise self.error


def never_answered(client):
    """How the client ended that connected to somebody who never answers. It is a function of the port
    and of a time-out. One that was over before the client had asked for anything, for a busy machine,
    shows nothing: then it gets a longer one."""
    milliseconds = 50
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        while True:
            done = client(silent.getsockname()[1], f"{milliseconds}ms")
            if was_asked(silent) or milliseconds > 1000 * DEADLINE:
                return done
            milliseconds *= 2


def was_asked(listener):
    """Whether the client that has been here has sent anything. Nobody accepted it meanwhile."""
    with contextlib.suppress(BlockingIOError):
        sock, _ = listener.accept()
        with sock:
            return sock.recv(1) != b""
    return False


def patiently(client, is_early):
    """How the client ended that had a time-out which was long enough for what comes before that. It is
    a function of the time-out, and is_early one of how it ended: then a busy machine needs more."""
    milliseconds = 300
    while is_early(done := client(f"{milliseconds}ms")) and milliseconds < 1000 * DEADLINE:
        milliseconds *= 4
    return done


def patient_script(make, client, is_early=lambda done: "time-out while" in done.err):
    """The same with a Script, which make() makes for each try and whose URL the client gets as well:
    the last one, and how the client ended. As it is, what comes before is an open connection."""
    scripts = []

    def attempt(patience):
        if scripts:
            scripts[-1].__exit__(TimeoutError)
        scripts.append(make().__enter__())
        return client(scripts[-1].url, patience)
    done = patiently(attempt, is_early)
    scripts[-1].__exit__(None)
    return scripts[-1], done


def after_accept(*actions):
    """A server that opens the connection, does these one after the other, and reads on up to the
    client's Close, which is its result."""

    def function(peer):
        peer.accept()
        for action in actions:
            action(peer)
        return peer.until_close()

    return Script(function)


def told(peer):
    """A server's function: the lines of the request, after which it echoes up to the Close."""
    lines = peer.accept()
    while (came := peer.read_frame()).opcode != CLOSE:
        peer.send_frame(came.opcode, came.payload)
    peer.send_frame(CLOSE, came.payload)
    peer.drain()
    return lines
