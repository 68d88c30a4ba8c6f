# SPDX-License-Identifier: MIT
"""Test behaviours: control frames, ends and faults, and what happens in the middle of each."""

import signal
import time

import guest
from guest import Guest, at_least, behaves
from peer import CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, Peer, close_payload, frame
from support import Server, equal, eventually, in_parallel, main, run, test

server = guest.server()


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


@test("an end that comes while something runs beside the echo does not wait for that")
def _():
    for path in ("pong=60s", "ping=60s", "read-rate=10", "slice=1000&gap=60s"):
        for url in (server.wss, server.ws):
            with Guest(f"/?{path}&close=4000&after=1", url=url) as peer:
                peer.send(frame(PING, b"a") + frame(TEXT, b"hello"))
                frames = [peer.read_frame() for _ in range(3 if "slice" in path or "read" in path
                                                           or "ping" in path else 2)]
                equal([(each.opcode, each.payload) for each in frames if each.opcode != PONG],
                      [(TEXT, b"hello"), (CLOSE, close_payload(4000))], path)
                peer.send_close(4000)
                peer.expect_end()


# Ends.


@behaves("close closes with code and reason, then the handshake is as usual",
         "/?close=4000&reason=bye%20now", "/-/close/4000/bye%20now")
def _(peer):
    equal(peer.read_frame(), Frame(CLOSE, close_payload(4000, b"bye now")))
    peer.send_close(4000)
    peer.expect_end()


@test("a code that must not be sent is sent as it is, and what the client makes of it is logged")
def _():
    # A server of its own: of lines of a kind, 20 a second are logged.
    with Server("--test", "all") as own:
        for code in (1004, 1005, 1006, 1015, 1016, 2000, 2999):
            for url in (own.wss, own.ws):
                with Guest(f"/?close={code}&reason=so&after=1", url=url) as peer:
                    peer.echoes()
                    equal(peer.read_frame(), Frame(CLOSE, close_payload(code, b"so")))
                    name = rf"127.0.0.1:{peer.sock.getsockname()[1]}"
                    peer.send_close(1002, b"no")
                    peer.expect_end()
                    own.log.wait(f"{name}: close={code}: the client closed with 1002, as it should: no")
            with Guest(f"/?close-reply={code}", url=own.ws) as peer:
                peer.send_close(1000)
                equal(peer.read_frame(), Frame(CLOSE, close_payload(code)))
                peer.expect_end()


@behaves("after counts messages", "/?close=1013&after=2", "/-/close/1013/after/2")
def _(peer):
    peer.echoes(b"1")
    peer.echoes(b"2")
    peer.expect_close(1013)


@behaves("after waits for a time", "/?close=1000&after=1s", "/-/close/1000/after/1s")
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


@test("drop=silent answers no ping once the last echo has gone, whatever has come meanwhile")
def _():
    # So many that the server is at them still when the echo goes out.
    pings = frame(PING, b"x") * 50000
    for url in (server.wss, server.ws):
        with Guest("/?drop=silent&after=1", url=url) as peer:
            peer.send(frame(TEXT, b"last"), pings)
            while (came := peer.read_frame()).opcode == PONG:
                equal(came, Frame(PONG, b"x"))
            equal(came, Frame(TEXT, b"last"))
            peer.sock.settimeout(0.2)
            try:
                equal(peer.buffer or peer.receive(), None, "what came all the same")
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


FAULTS = {"rsv": b"\xa1\1x", "masked": b"\x81\x81\1\2\3\4y", "opcode": b"\x83\1x", "utf8": b"\x81\2\xc3(",
          "nonminimal": b"\x81\x7e\0\1x", "orphan": b"\x80\1x", "long-control": b"\x89\x7e\0\x7e" + bytes(126),
          "fragmented-control": b"\x09\1x", "close-1005": b"\x88\2\x03\xed", "half-frame": b"\x82\x64half",
          "rsv1-continuation": b"\1\1x\xc0\1x"}


def tasks(server):
    """Of all connections, as SIGUSR1 shows them now."""
    before = len(server.log.find("^main .waiting"))
    server.signal(signal.SIGUSR1)
    eventually(lambda: len(server.log.find("^main .waiting")) > before, "the tree was printed")
    lines = [found.string for found in server.log.find("")]
    last = max(i for i, line in enumerate(lines) if line.startswith("main (waiting"))
    return "\n".join(lines[last:])


@test("fault sends a frame that breaks the protocol, and logs what the client makes of it")
def _():
    # In one server's log the limit for lines that clients can cause would leave some out.
    for scheme in ("wss", "ws"):
        with Server("--test", "all") as own:
            for word, data in FAULTS.items():
                judge(own, getattr(own, scheme), word, data)


def judge(own, url, word, data):
    with Guest(f"/?fault={word}&after=1", url=url) as peer:
        peer.echoes()
        equal(peer.take(len(data)), data, word)
        name = rf"127.0.0.1:{peer.sock.getsockname()[1]}"
        if word == "half-frame":
            equal(peer.receive(), b"")
            peer.close()
            own.log.wait(f"{name}: fault=half-frame: the client left without a Close")
            # Who has gone is not waited for.
            eventually(lambda: name not in tasks(own), "its task is at its end")
            return
        code = 1007 if word == "utf8" else 1002
        # What was on its way is no verdict.
        peer.send_frame(TEXT, b"early")
        peer.send_close(code, b"ouch")
        peer.expect_close(code)
        own.log.wait(f"{name}: fault={word}: the client closed with {code}, as it should: ouch")
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
            except websockets.exceptions.InvalidHandshake as error:
                # It has a name of its own, and the status another place, since version 14.
                print(error.status_code if hasattr(error, "status_code") else error.response.status_code)
        asyncio.run(main())"""
    run("/usr/bin/python3", "-c", script, server.ws).expect(0, b"hi\nABC\n4000 bye\n503\n")


main(threads=8)
