# SPDX-License-Identifier: MIT
"""How wsecho ends when something is not right: which exit status, which sentence."""

import contextlib
import socket
import ssl
import subprocess

from peer import (BINARY, CLOSE, PING, PONG, TEXT, Peer, Script, close_payload, header,
                  server_context, versions)
from support import (DEADLINE, Server, Skip, certificates, client_command, equal, finish, main,
                     match, run, scratch, sentence, started, test, wsecho)

server = Server()


def ends(done, status, says, out=b""):
    """Fails unless it ended with this status, and one sentence that says this."""
    match(says, sentence(done.expect(status, out).err))


def drained(peer):
    """Reads what still comes, to the end."""
    with contextlib.suppress(OSError):
        while peer.receive():
            pass


def until_close(peer):
    """Reads frames up to the client's Close, which it returns; None if there is none."""
    with contextlib.suppress(EOFError, OSError):
        while (came := peer.read_frame()).opcode != CLOSE:
            pass
        return came
    return None


# 2: usage.


@test("usage errors are one sentence that names the argument, and have status 2")
def _():
    for words, says in (([], "URL is missing"), (["--nonsense", "x"], "'--nonsense'"),
                        (["-x"], "'-x'"), ([server.ws, "--timeout"], "'--timeout'"),
                        ([server.ws, "-t", "soon"], "'--timeout'.*'soon'"),
                        ([server.ws, "--max-message", "0"], "'--max-message'"),
                        ([server.ws, "--loop", "select"], "'--loop'.*'select'"),
                        (["-kx", server.ws], "'-x'")):
        done = run(client_command()[0], *words).expect(2, b"")
        first, hint = done.err.splitlines()
        match(says, sentence(first + "\n"))
        equal(hint, "try 'wsecho --help'")


@test("a URL that cannot be has status 2 and a sentence that names it")
def _():
    for url in ("localhost", "http://localhost", "ftp://x", "ws://", "ws://localhost:99999",
                "ws://user:word@localhost", "ws://localhost/#part", "ws://a b/", "ws+unix:relative",
                "ws://[::1", "ws://a..b/", "ws://1.2.3/", ""):
        done = wsecho(url, "hello")
        match("^'", sentence(done.expect(2, b"").err))
        equal(f"'{url}'" in done.err, True, f"that {done.err} names {url}")


@test("a header field that cannot be has status 2")
def _():
    for field in ("NoColon", ": no name", "Na me: x", "Name : x", "A: b\r\nC: d", "A: b\nC: d", ""):
        ends(wsecho("-H", field, server.ws, "hello"), 2, "header field")


@test("--help and --version print on standard output, with status 0")
def _():
    done = wsecho("--help").expect(0)
    equal(done.err, "")
    for option in ("--cacert FILE", "--insecure", "--timeout TIME", "--binary", "--verbose",
                   "--header FIELD", "--help", "--version", "Exit status"):
        match(option, done.out.decode())
    match(r"^wsecho \d+\.\d+\.\d+\n$", wsecho("--version").expect(0).out.decode())


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
    ends(done, 4, "issuer is not trusted")
    for flag in ("-k", "--insecure"):
        wsecho(flag, server.wss, "hello").expect(0, b"hello\n")


@test("4: a self-signed certificate; with --cacert it is trusted itself")
def _():
    cert, key = make_certificate("self", "DNS:localhost, IP:127.0.0.1")
    with with_certificate(cert, key) as own:
        ends(wsecho(own.wss, "hello"), 4, "self-signed and not trusted")
        wsecho("--cacert", str(cert), own.wss, "hello").expect(0, b"hello\n")
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: a certificate for another name, or for another address")
def _():
    cert, key = make_certificate("other", "DNS:example.org, DNS:*.example.org, IP:127.0.0.9")
    with with_certificate(cert, key) as own:
        port = own.wss.rpartition(":")[2]
        ends(wsecho("--cacert", str(cert), f"wss://localhost:{port}", "x"), 4,
             "not valid for the name 'localhost'")
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4,
             "not valid for the address '127.0.0.1'")
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: an address as a name in the certificate does not count")
def _():
    cert, key = make_certificate("dns", "DNS:127.0.0.1")
    with with_certificate(cert, key) as own:
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4, "address '127.0.0.1'")


