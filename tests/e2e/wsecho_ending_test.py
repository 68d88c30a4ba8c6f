# SPDX-License-Identifier: MIT
"""When wsecho ends, and with which status: never by a race, and nothing that the server said before
its Close is lost."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from peer import (CLOSE, PING, TEXT, Script, after_accept, close_payload, header,
                  patient_script, patiently)
from support import (DEADLINE, Server, client_command, ends, equal, finish, main, match, run,
                     started, test, wsecho)

server = Server(listen=("ws://127.0.0.1:0",))
URL = server.ws


def messages_of(peer):
    """The client's messages up to its Close, which is answered after what the caller does."""
    while (came := peer.read_frame()).opcode != CLOSE:
        if came.opcode == TEXT:
            yield came.payload
    peer.send_frame(CLOSE, came.payload)


def replying(*greetings, replies=lambda text: [b"re:" + text]):
    """A server that greets and then replies to each message, with none, one or many."""
    def serve(peer):
        peer.accept()
        for greeting in greetings:
            peer.send_frame(TEXT, greeting)
        seen = []
        for text in messages_of(peer):
            seen.append(text)
            for reply in replies(text):
                peer.send_frame(TEXT, reply)
        return seen
    return Script(serve)


def closing(code, after=1, together=False):
    """A server that replies to the first messages and then closes."""
    def serve(peer):
        peer.accept()
        for i in range(after):
            came = peer.read_frame()
            reply = peer.frame(came.opcode, came.payload)
            last = i == after - 1 and together
            peer.send(reply + (peer.frame(CLOSE, close_payload(code)) if last else b""))
        if not together:
            peer.send_close(code)
        peer.until_close()
    return Script(serve)


# A server that closes.


@test("0: all is replied to, and then the server closes with 1000, in one packet or two, always")
def _():
    for together in (False, True):
        for _ in range(10):
            with closing(1000, together=together) as script:
                wsecho(script.url, given=b"quit\n").expect(0, b"quit\n")
            with closing(1000, together=together) as script:
                wsecho(script.url, "quit").expect(0, b"quit\n")


@test("6: all is replied to, and then the server closes with 1011, always")
def _():
    for together in (False, True):
        for _ in range(5):
            with closing(1011, together=together) as script:
                ends(wsecho(script.url, given=b"quit\n"), 6, "closed with 1011", b"quit\n")
            with closing(1011, together=together) as script:
                ends(wsecho(script.url, "quit"), 6, "closed with 1011", b"quit\n")


@test("0: all is replied to, and then the connection ends without a Close, whether ours was sent or not")
def _():
    def serve(peer):
        peer.accept()
        came = peer.read_frame()
        peer.send_frame(came.opcode, came.payload)
        if waits:
            peer.until_close()
        peer.half_close()
        peer.drain()
    for waits in (False, True) * 10:
        with Script(serve) as script:
            wsecho(script.url, "quit").expect(0, b"quit\n")
        with Script(serve) as script:
            ends(wsecho("--close-ok", "4000", script.url, "quit"), 6, "was lost", b"quit\n")


@test("6: the server closes with 1000 before all is replied to")
def _():
    with closing(1000) as script:
        ends(wsecho(script.url, given=b"one\ntwo\n"), 6, "closed with 1000", b"one\n")
    with closing(1000) as script:
        ends(wsecho(script.url, "one", "two"), 6, "closed with 1000", b"one\n")


@test("6: the server closes with 1000 before a line that was read is sent, which waits for --interval")
def _():
    for words in ((), ("--reconnect",), ("-w", "1h"), ("-w", "forever"), ("-b", "--max-message", "2")):
        with closing(1000) as script:
            ends(wsecho("--interval", "1h", *words, script.url, given=b"a\nb\n"), 6, "closed with 1000",
                 b"a\n")


@test("6: the server closes with 1000 and has not taken a message that was on its way")
def _():
    def serve(peer):
        peer.accept()
        peer.take(2)
        peer.send_close(1000)
        over.wait(DEADLINE)

    line = b"x" * 30_000_000
    for words, given in ((("-w", "0"), line), (("-w", "1h"), line), (("-w", "forever"), line + b"\nb\n"),
                         ((), line), (("-w", "0", "-f", "-"), line)):
        over = threading.Event()
        with Script(serve) as script:
            done = wsecho("--max-message", "64M", *words, script.url, given=given)
            over.set()
            ends(done, 6, "closed with 1000")


