# SPDX-License-Identifier: MIT
"""Compression (permessage-deflate) from the outside: the options of the three programs, the test
behaviours, and bombs."""

import contextlib
import json
import urllib.request
import zlib

from guest import Guest
from peer import BINARY, CLOSE, TEXT, Script, close_payload, frame
from support import (BUILD, LOOP, Server, ends, equal, eventually, main, match, memory_counts, run, test, wsechod,
                     wsecho)

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
FIELD = "sec-websocket-extensions"
BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
JSON = b'{"id": 1, "name": "a name, and a name"}, ' * 100


def deflated(data):
    """The payload of a compressed message that refers to no other one."""
    codec = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (codec.compress(data) + codec.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload):
    return zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")


def guest(server, path="/", offer=OFFER):
    return Guest(path, *([offer] if offer else []), url=server.ws)


def echo_of(peer, payload, opcode=TEXT):
    """Sends a compressed message; the first byte of the reply's frame, and its payload."""
    peer.send_frame(opcode, deflated(payload), rsv=4)
    first = peer.take(1)[0]
    length = peer.take(1)[0]
    if length > 125:
        length = int.from_bytes(peer.take(2 if length == 126 else 8), "big")
    return first, peer.take(length)


@test("--compress shared, context, context:BITS and off agree to what they say")
def _():
    for option, answer in ((None, BOTH), ("shared", BOTH),
                           ("context", "permessage-deflate; client_max_window_bits=15"),
                           ("context:10", "permessage-deflate; client_max_window_bits=10"),
                           ("off", None)):
        with Server(*(["--compress", option] if option else [])) as server:
            with guest(server) as peer:
                equal((peer.status, peer.fields.get(FIELD)), (101, answer), option)
                if answer:
                    first, payload = echo_of(peer, JSON)
                    equal((first, inflated(payload)), (0xc1, JSON), "the reply")
                else:
                    peer.send_frame(TEXT, deflated(JSON), rsv=4)
                    peer.expect_close(1002)
            with guest(server, offer=None) as peer:
                equal(FIELD in peer.fields, False, "that nobody asked")
                peer.echoes(JSON[:100])


@test("--compress-min and --compress-level do what they say")
def _():
    sizes = {}
    for level in ("1", "9"):
        with Server("--compress-level", level, "--compress-min", "1000") as server, \
                guest(server) as peer:
            equal(echo_of(peer, JSON[:999]), (0x81, JSON[:999]), "a short reply")
            text = b"".join(b"%d " % (i * i) for i in range(5000))
            first, payload = echo_of(peer, text)
            equal((first, inflated(payload)), (0xc1, text), "a long reply")
            sizes[level] = len(payload)
    equal(sizes["9"] < sizes["1"] < 20000, True, f"the order of {sizes}")


@test("options of compression that make no sense: status 2 and a sentence")
def _():
    for option, value, says in (
            ("--compress", "on", "'on' is not off, shared, context, or context:BITS with 9 to 15"),
            ("--compress", "context:8", "'context:8' is not"),
            ("--compress-level", "0", "from 1 to 9"), ("--compress-level", "10", "from 1 to 9"),
            ("--compress-min", "0", "1")):
        done = wsechod(option, value, "--listen", "ws://127.0.0.1:0").expect(2)
        match(says, done.err)
    for program in ("wsecho", "wsbench"):
        done = run(BUILD / program, "--compress-mode", "off:9", "ws://127.0.0.1:1").expect(2)
        match("must be shared, context, or context:BITS with 9 to 15, not 'off:9'", done.err)


@test("deflate= and bits= of a URL are for this connection alone, and within --compress off")
def _():
    with Server() as server:
        for path, answer in (("/?deflate=off", None), ("/?deflate=shared", BOTH),
                             ("/?deflate=context", "permessage-deflate; client_max_window_bits=15"),
                             ("/-/deflate/context/9", "permessage-deflate; client_max_window_bits=9"),
                             ("/?deflate=context&bits=12&fragment=5",
                              "permessage-deflate; client_max_window_bits=12")):
            with guest(server, path) as peer:
                equal((peer.status, peer.fields.get(FIELD)), (101, answer), path)
                peer.echoes(b"echo")
        with Guest("/?deflate=context&bits=8", OFFER, url=server.ws, shake=False) as peer:
            match("400 Bad Request: bits takes NUMBER from 9 to 15, not '8'", peer.body())
    with Server("--compress", "off") as server:
        with Guest("/?deflate=shared", OFFER, url=server.ws, shake=False) as peer:
            match("403 Forbidden: deflate: this server was started with --compress off", peer.body())
        with guest(server, "/?deflate=off") as peer:
            peer.echoes(b"echo")


@test("fault=bad-deflate is for those who have agreed, and the log tells what they make of it")
def _():
    with Server("--test", "all") as server:
        for offer, code in ((OFFER, 1007), (None, 1002)):
            with guest(server, "/?fault=bad-deflate", offer) as peer:
                equal(peer.take(4), b"\xc1\2\7\0", "the fault")
                peer.send_close(code)
                peer.expect_close(code)
                server.log.wait(f"fault=bad-deflate: the client closed with {code}, as it should")


