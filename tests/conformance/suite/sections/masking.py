# SPDX-License-Identifier: MIT
"""Clients mask their frames, servers do not (sections 5.1 and 5.3)."""

from ..case import CLIENT, SERVER, Section
from ..frames import (BINARY, TEXT, Frame, binary, close, fragments, last, ping, pong, text)
from ..verdict import FAILED, Judged

section = Section("9", "Masking")

FRAMES = {"a text": text("Hello"), "an empty text": text(), "a binary message": binary(b"Hello"),
          "65,536 bytes": binary(b"x" * 65536), "a ping": ping(b"Hello"), "an empty ping": ping(),
          "a pong": pong(b"Hello"), "a Close": close(1000), "an empty Close": close(None)}


def turned(frame, masked):
    """The frame with a mask, or without."""
    return Frame(frame.opcode, frame.payload, fin=frame.fin, masked=masked)


for name, frame in FRAMES.items():
    section.fails(f"{name} without a mask from a client", "5.1", turned(frame, False),
                  roles=(SERVER,))
    section.fails(f"{name} with a mask from a server", "5.1", turned(frame, True),
                  roles=(CLIENT,))
for role, masked, name in ((SERVER, False, "without"), (CLIENT, True, "with")):
    section.fails(f"a text {name} a mask after a right one", "5.1", turned(text("b"), masked),
                  after=[text("a")], roles=(role,))
    section.fails(f"a continuation {name} a mask", "5.1",
                  [text("a", fin=False), turned(last(b"b"), masked)], roles=(role,))

for name, mask in (("00 00 00 00", bytes(4)), ("FF FF FF FF", b"\xff" * 4),
                   ("00 00 00 01", b"\0\0\0\1"), ("80 00 00 00", b"\x80\0\0\0")):
    section.echoes(f"a text with the mask {name}", "5.3", text("Grüße 😀", mask=mask),
                   roles=(SERVER,))
    section.echoes(f"a binary message of 1,001 bytes with the mask {name}", "5.3",
                   binary(bytes(range(256)) * 4, mask=mask), roles=(SERVER,))
section.echoes("a mask of its own for each fragment", "5.3", [
    Frame(opcode, payload, fin=fin, mask=mask) for opcode, payload, fin, mask in (
        (BINARY, b"one ", False, b"abcd"), (0, b"two ", False, b"\xff\0\xff\0"),
        (0, b"three", True, bytes(4)))], roles=(SERVER,))
section.echoes("fragments of 1, 2 and 3 bytes each begin the mask anew", "5.3",
               fragments(TEXT, b"a", b"bc", b"def", b"g", b"hi"), roles=(SERVER,))
section.echoes("a mask of its own for each of 100 messages", "5.3",
               [binary(b"payload", mask=bytes([i, 255 - i, i ^ 85, 7])) for i in range(100)],
               roles=(SERVER,))


@section.scene("the client's masks differ", "5.3, 10.3", "ten replies with ten masks that differ",
               roles=(CLIENT,))
def _(session):
    for number in range(10):
        session.send(text(f"number {number}"))
        session.expect((TEXT, b"number %d" % number))
    masks = session.link.masks
    if len(set(masks)) < len(masks):
        raise Judged(FAILED, f"{len(masks)} frames had {len(set(masks))} different masks")
    session.finish()
