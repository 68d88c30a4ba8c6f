# SPDX-License-Identifier: MIT
"""Test behaviours: how they are asked for, by a query or by a chain; what cannot be asked for is
refused with a sentence; and those that change the answer to the request."""

import base64
import json
import re
import time

import guest
from guest import Guest, at_least, behaves
from peer import ACCEPT, PING, TEXT, Peer, frame, request
from support import Server, equal, in_parallel, main, match, test

server = guest.server()
safe = Server(listen=("ws://127.0.0.1:0",), cert=False)


def refuses(status, says, *paths, url=None):
    for path in paths:
        with Guest(path, url=url) as peer:
            equal(peer.status, status, f"the status for {path}")
            match(rf"^{status} [A-Z][\w ]*: .*{says}.*(?<!\.)\n$", peer.body())


def get(path, *fields, url=None, drop=("Upgrade", "Connection", "Sec-WebSocket-Key",
                                       "Sec-WebSocket-Version")):
    """A plain request: status, fields and body."""
    with Peer(url or server.ws, upgrade=False) as peer:
        peer.send(request(*fields, line=f"GET {path} HTTP/1.1", drop=drop))
        status, got = peer.read_head()
        while data := peer.receive():
            peer.buffer += data
        return status, got, peer.buffer.decode()


# How to ask.


@test("what was understood is confirmed in a field and in the log")
def _():
    # A server of its own: in the log of the others the limit for such lines may leave some out.
    with Server("--test", "all") as own:
        for path, confirmed in (("/chat?delay=1ms&close=4000&after=1", "delay=1ms close=4000 after=1"),
                                ("/-/delay/1ms/close/4000/bye", "delay=1ms close=4000 reason=bye"),
                                ("/x?token=abc&greet=a%20b", "greet=a%20b"),
                                ("/?basic=a:b", "basic=...")):
            with Guest(path, "Authorization: Basic YTpi", url=own.ws) as peer:
                equal(peer.fields["x-wsechod"], confirmed, "the field")
            own.log.wait(rf": {re.escape(confirmed)}$")


@test("without behaviours there is no such field, and any path echoes")
def _():
    for path in ("/", "/chat?user=7&token=a%zz", "/-", "/-x/close/4000", "/?=&&", "/a?counts=x"):
        with Guest(path) as peer:
            equal(peer.fields.get("x-wsechod"), None)
            peer.echoes()


@test("unknown parameters are ignored outside /-/, and 404 inside")
def _():
    with Guest("/chat?token=1&greet=hi&x") as peer:
        peer.expect((TEXT, b"hi"))
    refuses(404, "there is no behaviour 'token': see /-/", "/-/greet/hi?token=1")
    refuses(404, "there is no behaviour 'greeet'", "/-/greeet/hi")
    refuses(404, "there is no behaviour 'more'", "/-/greet/hi/more")


