# SPDX-License-Identifier: MIT
"""Limits: who is over one is told so, before the upgrade by HTTP and after it by a Close frame; the
log has a line, and the metrics have a number. Whatever the number of workers."""

import base64
import contextlib
import itertools
import signal
import socket
import ssl
import urllib.parse

from peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, Peer, frame, header, request, stuff
from service import Workers, owner
from support import DEADLINE, Server, equal, eventually, main, match, run, scratch, test, wsechod
from watched import Watched
from wire import Wire, any_certificate, connect

PLAIN = ("ws://127.0.0.1:0",)
MIB = 1 << 20


def come(url, source="127.0.0.1", upgrade=True):
    """A peer that comes from this address of the machine."""
    parts = urllib.parse.urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port), DEADLINE, (source, 0))
    return Peer(sock=sock, context=any_certificate() if parts.scheme == "wss" else None,
                upgrade=upgrade)


def asked(url, source="127.0.0.1"):
    """The status and the fields that a handshake gets; the peer is closed if it is not 101."""
    peer = come(url, source, upgrade=False)
    peer.send(request())
    status, fields = peer.read_head()
    if status != 101:
        peer.close()
        return None, status, fields
    return peer, status, fields


def refused(url, status, retry, source="127.0.0.1"):
    peer, got, fields = asked(url, source)
    if peer:
        peer.close()
    equal((got, fields.get("retry-after")), (status, retry), "the answer")


def exceeded(limit):
    return f'wsechod_limit_exceeded_total{{limit="{limit}"}}'