@test("--close-ok names the codes that are a success, at any time, and the others are none")
def _():
    with closing(4000, after=0) as script:
        wsecho("--close-ok", "4000,4001", script.url, "x").expect(0, b"")
    with closing(1000) as script:
        ends(wsecho("--close-ok", "4000", script.url, "x"), 6, "1000", b"x\n")
    for codes in ("", "1000,", "99", "x", "1004", "5000", "1000;1001"):
        done = wsecho("--close-ok", codes, URL, "x").expect(2, b"")
        match("--close-ok", done.err)


@test("6: the server does not answer our Close, within 5 seconds or --timeout")
def _():
    deaf = URL + "/?close-reply=none"

    def written(patience):
        seconds, thousandths = divmod(int(patience[:-2]), 1000)
        return rf"{seconds}\.?{str(thousandths).rstrip('0')}s" if seconds else patience

    def left(*words):
        given = []

        def client(patience):
            given.append(patience)
            return wsecho("-t", patience, *words, deaf, "x")
        # It may even close before the whole reply has come, if it is told to.
        done = patiently(client, lambda done: "time-out" in done.err)
        return done, f" did not answer the Close within {written(given[-1])}"

    done, says = left()
    ends(done, 6, says + "$", b"x\n")
    ends(wsecho(deaf, "x"), 6, r"did not answer the Close within 5s$", b"x\n")
    done, says = left("-1", "-v")
    match(rf"(?m)^\* \S+{says}$", done.expect(0, b"x\n").err)
    done, _ = left("-1")
    equal(done.expect(0, b"x\n").err, "", "what is said")


@test("--count: 7 if --wait is over before, whether or not the server answers the Close")
def _():
    for path in ("", "/?close-reply=none"):
        done = patiently(lambda patience, path=path: wsecho(
            "-w", patience, "--count", "3", "-t", f"{2 * int(patience[:-2])}ms", URL + path, "x"),
            lambda done: done.out == b"")
        ends(done, 7, "time-out: 1 of 3 messages came$", b"x\n")


@test("--close says with what code and reason we close")
def _():
    for words, payload in (((), close_payload(1000)),
                           (("--close", "4001"), close_payload(4001)),
                           (("--close", "4001:größer"), close_payload(4001, "größer".encode()))):
        def serve(peer):
            peer.accept()
            came = peer.until_close()
            peer.send_frame(CLOSE, came.payload)
            return came.payload
        with Script(serve) as script:
            wsecho(*words, "-w", "0", script.url, "x").expect(0, b"")
        equal(script.result, payload, "the Close")
    for code in ("1004", "1005", "1006", "1015", "1006:reason"):
        done = wsecho("--close", code, URL, "x").expect(2, b"")
        match(f"'--close': the code {code[:4]} is reserved and is never sent", done.err)
    for text in ("", "x", "1000x", "1006x", "999", "4001:" + "x" * 124):
        done = wsecho("--close", text, URL, "x").expect(2, b"")
        match("--close", done.err)
    match("'--close': the reason is not UTF-8", wsecho("--close", b"4001:\xff", URL, "x").expect(2).err)


# Nothing is lost.


@test("a greeting costs no reply: what comes up to the server's Close is printed")
def _():
    with replying(b"welcome") as script:
        wsecho(script.url, "hi", "there").expect(0, b"welcome\nre:hi\nre:there\n")
    with replying(b"welcome") as script:
        wsecho(script.url, given=b"l1\nl2\nl3\n").expect(0, b"welcome\nre:l1\nre:l2\nre:l3\n")


@test("nor do several replies to each message")
def _():
    with replying(replies=lambda text: [b"1" + text, b"2" + text, b"3" + text]) as script:
        wsecho(script.url, "sub").expect(0, b"1sub\n2sub\n3sub\n")
    with replying(replies=lambda text: [b"1" + text, b"2" + text]) as script:
        wsecho(script.url, given=b"a\nb\n").expect(0, b"1a\n2a\n1b\n2b\n")


@test("--skip: greetings are no replies")
def _():
    late = threading.Event()

    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, b"welcome")
        first = peer.read_frame()
        # Were the greeting a reply, the second one would come now.
        peer.sock.settimeout(0.2)
        try:
            peer.read_frame()
        except (TimeoutError, socket.timeout):
            late.set()
        peer.sock.settimeout(DEADLINE)
        peer.send_frame(TEXT, first.payload)
        for text in messages_of(peer):
            peer.send_frame(TEXT, text)

    with Script(serve) as script:
        wsecho("--skip", "1", script.url, "a", "b").expect(0, b"welcome\na\nb\n")
    equal(late.is_set(), True, "that it waits for the reply to the first")