@test("bad values are refused with 400 and a sentence, before the upgrade")
def _():
    for path, says in (
            ("/?delay=x", "delay takes TIME up to 60s, not 'x'"),
            ("/?delay=61s", "delay takes TIME up to 60s, not '61s'"),
            ("/-/delay/-1s", "delay takes .*, not '-1s'"),
            ("/?ping=0", "ping takes TIME from 1ms to 60s, not '0'"),
            ("/?ping=999us", "ping takes TIME from 1ms to 60s, not '999us'"),
            ("/?time=0", "time takes 1, not '0'"), ("/?del%61y=x", "delay takes TIME up to 60s, not 'x'"),
            ("/?delay=%0a", r"delay takes TIME up to 60s, not '\\x0a'$"),
            ("/?fragment=1&ping-between=0", "ping-between takes 1, not '0'"),
            ("/?close=999", "close takes CODE from 1000 to 4999, not '999'"),
            ("/?close=5000", "not '5000'"), ("/?close=1e3", "not '1e3'"),
            ("/-/close", "close: its value is missing"),
            ("/?close=4000&close=4001", "close: it is given twice"),
            ("/?fragment=0", "fragment takes BYTES from 1 to 16M, not '0'"),
            ("/?send=17M", "BYTES from 0 to 16M, not '17M'"),
            ("/?drop=up", "drop takes fin, reset, notify or silent, not 'up'"),
            ("/?close-reply=x", "takes none, echo, CODE from 1000 to 4999 or TIME up to 60s, not 'x'"),
            ("/?greet=%ff", "greet: the value must be UTF-8"),
            ("/?greet=%0", "greet: the value must be UTF-8"),
            ("/?greet=a%00b", "greet: the value must be UTF-8"),
            ("/?header=a", "header: this is not NAME:VALUE"),
            ("/?header=Upgrade:h2c", "header: this field is the server's own"),
            ("/?header=sec-websocket-accept:x", "header: this field is the server's own"),
            ("/?header=a:b%0d%0aSet-Cookie:c", "header: this is not NAME:VALUE"),
            ("/?cookie=a", "cookie: this is not NAME=VALUE"),
            ("/?redirect=1&to=//elsewhere/", "to: this is not a path"),
            ("/?redirect=1&to=http://elsewhere/", "to: this is not a path"),
            ("/?close=4000&reason=" + 124 * "x", "reason: a reason has at most 123 bytes"),
            ("/-/greet/hi?reason=x", r"reason is a detail of close, so one needs the other: \?close=4000&reason=bye"),
            ("/?basic=abc", "basic: this is not USER:PASSWORD"),
            ("/?" + "&".join(33 * ["cookie=a=b"]), "more than 32 behaviours")):
        refuses(400, says, path)


@test("a detail without its behaviour is refused, and the sentence says which it belongs to")
def _():
    rows = json.loads(get("/-/", "Accept: application/json")[2])
    examples = {row["name"]: row["example"] for row in rows}
    details = [row for row in rows if "of" in row]
    equal(len(details) > 10, True, "that there are details")
    for row in details:
        name, first = row["name"], row["of"].split("|")[0]
        among = re.sub(r"(.*), ", r"\1 or ", ", ".join(row["of"].split("|")))
        for path in (f"/?{name}={row['example']}", f"/-/{name}/{row['example'].lstrip('/')}"):
            if path != "/-/to/chat":
                refuses(400, re.escape(f"{name} is a detail of {among}, so one needs the other: "
                                       f"?{first}={examples[first]}&{name}={row['example']}"), path)
        with Guest(f"/?{name}={row['example']}&{first}={examples[first]}") as peer:
            equal(peer.status == 400, False, f"that {name} with {first} is refused")


@test("each example of the table is understood")
def _():
    def understood(row):
        secret = row["name"] in ("basic", "bearer")
        with Guest(f"/?{row['name']}={row['example']}") as peer:
            equal(peer.fields["x-wsechod"], f"{row['name']}={'...' if secret else row['example']}")

    in_parallel(understood, *(row for row in json.loads(get("/-/", "Accept: application/json")[2])
                              if "of" not in row))