def declare_connections(workers):
    @test(f"--max-connections, {workers} workers: one more gets 503 and Retry-After, until one goes")
    def _():
        with Watched("--workers", workers, "--max-connections", "5",
                     listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0")) as server, \
                contextlib.ExitStack() as stack:
            peers = [stack.enter_context(come(server.wss if i % 2 else server.ws))
                     for i in range(5)]
            for url in (server.ws, server.wss):
                refused(url, 503, "5")
            server.log.wait("refused with 503: more connections than --max-connections", 2)
            # A page and the health are there nevertheless.
            for path in ("/", "/-/healthz"):
                with come(server.ws, upgrade=False) as other:
                    other.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                    equal(other.read_head()[0], 200, "the status of a page")
            server.counts({exceeded("max-connections"): 2,
                           'wsechod_connections_refused_total{reason="busy"}': 2,
                           "wsechod_connections_open": 5})
            for peer in peers:
                peer.echoes()
            peers[0].finish()
            # It is counted until it is gone.
            eventually(lambda: room(server.ws, stack), "there is room again")


def ends_idle(url):
    """Whether a new connection is closed. One that was accepted just before a reload is not."""
    peer, _, _ = asked(url)
    if not peer:
        return False
    with peer:
        peer.sock.settimeout(2)
        try:
            return peer.read_frame().opcode == CLOSE
        except TimeoutError:
            return False


def room(url, stack):
    peer, status, _ = asked(url)
    if peer:
        stack.enter_context(peer)
    return status == 101


for number in ("1", "2"):
    declare_connections(number)


@test("--max-per-address counts what is open, of all workers, by address: 429 and Retry-After")
def _():
    for workers in ("1", "3"):
        with Watched("--workers", workers, "--max-per-address", "4", cert=False,
                     listen=PLAIN) as server, contextlib.ExitStack() as stack:
            peers = [stack.enter_context(come(server.ws)) for _ in range(4)]
            refused(server.ws, 429, "5")
            server.log.wait("refused with 429: more connections from its address than --max-per-a")
            others = [stack.enter_context(come(server.ws, "127.0.0.2")) for _ in range(4)]
            refused(server.ws, 429, "5", "127.0.0.2")
            server.counts({exceeded("max-per-address"): 2,
                           'wsechod_connections_refused_total{reason="limited"}': 2})
            for peer in peers + others:
                peer.echoes()
            peers[0].finish()
            eventually(lambda: room(server.ws, stack), "there is room again")
            refused(server.ws, 429, "5")


@test("IPv4 that comes over an IPv6 socket is IPv4, and who comes over a Unix socket has no address")
def _():
    path = scratch() / "limits.sock"
    with Server("--max-per-address", "2", cert=False,
                listen=("ws://127.0.0.1:0", "ws://[::1]:0", f"unix:{path}")) as server, \
            contextlib.ExitStack() as stack:
        for url in server.urls[:2]:
            for _ in range(2):
                sock = connect(url)
                stack.enter_context(Peer(sock=sock)).echoes()
            with Peer(sock=connect(url), upgrade=False) as peer:
                peer.send(request())
                equal(peer.read_head()[0], 429, "the status")
        for _ in range(5):
            stack.enter_context(Peer(sock=connect(f"unix://{path}"))).echoes()


@test("what a handshake that comes to nothing has taken is given back")
def _():
    with Watched("--max-connections", "3", "--max-per-address", "3", "--test", "all", cert=False,
                 listen=PLAIN) as server, contextlib.ExitStack() as stack:
        for line in ("GET /?status=401 HTTP/1.1", "GET /-/nonsense HTTP/1.1") * 4:
            with come(server.ws, upgrade=False) as peer:
                peer.send(request(line=line))
                equal(peer.read_head()[0] in (401, 404), True, "that it is refused")
        for _ in range(3):
            stack.enter_context(come(server.ws)).echoes()
        refused(server.ws, 429, "5")


@test("--rate-per-address allows a burst, then 429 and Retry-After; others are not concerned")
def _():
    with Watched("--workers", "2", "--rate-per-address", "1:6", cert=False, listen=PLAIN) as server:
        statuses = []
        for _ in range(12):
            peer, status, fields = asked(server.ws)
            statuses.append(status)
            if status == 429:
                equal(fields["retry-after"], "1", "the time")
            else:
                peer.close()
        equal(statuses[:6], [101] * 6, "the burst")
        equal(429 in statuses[6:], True, "that more are refused")
        refusals = statuses.count(429)
        server.counts({exceeded("rate-per-address"): refusals,
                       'wsechod_connections_refused_total{reason="limited"}': refusals})
        server.log.wait("refused with 429: more handshakes from its address than --rate-per-address")
        with come(server.ws, "127.0.0.3") as other:
            other.echoes()
        eventually(lambda: asked(server.ws)[1] == 101, "a second later it goes on")


# How a load balancer says who the client is: the server's options, and how the request begins.
BALANCERS = {
    "PROXY": (("--proxy-protocol",),
              lambda client: f"PROXY TCP4 {client} 192.0.2.1 40328 443\r\n".encode() + request()),
    "X-Forwarded-For": ((), lambda client: request(f"X-Forwarded-For: {client}")),
    "Forwarded": (("--forwarded", "forwarded"), lambda client: request(f"Forwarded: for={client}")),
}


def passed_on(stack, url, data):
    """The status that this gets; the connection stays open as long as the stack does."""
    peer = stack.enter_context(come(url, upgrade=False))
    peer.send(data)
    return peer.read_head()[0]


def declare_balancer(name, options, ask):
    @test(f"--max-per-address counts the client that {name} tells of, not the balancer")
    def _():
        for workers in ("1", "2"):
            with Watched("--workers", workers, "--max-per-address", "2", "--trusted", "127.0.0.1",
                         *options, cert=False, listen=PLAIN) as server, \
                    contextlib.ExitStack() as stack:
                for client in ("192.0.2.7", "192.0.2.8", "192.0.2.9"):
                    equal([passed_on(stack, server.ws, ask(client)) for _ in range(3)],
                          [101, 101, 429], f"the statuses of {client}")
                    server.log.wait(rf"{client}(:40328)?: refused with 429: more connections from "
                                    "its address")
                server.counts({exceeded("max-per-address"): 3, "wsechod_connections_open": 6})

    @test(f"--rate-per-address counts the client that {name} tells of, not the balancer")
    def _():
        with Watched("--rate-per-address", "1:2", "--trusted", "127.0.0.1", *options, cert=False,
                     listen=PLAIN) as server, contextlib.ExitStack() as stack:
            for number in range(1, 31):
                equal(passed_on(stack, server.ws, ask(f"192.0.2.{number}")), 101, "the status")
            eventually(lambda: passed_on(stack, server.ws, ask("192.0.2.200")) == 429,
                       "that one client is over it")
            equal(passed_on(stack, server.ws, ask("192.0.2.201")), 101, "another one's status")


for title, (how, begin) in BALANCERS.items():
    declare_balancer(title, how, begin)


@test("who is not among --trusted is counted himself, whatever clients he tells of")
def _():
    numbers = itertools.count(1)

    def another():
        """As if from another client each time."""
        return passed_on(stack, server.ws, ask(f"192.0.2.{next(numbers) % 250}"))

    for name in ("X-Forwarded-For", "Forwarded"):
        options, ask = BALANCERS[name]
        for trusted in ((), ("--trusted", "192.0.2.0/24", *options)):
            with Watched("--max-per-address", "2", *trusted, cert=False, listen=PLAIN) as server, \
                    contextlib.ExitStack() as stack:
                equal([another() for _ in range(4)], [101, 101, 429, 429], "the statuses")
                server.log.wait(r"127\.0\.0\.1:\d+: refused with 429: more connections", 2)
                with come(server.ws, "127.0.0.2") as other:
                    other.echoes()
            with Watched("--rate-per-address", "1:2", *trusted, cert=False, listen=PLAIN) as server, \
                    contextlib.ExitStack() as stack:
                eventually(lambda: another() == 429, "that it is over the rate")
                with come(server.ws, "127.0.0.2") as other:
                    other.echoes()


@test("handshakes whose password is looked at are counted as others are, right or wrong, or lost")
def _():
    users = scratch() / "limits-users"
    hashed = run("openssl", "passwd", "-6", "-salt", "salt", "secret").expect(0).out.decode()
    users.write_text(f"alice:{hashed}")
    right, wrong = (f"Authorization: Basic {base64.b64encode(word).decode()}"
                    for word in (b"alice:secret", b"alice:wrong"))
    with Watched("--basic-auth", users, "--max-connections", "3", "--max-per-address", "3",
                 cert=False, listen=PLAIN) as server, contextlib.ExitStack() as stack:
        for _ in range(5):
            with come(server.ws, upgrade=False) as peer:
                peer.send(request(wrong))
                equal(peer.read_head()[0], 401, "the status of a wrong password")
            peer = come(server.ws, upgrade=False)
            peer.send(request(right))
            peer.reset()
        server.counts({"wsechod_connections_shaking": 0, "wsechod_connections_open": 0})
        for status in (101, 101, 101, 429):
            peer = stack.enter_context(come(server.ws, upgrade=False))
            peer.send(request(right))
            equal(peer.read_head()[0], status, "the status of a right one")
    with Watched("--basic-auth", users, "--rate-per-address", "1:2", cert=False,
                 listen=PLAIN) as server:
        statuses = []
        for _ in range(6):
            with come(server.ws, upgrade=False) as peer:
                peer.send(request(wrong))
                statuses.append(peer.read_head()[0])
        equal(statuses[:2], [401, 401], "the answers to the first passwords")
        equal(429 in statuses, True, "that there is a limit to guesses")


@test("a worker that is killed leaves nothing behind in the counts")
def _():
    with Workers("--max-connections", "6", "--max-per-address", "6", "--max-memory", "3M",
                 cert=False) as server, contextlib.ExitStack() as stack:
        killed, other = server.pids()
        held = []
        while len(held) < 3:
            peer = stack.enter_context(come(server.ws))
            if owner(peer, server.pids()) == killed:
                held.append(peer)
            else:
                peer.finish()
        # These take more memory than there is.
        for peer in held:
            peer.send(header(BINARY, MIB) + bytes(MIB - 1))
        eventually(lambda: asked(server.ws)[1] == 503, "the memory is full")
        server.kill(killed)
        server.replaced(killed)
        server.log.wait(f"worker . .process {killed}.*another one takes its place")
        for _ in range(6):
            eventually(lambda: room(server.ws, stack), "there is room")
        equal(asked(server.ws)[1] in (429, 503), True, "that the seventh is refused")
        equal(other in server.pids(), True, "that the other one lives")


@test("--max-memory is of all workers together: what one holds, the other refuses")
def _():
    with Workers("--max-memory", "4M", cert=False) as server, contextlib.ExitStack() as stack:
        one, other = server.pids()
        large = server.peer_of(one, stack)
        small = server.peer_of(other, stack)
        large.send(header(BINARY, 4 * MIB) + bytes(3 * MIB))
        eventually(lambda: asked(server.ws)[1] == 503, "new ones are refused")
        small.send(header(BINARY, 100_000) + bytes(99_999))
        small.expect_close(1013)
        large.close()
        eventually(lambda: room(server.ws, stack), "there is room again")


@test("over --max-connections and the reserve, who comes is turned away with a word, and costs "
      "nothing")
def _():
    with Watched("--max-connections", "2") as server, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connect(server.ws)) for _ in range(18)]
        eventually(lambda: server.metrics()["wsechod_connections_shaking"] == 18, "all are there")
        with Peer(server.ws, upgrade=False) as peer:
            status, fields = peer.read_head()
            equal((status, fields["retry-after"]), (503, "5"), "the answer")
            peer.drain()
        try:
            Peer(server.wss)
            raise AssertionError("a handshake of TLS succeeded")
        except ssl.SSLError as error:
            match("INTERNAL_ERROR", error.reason or str(error))
        server.counts({exceeded("max-connections"): 2,
                       'wsechod_connections_refused_total{reason="busy"}': 2,
                       "wsechod_connections_shaking": 18, "wsechod_connections_open": 0})
        server.log.wait("a connection was turned away")
        for sock in silent:
            sock.close()
        eventually(lambda: room(server.ws, stack), "there is room again")


