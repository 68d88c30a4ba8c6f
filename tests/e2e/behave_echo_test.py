# SPDX-License-Identifier: MIT
"""Test behaviours: what the server says by itself, what becomes of a message, and how fast."""

import contextlib
import hashlib
import json
import time

import guest
from guest import Guest, at_least, behaves
from peer import BINARY, CLOSE, CONTINUATION, PING, TEXT, Frame, close_payload, frame
from support import DEADLINE, equal, main, match, test

server = guest.server()


# What the server says by itself.


@behaves("show=request tells what came", "/p?show=request&x=%22", "/-/show/request")
def _(peer):
    shown = json.loads(peer.read_frame().payload)
    equal(shown["method"], "GET")
    match(r"^(/p\?show=request&x=%22|/-/show/request)$", shown["target"])
    equal(["Sec-WebSocket-Version", "13"] in shown["fields"], True)
    equal(shown["secure"], peer.tls is not None)
    match("TLSv1.[23], " if peer.tls else "plain", shown["tls"])
    peer.echoes()


@behaves("greet sends a text first", "/?greet=gr%C3%BC%C3%9F+dich", "/-/greet/gr%C3%BC%C3%9F%20dich")
def _(peer):
    peer.send_frame(TEXT, b"x")
    peer.expect((TEXT, "grüß dich".encode()), (TEXT, b"x"))
    peer.finish()


def xorshift(seed, length):
    state, out = seed, bytearray()
    while len(out) < length:
        state ^= state << 13 & 0xffffffffffffffff
        state ^= state >> 7
        state ^= state << 17 & 0xffffffffffffffff
        out += state.to_bytes(8, "little")
    return bytes(out[:length])


@behaves("send sends messages that can be checked", "/?send=20&count=3&seed=7&every=1ms", "/-/send/20/binary/3/1ms/7")
def _(peer):
    pattern = xorshift(7, 72)
    peer.expect(*((BINARY, pattern[i:i + 20]) for i in (0, 24, 48)))
    peer.echoes()
    peer.finish()


@test("send sends large messages and text, and close waits for all of them")
def _():
    with Guest("/?send=1M&count=2&close=4000") as peer:
        equal([hashlib.sha256(peer.read_frame().payload).hexdigest() for _ in range(2)],
              [hashlib.sha256(part).hexdigest() for part in halves(xorshift(1, 2 << 20))])
        peer.expect_close(4000)
    with Guest("/?send=26&type=text") as peer:
        peer.expect((TEXT, bytes(ord("a") + byte % 26 for byte in xorshift(1, 26))))


