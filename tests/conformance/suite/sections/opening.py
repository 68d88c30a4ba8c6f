# SPDX-License-Identifier: MIT
"""The opening handshake, as a server takes it (sections 4.1, 4.2 and 4.4; RFC 9110, RFC 9112).

FAILED is what breaks RFC 6455 so that another one's right or wrong handshake ends otherwise than it
should; what is lenient, or breaks HTTP's own rules alone, is NON-STRICT."""

import base64

from .. import http
from ..case import SERVER, Section
from ..frames import TEXT, close, ping, text
from ..link import show_event
from ..verdict import FAILED, INFORMATIONAL, NON_STRICT, OK, Judged

section = Section("10", "The opening handshake of a server")
protocols = Section("12", "Subprotocols of a server")

REQUEST = "GET {path} HTTP/1.1"


class Offer:
    """A request: a right one, changed."""

    def __init__(self, line=REQUEST, replace=None, drop=(), add=(), end="\r\n", behind=()):
        self.line = line
        self.replace = replace
        self.drop = drop
        self.add = add
        self.end = end
        self.behind = behind  # what is sent right behind the head

    def fields(self, session, key):
        own = http.request_fields(session.target.host, key)
        names = {"{host}": session.target.host, "{key}": key}
        changed = http.change(own, self.replace, self.drop, self.add)
        return [field if isinstance(field, str) and "{" not in field else fill(field, names)
                for field in changed]

    def encode(self, session, key):
        line = self.line.replace("{path}", session.target.path)
        return http.encode(line.replace("{host}", session.target.host),
                           self.fields(session, key), self.end)


def fill(field, names):
    """With the host and the key put in."""
    if isinstance(field, str):
        for name, value in names.items():
            field = field.replace(name, value)
        return field
    return tuple(fill(part, names) for part in field)


def accepted(session, key):
    """Fails unless the answer is a right one, and a text comes back."""
    fault = http.response_fault(session.answer, key)
    if fault:
        raise Judged(FAILED, fault)
    session.send(text("open"))
    session.expect((TEXT, b"open"))


def takes(name, rfc, otherwise=FAILED, table=section, check=None, step=None, **offer):
    """A request that must be accepted; `otherwise` is the verdict if it is not."""

    @table.scene(name, rfc, "101 with the right fields; a text comes back", roles=(SERVER,),
                 opens=False)
    def _(session):
        key = http.new_key()
        request = Offer(**offer)
        data = request.encode(session, key)
        data += b"".join(frame.encode(True) for frame in request.behind)
        send_in_pieces(session, data, step)
        try:
            session.read_response()
            if request.behind:
                session.expect_replies(request.behind)
            accepted(session, key)
        except Judged as judged:
            raise Judged(otherwise, judged.seen) from None
        if check:
            check(session)
        session.finish()


def send_in_pieces(session, data, step):
    if not step:
        session.send(data)
        return
    session.link.note_pieces(data, step)
    for start in range(0, len(data), step):
        session.link.put(data[start:start + step], session.settings.deadline)


def refuses(name, rfc, otherwise=FAILED, status=None, table=section, check=None, **offer):
    """A request that must be refused with a status of HTTP; `otherwise` is the verdict if it is
    accepted. Another status than those in `status`, or none, is NON-STRICT."""
    shown = " or ".join(map(str, status)) if status else "an error of HTTP"

    @table.scene(name, rfc, f"{shown}, not 101", roles=(SERVER,), opens=False)
    def _(session):
        data = Offer(**offer).encode(session, http.new_key())
        session.send(data)
        lines = session.link.head()
        if lines is None:
            verdict = NON_STRICT if session.link.ended else otherwise
            raise Judged(verdict, f"no answer: {session.end_in_words()}")
        session.answer = http.Head(lines)
        if session.answer.status == 101:
            raise Judged(otherwise, "it was accepted with 101")
        if status and session.answer.status not in status:
            raise Judged(NON_STRICT, f"{session.answer.line!r}, not {shown}")
        if check:
            check(session)
        raise Judged(OK, repr(session.answer.line))


def open_question(name, rfc, words, **offer):
    """A request of which the RFCs do not say what becomes of it."""

    @section.scene(name, rfc, words, roles=(SERVER,), opens=False)
    def _(session):
        session.send(Offer(**offer).encode(session, http.new_key()))
        lines = session.link.head()
        raise Judged(INFORMATIONAL, repr(lines[0]) if lines else session.end_in_words())


