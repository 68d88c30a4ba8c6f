# SPDX-License-Identifier: MIT
"""permessage-deflate at work: messages, blocks, fragments, faults (RFC 7692 sections 6 and 7.2)."""

import functools
import random
import zlib

from ..case import Section
from ..deflate import FLAGS, NAME, Deflate, Squeezed, stored
from ..frames import BINARY, TEXT, Frame, binary, chopped, last, ping, pong, text
from ..link import CLOSE, show_event
from ..session import unimplemented
from ..verdict import FAILED, INFORMATIONAL, NON_STRICT, Judged

section = Section("14", "permessage-deflate: data", rfc="RFC 7692")
USED = Deflate()
FORGETTING = Deflate(f"{NAME}; {'; '.join(FLAGS)}", f"{NAME}; {'; '.join(FLAGS)}")
echoes = functools.partial(section.echoes, deflate=USED)
fails = functools.partial(section.fails, deflate=USED)
BAD_DATA = (1007, 1002)  # the RFC names no code
HELLO = b"Hello"
noise = random.Random(7692).randbytes
JSON = b'{"id": 1234, "name": "example", "values": [1, 2, 3], "nested": {"deep": true}}, '


def message(payload, opcode=BINARY, **more):
    return Squeezed(opcode, payload, **more)


def words(payload, **more):
    return message(payload, opcode=TEXT, **more)


