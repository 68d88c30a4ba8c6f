# SPDX-License-Identifier: MIT
"""The opening handshake, as a client begins it and takes the answer (sections 4.1 and 4.2.2)."""

import base64
import binascii

from .. import http
from ..case import CLIENT, Section
from ..frames import TEXT, text
from ..link import END, RESET, show_event
from ..verdict import FAILED, INFORMATIONAL, NON_STRICT, Judged

section = Section("11", "The opening handshake of a client")


def asks(name, rfc, words):
    """A check of the request's head, which returns what is wrong with it."""

    def declare(check):
        @section.scene(name, rfc, words, roles=(CLIENT,), opens=False)
        def _(session):
            session.read_request()
            wrong = check(session.answer, session)
            session.respond()
            session.send(text("open"))
            session.expect((TEXT, b"open"))
            session.finish()
            if wrong:
                raise Judged(*wrong if isinstance(wrong, tuple) else (FAILED, wrong))

    return declare


@asks("the request line", "4.1", "GET, the URL's path, HTTP/1.1")
def _(head, session):
    wanted = f"GET {session.target.path} HTTP/1.1"
    return None if head.line == wanted else f"{head.line!r}, not {wanted!r}"


@asks("the field Host", "4.1", "once: the URL's host and port")
def _(head, session):
    hosts = head.all("Host")
    return None if hosts == [session.target.host] else f"Host: {hosts}"


@asks("the field Upgrade", "4.1", "websocket")
def _(head, _session):
    return None if "websocket" in head.tokens("Upgrade") else f"Upgrade: {head.get('Upgrade')}"


@asks("the field Connection", "4.1", "Upgrade, among others")
def _(head, _session):
    return None if "upgrade" in head.tokens("Connection") else \
        f"Connection: {head.get('Connection')}"


@asks("the field Sec-WebSocket-Version", "4.1", "13, once")
def _(head, _session):
    versions = head.all("Sec-WebSocket-Version")
    return None if versions == ["13"] else f"Sec-WebSocket-Version: {versions}"


@asks("the field Sec-WebSocket-Key", "4.1", "once: base64 of 16 bytes")
def _(head, session):
    keys = head.all("Sec-WebSocket-Key")
    try:
        right = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        right = False
    if not right:
        return f"Sec-WebSocket-Key: {keys}"
    before = session.target.keys - {keys[0]}
    return None if before or not session.target.keys else \
        (INFORMATIONAL, "no other connection was seen")


@asks("the key is another one each time", "4.1", "no key of all connections comes twice")
def _(head, session):
    twice = session.target.keys_seen_twice
    return f"{head.get('Sec-WebSocket-Key')} came twice" if twice else None


@asks("no body", "4.1", "no Content-Length but 0, no Transfer-Encoding")
def _(head, _session):
    if head.get("Transfer-Encoding") or head.get("Content-Length") not in (None, "0"):
        return "the request has a body"
    return None


@asks("the offered extensions", "9.1", "a list that keeps to the grammar, or none")
def _(head, _session):
    offered = head.get("Sec-WebSocket-Extensions")
    if offered is not None and not http.parse_extensions(offered):
        return f"Sec-WebSocket-Extensions: {offered!r}"
    return None


ACCEPT = "Sec-WebSocket-Accept"
LINE = "HTTP/1.1 101 Switching Protocols"


def answer(session, line=LINE, replace=None, drop=(), add=(), end="\r\n"):
    """The right answer, changed."""
    own = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
           (ACCEPT, http.accept_of(session.answer.get("Sec-WebSocket-Key") or ""))]
    fields = [field.replace("{accept}", own[2][1]) if isinstance(field, str) else field
              for field in http.change(own, replace, drop, add)]
    return http.encode(line, fields, end)