@test("with --test safe what breaks the protocol is refused, with off nothing is special")
def _():
    for path in ("/?close=1005", "/?close=1006&reason=x", "/-/close/1015", "/?close=2000", "/?close-reply=1004"):
        refuses(403, r"\d+ is a code that must not be sent, and .* --test all", path, url=safe.ws)
    for path in ("/?fault=rsv", "/-/handshake/lf"):
        refuses(403, "this server was not started with --test all", path, url=safe.ws)
    refuses(403, "the client does not offer this one", "/?protocol=x", url=safe.ws)
    for field in ("Access-Control-Allow-Origin:*", "Location:https://elsewhere/&status=302", "Refresh:0;url=/",
                  "Set-Cookie:a=b", "Strict-Transport-Security:max-age=1", "X:1"):
        refuses(403, "header: the name of this field does not begin with X-, .* --test all",
                f"/?header={field}", url=safe.ws)
        with Guest(f"/?header={field}") as peer:
            equal(field.split(":")[0].lower() in peer.fields, True, f"that {field} is there with all")
    for field in ("X-Accel-Redirect:/x", "x-sendfile:/etc/passwd", "X-LIGHTTPD-send-file:/x"):
        refuses(403, "header: this field is one that proxies obey, .* --test all", f"/?header={field}",
                url=safe.ws)
    with Guest("/?header=X-A:1&header=x-b:2", url=safe.ws) as peer:
        equal([peer.fields.get(name) for name in ("x-a", "x-b")], ["1", "2"], "the fields")
    with Server("--test", "off") as off:
        for path in ("/?close=4000", "/-/close/4000", "/-/nothing", "/?close=x"):
            with Guest(path, url=off.ws) as peer:
                equal((peer.status, peer.fields.get("x-wsechod")), (101, None))
                peer.echoes()
        equal(get("/-/healthz", url=off.ws)[0], 200)


# Instead of a WebSocket.


@test("/-/ is a list of the table, as text, HTML or JSON")
def _():
    status, fields, body = get("/-/")
    equal((status, fields["content-type"]), (200, "text/plain; charset=utf-8"))
    listed = json.loads(get("/-/", "Accept: application/json")[2])
    equal(len(listed) > 40, True, "that they are there")
    _, fields, html = get("/-/", "Accept: text/html,*/*;q=0.8")
    equal(fields["content-type"], "text/html; charset=utf-8")
    for row in listed:
        match(rf"(?m)^ *{row['name']}={re.escape(row['argument'])}\n        \S.*\.$", body)
        match(f"<code>{row['name']}=", html)


@test("/-/healthz, /-/readyz and /-/version answer")
def _():
    equal([get(f"/-/{name}")[::2] for name in ("healthz", "readyz")], [(200, "ok\n"), (200, "ready\n")])
    match(r"^wsechod \d+\.\d+\.\d+\n$", get("/-/version")[2])


@test("status refuses with any status, with Retry-After")
def _():
    for path in ("/?status=503&retry-after=7", "/-/status/503/7"):
        with Guest(path) as peer:
            equal((peer.status, peer.fields["retry-after"]), (503, "7"))
            equal(peer.body(), "503, as asked for by status=503\n")
    # Whole seconds, none of which is too short.
    for time, wanted in (("0s", "0"), ("1ms", "1"), ("1500ms", "2"), ("60s", "60")):
        with Guest(f"/?status=503&retry-after={time}") as peer:
            equal(peer.fields["retry-after"], wanted)
    for code in (300, 404, 418, 599):
        with Guest(f"/?status={code}") as peer:
            equal(peer.status, code)
    equal(get("/?status=500")[0], 500)


@test("redirect leads to itself, one time less, and in the end to a WebSocket")
def _():
    for path in ("/redirect/9?xredirect=7&redirect=2&x=redirect", "/-/redirect/2", "/-/greet/redirect/redirect/2",
                 "/?re%64irect=%32", "/-/greet/redirect/red%69rect/2"):
        for status in (302, 302, 101):
            with Guest(path) as peer:
                equal(peer.status, status, f"the status for {path}")
                path = peer.fields.get("location")
    with Guest("/?redirect=1&to=/there?x") as peer:
        equal((peer.status, peer.fields["location"]), (302, "/there?x"))
    # A Location is a URI (RFC 9110 section 10.2.2), whatever the path was when it had been decoded.
    for to, wanted in (("/a%20b/%C3%A9?x=%22", "/a%20b/%C3%A9?x=%22"), ("/%252F%3C", "/%2F%3C")):
        with Guest(f"/?redirect=1&to={to}") as peer:
            equal(peer.fields["location"], wanted)
    # Nor does it lead to another host, whatever a client takes the request's path for.
    for path in ("//elsewhere/?redirect=1", "/%5celsewhere/?redirect=1".replace("%5c", "\\"),
                 "//elsewhere/?redirect=2&to=/chat"):
        refuses(400, "redirect: this is not a path, which begins with one '/'", path)