@test("a bomb of 16 MiB comes back; a byte more is 1009; a thousand at once leave the memory alone")
def _():
    # Ten connections may hold 36 MiB each, so nobody gets 1013.
    with Server("--max-memory", "400M") as server:
        with guest(server) as peer:
            first, payload = echo_of(peer, bytes(16 << 20), BINARY)
            equal((first, len(inflated(payload))), (0xc2, 16 << 20), "the reply")
            peer.send_frame(BINARY, deflated(bytes((16 << 20) + 1)), rsv=4)
            peer.expect_close(1009)
        before = server.memory()
        bomb = frame(BINARY, deflated(bytes(1 << 20)), rsv=4)
        peers = [guest(server) for _ in range(10)]
        for peer in peers:
            peer.send(bomb * 100)
        for peer in peers:
            peer.send_close()
            for _ in range(100):
                came = peer.read_frame()
                equal(came.opcode, BINARY, f"what comes, {came.payload[:125]}")
            peer.close()
        memory_counts()
        equal(server.memory() - before < 150 << 10, True,
              f"that {server.memory() - before} KiB more are not too much")


@test("with --compress shared a connection that has compressed holds no more than before")
def _():
    memory_counts()
    with Server() as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(guest(server)) for _ in range(300)]
        for peer in peers:
            peer.echoes(b"not compressed")
        # The thread's compressor is no connection's.
        echo_of(peers[0], JSON)
        before = server.memory()
        for peer in peers:
            equal(inflated(echo_of(peer, JSON)[1]), JSON, "the reply")
        # Not a page of stack each: half of one is for what the heap does.
        grown = (server.memory() - before) / len(peers)
        equal(grown < 2, True, f"that {grown:.1f} KiB for each are next to nothing")


@test("contexts count for --max-memory: new connections get 503, those that are there go on")
def _():
    with Server("--compress", "context", "--max-memory", "5M") as server:
        peers = []
        while len(peers) < 40:
            peer = guest(server)
            if peer.status != 101:
                break
            equal(inflated(echo_of(peer, JSON)[1]), JSON, "the reply")
            peers.append(peer)
        # Each takes some 300 KiB, and 32 besides.
        equal(peer.status, 503, "the answer to one too many")
        equal(12 <= len(peers) <= 20, True, f"that {len(peers)} are as many as there is room for")
        peers[0].echoes(b"still here")
        for peer in peers:
            peer.close()


@test("/metrics counts compressed messages, and their bytes before and after")
def _():
    with Server("--admin", "http://127.0.0.1:0") as server:
        metrics = server.log.wait(r"metrics at (\S+)")[0][1]
        with guest(server) as peer:
            _, payload = echo_of(peer, JSON)
            peer.echoes(b"short")
        wanted = {f'wsechod_compressed_{name}': value for name, value in (
            ('messages_total{direction="received"}', 1), ('messages_total{direction="sent"}', 1),
            ('message_bytes_total{direction="received",form="plain"}', len(JSON)),
            ('message_bytes_total{direction="received",form="compressed"}', len(deflated(JSON))),
            ('message_bytes_total{direction="sent",form="plain"}', len(JSON)),
            ('message_bytes_total{direction="sent",form="compressed"}', len(payload)))}

        def counted():
            with urllib.request.urlopen(metrics) as response:
                lines = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines()
                             if not line.startswith("#"))
            return {name: float(lines[name]) for name in wanted} == wanted

        eventually(counted, f"the metrics are {wanted}")


# The client and the load generator.


@test("wsecho --json and -v tell what was agreed on")
def _():
    with Server() as server:
        done = wsecho("--json", "--compress", server.ws, JSON.decode()).expect(0)
        events = [json.loads(line) for line in done.out.splitlines()]
        equal(done.err, "", "what it says besides")
        equal([event["extensions"] for event in events if event["event"] == "open"], [[BOTH]],
              "the extensions")
        done = wsecho("-vv", "--compress-mode", "shared", server.ws, JSON.decode()).expect(0)
        match(rf"(?m)^\* extension {BOTH}$", done.err)
        match(r"\* compressed: 1 sent, 4100 to \d+ bytes; 1 received, 4100 from \d+ bytes", done.err)


@test("wsecho says what is wrong with an answer of the server's")
def _():
    for answer, says in (
            ("permessage-deflate; server_max_window_bits=7", "a parameter with a bad value"),
            ("permessage-deflate; x", "a parameter that does not exist"),
            ("permessage-deflate", "does not agree to server_no_context_takeover"),
            ("x-other", "an extension that was not offered")):
        field = f"Sec-WebSocket-Extensions: {answer}"
        with Script(lambda peer, field=field: (peer.accept(field), peer.drain())) as script:
            ends(wsecho("--compress-mode", "shared", script.url, "x"), 5, says)


@test("wsecho closes with 1007 at compressed data that are none, and ends with 6")
def _():
    def bad(peer):
        peer.accept("Sec-WebSocket-Extensions: permessage-deflate")
        peer.send(b"\xc1\2\7\0")
        came = peer.read_frame()
        # The message may have been on its way.
        while came.opcode != CLOSE:
            came = peer.read_frame()
        equal(came.payload[:2], close_payload(1007))

    with Script(bad) as script:
        ends(wsecho("--compress", script.url, "x"), 6, "compressed data that cannot be inflated")


@test("wsbench --compress compresses what it sends, and checks what comes back")
def _():
    loop = ["--loop", LOOP] if LOOP else []
    with Server() as server:
        for mode in ([], ["--compress-mode", "shared"], ["--compress-mode", "context:9"]):
            done = run(BUILD / "wsbench", *loop, "--json", "--compress", *mode, "-n", "200", "-s",
                       "10-20000", "-p", "4", server.ws).expect(0)
            told = json.loads(done.out)
            match("permessage-deflate", told["connection"])
        done = run(BUILD / "wsbench", *loop, "--json", "-n", "20", server.ws).expect(0)
        equal(json.loads(done.out)["connection"], "plain", "the connection")


main(threads=3)
