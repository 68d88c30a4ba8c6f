# SPDX-License-Identifier: MIT
"""What wsecho prints: messages in several forms, JSON, and what it tells of the connection."""

import json
import os
import pty
import re
import signal
import tty

from peer import BINARY, CLOSE, PING, PONG, TEXT, Script, close_payload
from support import (DEADLINE, Server, client_command, equal, finish, main, match, started, test,
                     wsecho)

server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"))
URL = server.ws
BYTES = bytes(range(256))


def saying(*frames, code=1000):
    """A server that says this and closes."""
    def serve(peer):
        peer.accept("Sec-WebSocket-Protocol: chat")
        for opcode, payload in frames:
            peer.send_frame(opcode, payload)
        if code:
            peer.send_close(code, b"bye")
        while (came := peer.read_frame()).opcode != CLOSE:
            seen.append((came.opcode, came.payload))
        if not code:
            peer.send_frame(CLOSE, came.payload)
    seen = []
    script = Script(serve)
    script.seen = seen
    return script


def listen(script, *words):
    return wsecho("-N", "-H", "Sec-WebSocket-Protocol: chat", *words, script.url)


@test("messages and a line's end each; --raw: the bytes and nothing else")
def _():
    frames = (TEXT, b"one"), (BINARY, BYTES), (TEXT, b"")
    with saying(*frames) as script:
        listen(script).expect(0, b"one\n" + BYTES + b"\n\n")
    with saying(*frames) as script:
        listen(script, "--raw").expect(0, b"one" + BYTES)


@test("--print: binary messages in hex, in base64, as they are")
def _():
    for form, shown in (("hex", BYTES.hex().encode()), ("raw", BYTES), ("auto", BYTES)):
        with saying((TEXT, b"text"), (BINARY, BYTES)) as script:
            listen(script, "--print", form).expect(0, b"text\n" + shown + b"\n")
    with saying(*((BINARY, b"\xfb\xff\xfe"[:n]) for n in range(4))) as script:
        listen(script, "--print", "base64").expect(0, b"\n+w==\n+/8=\n+//+\n")
    with saying((BINARY, b"x" * 10_000)) as script:
        listen(script, "--print", "hex").expect(0, b"78" * 10_000 + b"\n")


def on_terminal(script, *words):
    """What a terminal gets."""
    ours, its = pty.openpty()
    tty.setraw(its)
    with started(*client_command("-N", "-H", "Sec-WebSocket-Protocol: chat", *words, script.url),
                 stdout=its) as client:
        os.close(its)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # it is gone, and all was read
            pass
        equal(client.wait(DEADLINE), 0, "the status")
    os.close(ours)
    return seen


@test("on a terminal: texts escaped, binary messages in hex; --raw: as they are")
def _():
    frames = (TEXT, b"\x1b[31mred"), (BINARY, b"\0\xff"), (BINARY, b"")
    with saying(*frames) as script:
        equal(on_terminal(script), rb"\x1b[31mred" + b"\n2 bytes: 00 ff\n0 bytes\n")
    with saying(*frames) as script:
        equal(on_terminal(script, "--raw"), b"\x1b[31mred\0\xff")
    with saying((BINARY, BYTES)) as script:
        equal(on_terminal(script), b"256 bytes: " + BYTES.hex(" ").encode() + b"\n")


@test("-T prints the time before each message")
def _():
    done = wsecho("-T", URL, "one", "two").expect(0)
    match(r"^(\d\d:\d\d:\d\d\.\d{3} (one|two)\n){2}$", done.out.decode())


@test("-P tells of Pings and Pongs, -vv of all frames, on standard error")
def _():
    with saying((PING, b"you?\x1b"), (PONG, b"unasked")) as script:
        equal(sorted(listen(script, "-P").expect(0, b"").err.splitlines()),
              ["< ping: you?\\x1b", "< pong: unasked", "> pong: you?\\x1b"], "what it tells")
    with saying((TEXT, b"x")) as script:
        done = listen(script, "-vv").expect(0, b"x\n")
        match(r"\n\* subprotocol chat\n< text, 1 bytes\n< close 1000 bye\n(.*\n)*> close 1000",
              done.err)


@test("-vv tells of the opening first, also when frames come in the segment of the response")
def _():
    def serve(peer):
        peer.accept(then=peer.frame(TEXT, b"x") + peer.frame(CLOSE, close_payload(1000, b"bye")))
        equal(peer.read_frame().opcode, CLOSE, "what the client answers")
    with Script(serve) as script:
        done = wsecho("-N", "-vv", script.url).expect(0, b"x\n")
        match(r"\n\* open after [^\n]* ms\n< text, 1 bytes\n< close 1000 bye\n(.*\n)*> close 1000",
              done.err)


