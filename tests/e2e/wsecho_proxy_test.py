# SPDX-License-Identifier: MIT
"""wsecho through proxies that were written for this; others are in tests/interop."""

import base64
import contextlib
import os
import re
import socket

from peer import Script, never_answered
from support import Server, client_command, ends, equal, main, match, run, test, wsecho
from tunnel import Tunnel

server = Server()
PORT = server.ws.rpartition(":")[2]


def proxy_script(*answers):
    """A proxy that answers each piece that it reads with the next one of these."""

    def serve(peer):
        for answer in answers:
            peer.receive()
            peer.send(answer)
        peer.drain()

    return Script(serve)


@test("a proxy that breaks its protocol: status 3, and which one it is")
def _():
    for kind, answers, says in (
            ("http", [b"SSH-2.0-x\r\n\r\n"], 'does not speak HTTP: it sent "SSH-2.0-x'),
            ("http", [b"HTTP/1.1 503 No\r\n\r\n"], "does not connect to h.invalid: it answered 503 No"),
            ("http", [b"HTTP/1.1 407 Who\r\n\r\n"], "wants a user and a password: --proxy"),
            ("http", [b"HTTP/1.1 200 OK\r\n\r\nmore"], "sent more than its answer"),
            ("http", [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40000], "more than 16 KiB"),
            ("http", [b"HTTP/1.1 100 Continue\r\n\r\n" * 2000], "more than 16 KiB"),
            ("http", [b"HTTP/1.1 101 Switching\r\n\r\n"], 'does not speak HTTP: it sent "HTTP/1.1 101'),
            ("http", [b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 403 No\r\n\r\n"], "answered 403 No"),
            ("socks5h", [b"\x04\x00"], "does not speak SOCKS version 5"),
            ("socks5h", [b"\x05\xff"], "wants a user and a password"),
            ("socks5h", [b"\x05\x00", b"\x05\x05\x00\x01\x00"], "h.invalid: connection refused"),
            ("socks5h", [b"\x05\x00", b"\x05\x63\x00\x01\x00"], "h.invalid: unknown reason"),
            ("socks5h", [b"\x05\x00", b"\x04\x00\x00\x01\x00"], "does not speak SOCKS"),
            ("socks5", [], "cannot resolve h.invalid")):
        with contextlib.ExitStack() as stack:
            script = stack.enter_context(proxy_script(*answers)) if answers else None
            place = f"127.0.0.1:{script.port}" if script else "127.0.0.1:1"
            ends(wsecho("-t", "10s", "-x", f"{kind}://{place}", "ws://h.invalid", "x"), 3, says)


@test("a proxy that never answers: status 7, and what was waited for")
def _():
    done = never_answered(lambda port, patience: wsecho("-t", patience, "-x", f"127.0.0.1:{port}",
                                                        "ws://h.invalid", "x"))
    ends(done, 7, "time-out while asking the proxy")


@test("a proxy that closes in between, or is not there: status 3")
def _():
    with Script(lambda peer: peer.receive()) as script:
        ends(wsecho("-x", f"127.0.0.1:{script.port}", "ws://h.invalid", "x"), 3,
             f"the proxy 127.0.0.1:{script.port} closed the connection")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ends(wsecho("-x", f"socks5://127.0.0.1:{port}", server.ws, "x"), 3,
         f"cannot connect to the proxy 127.0.0.1:{port}: Connection refused")


@test("a proxy whose name is not found, or that has no such address: the sentence says that it is one")
def _():
    ends(wsecho("-x", "proxy.invalid", "ws://127.0.0.1:1", "x"), 3,
         "cannot resolve the proxy proxy.invalid: ")
    ends(wsecho("-6", "-x", "127.0.0.1", "ws://127.0.0.1:1", "x"), 3,
         "the proxy 127.0.0.1 has no IPv6 address$")


@test("what is no proxy has status 2, and its password is not printed")
def _():
    for proxy, says in (("socks4://h", "a proxy is http, https, socks5 or socks5h, not 'socks4'"),
                        ("http://joe:secret@h:99999", "the proxy 'h:99999': the port is not"),
                        ("http://joe:s%zecret@h", "'%' in the user or the password"),
                        ("http://joe:secret@", "names no host"), ("hi", None)):
        done = wsecho("-x", proxy, server.ws, "x")
        if says:
            ends(done, 2, says)
        else:
            ends(done, 3, "cannot resolve the proxy hi: ")
        equal("secret" in done.err, False, f"that {done.err} has the password")


@test("the environment names proxies, as for curl: HTTP_PROXY does not count, no_proxy does")
def _():
    def through(url, variables, *words, used=True):
        tunnel = Tunnel()
        clean = {name: value for name, value in os.environ.items()
                 if not name.lower().endswith("_proxy")}
        given = {name: value.replace("PROXY", tunnel.place) for name, value in variables.items()}
        with tunnel.script if used else contextlib.nullcontext():
            wsecho(*words, url, "x", env=clean | given).expect(0, b"x\n")
        return tunnel.script.result

    request = through(server.ws, {"http_proxy": "http://joe:s%40cret@PROXY"})
    equal(request[0], f"CONNECT 127.0.0.1:{PORT} HTTP/1.1", "the request")
    basic = base64.b64encode(b"joe:s@cret").decode()
    equal(f"Proxy-Authorization: Basic {basic}" in request, True, f"that {request} has the user")
    through(server.wss, {"https_proxy": "PROXY"})
    through(server.wss, {"HTTPS_PROXY": "PROXY"})
    through(server.ws, {"all_proxy": "PROXY"})
    through(server.ws, {"http_proxy": "PROXY", "no_proxy": "example.org,0.0.1"})
    nobody = "http://127.0.0.1:1"
    for variables in ({"HTTP_PROXY": nobody}, {"https_proxy": nobody},
                      {"http_proxy": nobody, "no_proxy": "example.org, 127.0.0.1"},
                      {"http_proxy": nobody, "NO_PROXY": "*"}, {"http_proxy": ""}):
        through(server.ws, variables, used=False)
    through(f"ws://localhost:{PORT}", {"all_proxy": nobody, "no_proxy": "x .LOCALHOST"}, used=False)
    through(server.ws, {"http_proxy": nobody}, "--noproxy", "127.0.0.1", used=False)
    through(server.ws, {"http_proxy": nobody}, "-x", "", used=False)


@test("no_proxy: brackets of an address, a dot before a domain, the dot of the root behind a name")
def _():
    # Where nobody listens, the sentence says who was asked.
    for name, url, straight in (("[::1]", "ws://[::1]:1", True), ("::1", "ws://[::1]:1", True),
                                ("[::2]", "ws://[::1]:1", False), (".invalid", "ws://a.invalid:1", True),
                                ("invalid", "ws://a.invalid.:1", True), ("b.invalid", "ws://a.invalid:1", False),
                                ("a.invalid", "ws://invalid:1", False), (".", "ws://a.invalid:1", False)):
        done = wsecho(url, "x", env=os.environ | {"all_proxy": "http://127.0.0.1:1", "no_proxy": name})
        host = match("//(.*):1", url)[1]
        ends(done, 3, f"cannot (connect to|resolve) {re.escape(host)}" if straight else "to the proxy 127.0.0.1:1")


@test("through a proxy with TLS: messages of 1 MB come back, ws and wss")
def _():
    line = b"x" * 1_000_000 + b"\n"
    for url in (server.ws, server.wss):
        tunnel = Tunnel(tls=True)
        with tunnel.script:
            wsecho("-x", f"https://{tunnel.place}", url, given=line * 3).expect(0, line * 3)


@test("a proxy with TLS whose certificate is not trusted: status 4")
def _():
    tunnel = Tunnel(tls=True)
    with contextlib.suppress(OSError), tunnel.script:
        done = run(client_command()[0], "-x", f"https://{tunnel.place}", server.ws, "x")
    ends(done, 4, "certificate .* is not trusted: --cacert FILE")


@test("a proxy with TLS that fails: the cure is for the proxy, and not for the server")
def _():
    for place, words, says in (
            ("other.example", (), r'"localhost".*, not for "other.example": '
                                  "give --proxy a name that it is for$"),
            ("other.example", ("--servername", "h.invalid"), "give --proxy a name that it is for$")):
        tunnel = Tunnel(tls=True)
        port = tunnel.script.port
        with contextlib.suppress(OSError), tunnel.script:
            done = wsecho("--resolve", f"{place}:{port}:127.0.0.1", *words, "-x",
                          f"https://{place}:{port}", server.wss, "x")
        ends(done, 4, says)
    with proxy_script(b"HTTP/1.1 400 No\r\n\r\n") as script:
        ends(wsecho("-x", f"https://127.0.0.1:{script.port}", server.ws, "x"), 4,
             "this is not TLS: .*: try --proxy http://$")


@test("a proxy may say that it is at work before it answers (RFC 9110 section 15.2)")
def _():
    for interim in (b"HTTP/1.1 100 Continue\r\n\r\n",
                    b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"):
        for url in (server.ws, server.wss):
            tunnel = Tunnel(interim=interim)
            with tunnel.script:
                wsecho("-x", f"http://{tunnel.place}", url, "x").expect(0, b"x\n")


@test("a proxy with a scheme in what stands behind its host does not show its password")
def _():
    ends(wsecho("--proxy", "joe:SECRET@h/?a=http://x", server.ws, "x"), 2,
         r"^the proxy is not of the form \[KIND")


@test("a redirect may be the first to need an https proxy")
def _():
    def redirect(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 302 F\r\nLocation: wss://h.invalid/\r\nContent-Length: 0\r\n\r\n")
        peer.drain()

    for words, proxies in (((), {"https_proxy": "https://127.0.0.1:1"}),
                           (("--proxy", "https://127.0.0.1:1"), {"no_proxy": "127.0.0.1"})):
        with Script(redirect) as script:
            ends(wsecho("-L", *words, script.url, "x", env=os.environ | proxies), 3,
                 "^cannot connect to the proxy 127.0.0.1:1: Connection refused$")


main(threads=6)