@test("4: a certificate that has expired")
def _():
    cert, key = make_certificate("expired", "DNS:localhost, IP:127.0.0.1", days=False)
    with with_certificate(cert, key) as own:
        own.log.wait("has expired")
        ends(wsecho("--cacert", str(cert), own.wss, "x"), 4, "has expired")
        wsecho("-k", own.wss, "hello").expect(0, b"hello\n")


@test("4: a server that speaks no TLS, or only TLS 1.1, or only old suites")
def _():
    ends(wsecho(server.ws.replace("ws:", "wss:"), "x"), 4, "not TLS")
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
        drained(peer)

    return Script(answer, tls=tls)


@test("5: a server that refuses, with the HTTP status and what it says")
def _():
    for line in ("404 Not Found", "403 Forbidden", "401 Unauthorized", "301 Moved Permanently",
                 "200 OK", "426 Upgrade Required", "500 Internal Server Error", "503 "):
        for tls in (False, True):
            with answers(f"HTTP/1.1 {line}\nContent-Length: 0\n\n", tls) as script:
                ends(wsecho(script.url, "x"), 5, f"HTTP {line}".strip())


@test("5: our own page, where there is no WebSocket")
def _():
    with answers("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") as script:
        ends(wsecho(script.url, "x"), 5, "HTTP 200 OK")


UPGRADE = "Upgrade: websocket\nConnection: Upgrade\n"


@test("5: an answer that switches, but not as it should")
def _():
    for text, says in (
            (f"HTTP/1.1 101 Switching\n{UPGRADE}Sec-WebSocket-Accept: x\n\n", "Accept"),
            (f"HTTP/1.1 101 Switching\n{UPGRADE}\n", "Accept"),
            ("HTTP/1.1 101 Switching\nConnection: Upgrade\n\n", "Upgrade: websocket"),
            ("HTTP/1.1 101 Switching\nUpgrade: websocket\n\n", "Connection: Upgrade"),
            ("SSH-2.0-OpenSSH_9.2\n", "does not speak HTTP"),
            ("HTTP/2 200\n\n", "does not speak HTTP"),
            ("HTTP/1.1 200 OK\nX: " + "x" * 20_000 + "\n\n", "HTTP")):
        with answers(text) as script:
            ends(wsecho(script.url, "x"), 5, says)


@test("5: an extension or a subprotocol that was not asked for")
def _():
    for field in ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"):
        with Script(lambda peer, field=field: (peer.accept(field), drained(peer))) as script:
            ends(wsecho(script.url, "x"), 5, "not offered|not asked|did not")


@test("what a server says cannot forge lines or reach the terminal's controls")
def _():
    with answers("HTTP/1.1 404 \x9b31m red\n\n") as script:
        ends(wsecho(script.url, "x"), 5, r"^[ -~]*$")
    with after_accept(lambda peer: peer.send_close(4000, b"\x1b[31m\nwsecho: fine")) as script:
        ends(wsecho(script.url, "x"), 6, r"4000: [ -~]*$")


# 6: closed early.


def after_accept(*actions):
    """A server that opens the connection, does these one after the other, and reads on up to the
    client's Close, which is its result."""

    def function(peer):
        peer.accept()
        for action in actions:
            action(peer)
        return until_close(peer)

    return Script(function)


def send(*data):
    return lambda peer: peer.send(*data)


@test("6: a server that closes, with its code and its reason")
def _():
    for payload, says in ((close_payload(1000), "closed with 1000"), (b"", "closed with 1005"),
                          (close_payload(1001, b"restart at noon"), "closed with 1001: restart at"),
                          (close_payload(4321, "schön".encode()), "closed with 4321: schön")):
        with after_accept(lambda peer, payload=payload: peer.send_frame(CLOSE, payload)) as script:
            ends(wsecho(script.url, "x"), 6, says)
        equal(script.result.payload, payload[:2], "the client's own Close")


