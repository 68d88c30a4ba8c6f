# SPDX-License-Identifier: MIT
"""Texts are UTF-8 (RFC 3629), wherever frames and segments cut them, and what is not is failed as
soon as it is seen (sections 5.6 and 8.1)."""

from ..case import Section
from ..frames import TEXT, Part, binary, chopped, fragments, last, more_of, ping, text

section = Section("5", "UTF-8")

VALID = {
    "U+0000": "\0", "U+007F": "\x7f", "U+0080, the first of 2 bytes": "\x80",
    "U+07FF, the last of 2 bytes": "\u07ff", "U+0800, the first of 3 bytes": "\u0800",
    "U+D7FF, before the surrogates": "\ud7ff", "U+E000, after the surrogates": "\ue000",
    "U+FFFD, the replacement character": "\ufffd", "U+FFFE, no character": "\ufffe",
    "U+FFFF, no character": "\uffff", "U+FDD0, no character": "\ufdd0",
    "U+FEFF, a byte order mark": "\ufeff", "U+10000, the first of 4 bytes": "\U00010000",
    "U+1FFFF, no character": "\U0001ffff", "U+10FFFF, the last": "\U0010ffff",
    "Greek": "κόσμε", "Cyrillic and Hebrew": "мир שלום", "Japanese": "日本語テキスト",
    "emoji with joiners": "👩‍👩‍👧‍👦🏳️‍🌈", "a combining sequence": "Z̸a̷l̶g̴o̵",
    "1, 2, 3 and 4 bytes in turn": "aé€😀" * 20,
}
for name, valid in VALID.items():
    section.echoes(f"valid: {name}", "5.6, 8.1", text(valid))
every = "".join(map(chr, (*range(0xd800), *range(0xe000, 0x110000)))).encode()
section.echoes("valid: every character there is, 4.3 MB", "5.6, 8.1", text(every))

INVALID = {
    "a continuation byte 80": b"\x80", "a continuation byte BF": b"\xbf",
    "all 64 continuation bytes": bytes(range(0x80, 0xc0)), "a byte FE": b"\xfe",
    "a byte FF": b"\xff", "FE FE FF FF": b"\xfe\xfe\xff\xff",
    "C0, which starts nothing": b"\xc0\x80", "C1, which starts nothing": b"\xc1\xbf",
    "F5, which starts nothing": b"\xf5\x80\x80\x80", "F8, of 5 bytes": b"\xf8\x88\x80\x80\x80",
    "FC, of 6 bytes": b"\xfc\x84\x80\x80\x80\x80",
    "a slash in 2 bytes": b"\xc0\xaf", "a slash in 3 bytes": b"\xe0\x80\xaf",
    "a slash in 4 bytes": b"\xf0\x80\x80\xaf", "the longest overlong form of 2 bytes": b"\xc1\xbf",
    "the longest overlong form of 3 bytes": b"\xe0\x9f\xbf",
    "the longest overlong form of 4 bytes": b"\xf0\x8f\xbf\xbf", "NUL in 2 bytes": b"\xc0\x80",
    "U+D800, a surrogate": b"\xed\xa0\x80", "U+DBFF, a surrogate": b"\xed\xaf\xbf",
    "U+DC00, a surrogate": b"\xed\xb0\x80", "U+DFFF, a surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80", "U+110000": b"\xf4\x90\x80\x80",
    "U+1FFFFF": b"\xf7\xbf\xbf\xbf", "2 bytes of which the last lacks": b"\xc3",
    "3 bytes of which the last lacks": b"\xe2\x82", "3 bytes of which two lack": b"\xe2",
    "4 bytes of which the last lacks": b"\xf0\x9f\x98", "4 bytes of which three lack": b"\xf0",
    "2 bytes broken by a letter": b"\xc3a", "3 bytes broken by a letter": b"\xe2\x82a",
    "4 bytes broken by a letter": b"\xf0\x9f\x98a",
    "3 bytes broken by a new start": b"\xe2\xc3\xa9",
    "Latin-1": "Grüße".encode("latin-1"), "UTF-16": "Hi".encode("utf-16"),
}
for name, invalid in INVALID.items():
    section.fails(f"invalid: {name}", "8.1", text(invalid), code=1007)
for name in ("a byte FF", "a slash in 2 bytes", "U+D800, a surrogate", "U+110000",
             "3 bytes of which the last lacks"):
    bad = INVALID[name]
    section.fails(f"invalid after 1,000 letters: {name}", "8.1", text(b"x" * 1000 + bad), code=1007)
    section.fails(f"invalid after a good text: {name}", "8.1", text(bad), code=1007,
                  after=[text("good")])
    section.echoes(f"in a binary message anything goes: {name}", "5.6", binary(bad))

# Valid, and cut in every place.
CUT = "aé€😀z".encode()
for cut in range(1, len(CUT)):
    section.echoes(f"cut into fragments after byte {cut} of 11", "5.6, 8.1",
                   fragments(TEXT, CUT[:cut], CUT[cut:]))
    section.echoes(f"cut after byte {cut} of 11, with a ping in between", "5.6, 8.1",
                   *fragments(TEXT, CUT[:cut], CUT[cut:], between=[ping(b"\xff")]))
section.echoes("one byte per fragment", "5.6, 8.1",
               fragments(TEXT, *(CUT[i:i + 1] for i in range(len(CUT)))))
section.echoes("one byte per fragment, with empty ones in between", "5.6, 8.1",
               fragments(TEXT, *(CUT[i // 2:i // 2 + 1] if i % 2 else b""
                                 for i in range(2 * len(CUT)))))
section.echoes("one byte per segment", "5.6, 8.1", chopped(1, text(CUT)))

# Invalid over the border of fragments.
section.fails("a character that the next fragment breaks", "8.1", code=1007, *[
    [text(b"caf\xc3", fin=False), last(b"e")]])
section.fails("a character that ends with the last, empty fragment", "8.1",
              [text(b"\xe2\x82", fin=False), last(b"")], code=1007)
section.fails("a surrogate over two fragments", "8.1",
              [text(b"\xed", fin=False), last(b"\xa0\x80")], code=1007)
section.fails("half a character in a text, the other half in the next", "8.1",
              [text(b"\xc3"), text(b"\xa9")], code=1007)

# As soon as it is seen: by the fragment, and by the byte.
FAST = {"a byte FF": b"\xff", "a continuation byte": b"\x80", "C0": b"\xc0",
        "a surrogate's second byte": b"\xed\xa0", "an overlong form's second byte": b"\xe0\x80",
        "the second byte of U+110000": b"\xf4\x90", "a broken character": b"\xe2\x82x"}
for name, bad in FAST.items():
    section.fast(f"failing fast, in a fragment: {name}", "8.1",
                 text(b"good " + bad, fin=False), last(b" and more"))
    whole = text(b"good " + bad + b" and much more" * 10)
    section.fast(f"failing fast, within a frame: {name}", "8.1",
                 Part(whole, 5 + len(bad)), Part(whole, 5 + len(bad), rest=True))
section.fast("failing fast, over the border of fragments", "8.1",
             [text(b"good \xe2", fin=False), more_of(b"\x28")], last(b"more"))
section.fast("failing fast, in the third fragment", "8.1",
             [text(b"good", fin=False), more_of(b"good"), more_of(b"bad\xff")], last(b"more"))
