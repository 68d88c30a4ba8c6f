# SPDX-License-Identifier: MIT
"""Who may come, and for whom a load balancer comes: --allow, --deny, --trusted, --proxy-protocol and
--forwarded, as logs, figures, the access log and ?show=request tell of them."""

import contextlib
import json
import signal
import struct

from peer import Peer, frame, request
from service import Workers
from support import equal, eventually, main, match, scratch, test, wsechod
from watched import Watched
from wire import any_certificate, connect

PLAIN = ("ws://127.0.0.1:0",)
REFUSED = 'wsechod_connections_refused_total{reason="%s"}'
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 40328 443\r\n"


def v2(address="2001:db8::7", port=40328):
    """A header of version 2 for IPv6."""
    words = [int(word, 16) for word in address.replace("::", ":0:0:0:0:0:").split(":")]
    block = struct.pack(">8H8HHH", *words, *words, port, 443) + b"\x04\x00\x01x"
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x21" + struct.pack(">H", len(block)) + block


def proxied(url, header, *fields, line="GET / HTTP/1.1", pieces=False):
    """A connection that begins with a header, before TLS; its handshake is complete."""
    sock = connect(url)
    for each in ([bytes([byte]) for byte in header] if pieces else [header]):
        sock.sendall(each)
    peer = Peer(sock=sock, context=any_certificate() if url.startswith("wss:") else None,
                upgrade=False)
    peer.send(request(*fields, line=line))
    equal(peer.read_head()[0], 101, "the status")
    return peer


PAGE = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")


def status(url, *fields, line="GET / HTTP/1.1", drop=()):
    """What a request gets."""
    with Peer(url, upgrade=False) as peer:
        peer.send(request(*fields, line=line, drop=drop))
        return peer.read_head()[0]


def health(url, name="healthz"):
    return status(url, line=f"GET /-/{name} HTTP/1.1", drop=PAGE)


def peer_shown(peer):
    """Of ?show=request."""
    return json.loads(peer.read_frame().payload)["peer"]


# Who may come.


@test("--allow: others get 403, before the upgrade, over TLS too, with a line and a figure")
def _():
    with Watched("--allow", "192.0.2.0/24", "--allow", "2001:db8::1") as server:
        for url in (server.ws, server.wss):
            equal(status(url), 403, "the status")
        # A page as well; but not what a load balancer asks for.
        equal(status(server.ws, drop=PAGE), 403, "the status of the page")
        equal([health(server.ws), health(server.wss, "readyz")], [200, 200], "the health")
        equal(len(server.log.wait(r"^wsechod: 127\.0\.0\.1:\d+: refused with 403: its network is "
                                  "denied$", 3)), 3, "the lines")
        server.counts({REFUSED % "denied": 3, REFUSED % "forbidden": 0})


@test("the narrower of --allow and --deny counts, in whatever order; of the same one --deny")
def _():
    for options, wanted in ((("--deny", "127.0.0.1"), 403), (("--deny", "192.0.2.0/24"), 101),
                            (("--allow", "127.0.0.1"), 101), (("--allow", "unix"), 403),
                            (("--allow", "127.0.0.1", "--deny", "127.0.0.0/8"), 101),
                            (("--deny", "127.0.0.0/8", "--allow", "127.0.0.1"), 101),
                            (("--allow", "127.0.0.0/8", "--deny", "127.0.0.1"), 403),
                            (("--allow", "127.0.0.1", "--deny", "127.0.0.1"), 403),
                            (("--allow", "0.0.0.0/0", "--deny", "::/0"), 101)):
        with Watched(*options, listen=PLAIN, cert=False) as server:
            equal(status(server.ws), wanted, f"the status with {options}")


@test("peers on Unix sockets are the network unix")
def _():
    path = f"unix:{scratch()}/networks.sock"
    for option, wanted in (("--deny", 403), ("--allow", 101)):
        with Watched(option, "unix", listen=(path,), cert=False):
            equal(status(path), wanted, f"the status with {option}")


@test("SIGHUP reads the networks anew, for connections from then on; a bad one changes nothing")
def _():
    config = scratch() / "networks.conf"
    config.write_text("")
    with Workers("--config", config, listen=PLAIN, cert=False) as server, \
            Peer(server.ws) as before:
        for text, says, wanted in (("deny 127.0.0.0/8\n", "reloaded", 403),
                                   ("deny 127.0.0.1/8\n", "networks.conf|write 127.0.0.0/8", 403),
                                   ("allow 127.0.0.1\n", "reloaded", 101)):
            config.write_text(text)
            seen = len(server.log.find(says))
            server.signal(signal.SIGHUP)
            server.log.wait(says, seen + 1)
            # Each worker has its own moment.
            eventually(lambda: {status(server.ws) for _ in range(8)} == {wanted}, text)
        before.echoes()


@test("what is no network is refused, with the cure")
def _():
    for options, says in ((("--allow", "localhost"), r"--allow: 'localhost' is no network: write"),
                          (("--deny", "10.1.1.1/8"), r"--deny: .* write 10\.0\.0\.0/8"),
                          (("--trusted", "10.0.0.0/33"), r"--trusted: .* from 0 to 32"),
                          (("--proxy-protocol",), "--proxy-protocol says .* with --trusted"),
                          (("--forwarded", "forwarded"), "--forwarded says .* with --trusted")):
        match(says, wsechod(*options).expect(2).err)


# For whom a load balancer comes.