@test("6: after some replies, which are printed")
def _():
    def two(peer):
        peer.accept()
        for _ in range(2):
            peer.send_frame(*peer.read_frame()[:2])
        peer.send_close(1011, b"tired")
        until_close(peer)

    for words, given in ((("one", "two", "three"), b""), ((), b"one\ntwo\nthree\n")):
        with Script(two) as script:
            ends(wsecho(script.url, *words, given=given), 6, "1011: tired", b"one\ntwo\n")


@test("6: while standard input is still open, without waiting for it")
def _():
    def one(peer):
        peer.accept()
        peer.send_frame(*peer.read_frame()[:2])
        peer.send_close(1001, b"over")
        until_close(peer)

    with Script(one) as script, started(*client_command(script.url)) as client:
        client.stdin.write(b"one\n")
        equal(client.wait(DEADLINE), 6, "the status")
        ends(finish(client), 6, "1001: over", b"one\n")


@test("6: a connection that is lost, by a reset or the end of the stream")
def _():
    for way in (Peer.reset, Peer.close):
        with Script(lambda peer, way=way: (peer.accept(), peer.read_frame(), way(peer))) as script:
            ends(wsecho(script.url, "x"), 6, r"lost \(1006\)")
    with Script(lambda peer: (peer.accept(), peer.read_frame(), peer.send(b"\x81\x7e"))) as script:
        ends(wsecho(script.url, "x"), 6, r"lost \(1006\)")


def breaks(title, code, says, data, *words):
    """A test that the client closes with this code and ends with status 6."""

    @test(title)
    def _():
        for more, given in ((("x",), b""), ((), b"x\n")):
            with after_accept(send(data)) as script:
                ends(wsecho(*words, script.url, *more, given=given), 6, says)
            equal(script.result.payload[:2], close_payload(code), "the client's own Close")
            equal(script.result.masked, True, "that it is masked")


BROKE = "broke the WebSocket protocol"
breaks("6: a frame with a mask, which servers do not use", 1002, BROKE, b"\x81\x81maskx")
breaks("6: reserved bits or opcodes", 1002, BROKE, b"\xc1\x00")
breaks("6: a continuation of nothing", 1002, BROKE, b"\x80\x00")
breaks("6: a Close with a code that cannot be sent", 1002, BROKE, b"\x88\x02\x03\xed")
breaks("6: a text that is not UTF-8", 1007, BROKE, b"\x81\x02\xc3\x28")
breaks("6: a message over the limit of 16 MiB, by its header alone", 1009, "over the limit",
       header(BINARY, (16 << 20) + 1, mask=None))
breaks("6: a message over --max-message", 1009, "over the limit",
       b"\x81\x0b" + b"x" * 11, "--max-message", "10")


@test("0: a server that vanishes when all is replied to")
def _():
    def vanish(peer):
        peer.accept()
        peer.send_frame(*peer.read_frame()[:2])
        until_close(peer)

    for words, given in ((("one",), b""), ((), b"one\n")):
        with Script(vanish) as script:
            wsecho(script.url, *words, given=given).expect(0, b"one\n")


@test("6: a message of ours over the server's limit")
def _():
    with Server("--max-message", "1K") as own:
        ends(wsecho(own.ws, "x" * 1025), 6, "closed with 1009")
        ends(wsecho(own.wss, given=b"x" * 1025 + b"\n"), 6, "closed with 1009")


@test("pings of the server are answered while the client waits, pongs are ignored")
def _():
    def pings(peer):
        peer.accept()
        first = peer.read_frame()
        for i in range(3):
            peer.send_frame(PING, b"%d" % i)
            peer.send_frame(PONG, b"%d" % i)
            came = peer.read_frame()
            equal((came.opcode, came.payload, came.masked), (PONG, b"%d" % i, True))
        peer.send_frame(first.opcode, first.payload)
        peer.read_frame()

    with Script(pings) as script:
        wsecho(script.url, "hello").expect(0, b"hello\n")


# 7: time-out.


@test("7: a server that accepts and never answers, over TCP and over TLS")
def _():
    for scheme, says in (("ws", "time-out while waiting for the handshake"), ("wss", "time-out")):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
            ends(wsecho("--timeout", "300ms", url, "x"), 7, says)
    with Script(drained, tls=True) as script:
        ends(wsecho("-t", "300ms", script.url, "x"), 7, "time-out")


