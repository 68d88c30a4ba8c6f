# SPDX-License-Identifier: MIT
"""Reserved bits and opcodes (section 5.2)."""

from ..case import Section
from ..frames import Frame, binary, chopped, close, last, ping, pong, text

section = Section("3", "Reserved bits and opcodes")

for bits in range(1, 8):
    section.fails(f"a text with RSV {bits:03b}", "5.2", text("Hello", rsv=bits))
    section.fails(f"a ping with RSV {bits:03b}", "5.2", ping(b"Hello", rsv=bits))
for bits in (1, 2, 4, 7):
    section.fails(f"a binary message with RSV {bits:03b}", "5.2", binary(b"Hello", rsv=bits))
    section.fails(f"an empty text with RSV {bits:03b}", "5.2", text(rsv=bits))
    section.fails(f"a pong with RSV {bits:03b}", "5.2", pong(b"Hello", rsv=bits))
    section.fails(f"a Close with RSV {bits:03b}", "5.2", close(1000, rsv=bits))
    section.fails(f"a continuation with RSV {bits:03b}", "5.2",
                  [text("a", fin=False), last(b"b", rsv=bits)])
section.fails("a text with RSV 100 after a text without", "5.2", text("b", rsv=4),
              after=[text("a")])
section.fails("a text with RSV 010, 1 byte at a time", "5.2", chopped(1, text("Hello", rsv=2)))

for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    section.fails(f"an empty frame of opcode {opcode}", "5.2", Frame(opcode))
    section.fails(f"a frame of opcode {opcode} and 5 bytes", "5.2", Frame(opcode, b"Hello"))
section.fails("a frame of opcode 3 after a text", "5.2", Frame(3, b"x"), after=[text("before")])
section.fails("a frame of opcode 11 after a text", "5.2", Frame(11, b"x"), after=[text("before")])
for opcode in (3, 7, 11, 15):
    section.fails(f"a frame of opcode {opcode} that is not final", "5.2",
                  Frame(opcode, b"x", fin=False))
    section.fails(f"a frame of opcode {opcode} between fragments", "5.2",
                  [text("a", fin=False), Frame(opcode, b"x"), last(b"b")])
