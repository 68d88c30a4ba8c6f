# SPDX-License-Identifier: MIT
"""The opening handshake and plain HTTP: what is accepted, what is refused and how it is said."""

import os
import re

from peer import ACCEPT, TEXT, Peer, frame, request
from support import BUILD, DEADLINE, Server, equal, eventually, in_parallel, main, match, run, test
from wire import connect

server = Server()


def ask(url, head):
    """Sends it; returns status, fields and body of the answer, after which the stream ends."""
    with Peer(url, upgrade=False) as peer:
        peer.send(head)
        status, fields = peer.read_head()
        body = peer.buffer
        while data := peer.receive():
            body += data
        return status, fields, body


def answered(status, title, *heads, says="", **fields):
    """A test that each of these gets this status, a text with the right length, and these
    fields, over TLS and over TCP."""

    @test(title)
    def _():
        for head in heads:
            for url in (server.wss, server.ws):
                got, has, body = ask(url, head)
                equal(got, status, f"the status after {head[:80]!r}")
                equal(has["content-length"], str(len(body)), "the Content-Length")
                equal(has["content-type"], "text/plain; charset=utf-8")
                equal(has["connection"], "Upgrade, close" if status == 426 else "close")
                match(r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", has["date"])
                equal(has["x-content-type-options"], "nosniff")
                for name, value in fields.items():
                    equal(has[name.replace("_", "-")], value, f"the field {name}")
                match(says, body.decode())


def accepted(title, *heads, subprotocol=None):
    @test(title)
    def _():
        for head in heads:
            for url in (server.wss, server.ws):
                with Peer(url, upgrade=False) as peer:
                    peer.send(head)
                    status, fields = peer.read_head()
                    equal((status, fields["upgrade"], fields["connection"],
                           fields["sec-websocket-accept"]),
                          (101, "websocket", "Upgrade", ACCEPT))
                    equal("sec-websocket-extensions" in fields, False, "that it chose an extension")
                    equal(fields.get("sec-websocket-protocol"), subprotocol, "the subprotocol")
                    peer.echoes()


accepted("a right handshake is answered with 101 and the right Sec-WebSocket-Accept", request())
accepted("case does not matter, nor other words beside Upgrade",
         request("upgrade: WebSocket", "connection: keep-alive, uPgRaDe",
                 drop=("Upgrade", "Connection")),
         request("Connection: close", "connection: upgrade", drop=("Connection",)))
accepted("fields that it does not know do not matter, nor what they hold",
         request("Origin: https://example.org", "Cookie: a=b; c=\xe9", "User-Agent:",
                 "Sec-WebSocket-Extensions: permessage-deflate"))
accepted("the first subprotocol that is offered is chosen",
         request("Sec-WebSocket-Protocol: chat"),
         request("Sec-WebSocket-Protocol: , chat ,superchat"),
         request("Sec-WebSocket-Protocol:", "sec-websocket-protocol: chat",
                 "Sec-WebSocket-Protocol: superchat"), subprotocol="chat")
accepted("a handshake may say that it has no body, and be of a later HTTP/1",
         request("Content-Length: 0"), request(line="GET / HTTP/1.2"))
answered(400, "a handshake with a body is refused with 400, which is not taken for frames",
         request("Content-Length: 8") + frame(TEXT, b"hi"),
         request("Transfer-Encoding: chunked") + b"0\r\n\r\n", says="no body")
answered(400, "a body of two lengths, or of none that can be read, is refused with 400",
         *(request(*fields, line=line) for line in ("GET / HTTP/1.1", "POST / HTTP/1.1")
           for fields in (("Content-Length: 0", "content-length: 0"), ("Content-Length: x",),
                          ("Content-Length: -0",), ("Content-Length: 0, 0",),
                          ("Content-Length: 0", "Transfer-Encoding: chunked"))),
         says="Content-Length")
answered(417, "an expectation that cannot be met is refused with 417",
         request("Expect: a-cake"),
         b"POST / HTTP/1.1\r\nHost: h\r\nExpect: a-cake\r\n\r\n", says="100-continue")
answered(400, "a subprotocol that is no name is refused with 400",
         request("Sec-WebSocket-Protocol: a b"), request("Sec-WebSocket-Protocol: a, b/c"),
         says="Sec-WebSocket-Protocol")
accepted("any path, query and form of the target will do",
         request(line="GET /a/b?c=d%20e HTTP/1.1"), request(line="GET http://localhost/ HTTP/1.1"))
accepted("lines may end in LF alone, and an empty line may come first",
         request().replace(b"\r\n", b"\n"), b"\r\n" + request())
accepted("a head of nearly 16 KiB is accepted", request("X-Long: " + "x" * 15_000))

answered(400, "a handshake without Sec-WebSocket-Key is refused with 400",
         request(drop=("Sec-WebSocket-Key",)), says="Sec-WebSocket-Key")
answered(400, "a handshake with two keys is refused with 400",
         request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                 "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), says="Sec-WebSocket-Key")
answered(400, "a key that is not base64 of 16 bytes is refused with 400",
         *(request(f"Sec-WebSocket-Key: {key}") for key in
           ("", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZS!ub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZXh4eHg=")), says="base64")
answered(426, "another WebSocket version is refused with 426 that names version 13",
         *(request(f"Sec-WebSocket-Version: {version}") for version in ("8", "14", "013", "")),
         sec_websocket_version="13", upgrade="websocket")
answered(400, "a handshake without a version, or with two, is refused with 400",
         request(drop=("Sec-WebSocket-Version",)),
         request("Sec-WebSocket-Version: 13", "sec-websocket-version: 13"))
answered(400, "a handshake without Host, or with two, is refused with 400",
         request(drop=("Host",)), request("Host: localhost", "host: localhost"), says="Host")
answered(400, "an Upgrade without key, version and Connection: Upgrade is refused with 400",
         b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", says="Connection")
answered(426, "a handshake from which a proxy dropped Upgrade or Connection is told so",
         request(drop=("Upgrade",)), request(drop=("Connection",)), request("Connection: close"),
         request("Connection: close", drop=("Upgrade", "Sec-WebSocket-Version")),
         request("Connection: close", line="GET / HTTP/1.0", drop=("Upgrade",)),
         says=r"a proxy between us dropped .*nginx needs proxy_set_header Upgrade \$http_upgrade; "
              'proxy_set_header Connection "upgrade"; proxy_http_version 1.1\n$')
answered(426, "another way to write Upgrade: websocket is refused with 426 that says so",
         request("Upgrade: websocket/13"), request("Upgrade: WebSocket/13", "Connection: Upgrade"),
         request("Upgrade: websockets"), says="Upgrade")
answered(400, "a handshake by POST is refused with 400",
         request(line="POST / HTTP/1.1"), request(line="get / HTTP/1.1"), says="GET")
answered(400, "a handshake in HTTP/1.0 is refused with 400",
         request(line="GET / HTTP/1.0"), says="HTTP/1.1")
answered(400, "a target that is no path and no URL is refused with 400, and so is a bad Host",
         *(f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for line, host in
           (("GET x", "h"), ("GET *", "h"), ("GET /#x", "h"), ("GET http://", "h"),
            ("CONNECT /", "h"), ("GET /", "a b"), ("GET /", ""), ("GET /", "h:x"),
            ("GET /", "u@h"), ("GET /", "[::1"))),
         b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
         says="target|Host")
answered(505, "HTTP/2, by its preface or in a request line, is refused with 505",
         b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", request(line="GET / HTTP/2.0"))
answered(400, "what is not HTTP is refused with 400, without waiting for more of it",
         b"hello\r\n", b"\x00\x01\x02\x03", b"GET\r\n", b"GET / HTTP/1.1\r\nbad field\r\n",
         b"GET / HTTP/1.1\r\nfolded: a\r\n  b\r\n", b"GET / HTTP/1.1\r\nspace : a\r\n",
         b"GET / HTTP/1.1\r\ncontrol: \x07\r\n", b"GET  / HTTP/1.1\r\n", b"GET /\xe9 HTTP/1.1\r\n",
         frame(TEXT, b"already?"))
answered(431, "a head over 16 KiB is refused with 431, whatever it is made of",
         b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 16_384, b"GET /" + b"x" * 16_384,
         request("X-Long: " + "x" * 20_000))
answered(431, "a head of 101 fields is refused with 431",
         request(*(f"X-{i}: y" for i in range(101))))

HOST = b"Host: localhost\r\n\r\n"
answered(200, "a plain GET is answered with a text for people",
         b"GET / HTTP/1.1\r\n" + HOST, b"GET /any/thing?x HTTP/1.1\r\n" + HOST,
         b"GET / HTTP/1.0\r\n\r\n", says="WebSocket echo server")
answered(405, "other methods are answered with 405",
         b"POST / HTTP/1.1\r\nContent-Length: 2\r\n" + HOST + b"{}",
         b"DELETE / HTTP/1.1\r\n" + HOST, b"OPTIONS * HTTP/1.1\r\n" + HOST,
         b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST, says="^405 Method Not Allowed: use GET or HEAD.\n$",
         allow="GET, HEAD")


@test("a client that expects 100 Continue gets it before the 101")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(request("Expect: 100-continue"))
            equal(peer.read_head(), (100, {}), "the first head")
            equal(peer.read_head()[0], 101, "the status of the second")
            peer.echoes()


@test("--subprotocol none chooses none, and a name that one if it is offered")
def _():
    for option, chosen in (("none", None), ("superchat", "superchat"), ("mqtt", None),
                           ("first", "chat")):
        with Server("--subprotocol", option) as own, Peer(own.ws, upgrade=False) as peer:
            peer.send(request("Sec-WebSocket-Protocol: chat, superchat"))
            status, fields = peer.read_head()
            equal((status, fields.get("sec-websocket-protocol")), (101, chosen), option)
            peer.echoes()


@test("the page has the command that reaches this server")
def _():
    def commands(url, head):
        return re.findall(r"(?m)^ +(wsecho .*)$", ask(url, head)[2].decode())

    page = b"GET /x HTTP/1.1\r\nHost: %s\r\n\r\n"
    # The certificate's authority is in its file, so it can be had from the server.
    equal(commands(server.wss, page % b"me.example:81"),
          ['wsecho --cacert ca.pem wss://me.example:81/ "Hello World!"'])
    match(r"(?m)^    curl -k -o ca.pem https://me.example:81/-/ca.pem\n    wsecho ",
          ask(server.wss, page % b"me.example:81")[2].decode())
    equal(commands(server.ws, page % b"[::1]"), ['wsecho ws://[::1]/ "Hello World!"'])
    equal(commands(server.ws, page % b"h\r\nX-Forwarded-Proto: https"),
          ['wsecho wss://h/ "Hello World!"'])
    # What a shell would not take for a host is not shown.
    equal(commands(server.ws, page % b"$(x)"), ['wsecho ws://HOST:PORT/ "Hello World!"'])
    equal(commands(server.ws, b"GET / HTTP/1.0\r\n\r\n"),
          ['wsecho ws://HOST:PORT/ "Hello World!"'])
    match("add --cacert FILE", ask(server.ws, page % b"h\r\nX-Forwarded-Proto: https")[2].decode())
    with Server(cert=False) as own:
        host = own.wss.partition("//")[2].encode()
        command = commands(own.wss, page % host)[0]
        equal(command, f'wsecho --insecure {own.wss}/ "Hello World!"')
        path = f"{BUILD}:{os.environ['PATH']}"
        run("sh", "-c", command, env=dict(os.environ, PATH=path)).expect(0, b"Hello World!\n")


@test("plain HTTP on the port for TLS is answered in plain HTTP, and logged")
def _():
    with Server() as own:
        for head in (request(), b"GET / HTTP/1.1\r\n" + HOST, b"HEAD / HTTP/1.0\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 9\r\n" + HOST + b"something"):
            status, fields, body = ask(own.wss.replace("wss:", "ws:"), head)
            equal((status, body), (400, b"400 Bad Request: this is a port for TLS: use https:// or "
                                        b"wss://\n"))
            equal((fields["content-length"], fields["connection"]), (str(len(body)), "close"))
        own.log.wait("TLS: this is not TLS: the peer sent a plain HTTP request", 4)
        with Peer(own.wss) as peer:
            peer.echoes()


@test("HEAD gets what GET gets, without the text")
def _():
    for url in (server.wss, server.ws):
        _, with_body, body = ask(url, b"GET / HTTP/1.1\r\n" + HOST)
        status, fields, nothing = ask(url, b"HEAD / HTTP/1.1\r\n" + HOST)
        equal((status, nothing), (200, b""))
        # A second may have passed.
        equal(fields | {"date": ""}, with_body | {"date": ""}, "the fields")
        equal(fields["content-length"], str(len(body)))


@test("a request whose sender ends its side after it is answered all the same")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(b"GET / HTTP/1.1\r\n" + HOST)
            peer.half_close()
            status, fields = peer.read_head()
            equal((status, len(peer.take(int(fields["content-length"]))) > 0), (200, True))
    with Peer(server.wss, upgrade=False) as peer:
        peer.close_notify(peer.encrypt(b"GET / HTTP/1.1\r\n" + HOST))
        equal(peer.read_head()[0], 200)


@test("a handshake and messages whose sender ends its side after them are answered")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(request() + frame(TEXT, b"one") + frame(TEXT, b"two"))
            peer.half_close()
            equal(peer.read_head()[0], 101)
            peer.expect((TEXT, b"one"), (TEXT, b"two"))


@test("a POST with a long body is answered all the same")
def _():
    for url in (server.wss, server.ws):
        with Peer(url, upgrade=False) as peer:
            peer.send(b"POST / HTTP/1.1\r\nContent-Length: 300000\r\n" + HOST, bytes(100_000))
            equal(peer.read_head()[0], 405)
            peer.send(bytes(200_000))


@test("100 KB of noise in place of a handshake end the connection, a hundred times over")
def _():
    def noise(_):
        with connect(server.ws) as sock:
            sock.settimeout(DEADLINE)
            try:
                sock.sendall(os.urandom(100_000))
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass

    in_parallel(noise, *range(8))
    with Server() as own:
        with Peer(own.wss) as other:
            other.echoes()
            before = own.descriptors()
            for _ in range(100):
                with connect(own.ws) as sock:
                    sock.sendall(os.urandom(1000))
            eventually(lambda: own.descriptors() == before, "their descriptors are closed")
            other.echoes()


@test("a peer cannot forge a line of the log, nor send control characters to a terminal")
def _():
    with Server("--log-level", "debug") as own:
        for head in (b"GET /\nwsechod: listening on wss://evil HTTP/1.1\r\n" + HOST,
                     request("X: \x1b[31m\x07"), request("Sec-WebSocket-Key: \x9b31m"),
                     request("Sec-WebSocket-Version: 1\rwsechod: forged")):
            ask(own.ws, head)
        with Peer(own.ws) as peer:
            peer.send_close(4000, "\x1b[31m\nwsechod: forged".encode())
            peer.expect_close(4000)
        own.stop()
        for line in own.log.lines:
            match(r"^wsechod: [ -~]*$", line)
        equal(len(own.log.find("listening on")), 2, "the number of listeners in the log")
        equal(own.log.find("wsechod: forged"), [])


main(threads=4)