def takes(name, rfc, otherwise=FAILED, before=b"", step=None, behind=(), **changes):
    """A right answer: the client goes on and echoes."""

    @section.scene(name, rfc, "the client takes the answer; a text comes back", roles=(CLIENT,),
                   opens=False)
    def _(session):
        session.read_request()
        data = before + answer(session, **changes)
        data += b"".join(frame.encode(False) for frame in behind)
        size = step or len(data)
        pieces = [data[start:start + size] for start in range(0, len(data), size)]
        for piece in pieces:
            session.link.put(piece, session.settings.deadline)
        session.link.log.sent(f"the answer, in {len(pieces)} pieces", data)
        session.send(text("open"))
        try:
            session.expect_replies([*behind, text("open")])
        except Judged as judged:
            raise Judged(otherwise, judged.seen) from None
        session.finish()


def refuses(name, rfc, otherwise=FAILED, **changes):
    """An answer that must make the client fail the connection: no echo, and the end of TCP."""

    @section.scene(name, rfc, "the client fails the connection and sends no message",
                   roles=(CLIENT,), opens=False)
    def _(session):
        session.read_request()
        session.send(answer(session, **changes), text("open"))
        came = session.event()
        while came and came.kind not in (END, RESET, TEXT):
            came = session.event()
        if came is None:
            raise Judged(FAILED, "the client goes on waiting")
        if came.kind == TEXT:
            raise Judged(otherwise, f"the client took the answer: {show_event(came)}")


takes("a right answer", "4.1")
takes("field names in small letters", "4.1", drop=("Upgrade", "Connection", ACCEPT), add=(
    "upgrade: websocket", "connection: Upgrade", "sec-websocket-accept: {accept}"))
takes("field names in capitals", "4.1", drop=("Upgrade", "Connection", ACCEPT), add=(
    "UPGRADE: websocket", "CONNECTION: Upgrade", "SEC-WEBSOCKET-ACCEPT: {accept}"))
takes("no spaces after the colons", "RFC 9112 5", drop=("Upgrade", "Connection", ACCEPT), add=(
    "Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Accept:{accept}"))
takes("spaces around the values", "4.1; RFC 9112 5", otherwise=NON_STRICT,
      drop=("Upgrade", "Connection", ACCEPT),
      add=("Upgrade:  websocket ", "Connection:   Upgrade ", "Sec-WebSocket-Accept:  {accept}  "))
takes("tabs around the values", "4.1; RFC 9112 5", otherwise=NON_STRICT,
      drop=("Upgrade", "Connection", ACCEPT),
      add=("Upgrade:\twebsocket\t", "Connection:\tUpgrade\t", "Sec-WebSocket-Accept:\t{accept}\t"))
takes("Upgrade: WebSocket", "4.1", replace={"Upgrade": "WebSocket"})
takes("Connection: upgrade", "4.1", replace={"Connection": "upgrade"})
takes("Connection: keep-alive, Upgrade", "4.1", replace={"Connection": "keep-alive, Upgrade"},
      otherwise=NON_STRICT)
takes("no words behind the status", "RFC 9112 4", line="HTTP/1.1 101 ", otherwise=NON_STRICT)
takes("other words behind the status", "RFC 9112 4", line="HTTP/1.1 101 Here you go: (ok)")
takes("words behind the status that are not ASCII", "RFC 9112 4", otherwise=NON_STRICT,
      line="HTTP/1.1 101 Voil\xe0")
takes("fields that nobody knows", "4.1",
      add=["Server: test", "X-Unknown: 1", "Date: Thu, 01 Jan 2026 00:00:00 GMT"])
takes("a cookie", "4.1", add=["Set-Cookie: a=b; Path=/; HttpOnly", "Set-Cookie: c=d"])
takes("the answer, 1 byte at a time", "4.1", step=1)
takes("a text in the head's segment", "4.1", behind=[text("early")])
takes("ten texts in the head's segment", "4.1", behind=[text(f"early {i}") for i in range(10)])
takes("a head of 4 KiB", "4.1", otherwise=NON_STRICT, add=[f"X-Long: {'x' * 3900}"])
takes("100 Continue before the answer", "RFC 9110 15.2", otherwise=NON_STRICT,
      before=b"HTTP/1.1 100 Continue\r\n\r\n")
