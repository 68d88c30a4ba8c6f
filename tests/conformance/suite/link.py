# SPDX-License-Identifier: MIT
"""One connection to what is tested: bytes over TCP or TLS, what they say, and a log of both."""

import collections
import select
import socket
import ssl
import time

from .frames import (CLOSE, CONTINUATION, NAMES, PING, PONG, TEXT, Chopped, Frame, Part, describe,
                     mask_with, shorten)

# What came: a message or control frame (kind is its opcode, data its payload); or END, RESET, or a
# FAULT of the frame layer, with a sentence.
Event = collections.namedtuple("Event", "kind data")
END, RESET, FAULT = "end", "reset", "fault"


def show_event(event):
    """In words."""
    if event is None:
        return "nothing"
    if event.kind in (END, RESET):
        return {END: "the end of the TCP connection", RESET: "a TCP reset"}[event.kind]
    if event.kind == FAULT:
        return event.data
    if event.kind == CLOSE:
        return show_close(event.data)
    return f"{NAMES[event.kind]} of {len(event.data)} bytes {shorten(event.data, 24)}"


def show_close(payload):
    if len(payload) < 2:
        return f"Close without a code ({len(payload)} bytes)" if payload else "Close without a code"
    reason = f" {shorten(payload[2:])}" if payload[2:] else ""
    return f"Close {close_code(payload)}{reason}"


