# SPDX-License-Identifier: MIT
"""How wsecho ends when something is not right: which exit status, which sentence."""

import contextlib
import socket
import ssl
import subprocess

from peer import Peer, Script, after_accept
from support import (Server, certificates, client_command, ends, equal, finish, main, match, run,
                     scratch, sentence, started, test, wsecho)
from wire import server_context, versions

server = Server()


# 2: usage.


@test("usage errors are one sentence that names the argument, and have status 2")
def _():
    for words, says in (([], "URL is missing"), (["--nonsense", "x"], "'--nonsense'"),
                        (["-x"], "'--proxy'"), ([server.ws, "--timeout"], "'--timeout'"),
                        ([server.ws, "-t", "soon"], "'--timeout'.*'soon'"),
                        ([server.ws, "--max-message", "0"], "'--max-message'"),
                        ([server.ws, "--loop", "select"], "'--loop'.*'select'"),
                        (["-ky", server.ws], "'-y'")):
        done = run(client_command()[0], *words).expect(2, b"")
        first, hint = done.err.splitlines()
        match(says, sentence(first + "\n"))
        equal(hint, "try 'wsecho --help'")


@test("a URL that cannot be has status 2 and a sentence that names it")
def _():
    for url in ("ftp://x", "ws://", "ws://localhost:99999", "ws://h:80:80/", "ws://localhost/#part",
                "ws://a b/", "ws+unix:relative", "ws://[::1", "ws://a..b/", "ws://1.2.3/"):
        done = wsecho(url, "hello")
        match("^'", sentence(done.expect(2, b"").err))
        equal(f"'{url}'" in done.err, True, f"that {done.err} names {url}")


@test("a header field that cannot be has status 2")
def _():
    for field in ("NoColon", ": no name", "Na me: x", "Name : x", "A: b\r\nC: d", "A: b\nC: d", ""):
        ends(wsecho("-H", field, server.ws, "hello"), 2,
             "^(the header field '|header field 1 |option '--header', number 1: )")


@test("--help and --version print on standard output, with status 0")
def _():
    done = wsecho("--help").expect(0)
    equal(done.err, "")
    # The command stands above it, and the next prompt below.
    equal(done.out.count(b"\n") <= 22, True, "that it fits a terminal of 24 lines")
    for option in ("--cacert FILE", "--insecure", "--timeout TIME", "--binary", "--verbose",
                   "--header FIELD", "--help", "--version", "Exit status"):
        match(option, done.out.decode())
    match(r"^wsecho \d+\.\d+\.\d+\n", wsecho("--version").expect(0).out.decode())


@test("--help to a full disk has status 1")
def _():
    with open("/dev/full", "wb") as full:
        ends(wsecho("--help", stdout=full), 1, "standard output: No space left", None)


# 3: no connection.


@test("3: a port where nobody listens, a name that nobody knows, a socket that is not there")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ends(wsecho(f"ws://127.0.0.1:{port}", "x"), 3,
         f"cannot connect to 127.0.0.1:{port}: Connection refused")
    ends(wsecho(f"wss://localhost:{port}", "x"), 3, "cannot connect to localhost:.*refused")
    ends(wsecho("ws+unix:/nonexistent/socket", "x"), 3, "/nonexistent/socket: No such file")
    # The resolver need not try for long; how it fails depends on the network.
    with started("env", "RES_OPTIONS=timeout:1 attempts:1",
                 *client_command("ws://no-such-host.invalid", "x")) as client:
        ends(finish(client), 3, r"cannot resolve no-such-host\.invalid: ")


@test("3: a server that closes before it has answered")
def _():
    for tls in (False, True):
        with Script(Peer.read_request, tls=tls) as script:
            ends(wsecho(script.url, "x"), 3, "closed the connection during the handshake")
    for answer in (b"HTTP/1.1 101 Swit", b"HTTP/1.1 103 Early Hints\r\n\r\n"):
        for tls in (False, True):
            with Script(lambda peer, answer=answer: (peer.read_request(), peer.send(answer)),
                        tls=tls) as script:
                ends(wsecho(script.url, "x"), 3, "closed the connection in the middle of its answer$")