@test("basic and bearer refuse with 401 until the credentials are right")
def _():
    right = base64.b64encode("me:päss".encode()).decode()
    for path, scheme, good in (("/?basic=me:p%C3%A4ss", "Basic", right), ("/?bearer=x.y", "Bearer", "x.y")):
        for field in ((), (f"Authorization: {scheme} no",), (f"Authorization: Other {good}",)):
            with Guest(path, *field) as peer:
                equal((peer.status, peer.fields["www-authenticate"]), (401, f'{scheme} realm="wsechod"'))
        with Guest(path, f"Authorization: {scheme} {good}") as peer:
            equal(peer.status, 101)
            peer.echoes()


# The handshake.


@behaves("header and cookie add fields to the response", "/?header=X-A:1&header=X-B:%20b&cookie=a=b;Path=/",
         "/-/header/X-A:1/header/X-B:b/cookie/a=b;Path=%2f")
def _(peer):
    equal([peer.fields.get(name) for name in ("x-a", "x-b", "set-cookie")], ["1", "b", "a=b;Path=/"])
    peer.echoes()


@test("protocol chooses the subprotocol, also one that was not offered")
def _():
    for path, chosen in (("/?protocol=b", "b"), ("/?protocol=none", None), ("/?protocol=first", "a"),
                         ("/?protocol=c", "c")):
        with Guest(path, "Sec-WebSocket-Protocol: a, b") as peer:
            equal(peer.fields.get("sec-websocket-protocol"), chosen, path)
            peer.echoes()


@test("handshake breaks the response in each way")
def _():
    def head(word):
        with Guest(f"/?handshake={word}", shake=False) as peer:
            text = peer.read_until(b"\n\n" if word == "lf" else b"\r\n\r\n")
            peer.echoes()
            return text
    match(r"Sec-WebSocket-Accept: wrong.{23}(\r|$)", head("wrong-accept"))
    equal("Upgrade: " in head("no-upgrade"), False, "that there is Upgrade")
    equal(head("twice").count("Upgrade: websocket\r\nConnection: Upgrade\r\n"), 2)
    equal("\r" in head("lf"), False, "that there is CR")
    match("^HTTP/1.0 101 ", head("h10"))
    match("\r\nSec-WebSocket-Extensions: x-unasked$", head("unasked-extension"))


@test("handshake-delay and handshake-drip slow the response down; nothing goes out before it")
def _():
    for path, least in (("/?handshake-delay=200ms", 0.2), ("/-/handshake-drip/1ms", 0.1)):
        for url in (server.wss, server.ws):
            start = time.monotonic()
            with Guest(path, url=url, shake=False) as peer:
                peer.send(frame(PING, b"early") + frame(TEXT, b"early too"))
                status, fields = peer.read_head()
                at_least(least, start)
                equal((status, fields["sec-websocket-accept"]), (101, ACCEPT))
                peer.expect((TEXT, b"early too"))
                peer.echoes()
                peer.finish()


@test("show=request is the page for a plain GET")
def _():
    status, fields, body = get("/?show=request", "X-Odd: \"\\\xe9")
    equal((status, fields["content-type"]), (200, "application/json"))
    shown = json.loads(body)
    equal(["X-Odd", '"\\\xe9'] in shown["fields"], True)
    equal((shown["secure"], shown["tls"]), (False, "plain"))
    secure = json.loads(get("/-/show/request", url=server.wss)[2])
    equal(secure["secure"], True)
    match(r"^TLSv1\.[23], ", secure["tls"])


main(threads=8)
