# SPDX-License-Identifier: MIT
"""Frames of every length, and every way of saying how long they are (section 5.2)."""

from ..case import Section
from ..frames import BINARY, CONTINUATION, Frame, binary, chopped, last, ping, pong, text

section = Section("1", "Framing and lengths")

SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 100, 124, 125, 126, 127, 128, 254, 255, 256, 1000, 1023,
         1024, 1025, 4095, 4096, 16383, 16384, 16385, 32768, 65534, 65535, 65536, 65537, 131072)


def pattern(size):
    """Bytes that differ, so that one at the wrong place is seen."""
    return (bytes(range(256)) * (size // 256 + 1))[:size]


for size in SIZES:
    section.echoes(f"a binary message of {size} bytes", "5.2", binary(pattern(size)))
for size in (0, 1, 125, 126, 127, 128, 65535, 65536):
    section.echoes(f"a text of {size} bytes", "5.2", text(b"*" * size))
for size in (1 << 20, 4 << 20):
    section.echoes(f"a binary message of {size >> 20} MiB", "5.2", binary(pattern(size)))

# Each frame whose length takes more bytes than it needs: "the minimal number of bytes MUST be used"
# binds who sends; who receives may refuse it.
for size, extended in ((0, 2), (1, 2), (125, 2), (0, 8), (1, 8), (125, 8), (126, 8), (65535, 8)):
    section.lax(f"a binary frame of {size} bytes whose length takes {extended} bytes", "5.2",
                  binary(pattern(size), size=extended))
section.lax("a text of 5 bytes whose length takes 2 bytes", "5.2", text("Hello", size=2))
section.lax("a ping of 5 bytes whose length takes 2 bytes", "5.2", ping(b"Hello", size=2))
section.lax("a ping of 5 bytes whose length takes 8 bytes", "5.2", ping(b"Hello", size=8))
section.lax("a pong of 5 bytes whose length takes 2 bytes", "5.2", pong(b"Hello", size=2))
section.lax("a continuation of 5 bytes whose length takes 2 bytes", "5.2",
              [text("Hello", fin=False), last(b"World", size=2)])

# The most significant bit of a length must be 0. It may also be found to be too large.
for shown, length in (("2^63", 1 << 63), ("2^64 - 1", (1 << 64) - 1)):
    section.fails(f"a frame that announces {shown} bytes", "5.2",
                  Frame(BINARY, b"", length=length, size=8), code=(1002, 1009), endless=True)
section.fails("a continuation that announces 2^63 bytes", "5.2",
              [text("x", fin=False), Frame(CONTINUATION, b"", length=1 << 63, size=8)],
              code=(1002, 1009), endless=True)

# Where the segments of TCP end means nothing.
for step in (1, 2, 3, 7):
    section.echoes(f"a text of 16 bytes, {step} bytes at a time", "5.2",
                   chopped(step, text("sixteen letters!")))
section.echoes("a binary message of 300 bytes, 1 byte at a time", "5.2",
               chopped(1, binary(pattern(300))))
section.echoes("a ping, 1 byte at a time", "5.2", chopped(1, ping(b"slowly")))
section.echoes("a binary message of 65,536 bytes, 997 bytes at a time", "5.2",
               chopped(997, binary(pattern(65536))))
section.echoes("a message of 200,000 bytes, 1,460 bytes at a time", "5.2",
               chopped(1460, binary(pattern(200000))))
section.echoes("empty messages, 1 byte at a time", "5.2",
               chopped(1, text(), binary(), text()))

# Several in one.
section.echoes("two texts in one segment", "5.2", [text("one"), text("two")])
section.echoes("100 texts in one segment", "5.2", [text(f"number {i}") for i in range(100)])
section.echoes("100 empty messages in one segment", "5.2", [text(), binary()] * 50)
section.echoes("messages of every length up to 130 in one segment", "5.2",
               [binary(pattern(size)) for size in range(131)])
section.echoes("text and binary messages keep their types", "5.2",
               [text("a"), binary(b"a"), text("b"), binary(b"\xff"), text("c")])
section.echoes("one and a half messages, then the other half", "5.2",
               [text("one"), text("two")], chopped(9, text("three is cut")))
