# SPDX-License-Identifier: MIT
"""Test behaviours: each does what the table says, over TLS and without, asked for by a query or by
a chain; what cannot be asked for is refused with a sentence."""

import base64
import hashlib
import json
import re
import time

from peer import (ACCEPT, BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, Peer, close_payload,
                  frame, request)
from support import DEADLINE, Server, equal, eventually, in_parallel, main, match, run, test

server = Server("--test", "all")
safe = Server(listen=("ws://127.0.0.1:0",), cert=False)


class Guest(Peer):
    """A client that asks for this path, with these fields more, and has read the 101."""

    def __init__(self, path, *fields, url=None, shake=True):
        self.begun = time.monotonic()
        super().__init__(url or server.ws, upgrade=False)
        self.send(request(*fields, line=f"GET {path} HTTP/1.1"))
        if shake:
            self.status, self.fields = self.read_head()

    def body(self):
        """What follows the head, to the end of the stream."""
        while data := self.receive():
            self.buffer += data
        return self.buffer.decode()


def behaves(title, *paths):
    """A test of a function that gets a peer which has asked for each of the paths, over TLS and
    without, and got a 101."""

    def declare(function):
        def each():
            for path in paths:
                for url in (server.wss, server.ws):
                    with Guest(path, url=url) as peer:
                        equal((peer.status, path), (101, path), "the status")
                        function(peer)

        test(title)(each)
        return function

    return declare


def refuses(status, says, *paths, url=None):
    for path in paths:
        with Guest(path, url=url) as peer:
            equal(peer.status, status, f"the status for {path}")
            match(rf"^{status} [A-Z][\w ]*: .*{says}.*(?<!\.)\n$", peer.body())


def get(path, *fields, url=None, drop=("Upgrade", "Connection", "Sec-WebSocket-Key",
                                       "Sec-WebSocket-Version")):
    """A plain request: status, fields and body."""
    with Peer(url or server.ws, upgrade=False) as peer:
        peer.send(request(*fields, line=f"GET {path} HTTP/1.1", drop=drop))
        status, got = peer.read_head()
        while data := peer.receive():
            peer.buffer += data
        return status, got, peer.buffer.decode()


def at_least(seconds, start):
    """Fails unless so much has passed since the time. That it was not much more nobody can say."""
    passed = time.monotonic() - start
    if passed < seconds:
        raise AssertionError(f"it took {passed} s, less than {seconds}")


# How to ask.


@test("what was understood is confirmed in a field and in the log")
def _():
    for path, confirmed in (("/chat?delay=1ms&close=4000&after=1", "delay=1ms close=4000 after=1"),
                            ("/-/delay/1ms/close/4000/bye", "delay=1ms close=4000 reason=bye"),
                            ("/x?token=abc&greet=a%20b", "greet=a%20b"),
                            ("/?basic=a:b", "basic=...")):
        with Guest(path, "Authorization: Basic YTpi") as peer:
            equal(peer.fields["x-wsechod"], confirmed, "the field")
        server.log.wait(rf": {re.escape(confirmed)}$")


@test("without behaviours there is no such field, and any path echoes")
def _():
    for path in ("/", "/chat?user=7&token=a%zz", "/-", "/-x/close/4000", "/?=&&", "/a?count=x"):
        with Guest(path) as peer:
            equal(peer.fields.get("x-wsechod"), None)
            peer.echoes()


@test("unknown parameters are ignored outside /-/, and 404 inside")
def _():
    with Guest("/chat?token=1&greet=hi&x") as peer:
        peer.expect((TEXT, b"hi"))
    refuses(404, "there is no behaviour 'token': see /-/", "/-/greet/hi?token=1")
    refuses(404, "there is no behaviour 'greeet'", "/-/greeet/hi")
    refuses(404, "there is no behaviour 'more'", "/-/greet/hi/more")


