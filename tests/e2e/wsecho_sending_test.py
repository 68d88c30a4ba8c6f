# SPDX-License-Identifier: MIT
"""What wsecho sends: messages, files, lines, records, bytes; as often and as fast as it is told."""

import contextlib
import os
import pathlib
import pty
import select
import signal
import subprocess

from peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Script, close_payload
from support import (Server, client_command, ends, equal, eventually, finish, main, match, scratch,
                     started, test, wsecho)

server = Server("--max-message", "64M", listen=("ws://127.0.0.1:0",))
URL = server.ws
RANDOM = os.urandom(1_000_000)


def file_of(name, data):
    path = scratch() / name
    path.write_bytes(data)
    return path


def frames(peer):
    """A server that takes everything and replies to nothing; its result is what came."""
    peer.accept()
    seen = []
    while (came := peer.read_frame()).opcode != CLOSE:
        seen.append((came.opcode, came.fin, came.payload))
    peer.send_frame(CLOSE, came.payload)
    return seen


def sent(*words, **more):
    """What comes at a server that does not reply."""
    with Script(frames) as script:
        wsecho("-w", "0", *words[:-1], script.url, *words[-1], **more).expect(0, b"")
    return script.result


@test("-d sends a message, -f a file, in their order, and the operands after them")
def _():
    path = file_of("words", b"from a file\n")
    equal(sent("-d", "one", "-f", path, "--data", "two", "-d", f"@{path}", ("three",)),
          [(TEXT, True, text) for text in (b"one", b"from a file\n", b"two", b"from a file\n",
                                           b"three")], "the messages")


@test("-f - is standard input, as one message, and text unless -b")
def _():
    equal(sent("-f", "-", (), given=b"a\nb\n"), [(TEXT, True, b"a\nb\n")], "the message")
    equal(sent("-b", "-f", "-", (), given=b"\xff\0"), [(BINARY, True, b"\xff\0")], "the message")
    equal(sent("-f", "-", (), given=b""), [(TEXT, True, b"")], "the message")


@test("a large file goes out in fragments, is one message, and comes back byte for byte")
def _():
    path = file_of("large", RANDOM)
    seen = sent("-b", "-f", path, ())
    equal([opcode for opcode, *_ in seen], [BINARY] + [CONTINUATION] * (len(seen) - 1),
          "the opcodes")
    equal([final for _, final, _ in seen], [False] * (len(seen) - 1) + [True], "the FINs")
    equal(b"".join(data for *_, data in seen) == RANDOM, True, "that it is the file")
    equal(max(len(data) for *_, data in seen), 65536, "the size of a fragment")
    done = wsecho("-b", "--raw", "-f", path, URL).expect(0)
    equal(done.out == RANDOM, True, "that it comes back")


@test("a file larger than all limits takes no memory: 40 MB")
def _():
    path = scratch() / "huge"
    with open(path, "wb") as huge:
        huge.truncate(40_000_000)
    done = wsecho("-b", "-f", path, "--raw", "--max-message", "64M", URL).expect(0)
    equal(len(done.out), 40_000_000, "the length")


@test("a text in a file may have a character that two fragments divide, but must be UTF-8")
def _():
    text = b"x" * 65535 + "größer".encode()[2:] + b"y" * 65535
    done = wsecho("-f", file_of("divided", text), URL).expect(0)
    equal(done.out == text + b"\n", True, "that it comes back")
    ends(wsecho("-f", file_of("latin", b"caf\xe9"), URL), 2, "latin is not UTF-8.*--binary")


def fifo_of(name):
    path = scratch() / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


@test("a FIFO is read like a file, once somebody writes to it")
def _():
    path = fifo_of("fifo")
    for words in (("-f", path), ("-d", f"@{path}")):
        with started(*client_command(*words, URL)) as client:
            path.write_bytes(b"through a FIFO")
            equal(finish(client).expect(0).out, b"through a FIFO\n", "the reply")
    with started(*client_command("-v", "-H", f"@{path}", URL, "x")) as client:
        path.write_text("X-From: a FIFO\n")
        match("X-From: a FIFO", finish(client).expect(0, b"x\n").err)


@test("a signal ends it at once while nobody writes to a FIFO")
def _():
    path = fifo_of("silent")
    for words in (("-f", path), ("-d", f"@{path}"), ("-H", f"@{path}"), ("--bearer-file", path),
                  ("--pass-file", path, "--cert", path), ("--cacert", path)):
        for number in (signal.SIGINT, signal.SIGTERM):
            url = "wss://127.0.0.1:1" if words[0].startswith(("--pass", "--ca")) else URL
            with started(*client_command("-d", "first", *words, url)) as client:
                if words[0] in ("-f", "-d"):
                    equal(client.stdout.readline(), b"first\n", "the first reply")
                eventually(lambda: waits(client.pid), "that it waits")
                client.send_signal(number)
                finish(client).expect(-number, b"")


