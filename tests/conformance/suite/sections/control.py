# SPDX-License-Identifier: MIT
"""What control frames may be: at most 125 bytes, in one frame (section 5.5)."""

from ..case import Section
from ..frames import CLOSE, PING, PONG, Frame, Part, close, last, more_of, ping, pong, text

section = Section("4", "Limits of control frames")

for name, opcode in (("ping", PING), ("pong", PONG), ("Close", CLOSE)):
    body = b"\x03\xe8" + b"x" * 65536 if opcode == CLOSE else b"x" * 65538
    section.fails(f"a {name} of 126 bytes", "5.5", Frame(opcode, body[:126]))
    section.fails(f"a {name} of 127 bytes", "5.5", Frame(opcode, body[:127]))
    section.fails(f"a {name} of 1,000 bytes", "5.5", Frame(opcode, body[:1000]))
    section.fails(f"a {name} of 65,536 bytes", "5.5", Frame(opcode, body[:65536]))
    for size in (126, 65536):
        whole = Frame(opcode, body[:size])
        section.fast(f"a {name} of {size:,} bytes is refused by its header", "5.5",
                     Part(whole, 0), Part(whole, 0, rest=True), code=1002)
    section.fails(f"a {name} that is not final", "5.5", Frame(opcode, body[:10], fin=False))
    section.fails(f"an empty {name} that is not final", "5.5", Frame(opcode, fin=False))
    section.fails(f"a {name} in two fragments", "5.5",
                  [Frame(opcode, body[:10], fin=False), last(b"more")])
section.fails("a ping that is not final between fragments", "5.5",
              [text("a", fin=False), ping(b"p", fin=False), last(b"b")])
section.fails("a ping of 126 bytes between fragments", "5.5",
              [text("a", fin=False), more_of(b"b"), ping(b"p" * 126)])
section.fails("a ping of 126 bytes after a text", "5.5", ping(b"p" * 126), after=[text("before")])
section.echoes("a ping of 125 bytes", "5.5", ping(b"p" * 125))
section.echoes("a pong of 125 bytes, then a text", "5.5", [pong(b"p" * 125), text("after")])
section.fails("a Close of 125 bytes", "5.5", close(1000, b"r" * 123), code=1000)