@test("7: half an HTTP answer")
def _():
    with answers("HTTP/1.1 101 Switching\n") as script:
        ends(wsecho("-t", "300ms", script.url, "x"), 7, "time-out")


@test("7: a server that does not reply, which gets a Close all the same")
def _():
    for words, given in ((("x",), b""), ((), b"x\ny\n")):
        with after_accept() as script:
            ends(wsecho("-t", "300ms", script.url, *words, given=given), 7, "time-out")
        equal(script.result, (CLOSE, close_payload(1000), True, 0, True), "the last frame")


@test("7: a connection that is never accepted, because the queue at the door is full")
def _():
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill(listener, stack)
        ends(wsecho("-t", "300ms", f"ws://127.0.0.1:{listener.getsockname()[1]}", "x"), 7,
             "time-out while connecting")


def fill(listener, stack):
    """Connects until nobody else can: from then on, the kernel does not answer."""
    while True:
        sock = stack.enter_context(socket.socket(listener.family))
        sock.settimeout(0.3)
        try:
            sock.connect(listener.getsockname())
        except TimeoutError:
            return


@test("a time-out does not hit a client whose replies come, however many they are")
def _():
    lines = "".join(f"{i}\n" for i in range(50_000)).encode()
    wsecho("-t", "2s", server.wss, given=lines).expect(0, lines)


# Header fields, and addresses side by side.


@test("-H sends the field as it is, as often as it is given, after the client's own")
def _():
    fields = ["X-One: 1", "authorization:Bearer  a:b", "X-Empty:", "Cookie: ä=\"ö\"", "X-One: 2"]
    with Script(Peer.accept) as script:
        words = [word for field in fields for word in ("-H", field)]
        wsecho(*words, f"{script.url}/path?query=1", "x").expect(6)
    line, *own = script.result[:-len(fields)]
    equal(line, "GET /path?query=1 HTTP/1.1")
    equal(sorted(field.partition(":")[0] for field in own),
          ["Connection", "Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade"])
    equal(script.result[-len(fields):], [field.encode().decode("latin-1") for field in fields])


@test("each connection has another key and each frame another mask")
def _():
    def look(peer):
        key = next(line for line in peer.accept() if line.startswith("Sec-WebSocket-Key"))
        data = [peer.take(6 + 5)[2:6] for _ in range(3)]
        return key, *data

    seen = []
    for _ in range(2):
        with Script(look) as script:
            wsecho(script.url, given=b"hello\nhello\nhello\n").expect(6)
        seen += script.result
    equal(len(set(seen)), 8, f"the number of different ones in {seen}")


def with_hosts(lines, *command):
    """The command, where a name has the addresses that the lines of a hosts file give it."""
    hosts = scratch() / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + lines)
    script = f'mount --bind {hosts} /etc/hosts && exec "$0" "$@"'
    for namespace in (["unshare", "-m"], ["unshare", "-rm"]):
        probe = [*namespace, "sh", "-c", script]
        with contextlib.suppress(OSError):
            if subprocess.run([*probe, "true"], check=False, stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL).returncode == 0:
                return run(*probe, *command)
    raise Skip("no mount namespace can be had, and so no name with two addresses")


TWO = "::1 two-addresses\n127.0.0.1 two-addresses\n"


@test("of a name's addresses that refuse, or are silent, the next one is tried")
def _():
    port = server.ws.rpartition(":")[2]
    words = client_command(f"ws://two-addresses:{port}", "hello")
    with_hosts(TWO, *words).expect(0, b"hello\n")
    with socket.socket(socket.AF_INET6) as silent, contextlib.ExitStack() as stack:
        try:
            silent.bind(("::1", int(port)))
        except OSError as error:
            raise Skip(f"no IPv6: {error}") from error
        silent.listen(0)
        fill(silent, stack)
        with_hosts(TWO, *words).expect(0, b"hello\n")


@test("a name of which no address answers is refused with one sentence")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ends(with_hosts(TWO, *client_command(f"ws://two-addresses:{port}", "x")), 3,
         "cannot connect to two-addresses:.*refused")


main(threads=6)
