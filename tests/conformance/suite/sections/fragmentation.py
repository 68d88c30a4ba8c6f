# SPDX-License-Identifier: MIT
"""Messages in fragments, with control frames in between (section 5.4)."""

from ..case import Section
from ..frames import (BINARY, TEXT, binary, chopped, close, fragments, last, more_of, ping, pong,
                      text)

section = Section("2", "Fragmentation")

for name, opcode in (("text", TEXT), ("binary message", BINARY)):
    for count in (2, 3, 10, 100):
        pieces = [b"piece %d " % i for i in range(count)]
        section.echoes(f"a {name} in {count} frames, in one segment", "5.4",
                       fragments(opcode, *pieces))
    section.echoes(f"a {name} in 3 frames, each in its own segment", "5.4",
                   *fragments(opcode, b"one ", b"two ", b"three"))
    section.echoes(f"a {name} in 3 frames, 1 byte at a time", "5.4",
                   chopped(1, *fragments(opcode, b"one ", b"two ", b"three")))
    section.echoes(f"a {name} in 3 empty frames", "5.4", fragments(opcode, b"", b"", b""))
    section.echoes(f"a {name} whose first frame is empty", "5.4", fragments(opcode, b"", b"Hello"))
    section.echoes(f"a {name} whose last frame is empty", "5.4", fragments(opcode, b"Hello", b""))
    section.echoes(f"a {name} with an empty frame in the middle", "5.4",
                   fragments(opcode, b"Hello", b"", b"World"))
    section.echoes(f"a {name} in frames of 0 to 130 bytes", "5.4",
                   fragments(opcode, *(b"*" * size for size in range(131))))
    section.echoes(f"a {name} in frames of 65,536 bytes", "5.4",
                   fragments(opcode, *[b"*" * 65536] * 4))
section.echoes("a text of 1 byte per frame, 500 frames", "5.4", fragments(TEXT, *[b"x"] * 500))
section.echoes("two messages in fragments, one after the other", "5.4",
               fragments(TEXT, b"one", b" more") + fragments(BINARY, b"\xff", b"\xfe"))
section.echoes("a message in fragments between two whole ones", "5.4",
               [text("first"), *fragments(TEXT, b"a", b"b"), binary(b"last")])

# Control frames in between.
section.echoes("a ping between two fragments", "5.4, 5.5",
               fragments(TEXT, b"one ", b"two", between=[ping(b"between")]))
section.echoes("a ping between two fragments, each frame in its own segment", "5.4, 5.5",
               *fragments(TEXT, b"one ", b"two", between=[ping(b"between")]))
section.echoes("a ping between two fragments, 1 byte at a time", "5.4, 5.5",
               chopped(1, *fragments(TEXT, b"one ", b"two", between=[ping(b"between")])))
section.echoes("a pong between two fragments", "5.4, 5.5",
               fragments(TEXT, b"one ", b"two", between=[pong(b"nobody asked")]))
section.echoes("an empty ping between two fragments", "5.4, 5.5",
               fragments(BINARY, b"one ", b"two", between=[ping()]))
section.echoes("a ping of 125 bytes between two fragments", "5.4, 5.5",
               fragments(BINARY, b"one ", b"two", between=[ping(b"\xff" * 125)]))
section.echoes("a ping after each of five fragments, in own segments", "5.4, 5.5",
               *fragments(TEXT, *b"abcdef".split(b"c"), b"x", b"y", b"z", between=[ping(b"p")]))
section.echoes("pings and pongs between fragments and around them", "5.4, 5.5",
               ping(b"before"), text("one ", fin=False), ping(b"1"), pong(b"2"),
               more_of(b"two "), pong(), ping(b"3"), last(b"three"), ping(b"after"))
section.fails("a Close between two fragments", "5.4, 5.5.1",
              [text("one", fin=False), close(1000)], code=1000)
section.fails("a Close without a code between two fragments", "5.4, 5.5.1",
              [text("one", fin=False), close(None)], code=(None, 1000))

# What does not fit.
section.fails("a continuation of nothing", "5.4", last(b"x"))
section.fails("a continuation of nothing that is not the last", "5.4", more_of(b"x"))
section.fails("an empty continuation of nothing", "5.4", last(b""))
section.fails("a continuation after a whole message", "5.4", last(b"x"), after=[text("whole")])
section.fails("a continuation after a message in fragments", "5.4", last(b"x"),
              after=fragments(TEXT, b"a", b"b"))
section.fails("a continuation after a ping", "5.4", last(b"x"), after=[ping(b"p")])
for name, second in (("text", text("b")), ("binary message", binary(b"b")),
                     ("text that is not final", text("b", fin=False)),
                     ("binary message that is not final", binary(b"b", fin=False))):
    section.fails(f"a {name} within the fragments of another message", "5.4",
                  [text("a", fin=False), second])
section.fails("a text within fragments, after a ping that is answered", "5.4", text("b"),
              after=[text("a", fin=False), ping(b"p")])
section.fails("a new message after a fragment and a continuation", "5.4",
              [text("a", fin=False), more_of(b"b"), text("c")])