# What is waited for.


@test("-w TIME: so long after the last message, whatever comes")
def _():
    with replying(replies=lambda text: []) as script:
        wsecho("-w", "0", script.url, "fire", "and", "forget").expect(0, b"")
    equal(script.result, [b"fire", b"and", b"forget"], "what came there")
    with replying(replies=lambda text: [text] * 3) as script:
        wsecho("-w", "100ms", script.url, given=b"x\n").expect(0, b"x\nx\nx\n")


@test("-w forever, or -1 as in wscat: until the server closes")
def _():
    for word in ("forever", "-1"):
        def serve(peer):
            peer.accept()
            came = peer.read_frame()
            for _ in range(3):
                peer.send_frame(TEXT, came.payload)
            peer.send_close(1000)
            peer.until_close()
        with Script(serve) as script:
            wsecho("-w", word, script.url, "x").expect(0, b"x\nx\nx\n")
    done = wsecho("-w", "sometimes", URL, "x").expect(2, b"")
    match("--wait.*'sometimes'", done.err)


def pushing(count, code=1000):
    def serve(peer):
        peer.accept()
        for i in range(count):
            peer.send_frame(TEXT, b"tick %d" % i)
        if code:
            peer.send_close(code)
        return peer.until_close()
    return Script(serve)


@test("/dev/null, or -N: it listens until the server closes")
def _():
    with pushing(3) as script:
        wsecho(script.url, stdin=subprocess.DEVNULL).expect(0, b"tick 0\ntick 1\ntick 2\n")
    with pushing(3) as script:
        wsecho("-N", script.url, given=b"not read\n").expect(0, b"tick 0\ntick 1\ntick 2\n")
    with pushing(1, 1011) as script:
        ends(wsecho("-N", script.url), 6, "1011", b"tick 0\n")


@test("a listener is not subject to the time-out")
def _():
    release = threading.Event()

    def serve(peer):
        peer.accept()
        release.wait(DEADLINE)
        peer.send_close(1000)
        peer.until_close()

    with Script(serve) as script:
        with started(*client_command("-t", "50ms", "--connect-timeout", f"{DEADLINE}s", "-N",
                                     script.url)) as client:
            try:
                client.wait(0.4)
                raise AssertionError("it gave up")
            except subprocess.TimeoutExpired:
                release.set()
            finish(client).expect(0, b"")


@test("--count and -1: after so many messages, and no later one is printed")
def _():
    for words, wanted in ((("-1",), b"tick 0\n"), (("--count", "2"), b"tick 0\ntick 1\n"),
                          (("-1", "--skip", "1"), b"tick 0\ntick 1\n")):
        with pushing(5, None) as script:
            wsecho(*words, script.url, stdin=subprocess.DEVNULL).expect(0, wanted)
        equal(script.result.payload, close_payload(1000), "the client's Close")
    with pushing(2) as script:
        ends(wsecho("--count", "3", "-N", script.url), 6, "closed with 1000",
             b"tick 0\ntick 1\n")


@test("--expect: 0 as soon as a message matches, 8 if none does before the server closes")
def _():
    with pushing(9, None) as script:
        wsecho("-N", "--expect", "^tick [12]$", script.url).expect(0, b"tick 0\ntick 1\n")
    with pushing(2) as script:
        ends(wsecho("-N", "--expect", "^nothing$", script.url), 8, "no message matched",
             b"tick 0\ntick 1\n")
    for option in ("-t", "-w"):
        _, done = patient_script(
            lambda: pushing(2, None),
            lambda url, patience, option=option: wsecho("-N", option, patience, "--expect", "nothing",
                                                        url),
            lambda done: b"tick 1" not in done.out)
        ends(done, 8, "no message matched", b"tick 0\ntick 1\n")


@test("--reject: 8 as soon as a message matches")
def _():
    with pushing(9, None) as script:
        ends(wsecho("-N", "--reject", "tick 1", script.url), 8, "matches 'tick 1'",
             b"tick 0\ntick 1\n")
    wsecho("--reject", "error", URL, "fine").expect(0, b"fine\n")
    done = wsecho("--reject", "(", URL, "x").expect(2, b"")
    match("--reject", done.err)


# Time.