@test("bad values are refused with 400 and a sentence, before the upgrade")
def _():
    for path, says in (
            ("/?delay=x", "delay: 'x' is not a time up to 60s"),
            ("/?delay=61s", "delay: '61s' is not"),
            ("/-/delay/-1s", "delay: '-1s' is not"),
            ("/?close=999", "close: '999' is not a number from 1000 to 4999"),
            ("/?close=5000", "close: '5000'"), ("/?close=1e3", "close: '1e3'"),
            ("/-/close", "close: its value is missing"),
            ("/?close=4000&close=4001", "close: it is given twice"),
            ("/?fragment=0", "fragment: '0' is not a size from 1 to 16777216"),
            ("/?send=17M", "send: '17M'"), ("/?drop=up", "drop: 'up' is not one of fin.reset"),
            ("/?greet=%ff", "greet: the value is not UTF-8"),
            ("/?greet=%0", "greet: the value is not UTF-8"),
            ("/?greet=a%00b", "greet: the value is not UTF-8"),
            ("/?header=a", "header: this is not NAME:VALUE"),
            ("/?header=Upgrade:h2c", "header: this field is the server's own"),
            ("/?header=sec-websocket-accept:x", "header: this field is the server's own"),
            ("/?header=a:b%0d%0aSet-Cookie:c", "header: this is not NAME:VALUE"),
            ("/?cookie=a", "cookie: this is not NAME=VALUE"),
            ("/?redirect=1&to=//elsewhere/", "to: this is not a path"),
            ("/?redirect=1&to=http://elsewhere/", "to: this is not a path"),
            ("/?close=4000&reason=" + 124 * "x", "reason: a reason has at most 123 bytes"),
            ("/-/greet/hi?reason=x", "reason: it needs close as well"),
            ("/?basic=abc", "basic: this is not USER:PASSWORD"),
            ("/?" + "&".join(33 * ["cookie=a=b"]), "more than 32 behaviours")):
        refuses(400, says, path)


@test("a detail without its behaviour is somebody else's parameter outside /-/")
def _():
    with Guest("/?type=x&count=y&reason=z&to=w") as peer:
        equal(peer.fields.get("x-wsechod"), None)
        peer.echoes()


@test("with --test safe what breaks the protocol is refused, with off nothing is special")
def _():
    for path in ("/?fault=rsv", "/-/handshake/lf"):
        refuses(403, "this server was not started with --test all", path, url=safe.ws)
    refuses(403, "the client does not offer this one", "/?protocol=x", url=safe.ws)
    with Server("--test", "off") as off:
        for path in ("/?close=4000", "/-/close/4000", "/-/nothing", "/?close=x"):
            with Guest(path, url=off.ws) as peer:
                equal((peer.status, peer.fields.get("x-wsechod")), (101, None))
                peer.echoes()
        equal(get("/-/healthz", url=off.ws)[0], 200)


# Instead of a WebSocket.


@test("/-/ is a list of the table, as text, HTML or JSON")
def _():
    status, fields, body = get("/-/")
    equal((status, fields["content-type"]), (200, "text/plain; charset=utf-8"))
    listed = json.loads(get("/-/", "Accept: application/json")[2])
    equal(len(listed) > 40, True, "that they are there")
    _, fields, html = get("/-/", "Accept: text/html,*/*;q=0.8")
    equal(fields["content-type"], "text/html; charset=utf-8")
    for row in listed:
        match(rf"(?m)^ *{row['name']}={re.escape(row['argument'])}$", body)
        match(f"<code>{row['name']}=", html)


@test("/-/healthz, /-/readyz and /-/version answer")
def _():
    equal([get(f"/-/{name}")[::2] for name in ("healthz", "readyz")], [(200, "ok\n"), (200, "ready\n")])
    match(r"^wsechod \d+\.\d+\.\d+\n$", get("/-/version")[2])


@test("status refuses with any status, with Retry-After")
def _():
    for path in ("/?status=503&retry-after=7", "/-/status/503/7"):
        with Guest(path) as peer:
            equal((peer.status, peer.fields["retry-after"]), (503, "7"))
            equal(peer.body(), "503, as asked for by status=503\n")
    for code in (300, 404, 418, 599):
        with Guest(f"/?status={code}") as peer:
            equal(peer.status, code)
    equal(get("/?status=500")[0], 500)


