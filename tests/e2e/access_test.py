# SPDX-License-Identifier: MIT
"""Who may come in: pages by their origin, and people by their password."""

import base64
import contextlib
import ctypes
import json
import re
import select
import signal
import socket

from peer import TEXT, Peer, frame, request
from service import PLAIN, command
from support import DEADLINE, Server, equal, eventually, main, match, run, scratch, test, wsecho

# The least that bcrypt knows.
CHEAP = 4


LIBCRYPT = ctypes.CDLL("libcrypt.so.1")
LIBCRYPT.crypt.restype = ctypes.c_char_p


def hashed(password, cost=CHEAP, kind="$2b$"):
    """As crypt(3) does it."""
    salt = f"$2b${cost:02}$abcdefghijklmnopqrstuu" if kind == "$2b$" else f"{kind}abcdefgh$"
    return LIBCRYPT.crypt(password.encode(), salt.encode()).decode()


def save(name, **users):
    """A file of passwords: name=(password, cost or kind)."""
    path = scratch() / name
    lines = ["# who may come in", ""]
    for user, (password, how) in users.items():
        lines.append(f"{user}:" + (hashed(password, how) if isinstance(how, int)
                                   else hashed(password, kind=how)))
    path.write_text("\n".join(lines) + "\n")
    return path


def http(url):
    return "http" + url[2:]


def curl(url, *options):
    """The status and the body."""
    done = run("curl", "-sk", "-w", "\n%{http_code}", *options, url).expect(0)
    body, _, status = done.out.decode().rpartition("\n")
    return int(status), body


def metrics_of(server):
    address = server.log.wait("metrics at (.*)/metrics")[0][1]
    return run("curl", "-s", f"{address}/metrics").expect(0).out.decode()


def refused_count(server, reason):
    return int(match(rf'wsechod_connections_refused_total{{reason="{reason}"}} (\d+)',
                     metrics_of(server))[1])