def waits(pid):
    """For a file, or in its loop with all that it has to do done."""
    where = pathlib.Path(f"/proc/{pid}")
    return ((where / "comm").read_text() == "wsecho\n" and
            "S (sleeping)" in (where / "status").read_text())


@test("a file that is not there, or cannot be read, has status 2 and one sentence")
def _():
    ends(wsecho("-f", "/nonexistent", URL), 2, "/nonexistent: No such file")
    ends(wsecho("-d", "@/nonexistent", URL), 2, "/nonexistent: No such file")
    ends(wsecho("-f", "/", URL), 2, "/: Is a directory")


@test("-b: standard input is sent as it is, never trimmed, and comes back byte for byte")
def _():
    path = file_of("bytes", RANDOM)
    with open(path, "rb") as stdin:
        done = wsecho("-b", URL, stdin=stdin).expect(0)
    equal(done.out == RANDOM, True, "that it comes back")
    wsecho("-b", URL, given=b"a\r\nb\r\n").expect(0, b"a\r\nb\r\n")


@test("-b --lines: line by line")
def _():
    equal(sent("-b", "--lines", (), given=b"\xff\r\n\n\0"),
          [(BINARY, True, data) for data in (b"\xff", b"", b"\0")], "the messages")


@test("-0: records end with NUL, in and out, and the last one may lack it")
def _():
    wsecho("-0", URL, given=b"a\nb\0\0last").expect(0, b"a\nb\0\0last\0")
    wsecho("-0", URL, "x", "y").expect(0, b"x\0y\0")
    ends(wsecho("-0", "--max-message", "3", URL, given=b"four\0"), 2,
         "line 1 of the input is longer", b"")


@test("--hex and --base64: messages are given so, on the command line and in lines")
def _():
    equal(sent("--hex", ("00 01FF", "")), [(BINARY, True, b"\0\1\xff"), (BINARY, True, b"")])
    equal(sent("--base64", ("AAH/", "AA==", "AAE=", "AAE")),
          [(BINARY, True, data) for data in (b"\0\1\xff", b"\0", b"\0\1", b"\0\1")])
    equal(sent("--hex", (), given=b"0a\n0d 0A\n"), [(BINARY, True, b"\n"), (BINARY, True, b"\r\n")])
    wsecho("--hex", URL, given=b"00FF\n\n").expect(0, b"00ff\n\n")
    wsecho("--base64", URL, "AAH/").expect(0, b"AAH/\n")


@test("what is not of that form has status 2 and one sentence")
def _():
    for option, texts in (("--hex", ("0", "0g", "0x00")), ("--base64", ("A", "A===", "A_==", "AA=A"))):
        for text in texts:
            ends(wsecho(option, URL, text), 2, f"'{text}' is not {option[2:]}")
            ends(wsecho(option, URL, given=text.encode() + b"\n"), 2,
                 f"line 1 of the input is not {option[2:]}")
    done = wsecho("--hex", "--base64", URL, "00").expect(2)
    match("exclude", done.err)


@test("--repeat sends the messages of the command line again and again")
def _():
    wsecho("--repeat", "3", URL, "a", "b").expect(0, b"a\nb\n" * 3)
    wsecho("--repeat", "2", "-d", "x", URL).expect(0, b"x\nx\n")
    match("--repeat", wsecho("--repeat", "0", URL, "a").expect(2).err)


@test("standard input is sent as a message once, and not again as an empty one")
def _():
    for words in (["-f", "-", "--repeat", "2"], ["-d", "@-", "--repeat", "2"],
                  ["-f", "-", "-f", "-"], ["-f", "-", "-d", "x", "-d", "@-"]):
        done = wsecho(*words, URL, given=b"abc").expect(2)
        match("standard input can be sent as a message once", done.err)
    wsecho("-d", "-", "-f", "-", URL, given=b"abc").expect(0, b"-\nabc\n")


@test("2: standard input is for an option, and would be sent as well; it is one or the other")
def _():
    for word, name in (("--bearer-file=-", "bearer-file"), ("--bearer-file=/dev/stdin", "bearer-file"),
                       ("-H@-", "header")):
        for words in ((), ("-f", "-"), ("-d", "@/dev/stdin")):
            done = wsecho(word, *words, URL, given=b"A: token\nhello\n").expect(2, b"")
            match(f"standard input is for '--{name}', and can be read once", done.err)
    wsecho("--bearer-file=-", URL, "hello", given=b"token\n").expect(0, b"hello\n")
    wsecho("-N", "-w", "0", "--bearer-file=-", URL, given=b"token\n").expect(0, b"")