@test("-m ends it in any case, with 7")
def _():
    _, done = patient_script(lambda: pushing(1, None),
                             lambda url, patience: wsecho("-m", patience, "-N", url),
                             lambda done: done.out == b"")
    ends(done, 7, "--max-time", b"tick 0\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ends(wsecho("-m", "200ms", f"ws://127.0.0.1:{silent.getsockname()[1]}", "x"), 7,
             "--max-time")
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"):
        with started(*client_command("-m", "300ms", URL), stdout=writing,
                     stdin=subprocess.PIPE) as client:
            os.close(writing)
            client.stdin.write(b"x" * 500_000 + b"\n")
            equal(client.wait(DEADLINE), 7, "the status")


@test("the time-out is for silence: a slow reply, and a slow reader, are waited for")
def _():
    def slow_reply(peer):
        peer.accept()
        peer.read_frame()
        reply = peer.frame(TEXT, b"x" * 40)
        for i, byte in enumerate(reply):
            peer.send(bytes([byte]))
            gone.wait(0.05)
        peer.send_frame(CLOSE, peer.until_close().payload)

    gone = threading.Event()
    with Script(slow_reply) as script:
        wsecho("-t", "1s", script.url, "x").expect(0, b"x" * 40 + b"\n")

    def slow_reader(peer):
        peer.accept()
        length, piece = 0, b"x"
        while length < len(header(TEXT, 8_000_000)) + 8_000_000:
            piece = peer.sock.recv(200_000)
            length += len(piece)
            gone.wait(0.05)
        peer.send_frame(TEXT, b"thanks")
        peer.send_frame(CLOSE, peer.until_close().payload)

    with Script(slow_reader) as script:
        script.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wsecho("-t", "1s", script.url, given=b"x" * 8_000_000 + b"\n").expect(0, b"thanks\n")


@test("7: endless Pings are no reply")
def _():
    def ping(peer):
        peer.accept()
        try:
            while True:
                peer.send_frame(PING, b"x")
                gone.wait(0.01)
        except OSError:
            pass

    gone = threading.Event()
    _, done = patient_script(lambda: Script(ping),
                             lambda url, patience: wsecho("-t", patience, url, "x"))
    ends(done, 7, "no reply")


# Signals.


@test("a signal sends a Close, and then ends it by that signal")
def _():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        def serve(peer):
            peer.accept()
            peer.send_frame(TEXT, b"ready")
            came = peer.until_close()
            peer.send_frame(CLOSE, came.payload)
            return came.payload
        with Script(serve) as script:
            with started(*client_command(script.url)) as client:
                equal(client.stdout.readline(), b"ready\n")
                client.send_signal(number)
                done = finish(client).expect(-number)
                equal(done.err, "", "what it says")
        equal(script.result, close_payload(1000), "the Close")


@test("... also if the server does not answer it, or nobody reads the output, or it connects")
def _():
    gone = threading.Event()

    def deaf(peer):
        peer.accept()
        for _ in range(30):
            peer.send_frame(TEXT, b"x" * 10_000)
        ready.set()
        gone.wait(DEADLINE)

    ready = threading.Event()
    with Script(deaf) as script:
        with started(*client_command("-N", script.url)) as client:
            client.stdout.read(1)
            client.send_signal(signal.SIGTERM)
            equal(client.wait(DEADLINE), -signal.SIGTERM, "the status")
        gone.set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with started(*client_command(f"ws://127.0.0.1:{silent.getsockname()[1]}", "x")) as client:
            with silent.accept()[0] as peer:
                match("^GET", peer.recv(4096).decode())
                client.send_signal(signal.SIGINT)
                equal(finish(client).expect(-signal.SIGINT).err, "", "what it says")


@test("a reply that came while it was stopped, as by Ctrl-Z, is not late")
def _():
    def serve(peer):
        peer.accept()
        peer.read_frame()
        stop.set()
        stopped.wait(DEADLINE)
        peer.send_frame(TEXT, b"in time")
        peer.send_frame(CLOSE, peer.until_close().payload)

    for words in (("--count", "1"), ("--expect", "time"), ()):
        stop, stopped = threading.Event(), threading.Event()
        with Script(serve) as script:
            with started(*client_command("-t", "500ms", *words, script.url, "x")) as client:
                stop.wait(DEADLINE)
                client.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, client.pid, os.WSTOPPED | os.WNOWAIT)
                stopped.set()
                time.sleep(1)  # twice the time-out: it is this that must not matter
                client.send_signal(signal.SIGCONT)
                finish(client).expect(0, b"in time\n")