@test("--handshake-timeout: 408 where HTTP can be spoken, the end where it cannot")
def _():
    with Watched("--handshake-timeout", "300ms") as server:
        for url in (server.ws, server.wss):
            with Peer(url, upgrade=False) as peer:
                peer.send(b"GET / HTTP/1.1\r\nHost:")
                equal(peer.read_head()[0], 408, "the status")
                peer.drain()
        with Wire(connect(server.wss)) as wire:
            equal(wire.receive(), b"", "what comes")
        server.log.wait("no complete handshake in time", 3)
        server.counts({exceeded("handshake-timeout"): 3,
                       'wsechod_connections_refused_total{reason="timeout"}': 3})


@test("--idle-timeout closes with 1001 and a reason, for all that pings may come")
def _():
    with Watched("--idle-timeout", "400ms", cert=False, listen=PLAIN) as server, \
            Peer(server.ws) as peer:
        peer.echoes()
        peer.send_frame(PING, b"alive")
        peer.expect((PONG, b"alive"))
        equal(peer.read_frame(), Frame(CLOSE, b"\x03\xe9no message for too long"), "the frame")
        peer.send_close(1001)
        peer.expect_end()
        server.log.wait("closing with 1001: no message for too long")
        server.counts({exceeded("idle-timeout"): 1})