@test("--interval is the time between two messages, and not before the first or after the last")
def _():
    # With an interval no run could wait for, only one message goes out before the time is over.
    with Script(frames) as script:
        ends(wsecho("-m", "300ms", "--interval", "1h", script.url, "a", "b"), 7, "--max-time")
    equal(script.result, [(TEXT, True, b"a")], "what was sent")
    wsecho("--interval", "10ms", URL, given=b"a\nb\nc\n").expect(0, b"a\nb\nc\n")
    wsecho("--interval", "1h", URL, "a").expect(0, b"a\n")
    wsecho("--interval", "1h", URL, given=b"a\n").expect(0, b"a\n")


@test("--echo tells of Pings and frames")
def _():
    def pinging(peer):
        peer.accept()
        peer.send_frame(PING, b"ping")
        equal(peer.read_frame().opcode, PONG, "the reply")
        peer.send_frame(CLOSE, close_payload(1000))
        peer.read_frame()

    with Script(pinging) as script:
        match("ping", wsecho("--echo", "-P", script.url).expect(0, b"").err)
    with Script(pinging) as script:
        match("(?s)ping.*pong.*close", wsecho("--echo", "-vv", script.url).expect(0, b"").err.lower())


@test("7: --echo to a server that never reads, which the time-out ends")
def _():
    def serve(peer):
        peer.accept()
        # Until the client is gone: it takes no more than it can send back.
        with contextlib.suppress(OSError):
            while True:
                peer.send_frame(BINARY, bytes(1 << 16))

    with Script(serve) as script:
        ends(wsecho("-t", "500ms", "--echo", script.url), 7, "time-out: .* does not take what is sent")


@test("--echo sends back what comes, with its type, until the server closes")
def _():
    def serve(peer):
        peer.accept()
        for opcode, payload in ((TEXT, "größer".encode()), (BINARY, b"\xff\0"), (TEXT, b"")):
            peer.send_frame(opcode, payload)
            equal(peer.read_frame()[:2], (opcode, payload), "what comes back")
        peer.send_close(1000)
        peer.expect_close(1000)

    with Script(serve) as script:
        wsecho("--echo", script.url, stdin=subprocess.DEVNULL).expect(0, b"")
    match("--echo", wsecho("--echo", URL, "x").expect(2).err)


@test("--echo goes on until the server closes: options that would end it, or print, have status 2")
def _():
    for name, *words in (("count", "--count", "2"), ("one", "-1"), ("skip", "--skip", "1"),
                         ("wait", "-w", "1s"), ("expect", "--expect", "a"),
                         ("reject", "--reject", "a"), ("reconnect", "--reconnect"),
                         ("json", "-j"), ("raw", "--raw"), ("print", "--print", "hex"),
                         ("timestamps", "-T")):
        done = wsecho("--echo", *words, URL).expect(2, b"")
        match(f"^wsecho: '--echo' and '--{name}' exclude each other\n", done.err)


@test("6: --echo, if the connection is lost or the protocol broken")
def _():
    with Script(lambda peer: peer.accept()) as script:
        ends(wsecho("--echo", script.url), 6, "lost")
    with Script(lambda peer: (peer.accept(), peer.send(b"\x83\x00"), peer.until_close())) as script:
        ends(wsecho("--echo", script.url), 6, "a reserved opcode")


@test("--echo: with which code the server may close is as without it, and --close-ok says so")
def _():
    for words, code, status in (((), 1000, 0), ((), 1001, 0), ((), 1011, 6), ((), 4001, 6),
                                (("--close-ok", "4001"), 4001, 0), (("--close-ok", "4001"), 1000, 6)):
        with Script(lambda peer, code=code: (peer.accept(), peer.send_close(code),
                                             peer.until_close())) as script:
            done = wsecho("--echo", *words, script.url).expect(status, b"")
            match(f"closed with {code}" if status else "^$", done.err)


@test("--echo: a server that does not answer our Close is left")
def _():
    wsecho("--echo", "-m", "200ms", URL + "/?close-reply=none").expect(7, b"")
    with started(*client_command("--echo", "-v", URL + "/?close-reply=none&greet=hello")) as client:
        eventually(lambda: b"HTTP/1.1 101" in client.stderr.readline(), "it is open")
        client.send_signal(signal.SIGTERM)
        equal(client.wait(20), -signal.SIGTERM, "the status")


@test("on a terminal it tells how far a file is, once that takes over a second, and wipes that")
def _():
    ours, its = pty.openpty()
    with Script(frames) as script:
        with started(*client_command("-b", "-w", "0", "-f", "-", script.url), stderr=its) as client:
            os.close(its)
            seen = b""
            while b"standard input: " not in seen:
                client.stdin.write(b"x" * 65536)
                if select.select([ours], [], [], 0.05)[0]:
                    seen += os.read(ours, 4096)
            match(r"\rstandard input: \d+\.\d MB\x1b\[K", seen.decode())
            finish(client).expect(0, b"")
        equal(os.read(ours, 4096).endswith(b"\r\x1b[K"), True, "that it is wiped")
    os.close(ours)


main(threads=4)