# What is right.
takes("a right request", "4.2.1")
takes("a second one, with another key", "4.2.1")
takes("field names in small letters", "4.2.1; RFC 9110 5.1", drop=("Host", "Upgrade", "Connection",
      "Sec-WebSocket-Key", "Sec-WebSocket-Version"), add=(
          "host: {host}", "upgrade: websocket", "connection: Upgrade", "sec-websocket-key: {key}",
          "sec-websocket-version: 13"))
takes("field names in capitals", "4.2.1; RFC 9110 5.1", drop=("Host", "Upgrade", "Connection",
      "Sec-WebSocket-Key", "Sec-WebSocket-Version"), add=(
          "HOST: {host}", "UPGRADE: websocket", "CONNECTION: Upgrade", "SEC-WEBSOCKET-KEY: {key}",
          "SEC-WEBSOCKET-VERSION: 13"))
takes("no spaces after the colons", "RFC 9112 5", drop=("Host", "Upgrade", "Connection",
      "Sec-WebSocket-Key", "Sec-WebSocket-Version"), add=(
          "Host:{host}", "Upgrade:websocket", "Connection:Upgrade", "Sec-WebSocket-Key:{key}",
          "Sec-WebSocket-Version:13"))
takes("spaces around the values", "RFC 9112 5", otherwise=NON_STRICT, drop=("Upgrade", "Connection",
      "Sec-WebSocket-Key", "Sec-WebSocket-Version"), add=(
          "Upgrade:  websocket  ", "Connection:   Upgrade ", "Sec-WebSocket-Key:   {key}  ",
          "Sec-WebSocket-Version: 13 "))
takes("tabs around the values", "RFC 9112 5", otherwise=NON_STRICT, drop=(
    "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"), add=(
        "Upgrade:\twebsocket\t", "Connection:\tUpgrade\t", "Sec-WebSocket-Key:\t{key}\t",
        "Sec-WebSocket-Version:\t13\t"))