@test("--max-lifetime closes with 1001, also who is busy, and who answers nothing is gone")
def _():
    with Watched("--max-lifetime", "500ms", cert=False, listen=PLAIN) as server, \
            Peer(server.ws) as peer, Peer(server.ws) as mute:
        sent = got = 0
        came = None
        while came is None or came.opcode != CLOSE:
            peer.send_frame(TEXT, b"busy")
            sent += 1
            came = peer.read_frame()
            got += came == Frame(TEXT, b"busy")
        equal(came.payload, b"\x03\xe9it has been open for as long as it may be", "the Close")
        equal(sent - got <= 1, True, "that all before it was echoed")
        equal(mute.read_frame().opcode, CLOSE, "the other's")
        equal(mute.receive(), b"", "its end")
        server.counts({exceeded("max-lifetime"): 2, "wsechod_connections_open": 0})


@test("--max-lifetime ends a behaviour that sleeps, too")
def _():
    with Server("--max-lifetime", "300ms", cert=False, listen=PLAIN) as server, \
            Peer(server.ws, upgrade=False) as peer:
        peer.send(request(line="GET /?delay=30s HTTP/1.1"))
        equal(peer.read_head()[0], 101, "the status")
        peer.send_frame(TEXT, b"later")
        equal(peer.until_close().payload[:2], b"\x03\xe9", "the Close")
        peer.send_close(1001)
        peer.expect_end()


@test("--ping-interval and --ping-timeout: who answers stays, who does not is dropped")
def _():
    with Watched("--ping-interval", "200ms", "--ping-timeout", "300ms", cert=False,
                 listen=PLAIN) as server, Peer(server.ws) as mute, Peer(server.ws) as alive:
        for number in range(1, 6):
            equal(alive.read_frame(), Frame(PING, str(number).encode()), "the Ping")
            alive.send_frame(PONG, str(number).encode())
        equal(mute.read_frame().opcode, PING, "what the mute one gets")
        equal(mute.receive(), b"", "its end")
        server.log.wait("dropped, for it does not answer pings")
        server.counts({exceeded("ping-timeout"): 1, "wsechod_connections_open": 1})


@test("a client that reads nothing is no sign of life, however much it has sent")
def _():
    with Watched("--ping-interval", "300ms", "--ping-timeout", "300ms", cert=False,
                 listen=PLAIN) as server, Peer(server.ws, buffer=4096) as peer:
        with contextlib.suppress(ConnectionError):
            stuff(server, [peer], lambda _: frame(BINARY, bytes(16_000)) * 8, 64 * MIB)
        server.log.wait("dropped, for it does not answer pings")
        server.counts({exceeded("ping-timeout"): 1, "wsechod_connections_open": 0})
        equal(server.metrics()[exceeded("max-buffer")] >= 1, True, "that its buffer was full")