def halves(data):
    return data[:len(data) // 2], data[len(data) // 2:]


# What becomes of a message.


@test("echo replies with something else")
def _():
    text = "Grüße, Ωmega".encode()
    for kind, reply in (("length", b"15"), ("sha256", hashlib.sha256(text).hexdigest().encode()),
                        ("hash", hashlib.sha256(text).hexdigest().encode()), ("hex", text.hex().encode()),
                        ("upper", "GRüßE, ΩMEGA".encode()), ("reverse", "agemΩ ,eßürG".encode())):
        for path in (f"/?echo={kind}", f"/-/echo/{kind}"):
            with Guest(path) as peer:
                peer.send_frame(TEXT, text)
                peer.expect((TEXT, reply))
                peer.finish()
    with Guest("/?echo=none") as peer:
        peer.send_frame(TEXT, text)
        peer.finish()
    with Guest("/?echo=reverse") as peer:
        peer.send(peer.frame(BINARY, b"\x80\xff\x01"))
        peer.expect((BINARY, b"\x01\xff\x80"))


@test("echo works on large messages")
def _():
    data = xorshift(3, 3 << 20)
    for kind, reply in (("sha256", hashlib.sha256(data).hexdigest().encode()), ("length", b"3145728"),
                        ("hex", data[:65536].hex().encode())):
        with Guest(f"/?echo={kind}", url=server.wss) as peer:
            peer.send_frame(BINARY, data)
            peer.expect((TEXT, reply))
    text = ("€" * 400000 + "a").encode()
    with Guest("/?echo=reverse") as peer:
        peer.send_frame(TEXT, text)
        peer.expect((TEXT, ("a" + "€" * 400000).encode()))


@behaves("time tells in nanoseconds when a message came and its reply went", "/?time=1", "/-/time/1")
def _(peer):
    before = time.time_ns()
    peer.send_frame(TEXT, b"x")
    told = json.loads(peer.read_frame().payload)
    peer.expect((TEXT, b"x"))
    if not before <= told["received"] <= told["sent"] <= time.time_ns():
        raise AssertionError(f"{before}, {told}, {time.time_ns()}")


@behaves("delay and jitter send each reply so much later, in order, and not one after the other",
         "/?delay=200ms&jitter=20ms", "/-/delay/200ms/20ms")
def _(peer):
    start = time.monotonic()
    messages = [(TEXT, b"%d" % i) for i in range(200)]
    peer.send(*(peer.frame(*message) for message in messages))
    peer.expect(messages[0])
    at_least(0.2, start)
    peer.expect(*messages[1:])
    # One after the other they would take 40 s.
    equal(time.monotonic() - start < DEADLINE, True, "that they are on the way together")
    peer.send(peer.frame(TEXT, b"last"), peer.frame(CLOSE, close_payload(4001)))
    peer.expect((TEXT, b"last"))
    peer.expect_close(4001)
    peer.expect_end()


@test("a delayed connection holds no more than others do")
def _():
    with Guest("/?delay=60s", url=server.ws) as peer:
        peer.sock.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += peer.sock.send(frame(BINARY, bytes(100_000)))
        except TimeoutError:
            pass
        equal(sent < 32 << 20, True, f"that {sent} bytes were not all taken")


@test("of delayed messages more go by than may wait at a time")
def _():
    with Guest("/?delay=1ms", url=server.ws) as peer:
        for i in range(12):
            peer.echoes(bytes([i]) * 65536, BINARY)
        messages = [(BINARY, bytes([i]) * 150_000) for i in range(6)]
        peer.send(*(peer.frame(*message) for message in messages))
        peer.expect(*messages)
        peer.finish()


@behaves("fragment sends replies in frames of that size", "/?fragment=3", "/-/fragment/3")
def _(peer):
    for data in (b"abcdefg", b"abc", b""):
        peer.send_frame(TEXT, data)
        parts = [data[i:i + 3] for i in range(0, len(data), 3)] or [b""]
        for i, part in enumerate(parts):
            equal(peer.read_frame(), Frame(CONTINUATION if i else TEXT, part, i + 1 == len(parts)))
    peer.finish()


@behaves("ping-between sends a Ping between two frames", "/?fragment=2&ping-between=1", "/-/fragment/2/1")
def _(peer):
    peer.send_frame(BINARY, b"abcd")
    equal([peer.read_frame() for _ in range(3)],
          [Frame(BINARY, b"ab", False), Frame(PING, b""), Frame(CONTINUATION, b"cd")])


@test("a message of a million bytes is divided into frames of one byte")
def _():
    with Guest("/?fragment=1", url=server.wss) as peer:
        peer.send_frame(BINARY, bytes(1_000_000))
        data = peer.take(3 * 1_000_000)
        equal(data == b"\2\1\0" + 999_998 * b"\0\1\0" + b"\x80\1\0", True, "that it is as it should")
        peer.finish()


@test("max-message closes with 1009 above that size")
def _():
    for path in ("/?max-message=10", "/-/max-message/10"):
        with Guest(path) as peer:
            peer.echoes(bytes(10), BINARY)
            peer.send_frame(BINARY, bytes(11))
            peer.expect_close(1009)


@test("in a room every message goes to all who are in it")
def _():
    with Guest("/?room=one") as first, Guest("/-/room/one", url=server.wss) as second, \
            Guest("/?room=two") as other:
        first.send_frame(TEXT, b"hello")
        for peer in (first, second):
            peer.expect((TEXT, b"hello"))
        second.finish()
        first.echoes(b"alone")
        other.echoes()
        first.send_frame(BINARY, bytes(65537))
        first.expect_close(1009)


@test("a room has 100 places, and who leaves makes room for another")
def _():
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Guest("/?room=full", url=server.ws)) for _ in range(100)]
        peers[99].send_frame(TEXT, b"x")
        for peer in peers:
            peer.expect((TEXT, b"x"))
        for leaver in peers[:2]:
            with Guest("/?room=full", url=server.ws) as late:
                late.expect_close(1000)
            leaver.send_close(1000)
            equal(leaver.until_close().payload, close_payload(1000), "the Close")
            stack.enter_context(Guest("/?room=full", url=server.ws)).echoes()
        # Nor does it come to the end that was asked for.
        with Guest("/?room=full&close=4000", url=server.ws) as late:
            late.expect_close(1000)


@test("who does not read in a room misses messages, and holds up nobody")
def _():
    with Guest("/?room=slow"), Guest("/?room=slow") as peer:
        for _ in range(300):
            peer.echoes(bytes(60_000), BINARY)


# How fast.


@behaves("rate sends so many bytes a second at most", "/?rate=20000", "/-/rate/20000")
def _(peer):
    start = time.monotonic()
    peer.echoes(bytes(6000), BINARY)
    at_least(0.2, start)
    peer.finish()


@test("slice sends so many bytes in each TLS record, with a gap between them")
def _():
    for path in ("/?slice=10&gap=10ms", "/-/slice/10/10ms"):
        with Guest(path, url=server.wss) as peer:
            start = time.monotonic()
            peer.send_frame(BINARY, bytes(98))
            pieces = []
            while sum(map(len, pieces)) < 100:
                pieces.append(peer.receive())
            equal([len(piece) for piece in pieces], 10 * [10])
            at_least(0.08, start)
    with Guest("/?slice=1&rate=1000") as peer:
        start = time.monotonic()
        peer.echoes(bytes(100), BINARY)
        at_least(0.09, start)


@behaves("read-rate reads so many bytes a second on average", "/?read-rate=100K&echo=length", "/-/read-rate/100K/echo/length")
def _(peer):
    start = time.monotonic()
    peer.send_frame(BINARY, bytes(50_000))
    peer.expect((TEXT, b"50000"))
    peer.send_frame(BINARY, bytes(50_000))
    peer.expect((TEXT, b"50000"))
    at_least(0.3, start)


@behaves("stall does not read for so long", "/?stall=200ms", "/-/stall/200ms")
def _(peer):
    peer.echoes()
    at_least(0.2, peer.begun)


main(threads=8)
