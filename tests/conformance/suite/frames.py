# SPDX-License-Identifier: MIT
"""Frames as they are sent, right or wrong, and what an echo makes of them."""

import dataclasses
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {0: "Continuation", 1: "Text", 2: "Binary", 8: "Close", 9: "Ping", 10: "Pong"}
MASK = b"\x37\xfa\x21\x3d"
RSV1, RSV2, RSV3 = 4, 2, 1


def mask_with(payload, mask):
    """The payload masked, or unmasked (section 5.3)."""
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return number.to_bytes(len(payload), "big")


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame. What is None is as it should be."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0  # 4 is RSV1
    size: int = None  # bytes of extended length: 0, 2 or 8
    masked: bool = None
    mask: bytes = MASK
    length: int = None  # announced in place of the payload's

    def is_masked(self, client):
        return client if self.masked is None else self.masked

    def header(self, client):
        """Its header as a client or a server sends it."""
        length = len(self.payload) if self.length is None else self.length
        size = self.size
        if size is None:
            size = 0 if length < 126 else 2 if length < 65536 else 8
        masked = self.is_masked(client)
        short = {0: length, 2: 126, 8: 127}[size]
        data = bytes([self.fin << 7 | self.rsv << 4 | self.opcode, masked << 7 | short])
        data += {0: b"", 2: struct.pack(">H", length & 0xffff),
                 8: struct.pack(">Q", length)}[size]
        return data + (self.mask if masked else b"")

    def encode(self, client):
        body = mask_with(self.payload, self.mask) if self.is_masked(client) else self.payload
        return self.header(client) + body

    def __str__(self):
        return describe(self.opcode, self.fin, self.rsv, self.payload, self.length)


def describe(opcode, fin, rsv, payload, length=None):
    """For logs and reports."""
    name = NAMES.get(opcode, f"opcode {opcode}")
    marks = ("" if fin else ", FIN=0") + (f", RSV={rsv:03b}" if rsv else "")
    size = len(payload) if length is None else length
    return f"{name}{marks}, {size} bytes{': ' + shorten(payload) if payload else ''}"


def shorten(data, most=40):
    """The beginning of some bytes, readable."""
    text = repr(bytes(data[:most]))[1:]
    return text if len(data) <= most else text + "..."


def text(payload=b"", **more):
    return Frame(TEXT, payload if isinstance(payload, bytes) else payload.encode(), **more)


def binary(payload=b"", **more):
    return Frame(BINARY, payload, **more)


def more_of(payload=b"", **more):
    """A continuation that is not the last one."""
    return Frame(CONTINUATION, payload, **({"fin": False} | more))


def last(payload=b"", **more):
    """The continuation that ends a message."""
    return Frame(CONTINUATION, payload, **more)


def ping(payload=b"", **more):
    return Frame(PING, payload, **more)


def pong(payload=b"", **more):
    return Frame(PONG, payload, **more)


def close(code=1000, reason=b"", **more):
    """A Close frame; without a status code if it is None."""
    if isinstance(reason, str):
        reason = reason.encode()
    return Frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason, **more)


@dataclasses.dataclass(frozen=True)
class Chopped:
    """Frames that are sent in pieces of this many bytes, each on its own."""

    frames: tuple
    step: int

    def pieces(self, client):
        data = b"".join(frame.encode(client) for frame in self.frames)
        return [data[start:start + self.step] for start in range(0, len(data), self.step)]


def chopped(step, *frames):
    return Chopped(frames, step)


@dataclasses.dataclass(frozen=True)
class Part:
    """A frame's header with the payload's first bytes, or the rest of it."""

    frame: Frame
    cut: int
    rest: bool = False

    def encode(self, client):
        data = self.frame.encode(client)
        where = len(self.frame.header(client)) + self.cut
        return data[where:] if self.rest else data[:where]

    def __str__(self):
        which = "the rest after" if self.rest else "the first"
        return f"{which} {self.cut} payload bytes of ({self.frame})"


def fragments(opcode, *payloads, between=()):
    """A message in this many frames, with the frames `between` after each but the last."""
    frames = []
    for number, payload in enumerate(payloads):
        final = number == len(payloads) - 1
        frames.append(Frame(CONTINUATION if number else opcode, payload, fin=final))
        if not final:
            frames.extend(between)
    return frames


def flatten(segments):
    """All frames of the segments, in order."""
    for segment in segments:
        if isinstance(segment, Frame):
            yield segment
        elif isinstance(segment, Chopped):
            yield from segment.frames
        elif isinstance(segment, (list, tuple)):
            yield from flatten(segment)
        elif hasattr(segment, "plain"):
            yield from segment.plain()


def replies(segments):
    """What an echo sends back: messages and pongs, as two lists of (opcode, payload)."""
    messages, pongs, opcode, pieces = [], [], None, []
    for frame in flatten(segments):
        if frame.opcode == PING:
            pongs.append((PONG, frame.payload))
        elif frame.opcode in (CONTINUATION, TEXT, BINARY):
            opcode = frame.opcode or opcode
            pieces.append(frame.payload)
            if frame.fin:
                messages.append((opcode, b"".join(pieces)))
                opcode, pieces = None, []
    return messages, pongs