@test("3: a server that resets each connection was connected to, whenever that is seen")
def _():
    count = 20
    for scheme, cure in (("ws:", ": try wss://"), ("wss:", "")):
        with Script(lambda peer: peer.reset(), connections=count) as script:
            for _ in range(count):
                ends(wsecho(script.url.replace("ws:", scheme), "x"), 3,
                     f"^127.0.0.1:{script.port} closed the connection during the handshake{cure}$")


@test("3 or 4: a server that closes in the middle of the TLS handshake, or resets it")
def _():
    def shut(peer):
        peer.sock.recv(10)

    for way in (shut, lambda peer: (peer.sock.recv(1000), peer.reset())):
        with Script(way) as script:
            done = wsecho(script.url.replace("ws:", "wss:"), "x")
            equal(done.status in (3, 4), True, f"that {done.status} is 3 or 4")
            sentence(done.err)


# 4: TLS.


def make_certificate(name, alternative, *, days=True):
    """A self-signed one for the alternative name; without days it has expired."""
    cert, key = scratch() / f"{name}.pem", scratch() / f"{name}.key"
    config = scratch() / f"{name}.cnf"
    database = scratch() / f"{name}.db"
    database.write_text("")
    config.write_text(f"""
[ca]
default_ca = here
[here]
database = {database}
new_certs_dir = {scratch()}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
subjectAltName = {alternative}
""")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", "/CN=x", "-out", scratch() / f"{name}.csr")
    dates = ("20200101000000Z", "20360101000000Z" if days else "20200201000000Z")
    openssl("ca", "-config", config, "-selfsign", "-keyfile", key, "-in", scratch() / f"{name}.csr",
            "-out", cert, "-startdate", dates[0], "-enddate", dates[1], "-batch", "-notext")
    return cert, key


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stderr=subprocess.DEVNULL)


def with_certificate(cert, key):
    return Server("--cert", cert, "--key", key, cert=False)


@test("4: an authority that it does not know; -k does not ask for one")
def _():
    done = run(client_command()[0], server.wss, "hello")
    ends(done, 4, "the issuer of 127.0.0.1's certificate .CN=.*. is not trusted: --cacert FILE, or --insecure to take any$")
    for flag in ("-k", "--insecure"):
        wsecho(flag, server.wss, "hello").expect(0, b"hello\n")


@test("4: a self-signed certificate; with --cacert it is trusted itself")
def _():
    cert, key = make_certificate("self", "DNS:localhost, IP:127.0.0.1")
    with with_certificate(cert, key) as own:
        ends(wsecho(own.wss, "hello"), 4, r"127.0.0.1's certificate \(CN=.*\) is self-signed and not trusted: --cacert FILE")
        wsecho("--cacert", str(cert), own.wss, "hello").expect(0, b"hello\n")
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: a certificate for another name, or for another address")
def _():
    cert, key = make_certificate("other", "DNS:example.org, DNS:*.example.org, IP:127.0.0.9")
    with with_certificate(cert, key) as own:
        port = own.wss.rpartition(":")[2]
        ends(wsecho("--cacert", str(cert), f"wss://localhost:{port}", "x"), 4,
             r'the certificate is for "example.org", "\*.example.org", "127.0.0.9", not for '
             '"localhost": use --servername or --resolve$')
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4,
             'not for "127.0.0.1"')
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: an address as a name in the certificate does not count")
def _():
    cert, key = make_certificate("dns", "DNS:127.0.0.1")
    with with_certificate(cert, key) as own:
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4, 
             'is for "127.0.0.1" as a name, not for "127.0.0.1"')