takes("the fields in another order", "4.1", drop=("Host", "Upgrade", "Connection"), add=(
    ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Host", "{host}")))
for value in ("WebSocket", "WEBSOCKET"):
    takes(f"Upgrade: {value}", "4.2.1", replace={"Upgrade": value})
for value in ("upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, keep-alive",
              "keep-alive,upgrade", "keep-alive , Upgrade ,"):
    takes(f"Connection: {value}", "4.2.1; RFC 9110 7.6.1", replace={"Connection": value})
takes("two fields Connection", "4.2.1; RFC 9110 5.3", add=["Connection: keep-alive"])
takes("an Origin", "4.2.1, 10.2", add=["Origin: http://{host}"])
takes("a cookie", "4.1", add=["Cookie: a=b; c=\"d e\""])
takes("fields that nobody knows", "4.1", add=["X-Unknown: 1", "X-Empty:", "X-Empty-Too: "])
takes("a User-Agent with brackets and quotes", "4.1",
      add=["User-Agent: Mozilla/5.0 (X11; \"x\") [y] {z}"])
takes("a Content-Length of 0", "RFC 9110 8.6", add=["Content-Length: 0"])
takes("an extension that nobody knows", "4.2.2, 9.1",
      add=["Sec-WebSocket-Extensions: x-unknown; a=1; b=\"2\", x-other"],
      check=lambda session: no_field(session, "Sec-WebSocket-Extensions"))
takes("two fields of extensions that nobody knows", "4.2.2, 9.1",
      add=["Sec-WebSocket-Extensions: x-unknown", "Sec-WebSocket-Extensions: x-other"],
      check=lambda session: no_field(session, "Sec-WebSocket-Extensions"))
takes("HTTP/1.2, a later version", "RFC 9110 2.5", otherwise=NON_STRICT,
      line="GET {path} HTTP/1.2")
takes("a target in absolute form", "RFC 9112 3.2.2", otherwise=NON_STRICT,
      line="GET http://{host}{path} HTTP/1.1")
takes("an empty line before the request", "RFC 9112 2.2", otherwise=NON_STRICT,
      line="\r\nGET {path} HTTP/1.1")


def no_field(session, name):
    if session.answer.get(name) is not None:
        raise Judged(FAILED, f"the answer has {name}: {session.answer.get(name)}")


# How it comes.
takes("the head, 1 byte at a time", "4.2.1", step=1)
takes("the head, 7 bytes at a time", "4.2.1", step=7)
# A client has to wait for the answer before it sends frames (4.1); servers may put up with it.
takes("a text in the head's segment", "4.1", otherwise=INFORMATIONAL, behind=[text("early")])
takes("ten texts and a ping in the head's segment", "4.1", otherwise=INFORMATIONAL,
      behind=[*(text(f"early {i}") for i in range(10)), ping(b"p")])
takes("a head of 4 KiB", "4.2.1", otherwise=NON_STRICT, add=[f"X-Long: {'x' * 3900}"])
takes("a cookie of 7 KiB", "4.2.1", otherwise=NON_STRICT, add=[f"Cookie: {'c=' + 'x' * 7000}"])
takes("60 fields", "4.2.1", otherwise=NON_STRICT, add=[f"X-Field-{i}: value" for i in range(55)])
takes("a target with a query", "3, 4.1", otherwise=INFORMATIONAL,
      line="GET {path}?a=b&c=%20d HTTP/1.1")


@section.scene("20 answers to 20 random keys", "4.2.2", "20 right values of Sec-WebSocket-Accept",
               roles=(SERVER,), opens=False)
def _(session):
    for number in range(20):
        with session.another() as other:
            key = http.new_key()
            other.request(Offer().encode(other, key))
            fault = http.response_fault(other.answer, key)
            if fault:
                raise Judged(FAILED, f"number {number + 1}: {fault}")


@section.scene("the RFC's own example of a key", "1.3", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
               roles=(SERVER,), opens=False)
def _(session):
    session.request(Offer().encode(session, "dGhlIHNhbXBsZSBub25jZQ=="))
    if session.answer.get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=":
        raise Judged(FAILED, repr(session.answer.fields))


@section.scene("the answer's fields", "4.2.2; RFC 9110 8.6, RFC 9112 6.1",
               "each once; no Content-Length, no Transfer-Encoding, nothing that was not offered",
               roles=(SERVER,))
def _(session):
    for name in ("Upgrade", "Sec-WebSocket-Accept"):
        if len(session.answer.all(name)) != 1:
            raise Judged(FAILED, f"{name}: {session.answer.all(name)}")
    for name in ("Content-Length", "Transfer-Encoding"):
        if session.answer.get(name) is not None:
            raise Judged(NON_STRICT, f"the answer has {name}")
    for name in ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
        no_field(session, name)


# What is wrong, or lacks.
refuses("no Upgrade", "4.2.1", drop=("Upgrade",))
refuses("an empty Upgrade", "4.2.1", replace={"Upgrade": ""})
refuses("Upgrade: h2c", "4.2.1", replace={"Upgrade": "h2c"})
refuses("Upgrade: websockets", "4.2.1", replace={"Upgrade": "websockets"})
refuses("no Connection", "4.2.1", drop=("Connection",))
refuses("Connection: keep-alive", "4.2.1", replace={"Connection": "keep-alive"})
refuses("Connection: close", "4.2.1", replace={"Connection": "close"})
refuses("Connection: Upgraded", "4.2.1", replace={"Connection": "Upgraded"})
refuses("no Sec-WebSocket-Key", "4.2.1", drop=("Sec-WebSocket-Key",))
refuses("an empty Sec-WebSocket-Key", "4.2.1", otherwise=NON_STRICT,
        replace={"Sec-WebSocket-Key": ""})
refuses("two fields Sec-WebSocket-Key", "4.2.1, 11.3.1", otherwise=NON_STRICT,
        add=["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
for length in (1, 15, 17, 32):
    refuses(f"a key of {length} bytes", "4.2.1", otherwise=NON_STRICT,
            replace={"Sec-WebSocket-Key": base64.b64encode(b"k" * length).decode()})
refuses("a key that is not base64", "4.2.1", otherwise=NON_STRICT,
        replace={"Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!=="})
refuses("a key without its padding", "4.2.1", otherwise=NON_STRICT,
        replace={"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"})
refuses("POST", "4.2.1", line="POST {path} HTTP/1.1", add=["Content-Length: 0"])
refuses("HEAD", "4.2.1", line="HEAD {path} HTTP/1.1")
refuses("a method in small letters", "4.2.1; RFC 9110 9.1", line="get {path} HTTP/1.1")
refuses("HTTP/1.0", "4.2.1", otherwise=NON_STRICT, line="GET {path} HTTP/1.0")
refuses("HTTP/0.9", "4.2.1", otherwise=NON_STRICT, line="GET {path}")
refuses("HTTP/2.0", "RFC 9110 2.5", otherwise=NON_STRICT, line="GET {path} HTTP/2.0")
refuses("a version that is none", "RFC 9112 2.3", otherwise=NON_STRICT, line="GET {path} HTTP/one")
refuses("no Host", "4.2.1; RFC 9112 3.2", otherwise=NON_STRICT, status=(400,), drop=("Host",))
refuses("two fields Host", "RFC 9112 3.2", otherwise=NON_STRICT, status=(400,),
        add=["Host: other.test"])
refuses("a space before a colon", "RFC 9112 5.1", otherwise=NON_STRICT, status=(400,),
        add=["X-Space : x"])
refuses("a field without a name", "RFC 9112 5", otherwise=NON_STRICT, add=[": nameless"])
refuses("a line without a colon", "RFC 9112 5", otherwise=NON_STRICT, add=["no colon here"])
refuses("a NUL byte in a value", "RFC 9110 5.5", otherwise=NON_STRICT, add=["X-Nul: a\0b"])
refuses("a field name with a bracket", "RFC 9110 5.1", otherwise=NON_STRICT, add=["X[0]: x"])


def tells_version(session):
    if "13" not in session.answer.tokens("Sec-WebSocket-Version"):
        raise Judged(NON_STRICT, f"{session.answer.line!r} without Sec-WebSocket-Version: 13")


refuses("Sec-WebSocket-Version: 13.0", "4.2.1, 11.3.5", otherwise=NON_STRICT,
        replace={"Sec-WebSocket-Version": "13.0"})
for version in ("0", "7", "14", "255", "abc", "", "-13"):
    refuses(f"Sec-WebSocket-Version: {version or 'nothing'}", "4.2.1, 4.4",
            replace={"Sec-WebSocket-Version": version}, check=tells_version)
refuses("no Sec-WebSocket-Version", "4.2.1", drop=("Sec-WebSocket-Version",))
refuses("Sec-WebSocket-Version: 12, 13", "4.2.1, 11.3.5", otherwise=NON_STRICT,
        replace={"Sec-WebSocket-Version": "12, 13"})
refuses("two fields Sec-WebSocket-Version", "4.2.1, 11.3.5", otherwise=NON_STRICT,
        add=["Sec-WebSocket-Version: 8"])
open_question("Sec-WebSocket-Version: 8, a draft's", "4.4",
              "426, or 101 from a server that has this draft too",
              replace={"Sec-WebSocket-Version": "8"})
open_question("Upgrade: websocket with another protocol", "4.2.1; RFC 9110 7.8",
              "101, or an error", replace={"Upgrade": "h2c, websocket"})
open_question("Upgrade: websocket/13", "4.2.1; RFC 9110 7.8", "an error, or not",
              replace={"Upgrade": "websocket/13"})
open_question("a key whose last bits are not 0", "4.2.1", "101, or 400",
              replace={"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR=="})
open_question("lines that end with LF alone", "RFC 9112 2.2", "101, or 400", end="\n")
open_question("a field over two lines", "RFC 9112 5.2", "400, or the line is joined",
              add=["X-Folded: one\r\n two"])
open_question("an extension field that is none", "9.1", "an error, or the field is ignored",
              add=["Sec-WebSocket-Extensions: ;;=,"])
open_question("an empty extension field", "9.1", "an error, or the field is ignored",
              add=["Sec-WebSocket-Extensions:"])
open_question("bytes that are not ASCII in a value", "RFC 9110 5.5", "101, or 400",
              add=["X-Latin: Gr\xfc\xdfe"])
open_question("a foreign Origin", "10.2", "101, or 403", add=["Origin: http://elsewhere.test"])
open_question("a head of 64 KiB", "RFC 9110 5.4", "431, or 101", add=[f"X-Long: {'x' * 65000}"])
open_question("Expect: 100-continue without a body", "RFC 9110 10.1.1", "100 and 101, 101, or 417",
              add=["Expect: 100-continue"])


def request_or(verdict, session, data):
    """Sends a request and reads the answer's head; `verdict` if none comes."""
    try:
        session.request(data)
    except Judged as judged:
        raise Judged(verdict, judged.seen) from None


def body(name, rfc, add, data):
    """A request with a body: the new protocol begins behind it, if at all."""

    @section.scene(name, rfc, "an error, or 101 and the body is not taken for frames",
                   roles=(SERVER,), opens=False)
    def _(session):
        key = http.new_key()
        request_or(NON_STRICT, session, Offer(add=add).encode(session, key) + data)
        if session.answer.status != 101:
            raise Judged(OK, repr(session.answer.line))
        session.send(text("after"))
        came = session.event()
        if came is None or (came.kind, came.data) != (TEXT, b"after"):
            raise Judged(NON_STRICT, f"101, then {show_event(came)}: the body was taken for frames")


FRAME = text("hi").encode(True)
body("a body of 8 bytes that is a frame", "RFC 9110 7.8", [f"Content-Length: {len(FRAME)}"], FRAME)
body("a chunked body", "RFC 9110 7.8", ["Transfer-Encoding: chunked"],
     b"%x\r\n%s\r\n0\r\n\r\n" % (len(FRAME), FRAME))


@section.scene("a request that is no WebSocket's", "4.2.1", "an answer of HTTP, not 101",
               roles=(SERVER,), opens=False)
def _(session):
    request_or(NON_STRICT, session, http.encode("GET / HTTP/1.1", [
        ("Host", session.target.host), ("Connection", "close")]))
    if session.answer.status in (0, 101):
        raise Judged(FAILED, repr(session.answer.line))


@section.scene("what is not HTTP at all", "4.2.1", "an error, or the end of TCP", roles=(SERVER,),
               opens=False)
def _(session):
    session.send(b"\x81\x85\x00\x00\x00\x00Hello\r\n\r\n\r\n\r\n")
    lines = session.link.head()
    if lines is None and not session.link.ended:
        raise Judged(FAILED, "nothing came, and the connection stays open")
    if lines and http.Head(lines).status == 101:
        raise Judged(FAILED, repr(lines[0]))


@section.scene("TCP ends in the middle of the head", "4.2.1", "the end of TCP", roles=(SERVER,),
               opens=False)
def _(session):
    session.send(Offer().encode(session, http.new_key())[:60])
    session.link.end_output()
    if session.link.head() is None and not session.link.ended:
        raise Judged(FAILED, "nothing came, and the connection stays open")


@section.scene("a Close in the head's segment", "4.1, 5.5.1", "101, Close 1000, the end",
               roles=(SERVER,), opens=False)
def _(session):
    session.sent_close = True
    key = http.new_key()
    request_or(INFORMATIONAL, session, Offer().encode(session, key) + close(1000).encode(True))
    fault = http.response_fault(session.answer, key)
    if fault:
        raise Judged(FAILED, fault)
    session.expect_close((1000,))
    session.expect_end()


# Subprotocols.

NAME = "Sec-WebSocket-Protocol"

def chooses(name, rfc, offered, *fields):
    """The answer has one of those that are offered, or none."""

    @protocols.scene(name, rfc, f"101 with no subprotocol, or one of {', '.join(offered)}",
                     roles=(SERVER,), opens=False)
    def _(session):
        key = http.new_key()
        request_or(NON_STRICT, session, Offer(add=fields).encode(session, key))
        if session.answer.status != 101:
            raise Judged(NON_STRICT, f"refused: {session.answer.line!r}")
        accepted(session, key)
        values = session.answer.all("Sec-WebSocket-Protocol")
        if len(values) > 1 or any(value not in offered for value in values):
            raise Judged(FAILED, f"Sec-WebSocket-Protocol: {values}")
        session.finish()
        raise Judged(OK, f"{NAME}: {values[0] if values else 'none'}")


chooses("one is offered", "4.2.2, 11.3.4", ["chat"], f"{NAME}: chat")
chooses("two are offered", "4.2.2, 11.3.4", ["chat", "superchat"], f"{NAME}: chat, superchat")
chooses("two are offered in two fields", "11.3.4", ["chat", "superchat"], f"{NAME}: chat",
        f"{NAME}: superchat")
chooses("names with dots and capitals", "4.1", ["v1.Chat.example.com", "V2"],
        f"{NAME}: v1.Chat.example.com,V2")
chooses("spaces around the names", "11.3.4", ["chat", "superchat"],
        f"{NAME}:   chat  ,\tsuperchat ")
chooses("100 are offered", "11.3.4", [f"p{i}" for i in range(100)],
        f"{NAME}: {', '.join(f'p{i}' for i in range(100))}")
chooses("the field's name in small letters", "RFC 9110 5.1", ["chat"],
        "sec-websocket-protocol: chat")
takes("none is offered", "4.2.2", table=protocols,
      check=lambda session: no_field(session, "Sec-WebSocket-Protocol"))


def odd(name, rfc, *fields):
    """An offer that breaks the grammar: refused, or taken without a harm."""

    @protocols.scene(name, rfc, "an error, or 101 without a subprotocol that was not offered",
                     roles=(SERVER,), opens=False)
    def _(session):
        request_or(INFORMATIONAL, session, Offer(add=fields).encode(session, http.new_key()))
        values = session.answer.all("Sec-WebSocket-Protocol")
        if any(value not in ("chat",) for value in values):
            raise Judged(FAILED, f"Sec-WebSocket-Protocol: {values}")
        raise Judged(INFORMATIONAL, repr(session.answer.line))


odd("the same name twice", "4.1", f"{NAME}: chat, chat")
odd("an empty field", "4.1, 11.3.4", f"{NAME}:")
odd("a name with a space", "4.1", f"{NAME}: my chat")
odd("empty members of the list", "RFC 9110 5.6.1", f"{NAME}: , chat,,")
