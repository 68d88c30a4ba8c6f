# SPDX-License-Identifier: MIT
"""The way to the server: where wsecho connects to, as whom, and what it makes of what stands between."""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import termios
import threading

from peer import CLOSE, TEXT, Script, after_accept
from support import (DEADLINE, Server, certificates, client_command, ends, equal, finish,
                     main, match, run, scratch, sentence, started, test, wsecho)
from wire import server_context

SOCKET = scratch() / "server.sock"
server = Server("--test", "all", listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", "ws://[::1]:0",
                                         f"unix:{SOCKET}"))
PORT, WSS_PORT = (url.rpartition(":")[2] for url in (server.ws, server.wss))
V6_PORT = server.urls[2].rpartition(":")[2]


def told(peer):
    """A server's function: the lines of the request, after which it echoes up to the Close."""
    lines = peer.accept()
    while (came := peer.read_frame()).opcode != CLOSE:
        peer.send_frame(came.opcode, came.payload)
    peer.send_frame(CLOSE, came.payload)
    peer.drain()
    return lines


def request_of(*words, url="", **more):
    """What the server is asked, of a client with these options, which must succeed."""
    with Script(told) as script:
        wsecho(*words, script.url + url, "x", **more).expect(0, b"x\n")
    return script.result


# Where to.


@test("http: is ws:, https: is wss:, and without a scheme it is ws://, as in wscat")
def _():
    for url in (f"localhost:{PORT}", f"http://localhost:{PORT}", f"HTTP://localhost:{PORT}/x",
                f"https://localhost:{WSS_PORT}", f"127.0.0.1:{PORT}/path?query"):
        wsecho(url, "hello").expect(0, b"hello\n")


@test("-c URL is the URL, and then all operands are messages")
def _():
    wsecho("-c", server.ws, "one", "two").expect(0, b"one\ntwo\n")
    wsecho("--connect", server.ws, given=b"line\n").expect(0, b"line\n")


@test("--resolve gives a name its address, for a port, and TLS asks for the name")
def _():
    for words in (["--resolve", f"localhost:{WSS_PORT}:127.0.0.1"],
                  ["--resolve", f"*:{WSS_PORT}:127.0.0.9,[127.0.0.1]"]):
        done = wsecho("-v", *words, f"wss://localhost:{WSS_PORT}", "x").expect(0, b"x\n")
        match(rf"connected to 127.0.0.1:{WSS_PORT}", done.err)
    done = wsecho("--resolve", f"example.invalid:{WSS_PORT}:127.0.0.1",
                  f"wss://example.invalid:{WSS_PORT}", "x")
    ends(done, 4, 'not for "example.invalid": use --servername$')
    ends(wsecho("--resolve", f"localhost:1:127.0.0.1", "--resolve", "nonsense", server.ws, "x"), 2,
         "'nonsense' is not of the form HOST:PORT:ADDRESS")
    ends(wsecho("--resolve", f"127.0.0.1:{PORT}:name", server.ws, "x"), 2, "is not of the form")


@test("--connect-to goes elsewhere, and changes neither the name for TLS nor Host")
def _():
    wsecho("--connect-to", f"localhost:443:127.0.0.1:{WSS_PORT}", "wss://localhost", "x").expect(
        0, b"x\n")
    with Script(told) as script:
        wsecho("--connect-to", f"::127.0.0.1:{script.port}", "ws://example.invalid:99", "x").expect(
            0, b"x\n")
    equal("Host: example.invalid:99" in script.result, True, f"that {script.result} has the Host")
    ends(wsecho("--connect-to", "a:b", server.ws, "x"), 2, "is not of the form HOST1:PORT1")
    ends(wsecho("--connect-to", f"other:{PORT}:h:1", f"ws://127.0.0.1:1", "x"), 3, "127.0.0.1:1")