takes("103 Early Hints before the answer", "RFC 9110 15.2", otherwise=NON_STRICT,
      before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")

for status in ("200 OK", "204 No Content", "301 Moved Permanently", "400 Bad Request",
               "401 Unauthorized", "404 Not Found", "426 Upgrade Required",
               "500 Internal Server Error", "503 Service Unavailable"):
    refuses(f"the status {status}", "4.1", line=f"HTTP/1.1 {status}", add=["Content-Length: 0"])
refuses("the status 102", "4.1", line="HTTP/1.1 102 Processing")
refuses("the status 1010", "4.1", line="HTTP/1.1 1010 What")
refuses("HTTP/1.0", "4.1; RFC 9110 2.5", otherwise=NON_STRICT,
        line="HTTP/1.0 101 Switching Protocols")
refuses("what is not HTTP", "4.1", line="Hello 101 Switching Protocols")
refuses("no Upgrade", "4.1", drop=("Upgrade",))
refuses("Upgrade: h2c", "4.1", replace={"Upgrade": "h2c"})
refuses("no Connection", "4.1", drop=("Connection",))
refuses("Connection: keep-alive", "4.1", replace={"Connection": "keep-alive"})
refuses("no Sec-WebSocket-Accept", "4.1", drop=(ACCEPT,))
refuses("an empty Sec-WebSocket-Accept", "4.1", replace={ACCEPT: ""})
refuses("another key's Sec-WebSocket-Accept", "4.1",
        replace={ACCEPT: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="})
refuses("the key itself as Sec-WebSocket-Accept", "4.1",
        replace={ACCEPT: "dGhlIHNhbXBsZSBub25jZQ=="})
refuses("a Sec-WebSocket-Accept in small letters", "4.1", drop=(ACCEPT,),
        add=["Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo="])
refuses("a Sec-WebSocket-Accept with more behind it", "4.1", drop=(ACCEPT,),
        add=["Sec-WebSocket-Accept: {accept}x"])
refuses("two fields Sec-WebSocket-Accept, the second wrong", "4.1, 11.3.3", otherwise=NON_STRICT,
        add=["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
refuses("an extension that was not offered", "4.1, 9.1",
        add=["Sec-WebSocket-Extensions: x-unknown"])
refuses("an extension field that is none", "9.1", add=["Sec-WebSocket-Extensions: ;;=,"])
refuses("a subprotocol that was not offered", "4.1", add=["Sec-WebSocket-Protocol: x-unknown"])
refuses("a line without a colon", "RFC 9112 5", otherwise=NON_STRICT, add=["no colon here"])


@section.scene("TCP ends in place of an answer", "4.1", "the client ends", roles=(CLIENT,),
               opens=False)
def _(session):
    session.read_request()
    session.link.end_output()
    if not session.link.finished_by_peer(session.settings.deadline):
        raise Judged(FAILED, "the client goes on waiting")


@section.scene("TCP ends in the middle of the answer", "4.1", "the client ends", roles=(CLIENT,),
               opens=False)
def _(session):
    session.read_request()
    session.send(answer(session)[:50])
    session.link.end_output()
    if not session.link.finished_by_peer(session.settings.deadline):
        raise Judged(FAILED, "the client goes on waiting")


@section.scene("an answer without an end", "RFC 9112 2.2", "whatever the client's limits are",
               roles=(CLIENT,), opens=False)
def _(session):
    session.read_request()
    session.send(answer(session, add=["X-Long: " + "x" * (1 << 20)])[:-4])
    came = session.link.finished_by_peer(session.settings.patience)
    raise Judged(INFORMATIONAL, "the client gave up at 1 MiB" if came else
                 "the client reads on after 1 MiB")