def shake(url, *fields):
    """The status of a handshake with these fields."""
    host, port = url.rpartition("/")[2].rsplit(":", 1)
    with socket.create_connection((host, int(port)), DEADLINE) as sock:
        lines = ["GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *fields]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head and (more := sock.recv(4096)):
            head += more
    return int(head.split()[1]), head.decode()


def basic(credentials):
    return "Authorization: Basic " + base64.b64encode(credentials.encode()).decode()


@test("--origin: pages from elsewhere get 403 and a sentence, all others are let in")
def _():
    with Server("--origin", "https://a.example", "--origin", "self", "--admin",
                "http://127.0.0.1:0", listen=PLAIN, cert=False) as server:
        for origin, status in (("https://a.example", 101), ("http://localhost", 101),
                               ("https://evil.example", 403), ("null", 403)):
            equal(shake(server.ws, f"Origin: {origin}")[0], status, f"the status for {origin}")
        equal(shake(server.ws)[0], 101, "the status of who is no browser")
        # No behaviour of the URL changes that.
        host, port = server.ws.rpartition("/")[2].rsplit(":", 1)
        with socket.create_connection((host, int(port)), DEADLINE) as sock:
            sock.sendall(b"GET /?status=418 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         b"Origin: https://evil.example\r\n\r\n")
            match("^HTTP/1.1 403 ", sock.recv(4096).decode())
        ended = wsecho("-o", "https://evil.example", server.ws, "hello")
        equal(ended.status, 5, "the client's status")
        match("403", ended.err)
        status, text = shake(server.ws, "Origin: https://evil.example")
        equal(status, 403)
        eventually(lambda: refused_count(server, "origin") == 5, "the metric")


@test("--origin: the log says which one was refused")
def _():
    before = r"^wsechod: 127\.0\.0\.1:\d+: refused with 403: a page from there may not connect: Origin "
    with Server("--origin", "https://a.example", listen=PLAIN, cert=False) as server:
        for fields, said in ((("null",), "'null'$"), (("https://evil.example",), "'https://evil.example'$"),
                             (("a\xff",), r"'a\\xff'$"), (("x" * 3000,), "'x{200}'$"),
                             (("https://a.example", "null"), "'https://a.example', and another$")):
            host, port = server.ws.rpartition("/")[2].rsplit(":", 1)
            with socket.create_connection((host, int(port)), DEADLINE) as sock:
                sock.sendall(request(*(f"Origin: {field}" for field in fields)))
                match("^HTTP/1.1 403 ", sock.recv(4096).decode())
            server.log.wait(before + said)


@test("--origin: what is no origin is refused, and a reload changes the list")
def _():
    for wrong in ("a.example", "https://", "https://a.example/path", "https://a b", "*", ""):
        done = run(*command("--origin", wrong, "--check")).expect(2)
        match(r"--origin: '.*' is not SCHEME://HOST\[:PORT\], self or null", done.err)
    config = scratch() / "origins.conf"
    config.write_text("origin https://a.example\n")
    for count in ("1", "2"):
        config.write_text("origin https://a.example\n")
        with Server("--config", config, "--workers", count, listen=PLAIN, cert=False) as server:
            equal(shake(server.ws, "Origin: https://b.example")[0], 403)
            config.write_text("origin https://a.example\norigin https://b.example\n")
            server.signal(signal.SIGHUP)
            eventually(lambda: all(shake(server.ws, "Origin: https://b.example")[0] == 101
                                   for _ in range(10)), "the new list")
    config.write_text("\norigin nonsense\n")
    done = run(*command("--config", config, "--check")).expect(2)
    match(f"{config}:2: --origin: 'nonsense' is not", done.err)


@test("--basic-auth: who knows a password comes in, over HTTP and WebSocket, plain and TLS")
def _():
    path = save("users", alice=("secret", CHEAP), bob=("pässword:with:colons", "$6$"),
                carol=("old", "$1$"))
    for count in ("1", "2"):
        with Server("--basic-auth", path, "--workers", count) as server:
            for url in (server.ws, server.wss):
                page = http(url)
                for user in ("alice:secret", "bob:pässword:with:colons", "carol:old"):
                    for _ in range(3):
                        equal(curl(page, "-u", user)[0], 200, f"the status of {user}")
                    equal(wsecho("-k", "-u", user, url, "hello").expect(0).out, b"hello\n")
                for user in ("alice:Secret", "alice:", "dave:secret", "bob:secret", ":secret"):
                    equal(curl(page, "-u", user)[0], 401, f"the status of {user}")
                    equal(wsecho("-k", "-u", user, url, "hello").status, 5, f"that {user} is refused")
                status, body = curl(page)
                equal(status, 401, "the status of nobody")
                match("this server wants a user and a password", body)
            server.log.wait("wrong user or password")


@test("--basic-auth: who ends its direction behind the request gets its answer")
def _():
    path = save("ending", alice=("secret", CHEAP))
    with Server("--basic-auth", path) as server:
        for url in (server.ws, server.wss):
            for password, status in ((b"alice:secret", 101), (b"alice:wrong", 401)):
                field = "Authorization: Basic " + base64.b64encode(password).decode()
                with Peer(url, upgrade=False) as peer:
                    equal(peer.ask_and_end(request(field), frame(TEXT, b"early")), status)
                    if status == 101:
                        peer.expect((TEXT, b"early"))


@test("--basic-auth: show=request shows nobody's password, on a page and a WebSocket")
def _():
    path = save("shown", alice=("secret", CHEAP))
    for options, shown in (((), "Basic YWxpY2U6c2VjcmV0"), (("--basic-auth", path), "...")):
        with Server(*options, listen=PLAIN, cert=False) as server:
            told = (curl(http(server.ws) + "?show=request", "-u", "alice:secret")[1],
                    wsecho("-u", "alice:secret", f"{server.ws}?show=request", "hello").expect(0).out.decode())
            for text in told:
                match(rf'\["Authorization", "{re.escape(shown)}"\]', text)


@test("--basic-auth: the challenge names the realm; what is no such field is a wrong password")
def _():
    path = save("realm", alice=("secret", CHEAP))
    with Server("--basic-auth", path, "--admin", "http://127.0.0.1:0", listen=PLAIN,
                cert=False) as server:
        _, head = shake(server.ws)
        match('\r\nWWW-Authenticate: Basic realm="wsechod", charset="UTF-8"\r\n', head)
        good = basic("alice:secret")
        for field in ("Authorization: Basic", "Authorization: Basic !!!!", "Authorization: Basic YQ==",
                      "Authorization: Bearer YWxpY2U6c2VjcmV0", "Authorization: YWxpY2U6c2VjcmV0",
                      good + "=", good + "AAAA", "Authorization: Basic " + "QUFB" * 300,
                      basic("alice\0:secret"), basic("alice:secret\0"), basic("alice")):
            equal(shake(server.ws, field)[0], 401, f"the status of {field}")
        equal(shake(server.ws, good, good)[0], 401, "the status of two")
        equal(shake(server.ws, good.replace("Basic", "bAsIc"))[0], 101, "the status, without case")
        eventually(lambda: refused_count(server, "login") == 13, "the metric")


@test("--basic-auth: probes need no password, and everything else does")
def _():
    path = save("probes", alice=("secret", CHEAP))
    with Server("--basic-auth", path, listen=PLAIN, cert=False) as server:
        page = http(server.ws)
        equal(curl(f"{page}/-/healthz"), (200, "ok\n"))
        equal(curl(f"{page}/-/readyz"), (200, "ready\n"))
        for target in ("/-/", "/-/version", "/-/status.json", "/?show=request", "/-/healthz/"):
            equal(curl(page + target)[0], 401, f"the status of {target}")
        equal(json.loads(curl(f"{page}/?show=request", "-u", "alice:secret")[1])["method"], "GET")


@test("--basic-auth: an unknown user costs what a wrong password does, and a right one is remembered")
def _():
    path = save("costs", alice=("secret", 8))
    with Server("--basic-auth", path, listen=PLAIN, cert=False) as server:
        page = http(server.ws)

        def cost(user, count=10):
            before = server.cpu_time()
            for _ in range(count):
                curl(page, "-u", user)
            return server.cpu_time() - before

        wrong, unknown, right = cost("alice:wrong"), cost("mallory:wrong"), cost("alice:secret", 30)
        equal(0.4 < unknown / wrong < 2.5, True, f"that {unknown} s is about {wrong} s")
        # Thirty times once, and not each time.
        equal(right < wrong, True, f"that {right} s is less than {wrong} s")


@test("--basic-auth: passwords do not hold up the loop, and there is a bound to those that wait")
def _():
    path = save("slow", alice=("secret", 12))
    with Server("--basic-auth", path, "--admin", "http://127.0.0.1:0", listen=PLAIN,
                cert=False) as server:
        page = http(server.ws)
        equal(curl(page, "-u", "alice:secret")[0], 200)
        with Peer(server.ws, upgrade=False) as peer, contextlib.ExitStack() as stack:
            peer.upgrade(basic("alice:secret"))
            # All are there before the first one asks, so that a password takes longer than the asking.
            knockers = [stack.enter_context(Peer(server.ws, upgrade=False)) for _ in range(64)]
            for number, knocker in enumerate(knockers):
                knocker.send(request(basic(f"user{number}:x")))
            statuses = []
            for knocker in knockers:
                while not select.select([knocker.sock], [], [], 0.01)[0]:
                    peer.echoes()
                statuses.append(knocker.read_head()[0])
        equal(set(statuses), {401, 503}, "the set of the statuses")
        equal(statuses.count(401) <= 40, True, "that most were turned away")
        equal(server.log.find("kept the loop"), [], "what the log says of slow tasks")
        eventually(lambda: refused_count(server, "busy") == statuses.count(503), "the metric")


@test("--basic-auth: who leaves before the answer costs no more than the password, and the end waits")
def _():
    path = save("leave", alice=("secret", 12))
    server = Server("--basic-auth", path, "--drain-timeout", "1s", listen=PLAIN, cert=False)
    host, port = server.ws.rpartition("/")[2].rsplit(":", 1)
    before = server.descriptors()
    for _ in range(20):
        with socket.create_connection((host, int(port)), DEADLINE) as sock:
            sock.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{basic('a:b')}\r\n\r\n".encode())
    eventually(lambda: server.descriptors() <= before + 1, "that all descriptors are closed")
    # And in the middle of some.
    waiting = [socket.create_connection((host, int(port)), DEADLINE) for _ in range(10)]
    for sock in waiting:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{basic('a:b')}\r\n\r\n".encode())
    server.stop()
    for sock in waiting:
        sock.close()


@test("--basic-auth: SIGHUP reads the file anew, and what was remembered is forgotten")
def _():
    path = save("reloaded", alice=("secret", CHEAP))
    for count in ("1", "2"):
        save("reloaded", alice=("secret", CHEAP))
        with Server("--basic-auth", path, "--workers", count, listen=PLAIN, cert=False) as server:
            page = http(server.ws)
            with Peer(server.ws, upgrade=False) as before:
                before.upgrade(basic("alice:secret"))
                equal({curl(page, "-u", "alice:secret")[0] for _ in range(10)}, {200})
                save("reloaded", alice=("changed", CHEAP), bob=("new", CHEAP))
                server.signal(signal.SIGHUP)
                eventually(lambda: all(curl(page, "-u", "alice:secret")[0] == 401
                                       for _ in range(10)), "that the old password is wrong")
                equal({curl(page, "-u", "bob:new")[0] for _ in range(10)}, {200})
                before.echoes()
            # A file that is wrong changes nothing.
            path.write_text("alice:secret\n")
            server.signal(signal.SIGHUP)
            server.log.wait("nothing was reloaded")
            match(r"reloaded:1: this is no hash that crypt\(3\) knows",
                  server.log.wait("--basic-auth: (.*)")[0][1])
            equal({curl(page, "-u", "bob:new")[0] for _ in range(10)}, {200})


@test("--basic-auth: what is wrong with the file is named with its line")
def _():
    path = scratch() / "wrong"
    good = hashed("secret")
    for text, says in ((f"alice:{good}\nbob\n", ":2: this is not USER:HASH"),
                       (f":{good}\n", ":1: this is not USER:HASH"),
                       ("alice:secret\n", r":1: this is no hash that crypt\(3\) knows"),
                       ("alice:\n", r":1: this is no hash that crypt\(3\) knows"),
                       (f"alice:{good[:-1]}\n", r":1: this is no hash that crypt\(3\) knows"),
                       ("alice:$apr1$abcdefgh$UbXlQMmQFSwqvV4V2e4Yk/\n",
                        ":1: this kind of hash is Apache's own: make it anew with htpasswd -B"),
                       ("#\n\nalice:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=\n", ":3: this kind of hash"),
                       (f"a:{good}\na:{good}\n", ":2: this user was there before"),
                       ("a:" + "x" * 2000 + "\n", ":1: the line is too long"),
                       ("# nobody\n", "there is no user in '.*wrong'")):
        path.write_text(text)
        for more in ((), ("--check",)):
            done = run(*command("--basic-auth", path, "--listen", PLAIN[0], *more)).expect(1)
            match(f"--basic-auth: .*{says}", done.err)
    done = run(*command("--basic-auth", "/no/such", "--check", "--listen", PLAIN[0])).expect(1)
    match("--basic-auth: cannot read '/no/such': No such file or directory", done.err)
    config = scratch() / "auth.conf"
    config.write_text("listen ws://127.0.0.1:0\nbasic-auth /no/such\n")
    done = run(*command("--config", config, "--check")).expect(1)
    match(f"{config}:2: --basic-auth: cannot read '/no/such'", done.err)


main()