# Sizes and kinds.
for size in (0, 1, 2, 5, 100, 125, 126, 1000, 16384, 65535, 65536, 131072, 1 << 20):
    echoes(f"{size} bytes of JSON", "7.2", words((JSON * (size // len(JSON) + 1))[:size]))
for size in (1, 100, 65536, 300000):
    echoes(f"{size} bytes of noise", "7.2", message(noise(size)))
echoes("1 MiB of zeros", "7.2", message(bytes(1 << 20)))
echoes("100 messages in one segment", "7.2", [words(JSON * i) for i in range(100)])
echoes("a compressed message, 1 byte at a time", "7.2", chopped(1, Frame(
    TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4)), expect=[text(HELLO)])

# How it is compressed is the sender's affair.
for level in (0, 1, 9):
    echoes(f"zlib's level {level}", "7.2.1", words(JSON * 50, level=level))
for name, strategy in (("Z_FILTERED", 1), ("Z_HUFFMAN_ONLY", 2), ("Z_RLE", 3), ("Z_FIXED", 4)):
    echoes(f"zlib's strategy {name}", "7.2.1", words(JSON * 50, strategy=strategy))
echoes("the RFC's example: one block", "7.2.3.1", words(HELLO, raw=bytes.fromhex("f248cdc9c90700")))
echoes("the RFC's example: two fragments", "7.2.3.1",
       words(HELLO, raw=bytes.fromhex("f248cdc9c90700"), cuts=(3,)))


@section.scene("the RFC's example: the window is shared", "7.2.3.2", "Hello twice", deflate=USED)
def _(session):
    if session.link.deflate.forgets:
        unimplemented("we must not share the window")
    messages = (words(HELLO, raw=bytes.fromhex("f248cdc9c90700")),
                words(HELLO, raw=bytes.fromhex("f200110000")))
    session.send(*messages)
    session.expect_replies(messages)
    session.finish()


echoes("the RFC's example: a block without compression", "7.2.3.3",
       words(HELLO, raw=bytes.fromhex("000500faff48656c6c6f00")))
echoes("the RFC's example: a final block", "7.2.3.4",
       words(HELLO, raw=bytes.fromhex("f348cdc9c9070000")))
echoes("the RFC's example: two blocks", "7.2.3.5",
       words(HELLO, raw=bytes.fromhex("f24805000000ffffcac9c90700")))
echoes("the RFC's example: an empty message", "7.2.3.6", words(b"", raw=b"\0"))
echoes("an empty message of fixed codes", "7.2.3.6", words(b"", raw=b"\2\0"))
echoes("many empty blocks", "7.2.1", words(HELLO, raw=b"\0\0\0\xff\xff" * 50 + stored(HELLO)))
echoes("stored, fixed and dynamic blocks in one message", "7.2.1", words(
    HELLO + HELLO, raw=stored(HELLO)[:-1] + bytes.fromhex("f248cdc9c90700")))
FINAL = bytes.fromhex("f348cdc9c90700")
echoes("a message after one with a final block", "7.2.3.4", words(HELLO, raw=FINAL + b"\0"),
       words(HELLO, raw=bytes.fromhex("f248cdc9c90700")))
echoes("three messages with final blocks", "7.2.3.4", *[words(HELLO, raw=FINAL + b"\0")] * 3)
echoes("blocks after a final block in the same message", "7.2.1, 7.2.2",
       words(HELLO + HELLO, raw=FINAL + bytes.fromhex("f248cdc9c90700")))
echoes("two final blocks in the same message", "7.2.1, 7.2.2",
       words(HELLO + HELLO, raw=FINAL + FINAL + b"\0"))

# What was said before may be referred to, or not.
echoes("the same message ten times", "7.1.1.2", *[words(JSON * 3)] * 10)
section.echoes("the same message ten times, without context", "7.1.1", *[words(JSON * 3)] * 10,
               deflate=FORGETTING)
echoes("a message that refers 30,000 bytes back", "7.1.2.2", message(noise(100) + bytes(30000)),
       message(random.Random(7692).randbytes(100)))
echoes("compressed and plain messages in turn", "6", words(JSON), text("plain"), words(JSON),
       binary(b"\xff"), words(JSON))
echoes("a plain message does not enter the window", "6, 7.2.2", words(JSON * 2), text(JSON * 9),
       words(JSON * 2))

# Fragments and control frames.
for count in (1, 2, 5):
    echoes(f"cut into {count + 1} frames", "6.1", words(JSON * 3, cuts=tuple(range(9, 9 + count))))
echoes("one byte per frame", "6.1", words(JSON, cuts=tuple(range(1, 200))))
echoes("an empty first frame", "6.1", words(JSON, cuts=(0,)))
echoes("an empty last frame", "6.1", words(JSON, cuts=(100000,)))
echoes("empty frames in between", "6.1", words(JSON, cuts=(10, 10, 10, 20, 20)))
echoes("a ping between the frames", "6.1", words(JSON, cuts=(10,), between=(ping(b"p"),)))
echoes("pings and pongs between the frames", "6.1",
       words(JSON * 4, cuts=(10, 20, 30), between=(ping(b"\xff"), pong(b"p"))))
echoes("a frame's end in the middle of a character", "6.1; RFC 6455 8.1",
       words("€".encode() * 30, cuts=tuple(range(1, 30))))
echoes("1 MiB in frames of 1,000 bytes", "6.1",
       message(noise(1 << 20), cuts=tuple(range(1000, 1 << 20, 1000))))

# Faults.
fails("RSV1 on a continuation too", "6.1", words(JSON, cuts=(10,), rsv=(4, 4)))
fails("RSV1 on the continuation alone", "6.1", message(JSON, cuts=(10,), rsv=(0, 4)))
fails("RSV2 beside RSV1", "6; RFC 6455 5.2", words(JSON, rsv=(6, 0)))
fails("RSV3 beside RSV1", "6; RFC 6455 5.2", words(JSON, rsv=(5, 0)))
fails("RSV1 on a ping", "6.1", ping(b"p", rsv=4))
fails("RSV1 on a pong", "6.1", pong(b"p", rsv=4))
fails("RSV1 on a Close", "6.1", Frame(CLOSE, b"\x03\xe8", rsv=4))
fails("RSV1 on a ping between compressed fragments", "6.1",
      words(JSON, cuts=(10,), between=(ping(b"p", rsv=4),)))
FAR = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=JSON)  # as if there had been a message
for name, raw in (("a reserved type of block", b"\x07\0\0"),
                  ("a length that does not fit its complement", b"\0\5\0\0\0Hello\0"),
                  ("a distance before the beginning",
                   FAR.compress(JSON) + FAR.flush(zlib.Z_SYNC_FLUSH)[:-4]),
                  ("noise", b"\xff" * 50)):
    fails(f"invalid data: {name}", "7.2.2", message(HELLO, raw=raw), code=BAD_DATA)
fails("invalid data in the second message", "7.2.2", message(HELLO, raw=b"\xff" * 20),
      code=BAD_DATA, after=[words(JSON)])
fails("text that is not UTF-8 once it is inflated", "RFC 6455 8.1", words(b"caf\xe9"), code=1007)
fails("text that ends within a character", "RFC 6455 8.1", words(b"\xe2\x82"), code=1007)
fails("text that is not UTF-8, in a stored block", "RFC 6455 8.1",
      words(b"\xff", raw=stored(b"\xff")), code=1007)
echoes("a binary message that is not UTF-8", "RFC 6455 5.6", message(b"\xff\xfe\x80"))
section.fast("failing fast: not UTF-8 in the first, flushed frame", "RFC 6455 8.1",
             Frame(TEXT, stored(b"good \xff")[:-1], fin=False, rsv=4), last(stored(b" more")),
             deflate=USED)
section.fast("failing fast: a reserved type of block in the first frame", "7.2.2",
             Frame(TEXT, stored(b"good")[:-1] + b"\x07\0\0", fin=False, rsv=4), last(b"more"),
             code=1007, deflate=USED)


@section.scene("data that end too soon", "7.2.2", "a failure, or what was there", deflate=USED)
def _(session):
    data = session.link.deflate.deflate(JSON * 3)
    session.send(Frame(TEXT, data[:len(data) // 2], rsv=4))
    came = session.event()
    raise Judged(INFORMATIONAL, show_event(came)[:100])


@section.scene("a frame without a byte and with RSV1", "7.2.3.6", "a failure, or an empty message",
               deflate=USED)
def _(session):
    session.send(Frame(TEXT, b"", rsv=4))
    raise Judged(INFORMATIONAL, show_event(session.quiet())[:100])


@section.scene("16 MiB from 16 KiB", "8; RFC 6455 10.4", "the message, or Close 1009", deflate=USED)
def _(session):
    session.send(message(bytes(16 << 20)))
    came = session.event(session.settings.deadline * 2)
    if came is None or came.kind not in (BINARY, CLOSE):
        raise Judged(NON_STRICT, f"{session.show(came)}, not a Close frame")
    raise Judged(INFORMATIONAL, show_event(came)[:100])


@section.scene("the other side's compressed messages", "6.1", "RSV1 on the first frame only; "
               "a tail 00 00 FF FF is taken away", deflate=USED)
def _(session):
    session.send(words(JSON * 2000))
    session.expect_replies([words(JSON * 2000)])
    rsv = [frame[2] for frame in session.link.frames]
    if any(rsv[1:]):
        raise Judged(FAILED, f"the reserved bits of its frames are {rsv}")
    session.finish()
    if not rsv[0]:
        raise Judged(INFORMATIONAL, "the reply was not compressed")
    sent = sum(frame[0] for frame in session.link.frames)
    raise Judged(INFORMATIONAL, f"{len(JSON) * 2000:,} bytes came back in {sent:,}")


assert zlib.decompress(FINAL, -15) == HELLO