@test("-q says nothing, whatever goes wrong; the status tells")
def _():
    with saying((TEXT, b"x"), code=1011) as script:
        equal(listen(script, "-q").expect(6, b"x\n").err, "", "what it says")
    equal(wsecho("-q", "ws://127.0.0.1:1/", "x").expect(3).err, "", "what it says")


@test("-v: address, certificates, heads, times, subprotocol, close; and no secret")
def _():
    done = wsecho("-v", "-H", "Authorization: Basic c2VjcmV0", "-H", "Cookie: id=secret",
                  "-H", "Sec-WebSocket-Protocol: chat", server.wss, "x").expect(0, b"x\n")
    for pattern in (r"^\* connected to 127\.0\.0\.1:\d+$", r"^\* TLSv1\.3, TLS_\w+$",
                    r"^\* certificate 0: CN=localhost; for localhost, .*127\.0\.0\.1.*; by CN=",
                    r"^\*   valid from \d{4}-\d\d-\d\d .* to .*; SHA-256 ([0-9A-F]{2}:){31}",
                    r"^> GET / HTTP/1\.1$", r"^> Authorization: \[not shown\]$",
                    r"^> Cookie: \[not shown\]$", r"^< HTTP/1\.1 101 ",
                    r"^\* open after name \d+\.\d, tcp \d+\.\d, tls \d+\.\d, http \d+\.\d ms$",
                    r"^\* subprotocol chat$", r"^\* closed by 127\.0\.0\.1:\d+: 1000$"):
        match("(?m)" + pattern, done.err)
    equal("c2VjcmV0" in done.err or "secret" in done.err, False, "that a secret is told")


@test("a cookie that the server sets is not told, with -v nor with -j")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 403 No\r\nset-cookie: a=secret\r\nContent-Length: 0\r\n\r\n")
        peer.drain()
    with Script(refuse) as script:
        match(r"(?m)^< set-cookie: \[not shown\]$", wsecho("-v", script.url, "x").expect(5).err)
    with Script(refuse) as script:
        done = wsecho("-j", script.url, "x").expect(5)
    match(r'\["set-cookie","\[not shown\]"\]', done.out.decode())


@test("-v shows the head of a refusal, escaped")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nX-Why: \x9b because\r\nContent-Length: 0\r\n\r\n")
        peer.drain()
    with Script(refuse) as script:
        done = wsecho("-v", script.url, "x").expect(5)
    match(r"(?m)^< HTTP/1.1 403 Forbidden$", done.err)
    match(r"(?m)^< X-Why: \\x9b because$", done.err)


# JSON.

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def events(out):
    """The objects, in their order; each has an event and a time, which is taken away."""
    found = [json.loads(line) for line in out.decode().splitlines()]
    for event in found:
        match(TIME.pattern, event.pop("time"))
    return found


@test("... without blanks at the ends of lines")
def _():
    def serve(peer):
        peer.accept()
        peer.send_frame(PING)
        equal(peer.read_frame().opcode, PONG, "the answer")
        peer.send_close(1000)
        peer.until_close()

    with Script(serve) as script:
        lines = wsecho("-vv", "-N", script.url).expect(0).err.splitlines()
    for line in ("< ping", "> pong", "< close 1000"):
        equal(line in lines, True, f"that {line!r} is in {lines}")
    equal([line for line in lines if line != line.rstrip()], [], "the lines that end in blanks")


@test("--json: open, message, ping, pong, close, end, one object a line")
def _():
    frames = (TEXT, "größer\0".encode()), (BINARY, b"\0\xff"), (PING, b"hb")
    with saying(*frames) as script:
        found = events(listen(script, "-j").expect(0).out)
    opened, *others, end = found
    equal([opened[key] for key in ("event", "url", "address", "tls", "subprotocol", "extensions",
                                   "status")],
          ["open", script.url, script.url[5:], None, "chat", [], 101], "what opens")
    equal(["Upgrade", "websocket"] in opened["headers"], True, "the headers")
    equal(sorted(opened["ms"]), ["http", "name", "tcp"], "the times")
    equal([event for event in others if event["event"] in ("ping", "pong")],
          [{"event": "ping", "dir": "in", "bytes": 2, "data": "hb"},
           {"event": "pong", "dir": "out", "bytes": 2, "data": "hb"}], "pings")
    equal([event for event in others if event["event"] not in ("ping", "pong")],
          [{"event": "message", "dir": "in", "n": 1, "type": "text", "bytes": 9,
            "data": "größer\0"},
           {"event": "message", "dir": "in", "n": 2, "type": "binary", "bytes": 2,
            "base64": "AP8="},
           {"event": "close", "dir": "in", "code": 1000, "reason": "bye"}], "the others")
    seconds = end.pop("seconds")
    equal(0 <= seconds < DEADLINE, True, "the seconds")
    equal(end, {"event": "end", "exit": 0, "sent": 0, "received": 2, "bytes_sent": 0,
                "bytes_received": 11}, "the end")


