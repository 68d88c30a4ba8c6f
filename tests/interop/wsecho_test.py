# SPDX-License-Identifier: MIT
"""wsecho as a client of servers that others wrote: what it has always done."""

import os

from served import with_each
from support import (ROOT, client_command, ends, equal, finish, main, once, run, scratch, started,
                     wsecho)


@with_each("messages come back, and the server sees the client close with 1000")
def _(peer):
    url = peer.url("/messages")
    done = wsecho(url, "Hello World!", "", "Grüße 😀")
    done.expect(0, "Hello World!\n\nGrüße 😀\n".encode())
    equal(done.err, "", "what it says on standard error")
    peer.log.wait("^/messages closed with 1000$")


@with_each("lines of standard input come back, also an empty one and one of 1 MB")
def _(peer):
    for lines in (b"one\n\nthree\n", b"x" * 1_000_000 + b"\nnext\n",
                  b"".join(b"line %d\n" % i for i in range(2000))):
        wsecho(peer.url(), given=lines).expect(0, lines)


@with_each("a line is replied to while the input is still open")
def _(peer):
    with started(*client_command(peer.url())) as client:
        for line in (b"one\n", b"two\n"):
            client.stdin.write(line)
            equal(client.stdout.readline(), line, "the reply")
        finish(client).expect(0, b"")


@with_each("binary messages of any bytes come back")
def _(peer):
    data = bytes(set(range(256)) - {10}) + os.urandom(500_000).replace(b"\n", b"") + b"\xff\n"
    wsecho("--binary", peer.url(), given=data).expect(0, data)


@with_each("a message in fragments is put together", needs="/fragments")
def _(peer):
    wsecho(peer.url("/fragments"), "Hello World!").expect(0, b"Hello World!\n")
    wsecho("-b", peer.url("/fragments"), b"\xff\xfe\xfd").expect(0, b"\xff\xfe\xfd\n")


@with_each("pings are answered with their payload while the client waits, pongs are ignored")
def _(peer):
    wsecho(peer.url("/ping"), "go", "again").expect(0, b"ponged\nponged\n")


@with_each("a server that closes: status 6, its code and its reason")
def _(peer):
    ends(wsecho(peer.url("/close"), "x"), 6, "closed with 4321: schön")
    ends(wsecho(peer.url("/close"), given=b"x\n"), 6, "closed with 4321: schön")


@with_each("a server that drops the connection: status 6 and 1006")
def _(peer):
    ends(wsecho(peer.url("/drop"), "x"), 6, r"lost \(1006\)")


@with_each("a message over the server's limit: status 6 and 1009")
def _(peer):
    ends(wsecho(peer.url(), given=b"x" * ((1 << 21) + 1) + b"\n"), 6, "closed with 1009")


@with_each("a message over the client's limit: status 6, and the server sees 1009")
def _(peer):
    url = peer.url("/limit")
    wsecho("--max-message", "10", url, "x" * 10).expect(0, b"x" * 10 + b"\n")
    ends(wsecho("--max-message", "10", url, "x" * 11), 6, "over the limit")
    peer.log.wait("^/limit closed with 1009$")


@with_each("a server that refuses: status 5 and the HTTP status")
def _(peer):
    for status, phrase in ((401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"),
                           (503, "Service Unavailable")):
        ends(wsecho(peer.url(f"/{status}"), "x"), 5, f"answered {status} {phrase}")


@with_each("a server that chooses permessage-deflate, which was not offered: status 5")
def _(peer):
    ends(wsecho(peer.url("/extension"), "x"), 5, "extension that was not offered")


@with_each("a server that chooses a subprotocol that was not offered: status 5")
def _(peer):
    ends(wsecho(peer.url("/protocol"), "x"), 5, "subprotocol that was not offered")


@with_each("-H arrives at the server, and may offer a subprotocol, which the server chooses")
def _(peer):
    done = wsecho("-H", "X-Interop: one; two=\"3\"", peer.url("/header"), "x")
    done.expect(0, b'one; two="3"\n')
    done = wsecho("-H", "Sec-WebSocket-Protocol: chat", peer.url("/subprotocol"), "x")
    done.expect(0, b"chat\n")


@with_each("a certificate of an authority that is not trusted: status 4, and -k does not ask")
def _(peer):
    ends(wsecho("--cacert", strangers(), peer.url(), "x"), 4, "certificate")
    wsecho("--insecure", peer.url(), "x").expect(0, b"x\n")


@once
def strangers():
    """Another authority, of the same name."""
    run(ROOT / "certs/make-certs", scratch() / "other").expect(0)
    return scratch() / "other/ca.pem"


main(threads=3)
