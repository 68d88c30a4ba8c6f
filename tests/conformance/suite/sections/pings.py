# SPDX-License-Identifier: MIT
"""Pings and pongs (sections 5.5.2 and 5.5.3)."""

from ..case import Section
from ..frames import PONG, TEXT, binary, chopped, ping, pong, text
from ..link import show_event
from ..verdict import FAILED, NON_STRICT, Judged

section = Section("8", "Pings and pongs")

PAYLOADS = {"nothing": b"", "one byte": b"x", "a text": b"Hello, world!", "NUL bytes": b"\0\0\0",
            "bytes that are not UTF-8": b"\xff\xfe\x80", "125 bytes": bytes(range(125)),
            "what looks like a Close": b"\x88\x02\x03\xe8"}
for name, payload in PAYLOADS.items():
    section.echoes(f"a ping that carries {name}", "5.5.2", ping(payload))
section.echoes("a ping with a mask of its own", "5.5.2, 5.3",
               ping(b"Hello", mask=b"\x80\xff\x01\0"))
section.echoes("a ping, 1 byte at a time, that carries bytes that are not UTF-8", "5.5.2",
               chopped(1, ping(b"\xff\xfe")))
section.echoes("a ping, then a text", "5.5.2", [ping(b"p"), text("t")])
section.echoes("a text, then a ping", "5.5.2", [text("t"), ping(b"p")])
section.echoes("a ping behind 100,000 bytes", "5.5.2", [binary(b"x" * 100000), ping(b"p")])
section.echoes("pings in turn with texts, one by one", "5.5.2",
               *(frame for i in range(10) for frame in (ping(b"%d" % i), text(f"{i}"))))

# Pongs that nobody asked for are not answered.
for name, payload in PAYLOADS.items():
    section.echoes(f"a pong that carries {name} is not answered", "5.5.3",
                   [pong(payload), text("after")])
section.echoes("a pong after a text, that carries bytes that are not UTF-8", "5.5.3",
               text("before"), pong(b"\xff\xff"), text("after"))
section.echoes("100 pongs are not answered", "5.5.3", [pong(b"x")] * 100 + [text("after")])
section.echoes("a pong, then a ping", "5.5.3", [pong(b"pong"), ping(b"ping")])


def several(name, *segments):
    """All are answered in order; or, as section 5.5.3 allows, only some with the last of them."""

    @section.scene(name, "5.5.2, 5.5.3", "a pong for each ping, in order")
    def _(session):
        session.send(*segments)
        session.send(text("mark"))
        sent = [frame.payload for segment in segments
                for frame in (segment if isinstance(segment, list) else [segment])]
        came = pongs_to_mark(session, len(sent))
        if came != sent:
            rest = iter(sent)
            in_order = came and came[-1] == sent[-1] and all(one in rest for one in came)
            raise Judged(NON_STRICT if in_order else FAILED,
                         f"{len(came)} of {len(sent)} pings were answered, "
                         f"{'with' if in_order else 'not'} the last of them in order")
        session.finish()


def pongs_to_mark(session, most):
    """The pongs' payloads; the reply to the text may come among them."""
    pongs, marked = [], False
    while not marked or len(pongs) < most:
        came = session.event(session.settings.patience if marked else None)
        if came is None and marked:
            break
        if came and (came.kind, came.data) == (TEXT, b"mark"):
            marked = True
        elif came and came.kind == PONG:
            pongs.append(came.data)
        else:
            raise Judged(FAILED, f"{show_event(came)}, not a pong")
    return pongs


several("ten pings, each in its own segment", *(ping(b"%d" % i) for i in range(10)))
several("two pings in one segment", [ping(b"one"), ping(b"two")])
several("ten pings in one segment", [ping(b"%d" % i) for i in range(10)])
several("100 pings in one segment", [ping(b"%d" % i) for i in range(100)])
several("ten pings of 125 bytes in one segment", [ping(b"%d" % i * 125) for i in range(10)])
several("ten empty pings in one segment", [ping()] * 10)


@section.scene("ten pings, each after the pong to the one before", "5.5.2", "a pong for each")
def _(session):
    for number in range(10):
        session.send(ping(b"%d" % number))
        session.expect((PONG, b"%d" % number))
    session.finish()