@test("-4 and -6 take addresses of that family only")
def _():
    both = "--resolve", f"both.invalid:{PORT}:::1,127.0.0.1"
    wsecho("-4", *both, f"ws://both.invalid:{PORT}", "x").expect(0, b"x\n")
    ends(wsecho("-6", *both, f"ws://both.invalid:{PORT}", "x"), 3, "cannot connect to both.invalid")
    wsecho("-6", f"ws://[::1]:{V6_PORT}", "x").expect(0, b"x\n")
    ends(wsecho("-6", server.ws, "x"), 3, "127.0.0.1 has no IPv6 address")
    ends(wsecho("-4", "-6", server.ws, "x"), 2, "'-4' and '-6' exclude each other")


@test("--interface is an address of ours, or a device")
def _():
    with Script(lambda peer: (peer.sock.getpeername()[0], told(peer))[0]) as script:
        wsecho("--interface", "127.0.0.9", script.url, "x").expect(0, b"x\n")
    equal(script.result, "127.0.0.9", "where it came from")
    wsecho("--interface", "lo", server.ws, "x").expect(0, b"x\n")
    ends(wsecho("--interface", "192.0.2.1", server.ws, "x"), 3,
         "cannot connect to .* from 192.0.2.1: Cannot assign")
    ends(wsecho("--interface", "nosuch0", server.ws, "x"), 3, "from nosuch0: No such device")


@test("--unix-socket goes to a socket, with the URL's host, path and TLS")
def _():
    wsecho("--unix-socket", SOCKET, "ws://example.invalid/?delay=1ms", "x").expect(0, b"x\n")
    ends(wsecho("--unix-socket", "/no/such", "ws://h", "x"), 3, "cannot connect to /no/such: No")
    ends(wsecho("--unix-socket", SOCKET, "-x", "localhost:1", "ws://h", "x"), 2,
         "'--unix-socket' and '--proxy' exclude each other")


@test("an international name is looked for in its ASCII form, and an IPv6 address has its zone")
def _():
    ends(wsecho("--resolve", f"xn--bcher-kva.invalid:{PORT}:127.0.0.1", "-t", "5s",
                f"ws://bücher.invalid:{PORT}/?delay=1ms", "x").expect(0) and
         wsecho("ws://☃-.invalid/", "x"), 2, "international name")
    wsecho(f"ws://[::1%25lo]:{V6_PORT}", "x")  # whether ::1 may have one depends on the system
    done = wsecho(f"ws://[fe80::1%nosuch0]:{V6_PORT}", "x")
    equal(done.status, 3, "the status of an unknown zone")


@test("--connect-timeout bounds the way to a connection, not what comes after")
def _():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        ends(wsecho("--connect-timeout", "50ms", url, "x"), 7, "time-out while waiting for the hand")
    wsecho("--connect-timeout", "15s", "-t", "0", server.ws + "/?delay=100ms", "x").expect(
        0, b"x\n")


# Proxies that were written for this; others are in tests/interop.


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
            ("http", [b""], None),
            ("socks5h", [b"\x04\x00"], "does not speak SOCKS version 5"),
            ("socks5h", [b"\x05\xff"], "wants a user and a password"),
            ("socks5h", [b"\x05\x00", b"\x05\x05\x00\x01\x00"], "h.invalid: connection refused"),
            ("socks5h", [b"\x05\x00", b"\x05\x63\x00\x01\x00"], "h.invalid: unknown reason"),
            ("socks5h", [b"\x05\x00", b"\x04\x00\x00\x01\x00"], "does not speak SOCKS"),
            ("socks5", [], "cannot resolve h.invalid")):
        with contextlib.ExitStack() as stack:
            script = stack.enter_context(proxy_script(*answers)) if answers else None
            place = f"127.0.0.1:{script.port}" if script else "127.0.0.1:1"
            done = wsecho("-t", "300ms" if says is None else "10s", "-x", f"{kind}://{place}",
                          "ws://h.invalid", "x")
            ends(done, 7 if says is None else 3, says or "time-out while asking the proxy")