@test("redirect leads to itself, one time less, and in the end to a WebSocket")
def _():
    for path in ("/a?redirect=2&x=redirect", "/-/redirect/2"):
        for status in (302, 302, 101):
            with Guest(path) as peer:
                equal(peer.status, status, f"the status for {path}")
                path = peer.fields.get("location")
    with Guest("/?redirect=1&to=/there?x") as peer:
        equal((peer.status, peer.fields["location"]), (302, "/there?x"))


@test("basic and bearer refuse with 401 until the credentials are right")
def _():
    right = base64.b64encode("me:päss".encode()).decode()
    for path, scheme, good in (("/?basic=me:p%C3%A4ss", "Basic", right), ("/?bearer=x.y", "Bearer", "x.y")):
        for field in ((), (f"Authorization: {scheme} no",), (f"Authorization: Other {good}",)):
            with Guest(path, *field) as peer:
                equal((peer.status, peer.fields["www-authenticate"]), (401, f'{scheme} realm="wsechod"'))
        with Guest(path, f"Authorization: {scheme} {good}") as peer:
            equal(peer.status, 101)
            peer.echoes()


# The handshake.


@behaves("header and cookie add fields to the response", "/?header=X-A:1&header=X-B:%20b&cookie=a=b;Path=/",
         "/-/header/X-A:1/header/X-B:b/cookie/a=b;Path=%2f")
def _(peer):
    equal([peer.fields.get(name) for name in ("x-a", "x-b", "set-cookie")], ["1", "b", "a=b;Path=/"])
    peer.echoes()


@test("protocol chooses the subprotocol, also one that was not offered")
def _():
    for path, chosen in (("/?protocol=b", "b"), ("/?protocol=none", None), ("/?protocol=first", "a"),
                         ("/?protocol=c", "c")):
        with Guest(path, "Sec-WebSocket-Protocol: a, b") as peer:
            equal(peer.fields.get("sec-websocket-protocol"), chosen, path)
            peer.echoes()


@test("handshake breaks the response in each way")
def _():
    def head(word):
        with Guest(f"/?handshake={word}", shake=False) as peer:
            text = peer.read_until(b"\n\n" if word == "lf" else b"\r\n\r\n")
            peer.echoes()
            return text
    match(r"Sec-WebSocket-Accept: wrong.{23}(\r|$)", head("wrong-accept"))
    equal("Upgrade: " in head("no-upgrade"), False, "that there is Upgrade")
    equal(head("twice").count("Upgrade: websocket\r\nConnection: Upgrade\r\n"), 2)
    equal("\r" in head("lf"), False, "that there is CR")
    match("^HTTP/1.0 101 ", head("h10"))
    match("\r\nSec-WebSocket-Extensions: x-unasked$", head("unasked-extension"))


@test("handshake-delay and handshake-drip slow the response down; nothing goes out before it")
def _():
    for path, least in (("/?handshake-delay=200ms", 0.2), ("/-/handshake-drip/1ms", 0.1)):
        for url in (server.wss, server.ws):
            start = time.monotonic()
            with Guest(path, url=url, shake=False) as peer:
                peer.send(frame(PING, b"early") + frame(TEXT, b"early too"))
                status, fields = peer.read_head()
                at_least(least, start)
                equal((status, fields["sec-websocket-accept"]), (101, ACCEPT))
                peer.expect((TEXT, b"early too"))
                peer.echoes()
                peer.finish()


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


@test("show=request is the page for a plain GET")
def _():
    status, fields, body = get("/?show=request", "X-Odd: \"\\\xe9")
    equal((status, fields["content-type"]), (200, "application/json"))
    equal(["X-Odd", '"\\\xe9'] in json.loads(body)["fields"], True)


@behaves("greet sends a text first", "/?greet=gr%C3%BC%C3%9F+dich", "/-/greet/gr%C3%BC%C3%9F%20dich")
def _(peer):
    peer.send_frame(TEXT, b"x")
    peer.expect((TEXT, "grüß dich".encode()), (TEXT, b"x"))
    peer.finish()