@test("the PROXY protocol's address is everybody's: the log, the figures, the access log, the request")
def _():
    log = scratch() / "proxied.log"
    with Watched("--trusted", "127.0.0.0/8", "--proxy-protocol", "--access-log", log) as server:
        for url in (server.ws, server.wss):
            for header, address in ((V1, "192.0.2.7:40328"), (v2(), "[2001:db8::7]:40328")):
                with proxied(url, header, line="GET /?show=request HTTP/1.1", pieces=True) as peer:
                    equal(peer_shown(peer), address, "the peer in the request")
                    listed = [one["peer"] for one in server.connections()["connections"]]
                    equal(listed, [address], "the peers in the list")
                    match(address.replace("[", r"\["), server.ask("/tasks")[1])
                    peer.finish()
                eventually(lambda: not server.connections()["connections"], "its end")
        with proxied(server.ws, V1) as peer:
            peer.send(frame(3, b""))
            peer.expect_close(1002)
        server.log.wait(r"^wsechod: 192\.0\.2\.7:40328: closing with 1002")
    equal([match('peer="([^"]*)"', line)[1] for line in log.read_text().splitlines()],
          ["192.0.2.7:40328", "[2001:db8::7]:40328"] * 2 + ["192.0.2.7:40328"], "the peers")


@test("--deny and --allow are about the client, not about the load balancer")
def _():
    with Watched("--trusted", "127.0.0.1", "--proxy-protocol", "--deny", "2001:db8::/32",
                 listen=PLAIN, cert=False) as server:
        proxied(server.ws, V1).close()
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(v2() + request())
            equal(peer.read_head()[0], 403, "the status")
        server.log.wait(r"\[2001:db8::7\]:40328: refused with 403: its network is denied")


@test("without a header, or with a wrong one, the connection ends; a line says why, and a figure")
def _():
    with Watched("--trusted", "127.0.0.1", "--proxy-protocol", listen=PLAIN, cert=False) as server:
        cases = ((request(), "does not begin with a PROXY header"),
                 (b"\x16\x03\x01\x02\x00", "begins with TLS, not with a PROXY header"),
                 (b"PROXY TCP4 1 2 3 4\r\n", "addresses in its PROXY header are not right"),
                 (b"PROXY UNKNOWN " + bytes(200), "longer than 107 bytes"),
                 (v2()[:14] + b"\xff\xff", "longer than 4096 bytes"),
                 (V1[:20], "ended before its PROXY header did"))
        for data, says in cases:
            with Peer(server.ws, upgrade=False) as peer:
                peer.send(data)
                peer.half_close()
                # What was not read makes a reset of the end.
                with contextlib.suppress(ConnectionResetError):
                    equal(peer.receive(), b"", "what comes")
            server.log.wait(rf"^wsechod: 127\.0\.0\.1:\d+: refused: .*{says}$")
        server.counts({REFUSED % "proxy_header": len(cases), REFUSED % "proxy_untrusted": 0})


@test("who is not trusted may not connect, whatever header it sends")
def _():
    with Watched("--trusted", "192.0.2.0/24", "--proxy-protocol", listen=PLAIN,
                 cert=False) as server:
        with Peer(server.ws, upgrade=False) as peer, \
                contextlib.suppress(ConnectionResetError, BrokenPipeError):
            peer.send(V1 + request())
            equal(peer.receive(), b"", "what comes")
        server.log.wait(r"^wsechod: 127\.0\.0\.1:\d+: refused: it is not among those who are trusted")
        server.counts({REFUSED % "proxy_untrusted": 1, REFUSED % "proxy_header": 0})


@test("without --proxy-protocol a header is no HTTP")
def _():
    with Watched("--trusted", "127.0.0.1", listen=PLAIN, cert=False) as server, \
            Peer(server.ws, upgrade=False) as peer:
        peer.send(V1 + request())
        equal(peer.read_head()[0], 400, "the status")


def forwarded_peer(server, *fields):
    """Whom ?show=request takes for the peer; without the port, if it has its own."""
    with Peer(server.ws, upgrade=False) as peer:
        peer.send(request(*fields, line="GET /?show=request HTTP/1.1"))
        equal(peer.read_head()[0], 101, "the status")
        shown = peer_shown(peer)
    return "itself" if shown.startswith("127.0.0.1:") else shown


@test("X-Forwarded-For or Forwarded, the one that --forwarded names, and from --trusted alone")
def _():
    ours, theirs = "X-Forwarded-For: 192.0.2.7", "Forwarded: for=\"[2001:db8::7]:80\""
    trusted = ("--trusted", "127.0.0.0/8", "--trusted", "10.0.0.0/8")
    for options, answers in (((), ("itself", "itself")), (trusted, ("192.0.2.7", "itself")),
                             ((*trusted, "--forwarded", "forwarded"),
                              ("itself", "[2001:db8::7]:80")),
                             ((*trusted, "--forwarded", "off"), ("itself", "itself")),
                             (("--trusted", "10.0.0.0/8"), ("itself", "itself"))):
        with Watched(*options, listen=PLAIN, cert=False) as server:
            equal((forwarded_peer(server, ours), forwarded_peer(server, theirs)), answers,
                  f"the peers with {options}")
            if options == trusted:
                equal(forwarded_peer(server, "X-Forwarded-For: 198.51.100.1, 192.0.2.8, 10.0.0.1"),
                      "192.0.2.8", "the peer behind two proxies")


main(threads=2)