@test("a proxy that closes in between, or is not there: status 3")
def _():
    with Script(lambda peer: peer.receive()) as script:
        ends(wsecho("-x", f"127.0.0.1:{script.port}", "ws://h.invalid", "x"), 3,
             f"the proxy 127.0.0.1:{script.port} closed the connection")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ends(wsecho("-x", f"socks5://127.0.0.1:{port}", server.ws, "x"), 3,
         f"cannot connect to the proxy 127.0.0.1:{port}: Connection refused")


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
            ends(done, 3, "cannot resolve hi")
        equal("secret" in done.err, False, f"that {done.err} has the password")


class Tunnel:
    """An HTTP proxy that does what it should, once, and keeps what it was asked."""

    def __init__(self, tls=False):
        self.script = Script(self.serve, tls=tls)
        self.place = f"127.0.0.1:{self.script.port}"

    def serve(self, peer):
        request = peer.read_request()
        host, _, port = request[0].split()[1].rpartition(":")
        target = socket.create_connection((host, int(port)))
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def back():
            with contextlib.suppress(OSError):
                while data := target.recv(65536):
                    peer.send(data)
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        with contextlib.suppress(OSError):
            while data := peer.receive():
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        thread.join()
        target.close()
        return request


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


# As whom.


@test("-u and the URL's user are Basic; --bearer-file, --cookie, --origin and -s are fields")
def _():
    secret = scratch() / "secret"
    secret.write_text("a token\nno more\n")
    basic = "Authorization: Basic " + base64.b64encode(b"joe:a:b").decode()
    for words, field in (
            (["-u", "joe:a:b"], basic), (["--bearer-file", secret], "Authorization: Bearer a token"),
            (["--cookie", "a=b", "--cookie", "c=d"], "Cookie: a=b; c=d"),
            (["-o", "https://a.example"], "Origin: https://a.example")):
        lines = request_of(*words)
        equal(field in lines, True, f"that {field} is in {lines}")
    with Script(told) as script:
        wsecho(script.url.replace("//", "//joe:a%3Ab@"), "x").expect(0, b"x\n")
    equal(basic in script.result, True, f"that {script.result} has the user of the URL")
    ends(wsecho("-u", "a:b", "--bearer-file", secret, server.ws, "x"), 2, "exclude each other")
    ends(wsecho("--bearer-file", "/no/such", server.ws, "x"), 2, "cannot read '/no/such'")


@test("-s offers subprotocols, and the server's choice is told with -v")
def _():
    with Script(lambda peer: (peer.accept("Sec-WebSocket-Protocol: two"), peer.until_close(),
                              peer.send_close())[0]) as script:
        done = wsecho("-v", "-w", "0", "-s", "one", "-s", "two", script.url, "x")
    done.expect(0)
    equal("Sec-WebSocket-Protocol: one, two" in script.result, True, "that both are offered")
    match(r"(?m)^\* subprotocol two$", done.err)


@test("-H takes fields from a file, and a field without a value; what cannot be one is named")
def _():
    fields = scratch() / "fields"
    fields.write_text("X-A: 1\n# a comment\n\nX-B: 2\r\n")
    lines = request_of("-H", f"@{fields}", "-H", "X-Empty;")
    for field in ("X-A: 1", "X-B: 2", "X-Empty:"):
        equal(field in lines, True, f"that {field} is in {lines}")
    ends(wsecho("-H", "X-T:\abell", server.ws, "x"), 2,
         "the header field 'X-T' has a control character in its value")
    ends(wsecho("-H", "Ünicode: 1", server.ws, "x"), 2, "has a name with other characters")
    ends(wsecho("-H", "@/no/such", server.ws, "x"), 2, "cannot read '/no/such'")


@test("secrets of the command line are gone from the list of processes, and -v does not print them")
def _():
    words = ["-u", "joe:secret1", "-H", "Authorization: secret2", "--cookie", "secret3=x",
             "--proxy=joe:secret4@127.0.0.1:1", "--noproxy", "*"]
    url = server.ws.replace("//", "//u:secret5@")
    with started(*client_command("-v", *words, url)) as client:
        client.stdin.write(b"one\n")
        equal(client.stdout.readline(), b"one\n", "the reply")
        shown = pathlib.Path(f"/proc/{client.pid}/cmdline").read_bytes()
        equal(b"secret" in shown, False, f"that there is a secret in {shown}")
        done = finish(client).expect(0)
    equal("secret" in done.err or base64.b64encode(b"joe:secret1").decode() in done.err, False,
          f"that there is a secret in {done.err}")