def xorshift(seed, length):
    state, out = seed, b""
    while len(out) < length:
        state ^= state << 13 & 0xffffffffffffffff
        state ^= state >> 7
        state ^= state << 17 & 0xffffffffffffffff
        out += state.to_bytes(8, "little")
    return out[:length]


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
    peer.expect(*messages)
    at_least(0.2, start)
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


# Control frames.


@behaves("ping sends pings, with a payload", "/?ping=10ms&payload=are%20you%20there", "/-/ping/10ms/are%20you%20there")
def _(peer):
    peer.expect((PING, b"are you there"), (PING, b"are you there"))


@test("pong answers pings not at all, wrongly, or late")
def _():
    for path, expected in (("/?pong=none", []), ("/-/pong/wrong", [(PONG, b"wrong"), (PONG, b"wrong")]),
                           ("/?pong=50ms", [(PONG, b"a"), (PONG, b"b")])):
        with Guest(path) as peer:
            start = time.monotonic()
            peer.send(frame(PING, b"a") + frame(PING, b"b"))
            peer.expect(*expected)
            if "50ms" in path:
                at_least(0.05, start)
            peer.echoes()
            peer.finish()


# Ends.


@behaves("close closes with code and reason, then the handshake is as usual",
         "/?close=4000&reason=bye%20now", "/-/close/4000/bye%20now")
def _(peer):
    equal(peer.read_frame(), Frame(CLOSE, close_payload(4000, b"bye now")))
    peer.send_close(4000)
    peer.expect_end()


@behaves("after counts messages", "/?close=1013&after=2", "/-/close/1013/after/2")
def _(peer):
    peer.echoes(b"1")
    peer.echoes(b"2")
    peer.expect_close(1013)


@behaves("after waits for a time", "/?close=1000&after=100ms", "/-/close/1000/after/100ms")
def _(peer):
    peer.echoes()
    peer.expect_close(1000)


@test("drop ends the connection in each way, after what was sent")
def _():
    for path in ("/?greet=hi&drop=fin", "/-/greet/hi/drop/fin"):
        for url in (server.wss, server.ws):
            with Guest(path, url=url) as peer:
                peer.expect((TEXT, b"hi"))
                equal(peer.receive(), b"")
                equal(peer.notified, False, "that a close_notify came")
    for url in (server.wss, server.ws):
        with Guest("/?greet=hi&drop=reset", url=url) as peer:
            peer.expect((TEXT, b"hi"))
            try:
                equal(peer.receive(), None, "what came instead of a reset")
            except ConnectionResetError:
                pass
    with Guest("/?greet=hi&drop=notify", url=server.wss) as peer:
        peer.expect((TEXT, b"hi"))
        equal((peer.receive(), peer.notified), (b"", True))


@behaves("drop=silent stays and says nothing", "/?drop=silent&after=1", "/-/drop/silent/after/1")
def _(peer):
    peer.echoes()
    peer.send(frame(PING, b"x") + frame(TEXT, b"y") + frame(CLOSE, b""))
    peer.sock.settimeout(0.2)
    try:
        equal(peer.receive(), None, "what came all the same")
    except TimeoutError:
        pass


@test("close-reply answers the client's Close in each way")
def _():
    for path, code, reply in (("/?close-reply=4242", 1000, close_payload(4242)),
                              ("/-/close-reply/echo", 4001, close_payload(4001, b"so long")),
                              ("/?close-reply=100ms", 4001, close_payload(4001)),
                              ("/?linger=100ms", 4001, close_payload(4001))):
        for url in (server.wss, server.ws):
            with Guest(path, url=url) as peer:
                start = time.monotonic()
                peer.send_close(code, b"so long")
                equal(peer.read_frame(), Frame(CLOSE, reply), path)
                if "reply=100ms" in path:
                    at_least(0.1, start)
                peer.expect_end()
                if "linger" in path:
                    at_least(0.1, start)
    with Guest("/?close-reply=none") as peer:
        peer.send_close()
        peer.sock.settimeout(0.2)
        try:
            equal(peer.receive(), None, "what came all the same")
        except TimeoutError:
            pass