@test("4: a certificate that has expired")
def _():
    cert, key = make_certificate("expired", "DNS:localhost, IP:127.0.0.1", days=False)
    with with_certificate(cert, key) as own:
        own.log.wait("has expired")
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4,
             r"127.0.0.1's certificate expired on \d{4}-\d\d-\d\d")
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: a server that speaks no TLS, or only TLS 1.1, or only old suites")
def _():
    ends(wsecho(server.ws.replace("ws:", "wss:"), "x"), 4, r"127.0.0.1:\d+ does not speak TLS: try ws://$")
    old = versions(server_context(), ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    weak = versions(server_context(), ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    for context in (old, weak):
        with contextlib.suppress(ssl.SSLError), Script(lambda peer: None, tls=True) as script:
            script.context = context
            done = wsecho(script.url, "x")
        ends(done, 4, "alert|version|cipher")


@test("2 or 4: a file for --cacert that is missing, empty or garbage has one sentence")
def _():
    garbage = scratch() / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    empty = scratch() / "empty.pem"
    empty.write_text("")
    for path, says in (("/nonexistent.pem", "'/nonexistent.pem': No such file"),
                       (str(garbage), "damaged"), (str(empty), "no certificate"),
                       (str(certificates()), "directory")):
        ends(wsecho("--cacert", path, server.wss, "x"), 2, says)


# 5: the handshake.


def answers(text, tls=False):
    """A server that answers every request with this."""

    def answer(peer):
        peer.read_request()
        peer.send(text.encode("latin-1").replace(b"\n", b"\r\n"))
        peer.drain()

    return Script(answer, tls=tls)


@test("5: a server that refuses, with the HTTP status and what it says")
def _():
    for line in ("404 Not Found", "403 Forbidden", "401 Unauthorized", "301 Moved Permanently",
                 "200 OK", "426 Upgrade Required", "500 Internal Server Error", "503 "):
        for tls in (False, True):
            with answers(f"HTTP/1.1 {line}\nContent-Length: 0\n\n", tls) as script:
                ends(wsecho(script.url, "x"), 5, f"127.0.0.1:[0-9]+ answered {line}".strip())


@test("5: our own page, where there is no WebSocket")
def _():
    with answers("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") as script:
        ends(wsecho(script.url, "x"), 5,
             "answered 200 OK: not a WebSocket server at this path.$")


@test("5: what a refusal says in its body is told, in one line and escaped, up to 1,000 bytes")
def _():
    for head, body, says in (
            ("403 Forbidden\nContent-Length: 25", '{"error":"token expired"}',
             'answered 403 Forbidden; it says "{"error":"token expired"}"$'),
            ("500 No\nTransfer-Encoding: chunked", "5\nhello\n1;x=y\n!\n0\n\n",
             '; it says "hello!"$'),
            ("500 No", "a\x1b[31m\n b\n", r'; it says "a\\x1b\[31m b"$'),
            ("500 No\nContent-Length: 9000", "x" * 9000, '; it says "x{1000}"$'),
            ("401 No\nWWW-Authenticate: Basic realm=\"r\"\nContent-Length: 2", "no",
             'answered 401 No, WWW-Authenticate: Basic realm="r": --user NAME, or '
             '--bearer-file FILE; it says "no"$')):
        with answers(f"HTTP/1.1 {head}\n\n{body}") as script:
            ends(wsecho(script.url, "x"), 5, says)


@test("5: a redirect tells where to, and a long URL is cut in the middle")
def _():
    for place, says in (("/x", "/x"), ("wss://h/?" + "a" * 900, r"wss://h/\?a+\.\.\.a+")):
        with answers(f"HTTP/1.1 301 Moved\nLocation: {place}\nContent-Length: 0\n\n") as script:
            ends(wsecho(script.url, "x"), 5, f"answered 301 Moved, Location: {says}: use -L$")
    ends(wsecho("ws://h.example/?token=" + "a" * 400 + "#x", "hi"), 2,
         r"^'ws://h\.example/\?token=a+\.\.\.a*#x': a WebSocket URL has no fragment")


UPGRADE = "Upgrade: websocket\nConnection: Upgrade\n"


@test("5: an answer that switches, but not as it should")
def _():
    for text, says in (
            (f"HTTP/1.1 101 Switching\n{UPGRADE}Sec-WebSocket-Accept: x\n\n", "Accept"),
            (f"HTTP/1.1 101 Switching\n{UPGRADE}\n", "Accept"),
            ("HTTP/1.1 101 Switching\nConnection: Upgrade\n\n", "Upgrade: websocket"),
            ("HTTP/1.1 101 Switching\nUpgrade: websocket\n\n", "Connection: Upgrade"),
            ("SSH-2.0-OpenSSH_9.2\n", "does not speak HTTP"),
            ("HTTP/2 200\n\n", "another version of HTTP than 1: .HTTP/2 200"),
            ("\nHTTP/1.1 200 OK\n\n", "begins with an empty line"),
            ("HTTP/1.1 999 Denied\n\n", "the status 999, which HTTP does not have"),
            ("HTTP/1.1 401 No\nA: b\nWWW-Authenticate : x\n\n",
             r"answered 401, but line 3 of its head is no header field: .WWW-Authenticate : x"),
            ("HTTP/1.1 403 No\nA: \x1b[31m\n\n", r"answered 403, but line 2 .*\\x1b\[31m"),
            ('HTTP/1.1 403 \x1b[31mno\n\n{"error":"token has expired"}\n',
             r'answered 403, but its first line is not right: "HTTP/1.1 403 \\x1b\[31mno"$'),
            ("HTTP/1.1 302 a\x07\nLocation: x\n\n<html><body>\n",
             r'answered 302, but its first line is not right: "HTTP/1.1 302 a\\x07"$'),
            ("HTTP/1.1 302 a\x07\nLocat", r'its first line is not right: "HTTP/1.1 302 a\\x07"$'),
            ("HTTP/1.1 403 No\nA: b\rc\n\n", r'line 2 .*no header field: "A: b\\x0dc"$'),
            ("HTTP/1.1 4030 x\nA: b\n\n", "answered with the status 4030, which HTTP does not have$"),
            ("HTTP/1.1 40\n\n", "answered with the status 40, which HTTP does not have$"),
            ("HTTP/1.1 403x\n\n", 'answered with a first line that is not right: "HTTP/1.1 403x"$'),
            ("HTTP/1.1 abc\n\n", 'answered with a first line that is not right: "HTTP/1.1 abc"$'),
            ("HTTP/12.1 200\n\n", 'another version of HTTP than 1: "HTTP/12.1 200"$'),
            ("\0\x01\xffjunk\n", r'does not speak HTTP: it sent "\\x00\\x01\\xffjunk"$'),
            ("HTTP/1.1 101 Switching\n" + "Set-Cookie: a\n" * 101 + "\n",
             "answered 101, with a head of more than 100 fields"),
            ("HTTP/1.1 200 OK\nX: " + "x" * 20_000 + "\n\n",
             "answered 200, with a head of more than 16 KiB")):
        with answers(text) as script:
            ends(wsecho(script.url, "x"), 5, says)


@test("5: an extension or a subprotocol that was not asked for")
def _():
    for field in ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"):
        with Script(lambda peer, field=field: (peer.accept(field), peer.drain())) as script:
            ends(wsecho(script.url, "x"), 5, "not offered|not asked|did not")


@test("what a server says cannot forge lines or reach the terminal's controls")
def _():
    with answers("HTTP/1.1 404 \x9b31m red\n\n") as script:
        ends(wsecho(script.url, "x"), 5, r"^[ -~]*$")
    with after_accept(lambda peer: peer.send_close(4000, b"\x1b[31m\nwsecho: fine")) as script:
        ends(wsecho(script.url, "x"), 6, r"4000: [ -~]*$")


main(threads=6)