@test("-u NAME asks for the password on the terminal, which does not show it")
def _():
    with Script(told) as script:
        terminal, theirs = pty.openpty()
        with started(*client_command("-u", "joe", script.url, "x"), stdin=theirs, stdout=theirs,
                     stderr=theirs, start_new_session=True,
                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as client:
            os.close(theirs)
            seen = b""
            with contextlib.suppress(OSError):
                while data := os.read(terminal, 4096):
                    if b"password" in seen + data and b"password" not in seen:
                        os.write(terminal, b"open sesame\n")
                    seen += data
            equal(client.wait(DEADLINE), 0, "the status")
        os.close(terminal)
    match(r"^wsecho: password for joe: \s*x", seen.decode())
    equal(b"sesame" in seen, False, f"that {seen} shows it")
    basic = base64.b64encode(b"joe:open sesame").decode()
    equal(f"Authorization: Basic {basic}" in script.result, True, "that it is sent")


@test("-u NAME without a terminal has status 2")
def _():
    done = run("setsid", "-w", *client_command("-u", "joe", server.ws, "x"))
    ends(done, 2, "there is no terminal to ask for the password of 'joe'")


# TLS.


def logged_fingerprint():
    """What a server with a certificate of its own making logs, and its URL."""
    own = Server(listen=("wss://127.0.0.1:0",), cert=False)
    return own.wss, own.log.wait("fingerprint,? ?([0-9A-F:]{95})|SHA-256 ([0-9A-F:]{95})")[0]


@test("--fingerprint takes the one that wsechod logs, and no other")
def _():
    url, found = logged_fingerprint()
    text = found[1] or found[2]
    run(client_command()[0], "--fingerprint", text, url, "x").expect(0, b"x\n")
    run(client_command()[0], "--fingerprint", text.lower().replace(":", ""), url, "x").expect(
        0, b"x\n")
    ends(run(client_command()[0], "--fingerprint", text[:-2] + ("00" if text[-2:] != "00" else "11"),
             url, "x"), 4, "certificate has another fingerprint")
    ends(wsecho("--fingerprint", "12", url, "x"), 2, "'12' is no SHA-256 fingerprint")


@test("-E with a file that has no key names the option for the key")
def _():
    ends(run(client_command()[0], "-E", certificates() / "ca.pem", server.wss, "x"), 2,
         "there is no usable private key in '.*': --key FILE, if it is elsewhere$")


@test("--pinnedpubkey is the pin that openssl makes, and comes on top of trust")
def _():
    pin = run("sh", "-c", f"openssl x509 -in '{certificates()}/localhost.pem' -pubkey -noout | "
              "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64"
              ).expect(0).out.decode().strip()
    wsecho("--pinnedpubkey", f"sha256//{pin}", server.wss, "x").expect(0, b"x\n")
    wrong = "sha256//" + base64.b64encode(bytes(32)).decode()
    wsecho("--pinnedpubkey", f"{wrong};sha256//{pin}", server.wss, "x").expect(0, b"x\n")
    ends(wsecho("--pinnedpubkey", wrong, server.wss, "x"), 4, "another key than the pinned one")
    ends(run(client_command()[0], "--pinnedpubkey", f"sha256//{pin}", server.wss, "x"), 4,
         "is not trusted")
    ends(wsecho("--pinnedpubkey", "md5//x", server.wss, "x"), 2, "is no pin of a key")


@test("--servername is asked for and verified instead of the URL's host")
def _():
    names = []
    context = server_context()
    context.sni_callback = lambda sock, name, _: names.append(name)
    with Script(told, tls=True) as script:
        script.context = context
        wsecho("--servername", "localhost", script.url, "x").expect(0, b"x\n")
    equal(names, ["localhost"], "the names that were asked for")
    ends(wsecho("--servername", "example.org", server.wss, "x"), 4,
         'not for "example.org": use --servername or --resolve$')


@test("--tls-min, --tls-max and --ciphers choose what is spoken; --capath trusts a directory")
def _():
    for words, spoken in ((["--tls-max", "1.2"], "TLSv1.2"), (["--tls-min", "1.3"], "TLSv1.3"),
                          (["--ciphers", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20"),
                          (["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"],
                           "AES256-GCM")):
        match(spoken, wsecho("-v", *words, server.wss, "x").expect(0, b"x\n").err)
    ends(wsecho("--tls-min", "1.3", "--tls-max", "1.2", server.wss, "x"), 2, "no version of TLS is")
    ends(wsecho("--tls-max", "1.2", "--ciphers", "AES128-SHA", server.wss, "x"), 4,
         "none of our versions, ciphers")
    ends(wsecho("--ciphers", "nonsense", server.wss, "x"), 2, "a cipher that OpenSSL does not know")
    directory = scratch() / "authorities"
    directory.mkdir()
    (directory / "ca.pem").write_bytes((certificates() / "ca.pem").read_bytes())
    run("openssl", "rehash", directory).expect(0)
    run(client_command()[0], "--capath", directory, server.wss, "x").expect(0, b"x\n")
    (scratch() / "none").mkdir()
    ends(run(client_command()[0], "--capath", scratch() / "none", server.wss, "x"), 4, "not trusted")


# Elsewhere.


def sends_to(place, status="302 Found"):
    """A server that sends everybody there; its result is what it was asked."""

    def answer(peer):
        lines = peer.read_request()
        peer.send(f"HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())
        peer.drain()
        return lines

    return Script(answer)


@test("-L goes where it is sent; without it the place is told")
def _():
    for place in (server.ws, server.ws.replace("ws:", "http:"), server.ws + "/a/../b?c",
                  server.ws.replace("ws:", "")):
        with sends_to(place) as script:
            wsecho("-L", script.url, "x").expect(0, b"x\n")
    with sends_to(server.ws) as script:
        ends(wsecho(script.url, "x"), 5, rf"answered 302 Found, Location: {server.ws}: use -L$")


@test("-L resolves what is relative, goes so far, and not from wss to ws")
def _():
    def twice(peer):
        lines = peer.read_request()
        if " /a/b " in lines[0]:
            peer.send(b"HTTP/1.1 307 T\r\nLocation: ../c?d#e\r\nContent-Length: 0\r\n\r\n")
            peer.drain()
            return None
        equal(lines[0], "GET /c?d HTTP/1.1", "the second request")
        peer.buffer = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return told(peer)

    with Script(twice, connections=2) as script:
        wsecho("-L", script.url + "/a/b", "x").expect(0, b"x\n")
    with Script(lambda peer: (peer.read_request(), peer.send(
            b"HTTP/1.1 301 M\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), peer.drain()),
                connections=5) as script:
        ends(wsecho("-L", "--max-redirs", "2", script.url, "x"), 5,
             "more than 2 redirects: raise that with --max-redirs$")
        ends(wsecho("-L", "--max-redirs", "1", script.url, "x"), 5,
             "more than 1 redirect: raise that with --max-redirs$")
    with sends_to("ftp://h/") as script:
        ends(wsecho("-L", script.url, "x"), 5, "sends us to 'ftp://h/', where we cannot go")
    with Script(lambda peer: (peer.read_request(), peer.send(
            f"HTTP/1.1 301 M\r\nLocation: {server.ws}\r\nContent-Length: 0\r\n\r\n".encode()),
            peer.drain()), tls=True) as script:
        ends(wsecho("-L", script.url, "x"), 5, "which is not encrypted")


@test("a redirect that does not say where to says so, with and without -L")
def _():
    for words in ((), ("-L",)):
        with Script(lambda peer: (peer.read_request(), peer.send(
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), peer.drain())) as script:
            ends(wsecho(*words, script.url, "x"), 5,
                 "answered 302 Found, without a Location: it does not say where to go$")


@test("-L: JSON shows where it led to, and no URL shows a password")
def _():
    def url_of(*words):
        line = wsecho("-j", *words, "x").expect(0).out.decode().splitlines()[0]
        return json.loads(line)["url"]

    with sends_to(server.ws + "/there") as script:
        equal(url_of("-L", script.url), server.ws + "/there", "the URL")
    equal(url_of(server.ws), server.ws, "the URL")
    equal(url_of(server.ws.replace("//", "//joe:secret@")), server.ws, "the URL")


@test("401: who gave credentials is told that they are refused, also behind a redirect")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        peer.drain()

    token = scratch() / "refused-token"
    token.write_text("token\n")
    for words in (("-u", "joe:x"), ("--bearer-file", token), ("-H", "authorization: Basic eA==")):
        with Script(refuse) as script:
            ends(wsecho(*words, script.url, "x"), 5,
                 "answered 401 No: the credentials that were given are refused$")
    with Script(refuse) as script, sends_to(script.url) as first:
        ends(wsecho("-L", "-u", "joe:x", first.url, "x"), 5,
             "answered 401 No: --user NAME, or --bearer-file FILE$")


@test("-L takes no secret to another host or port, but Origin and subprotocols")
def _():
    words = ["-L", "-u", "joe:secret", "-H", "X-Key: secret", "--cookie", "secret=1", "-o", "http://o"]
    with Script(told) as target, sends_to(target.url) as script:
        wsecho(*words, script.url, "x").expect(0, b"x\n")
    equal(any("secret" in line or "Basic" in line for line in target.result), False,
          f"that there is a secret in {target.result}")
    equal("Origin: http://o" in target.result, True, f"that {target.result} has the Origin")


@test("-L takes secrets along on the same host and port")
def _():
    def serve(peer):
        lines = peer.read_request()
        if " / " in lines[0]:
            peer.send(b"HTTP/1.1 308 P\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
            peer.drain()
            return None
        peer.buffer = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return told(peer)

    with Script(serve, connections=2) as script:
        wsecho("-L", "-H", "X-Key: mine", script.url, "x").expect(0, b"x\n")
    equal("X-Key: mine" in script.result, True, f"that {script.result} has the field")


# Again.


@test("--reconnect keeps the input, says so, and goes on where the connection was lost")
def _():
    seen = []

    def serve(peer):
        peer.accept()
        came = peer.read_frame()
        seen.append(came.payload)
        peer.send_frame(TEXT, came.payload)
        if len(seen) == 1:
            return  # with a FIN: our direction would still take something
        peer.until_close()
        peer.send_close()

    with Script(serve, connections=2) as script:
        with started(*client_command("--reconnect=100ms", script.url)) as client:
            client.stdin.write(b"one\n")
            equal(client.stdout.readline(), b"one\n", "the first reply")
            match(r"was lost \(1006\): trying again in 0\.\d s$",
                  client.stderr.readline().decode().rstrip("\n"))
            equal(client.stderr.readline().decode(),
                  f"wsecho: connected again to {script.url}\n", "what it says")
            client.stdin.write(b"two\n")
            equal(client.stdout.readline(), b"two\n", "the second reply")
            finish(client).expect(0)
    equal(seen, [b"one", b"two"], "what came")


@test("--reconnect -v tells of the end of each of the connections")
def _():
    codes = [1011, 1011, 1000]

    def serve(peer):
        peer.accept()
        peer.send_close(codes.pop(0))
        peer.until_close()

    with Script(serve, connections=3) as script:
        done = wsecho("-v", "-N", "--reconnect=50ms", script.url).expect(0, b"")
    equal(re.findall(r"closed by \S+: (\d+)", done.err), ["1011", "1011", "1000"], "what it tells")


@test("--reconnect waits for a server that is not there yet, and does not for what stays wrong")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with started(*client_command("--reconnect=50ms", f"ws://127.0.0.1:{port}", "x")) as client:
        match("refused: trying again in", client.stderr.readline().decode())
        match("refused: trying again in", client.stderr.readline().decode())
        with Server(listen=(f"ws://127.0.0.1:{port}",), cert=False):
            finish(client).expect(0, b"x\n")
    ends(run(client_command()[0], "--reconnect", server.wss, "x"), 4, "is not trusted")
    ends(wsecho("--reconnect", server.ws + "/?status=403", "x"), 5, "answered 403")
    done = wsecho("--reconnect", "--echo", server.ws).expect(2)
    match("'--echo' and '--reconnect' exclude each other", done.err)


@test("--reconnect ends at once, with 6, if the input ends while there is no connection")
def _():
    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, peer.read_frame().payload)
        peer.send_close(1011)
        peer.drain()

    with Script(serve) as script:
        with started(*client_command("--reconnect=60s", "-j", script.url)) as client:
            client.stdin.write(b"one\n")
            match(r"closed with 1011: trying again", client.stderr.readline().decode())
            script.listener.close()
            done = finish(client).expect(6)
    match(r"(?s)^(wsecho: \S+ refused: trying again in .*\n)*wsecho: \S+ closed with 1011\n$",
          done.err)
    equal(done.out.count(b'"event":"close"'), 1, f"the events of the close in {done.out}")


@test("--reconnect ends when the server closes with 1000, and by a signal")
def _():
    with after_accept(lambda peer: peer.send_close(1000)) as script:
        wsecho("--reconnect", "-N", script.url).expect(0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with started(*client_command("--reconnect", f"ws://127.0.0.1:{port}", "x")) as client:
        client.stderr.readline()
        client.send_signal(signal.SIGTERM)
        equal(client.wait(20), -signal.SIGTERM, "the status")


@test("--reconnect tells how many messages had no reply, and does not wait for these")
def _():
    def serve(peer):
        peer.accept()
        came = peer.read_frame()
        if came.payload == b"one":
            peer.reset()
            return
        peer.send_frame(TEXT, came.payload)
        peer.until_close()
        peer.send_close()

    with Script(serve, connections=2) as script:
        with started(*client_command("--reconnect=100ms", script.url)) as client:
            client.stdin.write(b"one\n")
            match("1006., with 1 messages not replied to: trying again",
                  client.stderr.readline().decode())
            client.stdin.write(b"two\n")
            equal(client.stdout.readline(), b"two\n", "the reply")
            finish(client).expect(0)


@test("--ping-interval finds out that a server is gone, and --ping-timeout when")
def _():
    with Script(lambda peer: (peer.accept(), peer.drain())) as script:
        done = wsecho("--ping-interval", "50ms", "--ping-timeout", "50ms", "-t", "0", "-N",
                      script.url)
        ends(done, 6, r"was lost \(1006\)")
    # One that answers stays.
    wsecho("--ping-interval", "20ms", "--ping-timeout", "10s", server.ws + "/?delay=300ms",
           "x").expect(0, b"x\n")


# Faults of the handshake.


@test("faults of the handshake that open a connection are warned of, by name")
def _():
    for word, says in (("twice", "more than one field Upgrade"), ("lf", "ends in LF, not in CR LF"),
                       ("h10", "answers with HTTP/1.0")):
        done = wsecho(f"{server.ws}/?handshake={word}", "x").expect(0, b"x\n")
        match(f"^wsecho: warning: .*{says}", done.err)
        equal(wsecho("-q", f"{server.ws}/?handshake={word}", "x").expect(0).err, "", "with -q")
        match('"faults":\\["', wsecho("-j", f"{server.ws}/?handshake={word}", "x").expect(0).out.decode())
    equal('"faults"' in wsecho("-j", server.ws, "x").expect(0).out.decode(), False,
          "that a good one has faults")
    for word, says in (("no-upgrade", "lacks Upgrade: websocket"),
                       ("unasked-extension", 'not offered: "x-unasked"'),
                       ("wrong-accept", "is not the right one")):
        ends(wsecho(f"{server.ws}/?handshake={word}", "x"), 5, says)


main(threads=6)