FAULTS = {"rsv": b"\xc1\1x", "masked": b"\x81\x81\1\2\3\4y", "opcode": b"\x83\1x", "utf8": b"\x81\2\xc3(",
          "nonminimal": b"\x81\x7e\0\1x", "orphan": b"\x80\1x", "long-control": b"\x89\x7e\0\x7e" + bytes(126),
          "fragmented-control": b"\x09\1x", "close-1005": b"\x88\2\x03\xed", "half-frame": b"\x82\x64half"}


@test("fault sends a frame that breaks the protocol, and logs what the client makes of it")
def _():
    for word, data in FAULTS.items():
        for url in (server.wss, server.ws):
            with Guest(f"/?fault={word}&after=1", url=url) as peer:
                peer.echoes()
                equal(peer.take(len(data)), data, word)
                name = rf"127.0.0.1:{peer.sock.getsockname()[1]}"
                if word == "half-frame":
                    equal(peer.receive(), b"")
                    peer.close()
                    server.log.wait(f"{name}: fault=half-frame: the client left without a Close")
                    continue
                code = 1007 if word == "utf8" else 1002
                peer.send_close(code, b"ouch")
                peer.expect_close(code)
                server.log.wait(f"{name}: fault={word}: the client closed with {code}, as it should: ouch")
                peer.expect_end()


# Together.


@test("behaviours go together in one chain")
def _():
    with Guest("/-/greet/hi/delay/50ms/echo/upper/fragment/2/close/4000/bye/after/1") as peer:
        peer.expect((TEXT, b"hi"))
        peer.send_frame(TEXT, b"abc")
        equal([peer.read_frame() for _ in range(2)], [Frame(TEXT, b"AB", False), Frame(CONTINUATION, b"C")])
        equal(peer.read_frame(), Frame(CLOSE, close_payload(4000, b"bye")))


WAITING = ("/?delay=60s", "/?stall=60s", "/?handshake-delay=60s", "/?handshake-drip=1s", "/?ping=60s", "/?pong=60s",
           "/?send=1&count=99&every=10s", "/?close=4000&after=99", "/?close=4000&after=60s", "/?drop=silent",
           "/?drop=fin", "/?rate=1", "/?slice=1&gap=10s", "/?read-rate=1", "/?room=x", "/?fault=rsv", "/?echo=none",
           "/?close-reply=none", "/?close-reply=60s", "/?linger=60s", "/?fragment=1")


def busy(url, path):
    peer = Guest(path, url=url, shake="handshake" not in path)
    peer.send(frame(TEXT, b"hello") + frame(PING, b"x") +
              (frame(CLOSE, b"") if "close-reply" in path or "linger" in path else b""))
    return peer


@test("who goes in the middle of a behaviour leaves nothing behind")
def _():
    with Server("--test", "all") as own, Peer(own.ws) as other:
        other.echoes()
        before = own.descriptors()
        for path in WAITING:
            # Who does not read does not notice.
            if not path.startswith(("/?stall", "/?read-rate")):
                for url in (own.ws, own.wss):
                    busy(url, path).reset()
        eventually(lambda: own.descriptors() == before, "their descriptors are closed")
        other.finish()


@test("a server stops in the middle of each behaviour")
def _():
    for number in (1, 2):
        with Server("--test", "all") as own:
            peers = [busy(url, path) for path in WAITING for url in (own.ws, own.wss)]
            for _ in range(number):
                own.signal(15)
            in_parallel(Peer.drain, *peers)
            equal(own.wait(), 0, "the status")
            for peer in peers:
                peer.close()


@test("a client of somebody else sees them too")
def _():
    script = """if True:
        import asyncio, sys, websockets
        async def main():
            async with websockets.connect(sys.argv[1] + "/?greet=hi&echo=upper&close=4000&reason=bye&after=1") as ws:
                print(await ws.recv())
                await ws.send("abc")
                print(await ws.recv())
                await ws.wait_closed()
                print(ws.close_code, ws.close_reason)
            try:
                await websockets.connect(sys.argv[1] + "/?status=503")
            except websockets.exceptions.InvalidStatusCode as error:
                print(error.status_code)
        asyncio.run(main())"""
    run("/usr/bin/python3", "-c", script, server.ws).expect(0, b"hi\nABC\n4000 bye\n503\n")


main(threads=8)