def close_code(payload):
    """None if there is no code."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None


class Log:
    """What went over the wire: (seconds, direction, text)."""

    LIMIT = 80

    def __init__(self):
        self.begin = time.monotonic()
        self.lines = []

    def add(self, direction, words):
        if len(self.lines) < self.LIMIT:
            self.lines.append((round(time.monotonic() - self.begin, 3), direction, words))

    def sent(self, words, data):
        self.add(">", f"{words}  [{data[:32].hex(' ')}{' ...' if len(data) > 32 else ''}]")

    def came(self, words):
        self.add("<", words)

    def note(self, words):
        self.add("-", words)


class Stream:
    """Bytes over a socket, with TLS if there is a context. Reads while it writes, so that neither
    side ever waits for the other."""

    def __init__(self, sock, log, context=None, server_side=False, name=None):
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.log = log
        self.received = bytearray()
        self.outgoing = bytearray()
        self.ended = None  # END or RESET
        self.notified = False  # a close_notify came, which is answered and taken for the end
        self.finished = False  # a FIN came, or a reset
        self.tls = None
        self.poll = select.poll()
        if context:
            self.incoming, self.encrypted = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.incoming, self.encrypted, server_side=server_side,
                                        server_hostname=name)

    def handshake(self, seconds):
        """That of TLS."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.tls.do_handshake()
                self.outgoing += self.encrypted.read()
                self.turn(0)
                return
            except ssl.SSLWantReadError:
                self.outgoing += self.encrypted.read()
                if not self.turn(end - time.monotonic()):
                    raise TimeoutError("the TLS handshake takes too long") from None
                if self.ended:
                    raise ConnectionError("the connection ended in the TLS handshake") from None

    def turn(self, seconds):
        """Reads and writes what can be; false if nothing could within this time."""
        events = (0 if self.ended else select.POLLIN) | (select.POLLOUT if self.outgoing else 0)
        self.poll.register(self.sock, events)
        ready = self.poll.poll(max(seconds, 0) * 1000)
        if not ready:
            return False
        if ready[0][1] & (select.POLLOUT | select.POLLERR) and self.outgoing:
            self.write()
        if ready[0][1] & ~select.POLLOUT and not self.ended:
            self.read()
        return True

    def write(self):
        try:
            del self.outgoing[:self.sock.send(self.outgoing[:262144])]
        except BlockingIOError:
            pass
        except OSError as error:
            self.log.note(f"cannot send: {error.strerror}")
            self.outgoing.clear()

    def read(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            self.ended, self.finished = RESET, True
            return
        self.finished = not data
        if not self.tls:
            self.received += data
        else:
            self.incoming.write(data) if data else self.incoming.write_eof()
            if self.tls.version():
                self.decrypt()
        if self.finished or self.notified:
            self.ended = END

    def decrypt(self):
        try:
            while data := self.tls.read(262144):
                self.received += data
            self.answer_notify()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.answer_notify()
        except ssl.SSLError as error:
            if error.reason != "UNEXPECTED_EOF_WHILE_READING":
                self.log.note(f"TLS: {error.reason}")
        self.outgoing += self.encrypted.read()

    def answer_notify(self):
        """A close_notify came."""
        self.notified = True
        try:
            self.tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass

    def wait_fin(self):
        """After a close_notify: true if TCP ends too, soon."""
        self.ended = None
        end = time.monotonic() + 2
        while not self.finished and self.turn(end - time.monotonic()):
            pass
        self.ended = END
        return self.finished

    def finished_by_peer(self, seconds):
        """Reads on to the other side's end, which must come within this time."""
        end = time.monotonic() + seconds
        while not self.ended and self.turn(end - time.monotonic()):
            pass
        return bool(self.ended)

    def put(self, data, seconds):
        """Sends, one segment as far as it fits; over TLS one record."""
        try:
            if self.tls:
                for start in range(0, len(data), 16384):
                    self.tls.write(data[start:start + 16384])
                data = self.encrypted.read()
        except ssl.SSLError as error:
            self.log.note(f"cannot send: {error.reason}")
            return
        self.outgoing += data
        end = time.monotonic() + seconds
        self.write()
        while self.outgoing and self.turn(end - time.monotonic()):
            pass

    def end_output(self):
        """A close_notify, and a FIN."""
        try:
            if self.tls:
                self.tls.unwrap()
        except (ssl.SSLError, ValueError):
            pass
        if self.tls:
            self.outgoing += self.encrypted.read()
            self.write()
        self.log.sent("end of stream", b"")
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.sock.close()


class Link(Stream):
    """Frames over a stream. `client` is the side that we are."""

    def __init__(self, sock, log, settings, client, **more):
        super().__init__(sock, log, **more)
        self.client = client
        self.settings = settings
        self.message = None  # the opcode of one that is incomplete, its pieces, and compressed
        self.deflate = None  # what was agreed on, see deflate.py
        self.frames = []  # of the last message: (length, fin, rsv)
        self.masks = []  # of all frames that came
        self.unread = []  # events that were looked at and put back

    # Sending.

    def note_pieces(self, data, step):
        self.log.sent(f"in pieces of {step} bytes: {shorten(data, 60)}", data)

    def send(self, *segments):
        """Each segment is sent on its own: a frame, bytes, or a list of these."""
        for segment in segments:
            if isinstance(segment, Chopped):
                self.log.note(f"in pieces of {segment.step} bytes: " +
                              "; ".join(map(str, segment.frames)))
                for piece in segment.pieces(self.client):
                    self.put(piece, self.settings.deadline)
                continue
            items = segment if isinstance(segment, (list, tuple)) else [segment]
            data = b"".join(self.encode(item) for item in items)
            words = " + ".join(shorten(item) if isinstance(item, bytes) else str(item)
                               for item in items[:6])
            more = f" + {len(items) - 6} more" if len(items) > 6 else ""
            self.log.sent(words + more, data)
            self.put(data, self.settings.deadline)

    def encode(self, item):
        if hasattr(item, "encode_for"):
            return item.encode_for(self)
        return item.encode(self.client) if isinstance(item, (Frame, Part)) else item

    # Receiving.

    def event(self, seconds=None):
        """The next event, or None if none comes within this time (the deadline)."""
        end = time.monotonic() + (self.settings.deadline if seconds is None else seconds)
        if self.unread:
            return self.unread.pop(0)
        while True:
            found = self.next_event()
            if found:
                return found
            if self.ended:
                self.log.came({END: "the end of TCP", RESET: "a reset"}[self.ended])
                return Event(self.ended, None)
            if not self.turn(end - time.monotonic()):
                return None

    def next_event(self):
        """From what has been received."""
        while frame := self.next_frame():
            if isinstance(frame, Event):
                self.log.came(frame.data)
                return frame
            self.log.came(describe(frame.opcode, frame.fin, frame.rsv, frame.payload))
            event = self.take(frame)
            if event:
                if event.kind == FAULT:
                    self.log.note(event.data)
                return event
        return None

    def next_frame(self):
        """A frame, a FAULT, or None if it is not complete yet."""
        data = self.received
        if len(data) < 2:
            return None
        short, masked = data[1] & 127, bool(data[1] & 128)
        size = {126: 2, 127: 8}.get(short, 0)
        start = 2 + size + 4 * masked
        if len(data) < start:
            return None
        length = int.from_bytes(data[2:2 + size], "big") if size else short
        if len(data) < start + length:
            return None
        payload = bytes(data[start:start + length])
        mask = bytes(data[start - 4:start]) if masked else b""
        self.masks.append(mask)
        frame = Frame(data[0] & 15, mask_with(payload, mask) if masked else payload,
                      fin=bool(data[0] & 128), rsv=data[0] >> 4 & 7)
        fault = self.fault_of(frame, masked, size, length)
        del data[:start + length]
        return Event(FAULT, f"{fault}: {frame}") if fault else frame

    def fault_of(self, frame, masked, size, length):
        """What is wrong with a frame that came, or None."""
        if masked == self.client:
            return "a masked frame from a server" if masked else "a client's frame without a mask"
        if size and length < (126 if size == 2 else 65536):
            return "a length that is not in its shortest form"
        if frame.opcode not in NAMES:
            return "a reserved opcode"
        if frame.opcode >= CLOSE and (not frame.fin or length > 125 or frame.rsv):
            return "a control frame that breaks section 5.5"
        if frame.rsv and not (frame.rsv == 4 and self.deflate and frame.opcode != CONTINUATION):
            return "a reserved bit that nothing was agreed on for"
        if (frame.opcode == CONTINUATION) == (self.message is None) and frame.opcode < CLOSE:
            return "a frame that does not fit the fragments before it"
        return None

    def take(self, frame):
        """The event that the frame completes, if any."""
        if frame.opcode >= CLOSE:
            return Event(frame.opcode, frame.payload)
        if frame.opcode != CONTINUATION:
            self.message = (frame.opcode, [], bool(frame.rsv & 4))
            self.frames = []
        opcode, pieces, compressed = self.message
        pieces.append(frame.payload)
        self.frames.append((len(frame.payload), frame.fin, frame.rsv))
        if not frame.fin:
            return None
        self.message = None
        payload = b"".join(pieces)
        if compressed:
            try:
                payload = self.deflate.inflate(payload)
            except ValueError as error:
                return Event(FAULT, f"compressed data that cannot be inflated: {error}")
            self.log.note(f"inflated to {len(payload)} bytes: {shorten(payload)}")
        return Event(opcode, payload)

    # HTTP.

    def head(self, seconds=None):
        """The lines of an HTTP head, or None if it does not come."""
        end = time.monotonic() + (self.settings.deadline if seconds is None else seconds)
        while b"\r\n\r\n" not in self.received:
            if self.ended or not self.turn(end - time.monotonic()):
                if self.received:
                    self.log.came(shorten(self.received, 200))
                return None
        data, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        self.received[:] = rest
        self.log.came(shorten(data, 400))
        return data.decode("latin-1").split("\r\n")


__all__ = ["Event", "END", "RESET", "FAULT", "Log", "Link", "Stream", "show_event", "show_close",
           "close_code", "CLOSE", "PING", "PONG", "TEXT"]