@test("--max-message-rate: more is 1008, and what came before is echoed")
def _():
    with Watched("--max-message-rate", "20", cert=False, listen=PLAIN) as server:
        for flood in (frame(TEXT, b"m"), frame(PING)):
            with Peer(server.ws) as peer:
                peer.send(flood * 100)
                # None of those that are over it.
                for _ in range(40):
                    equal(peer.read_frame().payload, flood[6:] and b"m", "what comes back")
                close = peer.read_frame()
                equal(close.payload, b"\x03\xf0more messages than are allowed", "the Close")
                peer.send_close(1008)
                peer.expect_end()
        server.log.wait("closing with 1008: more messages than are allowed", 2)
        server.counts({exceeded("max-message-rate"): 2})


@test("--max-control-rate: a flood of Pings is answered, all of it, but no faster")
def _():
    for rate, least, most in (("1000", 1, 20), ("0", 0, 0)):
        with Watched("--max-control-rate", rate) as server:
            for number, url in enumerate((server.ws, server.wss)):
                # Over TLS a record for each.
                with Peer(url) as peer, Peer(server.ws) as other:
                    for _ in range(3):
                        peer.send(*[frame(PING, b"flood")] * 1000, frame(TEXT, b"behind"))
                        other.echoes(b"not behind it")
                        peer.expect(*[(PONG, b"flood")] * 1000, (TEXT, b"behind"))
                    metrics = server.metrics()
                    rests = metrics[exceeded("max-control-rate")]
                    equal(least * (number + 1) <= rests <= most * (number + 1), True,
                          f"that {rests} are as many rests as there should be")
                    equal(metrics['wsechod_control_frames_total{direction="received",type="ping"}'],
                          3000 * (number + 1), "the Pings")


@test("--max-buffer bounds what is held for one that does not read")
def _():
    kept = {}
    for size in ("16K", "1M"):
        with Watched("--max-buffer", size, cert=False, listen=PLAIN) as server, \
                contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(server.ws, buffer=4096)) for _ in range(10)]
            stuff(server, peers, lambda _: frame(BINARY, bytes(8000)) * 16, 64 * MIB)
            eventually(lambda: server.metrics()[exceeded("max-buffer")] >= 10, "all are full")
            kept[size] = server.metrics()['wsechod_memory_bytes{use="messages"}'] / 10
    # Each direction's queue, and a buffer of the transport's that is not charged.
    equal(kept["16K"] < 256 << 10, True, f"that {kept['16K']:.0f} bytes are few")
    equal(kept["1M"] > 1 << 20, True, f"that {kept['1M']:.0f} bytes are many")


@test("1009 and fragments are counted as well")
def _():
    with Watched("--max-message", "1000", cert=False, listen=PLAIN) as server, \
            Peer(server.ws) as peer:
        peer.send(frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c"))
        peer.expect((TEXT, b"abc"))
        peer.send(header(BINARY, 1001))
        peer.expect_close(1009)
        peer.send_close(1009)
        server.counts({exceeded("max-message"): 1, "wsechod_fragments_total": 2})


@test("SIGHUP changes the limits, for new connections those of each, for all those of all")
def _():
    config = scratch() / "limits.conf"
    for workers in ("1", "2"):
        config.write_text("max-connections 2\nidle-timeout 0\n")
        with Watched("--workers", workers, "--config", config, cert=False, listen=PLAIN) as server, \
                contextlib.ExitStack() as stack:
            peers = [stack.enter_context(come(server.ws)) for _ in range(2)]
            refused(server.ws, 503, "5")
            config.write_text("max-connections 9\nidle-timeout 300ms\nmax-per-address 8\n")
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded")
            eventually(lambda: room(server.ws, stack), "there is room")
            eventually(lambda: ends_idle(server.ws), "one that is idle is closed")
            # Of those that came before nothing has changed.
            for peer in peers:
                peer.echoes()


@test("wrong limits are refused")
def _():
    for option, value, says in (("--max-connections", "many", "--max-connections.*a whole number"),
                                ("--rate-per-address", "5:0", "'5:0' is neither RATE nor RATE:BURST"),
                                ("--rate-per-address", "x", "'x' is neither RATE nor RATE:BURST"),
                                ("--handshake-timeout", "0", "--handshake-timeout"),
                                ("--max-buffer", "1K", "--max-buffer")):
        match(says, wsechod(option, value).expect(2).err)


main(threads=2)