@test("--count and --expect: the time-out does not run between two messages")
def _():
    for words in (("--count", "2"), ("--expect", "two")):
        done = wsecho("-t", "300ms", "--interval", "600ms", *words, URL, "one", "two")
        done.expect(0, b"one\ntwo\n")


@test("a signal that is ignored, as nohup does, stays so")
def _():
    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, b"ready")
        came = peer.read_frame()
        peer.send_frame(TEXT, came.payload)
        peer.send_frame(CLOSE, peer.until_close().payload)

    with Script(serve) as script:
        with started("sh", "-c", 'trap "" HUP; exec "$0" "$@"',
                     *client_command(script.url)) as client:
            equal(client.stdout.readline(), b"ready\n")
            client.send_signal(signal.SIGHUP)
            finish(client, b"still here\n").expect(0, b"still here\n")


@test("| head -1 ends it without a word")
def _():
    done = run("sh", "-c", 'yes | "$0" "$@" | head -1', *client_command(URL))
    equal((done.out, done.err), (b"y\n", ""), "what is printed")


@test("a broken protocol says how")
def _():
    def masked(peer):
        peer.accept()
        peer.read_frame()
        peer.send(b"\x81\x81maskx")
        peer.until_close()
    with Script(masked) as script:
        ends(wsecho(script.url, "x"), 6, "protocol: a masked frame from a server")


@test("what is over the limit says which option raises it")
def _():
    with pushing(1) as script:
        ends(wsecho("--max-message", "3", "-N", script.url), 6, "over the limit.*--max-message")


@test("a message that the server's end cuts off is told of, with status 0 if all was replied to")
def _():
    def cut(*pieces):
        def serve(peer):
            peer.accept()
            came = peer.read_frame()
            peer.send(peer.frame(came.opcode, came.payload) + b"".join(pieces))
        return Script(serve)

    says = r"^wsecho: the connection to \S+ was lost \(1006\), in the middle of a message\n$"
    for pieces in ((b"\x81",), (b"\x81\x05ab",), (b"\x01\x05first",), (b"\x01\x01a\x89\x02p",)):
        with cut(*pieces) as script:
            match(says, wsecho(script.url, "x").expect(0, b"x\n").err)
        with cut(*pieces) as script:
            match(says, wsecho("-w", "forever", script.url, "x").expect(6, b"x\n").err)
        with cut(*pieces) as script:
            equal(wsecho("-1", script.url, "x").expect(0, b"x\n").err, "", "what --count says")
    # A frame that is no part of a message may be cut off, and so may nothing.
    for pieces in ((b"\x89\x05ab",), (b"\x88",), ()):
        with cut(*pieces) as script:
            equal(wsecho(script.url, "x").expect(0, b"x\n").err, "", "what it says")


@test("-j has an event for a connection that was lost, whatever the status")
def _():
    for words, piece, status in (((), b"", 0), ((), b"\x81\x05ab", 0), (("-w", "forever"), b"", 6)):
        def serve(peer, piece=piece):
            peer.accept()
            came = peer.read_frame()
            peer.send(peer.frame(came.opcode, came.payload) + piece)
        with Script(serve) as script:
            done = wsecho("-j", *words, script.url, "x").expect(status)
        lost = [json.loads(line) for line in done.out.splitlines() if b'"event":"lost"' in line]
        equal([event["cut_off"] for event in lost], [piece != b""], "the events")
        match(r"was lost \(1006\)", lost[0]["reason"])


@test("--count with --expect: one of the first so many must match, or the status is 8")
def _():
    for words, status, out in ((("--count", "2", "--expect", "b"), 0, b"a\nb\n"),
                               (("--count", "2", "--expect", "c"), 8, b"a\nb\n"),
                               (("-1", "--expect", "a"), 0, b"a\n"),
                               (("-1", "--expect", "b"), 8, b"a\n"),
                               (("-1", "--skip", "1", "--expect", "b"), 0, b"a\nb\n")):
        done = wsecho("-t", "0", *words, URL, "a", "b", "c").expect(status, out)
        match("^wsecho: no message matched '.'\n$" if status else "^$", done.err)


@test("a single message is one, in what is said")
def _():
    for words, given, says in ((("--count", "1"), None, "0 of 1 message came$"),
                               ((), b"x\n", "0 of 1 message was replied to$")):
        _, done = patient_script(
            after_accept, lambda url, patience, words=words, given=given: wsecho(
                *words, "-t", patience, url, *(() if given else ("x",)), given=given))
        ends(done, 7, says)


main(threads=4)