@test("--json: TLS")
def _():
    opened = events(wsecho("-j", server.wss, "x").expect(0).out)[0]
    equal(opened["tls"]["version"], "TLSv1.3", "the version")
    match("^TLS_", opened["tls"]["cipher"])
    equal(opened["tls"]["subject"], "CN=localhost", "the subject")
    equal(sorted(opened["ms"]), ["http", "name", "tcp", "tls"], "the times")


@test("--json: an error says where, and end is the last whatever happens")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
                  b"Content-Length: 0\r\n\r\n")
        peer.drain()

    with Script(refuse) as script:
        error, end = events(wsecho("-jq", script.url, "x").expect(5).out)
    equal((error["event"], error["stage"], error["status"]), ("error", "handshake", 401))
    equal(["WWW-Authenticate", "Basic"] in error["headers"], True, "the headers")
    equal((end["event"], end["exit"]), ("end", 5))
    for url, stage, status in (("ws://127.0.0.1:1/", "tcp", 3), ("ws://x.invalid/", "name", 3),
                               (URL.replace("ws:", "wss:"), "tls", 4)):
        error, end = events(wsecho("-jq", url, "x").expect(status).out)[-2:]
        equal((error["event"], error["stage"], end["exit"]), ("error", stage, status))
    with saying((TEXT, b"x"), code=None) as script:
        error, end = events(listen(script, "-jq", "-m", "300ms").expect(7).out)[-2:]
        equal((end["event"], end["received"], end["exit"]), ("end", 1, 7))


STEERING = "\x7f\u009b31m\u061c\u202e\u2069"


@test("--json: what a terminal would obey is written as \\uXXXX, wherever it comes from")
def _():
    def serve(peer):
        peer.accept(f"X-Evil: \u202e\u009b")
        peer.send_frame(TEXT, f"größer {STEERING}".encode())
        peer.send_frame(PING, STEERING.encode())
        peer.send_close(4000, STEERING.encode())
        peer.drain()

    with Script(serve) as script:
        raw = wsecho("-jqN", script.url).expect(6).out
    found = raw.decode()
    for one in STEERING:
        equal(one in found and not one.isascii() or one == "\x7f" and one in found, False,
              f"that {one!r} is there as it is")
    match(r'"data":"größer \\u007f\\u009b31m\\u061c\\u202e\\u2069"', found)
    opened, *others = events(raw)
    equal(["X-Evil", "\u202e\u009b"] in opened["headers"], True, "the header")
    equal({event["event"]: event.get("data", event.get("reason")) for event in others
           if event["event"] in ("ping", "close")}, {"ping": STEERING, "close": STEERING}, "others")


@test("--json: bytes that are not UTF-8 are ISO 8859-1, in fields, a body and the error's text")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 403 No\r\nX-Name: caf\xe9 \xc3\xa9\r\nContent-Length: 5\r\n\r\ncaf\xe9!")
        peer.drain()

    with Script(refuse) as script:
        error, end = events(wsecho("-jq", script.url, "x").expect(5).out)
    equal(["X-Name", "café é"] in error["headers"], True, "the header")
    equal(error["body"], "café!", "the body")
    match('answered 403 No; it says "café!"$', error["text"])
    equal(end["exit"], 5)


@test("--json: end is the last after a signal, too")
def _():
    with saying((TEXT, b"x"), code=None) as script:
        with started(*client_command("-j", "-N", "-H", "Sec-WebSocket-Protocol: chat",
                                     script.url)) as client:
            head = client.stdout.readline() + client.stdout.readline()
            client.send_signal(signal.SIGTERM)
            done = finish(client).expect(-signal.SIGTERM)
    found = events(head + done.out)
    equal([event["event"] for event in found], ["open", "message", "close", "end"])
    equal(found[-1]["exit"], 128 + signal.SIGTERM, "the exit")


@test("--json: a flood of Pings that nobody reads takes little memory, and is told in part")
def _():
    with saying(*[(PING, b"x" * 125)] * 20_000) as script:
        found = events(listen(script, "-j").expect(0).out)
    pings = [event for event in found if event["event"] == "ping"]
    equal(len(pings) > 1000, True, "that many are told")


main(threads=4)
