#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""limit.c, by which the server's cost is judged, is a right echo server, over TLS and plain.
Needs $BUILD/bench and $BUILD/wsbench."""

import asyncio
import json
import os
import pathlib
import ssl
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

# pylint: disable=wrong-import-position
from peer import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT,  # noqa: E402
                  Peer, close_payload, frame, header, peer_test, request)
from support import BUILD, Log, Skip, certificates, equal, main, match, run, test  # noqa: E402

try:
    import websockets
except ImportError:
    websockets = None

LIMIT, WSBENCH = BUILD / "bench/limit", BUILD / "wsbench"
PAIR = [certificates() / "localhost.pem", certificates() / "localhost.key"]


class Limit:
    """Both kinds of limit, while the script runs: `wss` and `ws` are their URLs."""

    def __init__(self):
        self.processes, self.logs = [], []
        self.wss, self.ws = self.start(*PAIR), self.start()

    def start(self, *pair):
        command = [LIMIT, "0", *pair]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.processes.append(process)
        self.logs.append(Log(process.stderr))
        return self.logs[-1].wait("^listening on (.*)$")[0][1]

    def stop(self):
        """Ends both; returns what they said beyond where they listen."""
        for process in self.processes:
            process.terminate()
            process.wait()
        return "".join(log.text().partition("\n")[2] for log in self.logs)


server = Limit()


def declare_size(length):
    @peer_test(server, f"a message of {length} bytes comes back")
    def _(peer):
        peer.echoes(os.urandom(length), BINARY)
        peer.echoes(b"a" * length)


for size in (0, 1, 63, 64, 125, 126, 127, 128, 65535, 65536):
    declare_size(size)


@peer_test(server, "fragments come back as they are, a ping between them is answered in its place")
def _(peer):
    peer.send(frame(TEXT, b"one", fin=False) + frame(PING, b"now") + frame(CONTINUATION, b"two"))
    equal(peer.read_frame()[:3], (TEXT, b"one", False))
    peer.expect((PONG, b"now"), (CONTINUATION, b"two"))


@peer_test(server, "a hundred frames of all sizes in one segment come back in their order")
def _(peer):
    payloads = [os.urandom(length) for length in range(100, 200)]
    peer.send(b"".join(frame(BINARY, payload) for payload in payloads))
    peer.expect(*((BINARY, payload) for payload in payloads))


@peer_test(server, "frames that come byte by byte come back whole")
def _(peer):
    payload = os.urandom(131)
    for byte in frame(BINARY, payload) + frame(PING, b"ping"):
        peer.send(bytes([byte]))
    peer.expect((BINARY, payload), (PONG, b"ping"))


@peer_test(server, "a Close comes back with its code, then the end, and nothing else is answered")
def _(peer):
    peer.send(frame(TEXT, b"last") + frame(CLOSE, close_payload(4321, b"why")) + frame(PING, b"?"))
    peer.expect((TEXT, b"last"), (CLOSE, close_payload(4321, b"why")))
    peer.expect_end()


@test("8 MiB come back whole through buffers that are often full, a Close behind them")
def _():
    payload = os.urandom(8 << 20)
    expected = frame(BINARY, payload, mask=None) + frame(CLOSE, close_payload(1000), mask=None)
    for url in (server.wss, server.ws):
        with Peer(url, buffer=16384) as peer:
            sent = peer.encrypt(peer.frame(BINARY, payload) + frame(CLOSE, close_payload(1000)))
            equal(b"".join(peer.push(sent, lambda: False)), expected, "the reply")


def declare_refusal(what, data):
    @peer_test(server, f"{what} ends the connection")
    def _(peer):
        peer.send(data)
        equal(peer.receive(), b"", "the reply")


declare_refusal("a frame without a mask", frame(TEXT, b"x", mask=None))
declare_refusal("a reserved bit", frame(TEXT, b"x", rsv=4))
declare_refusal("a length of 2^63", header(BINARY, 1 << 63, size=8))


@test("a request that comes in two parts is answered, and the frame behind it")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(request()[:70])
            peer.send(request()[70:] + frame(TEXT, b"early"))
            equal(peer.read_head()[0], 101)
            peer.expect((TEXT, b"early"))


@test("a request without a key, or one that does not end, gets no answer")
def _():
    for text in (request(drop=["Sec-WebSocket-Key"]), b"GET / HTTP/1.1\r\n" + b"x" * 5000):
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(text)
            peer.drain()
            equal(peer.buffer, b"")


async def echo_of(url, message):
    """What python3-websockets gets for the message, a list for one in fragments."""
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context(cafile=certificates() / "ca.pem")
        url = url.replace("127.0.0.1", "localhost")
    async with websockets.connect(url, ssl=context, max_size=None, compression=None) as ws:
        await ws.send(message)
        reply = await ws.recv()
        await (await ws.ping())
    equal(ws.close_code, 1000, "the code of the Close")
    return reply


@test("python3-websockets gets text, bytes, fragments and a pong back, and a clean end")
def _():
    if websockets is None:
        raise Skip("there is no python3-websockets")
    parts = ["ünder", "wäter"]
    for url in (server.wss, server.ws):
        for message, reply in (("é" * 70000, "é" * 70000), (bytes(range(256)),) * 2, ("", ""),
                               (parts, "".join(parts))):
            equal(asyncio.run(echo_of(url, message)), reply, "the reply")


# Under the load that the rulers put on it.


def declare_load(options, count):
    @test(f"wsbench {' '.join(options)} gets all of its {count} messages back, as they were")
    def _():
        for url in (server.wss, server.ws):
            out = run(WSBENCH, "--json", "--insecure", *options, "-n", str(count), url).expect(0).out
            told = json.loads(out)["total"]
            equal((told["sent"], told["right"]), (count, count), "the numbers of messages and echoes")


for words, number in (("-s128 -c50", 120), ("-s128 -c50 -p16", 5001), ("-s16K -c10 -p4", 300),
                      ("-s1M -c3 -p2", 12), ("-s0 -c1 -p3", 1), ("-s70000 -c7 -p5", 3),
                      ("-s128 -c4 --churn", 30)):
    declare_load(words.split(), number)


@test("limit without its two files, or with wrong ones, says so")
def _():
    equal(run(LIMIT).expect(2).err, "usage: limit PORT [CERTIFICATE KEY]\n")
    match("No such file", run(LIMIT, "0", "/nowhere.pem", PAIR[1]).expect(1).err)


@test("at the end it has said nothing more")
def _():
    equal(server.stop(), "")


main()
