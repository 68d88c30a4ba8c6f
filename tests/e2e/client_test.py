# SPDX-License-Identifier: MIT
"""wsecho's two ways of working, messages from the command line and lines of its input, and all
that input and output can be."""

import fcntl
import os
import pty
import resource
import signal
import socket
import subprocess

from peer import BINARY, TEXT, Script
from support import (BUILD, ROOT, SANITIZED, WSECHO, Server, Skip, certificates, client_command,
                     equal, finish, main, match, memory_counts, memory_of, run, scratch, sentence,
                     started, test, wsecho)

SOCKET = scratch() / "server.sock"
server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", f"unix:{SOCKET}"))
URL = server.wss


# Messages.


@test("each message is sent, and each reply printed, in order")
def _():
    done = wsecho(URL, "one", "two", "Grüße 😀").expect(0, "one\ntwo\nGrüße 😀\n".encode())
    equal(done.err, "", "what it says on standard error")


@test("the demo sends and prints Hello World!")
def _():
    done = run(ROOT / "tests/demo", BUILD, certificates()).expect(0, b"Hello World!\n")
    match("listening on wss://", done.err)


@test("a message may be empty, or look like an option after --")
def _():
    wsecho(URL, "", "--", "-b", "", "--help").expect(0, b"\n-b\n\n--help\n")


@test("a thousand messages on the command line come back in order")
def _():
    words = [f"message {i}" for i in range(1000)]
    wsecho(URL, *words).expect(0, "".join(word + "\n" for word in words).encode())


@test("messages are texts, and with --binary binary messages of any bytes")
def _():
    types = []

    def record(peer):
        peer.accept()
        while (came := peer.read_frame()).opcode in (TEXT, BINARY):
            types.append(came.opcode)
            peer.send_frame(came.opcode, came.payload)
        peer.send_frame(came.opcode, came.payload)

    with Script(record, connections=2) as script:
        wsecho(script.url, "text").expect(0, b"text\n")
        wsecho("--binary", script.url, b"\xff\xfe").expect(0, b"\xff\xfe\n")
    equal(types, [TEXT, BINARY], "the types")


@test("a message that is not UTF-8 is refused with one sentence and status 2")
def _():
    done = wsecho(URL, "fine", b"caf\xe9").expect(2, b"fine\n")
    match("not UTF-8.*--binary", sentence(done.err))


@test("the system's loops all serve: --loop ev, uv, poll, auto")
def _():
    for loop in ("ev", "uv", "poll", "auto"):
        wsecho("--loop", loop, URL, "hello").expect(0, b"hello\n")


# Where to: schemes and addresses.


@test("ws, wss by name and by address, and a Unix socket with and without a path")
def _():
    port = URL.rpartition(":")[2]
    for url in (server.ws, URL, f"wss://localhost:{port}", f"wss://LOCALHOST:{port}/path?query",
                f"{server.ws}/", f"ws+unix:{SOCKET}", f"ws+unix:{SOCKET}:/path"):
        wsecho(url, "hello").expect(0, b"hello\n")


@test("an IPv6 literal is connected to, verified as an address, and named in Host with brackets")
def _():
    with Server(listen=("wss://[::1]:0",)) as own:
        wsecho(own.wss, "hello").expect(0, b"hello\n")

    def look(peer):
        lines = peer.accept()
        peer.read_frame()
        return lines

    with Script(look, host="::1") as script:
        wsecho(script.url, "x").expect(6)
    equal(f"Host: [::1]:{script.port}" in script.result, True, f"Host in {script.result}")


# Lines of the input.

MANY = "".join(f"line {i}\n" for i in range(100_000)).encode()


@test("without messages it sends the lines of its input: a file")
def _():
    path = scratch() / "lines"
    path.write_bytes(b"one\n\nthree\n")
    with open(path, "rb") as lines:
        wsecho(URL, stdin=lines).expect(0, b"one\n\nthree\n")
    with open(path, "rb") as lines:
        lines.seek(4)
        wsecho(URL, stdin=lines.fileno()).expect(0, b"\nthree\n")


@test("... a pipe")
def _():
    wsecho(URL, given=b"one\n\nthree\n").expect(0, b"one\n\nthree\n")


@test("... a socket")
def _():
    ours, its = socket.socketpair()
    with ours, its:
        ours.sendall(b"one\ntwo\n")
        ours.shutdown(socket.SHUT_WR)
        wsecho(URL, stdin=its.fileno()).expect(0, b"one\ntwo\n")


@test("... an empty input sends nothing and has status 0")
def _():
    wsecho(URL).expect(0, b"")


@test("... a closed standard input has status 1 and one sentence")
def _():
    done = run("sh", "-c", 'exec "$0" "$@" <&-', *client_command(URL)).expect(1, b"")
    match("standard input: Bad file descriptor", sentence(done.err))


@test("... a directory has status 1 and one sentence")
def _():
    directory = os.open(scratch(), os.O_RDONLY)
    try:
        done = wsecho(URL, stdin=directory).expect(1, b"")
        match("standard input: Is a directory", sentence(done.err))
    finally:
        os.close(directory)


@test("the last line needs no end, and an end may be CRLF")
def _():
    wsecho(URL, given=b"one\r\ntwo\n\r\nfour\r").expect(0, b"one\ntwo\n\nfour\r\n")


@test("a line may hold NUL bytes")
def _():
    wsecho(URL, given=b"a\0b\n\0\n").expect(0, b"a\0b\n\0\n")


@test("a line of 10 MB comes back")
def _():
    line = b"x" * 10_000_000
    wsecho(URL, given=line + b"\nnext\n").expect(0, line + b"\nnext\n")


@test("100,000 lines from a pipe come back in order")
def _():
    wsecho(URL, given=MANY).expect(0, MANY)


@test("100,000 lines from a file come back in order, also over TCP and to a slow reader")
def _():
    path = scratch() / "many"
    path.write_bytes(MANY)
    with open(path, "rb") as lines:
        wsecho(server.ws, stdin=lines).expect(0, MANY)
    with open(path, "rb") as lines, started(*client_command(URL), stdin=lines) as client:
        # It cannot print on until somebody reads.
        out = client.stdout.read(100)
        done = finish(client)
        equal(out + done.expect(0).out, MANY, "the output")


@test("a line that is not UTF-8 has status 2 and one sentence, after the replies to those before")
def _():
    done = wsecho(URL, given=b"one\ntwo\ncaf\xe9\nfour\n").expect(2, b"one\ntwo\n")
    match("line 3 .*not UTF-8", sentence(done.err))
    wsecho("-b", URL, given=b"caf\xe9\n\xff\n").expect(0, b"caf\xe9\n\xff\n")


@test("each line is replied to while the input is still open, and its end ends the client")
def _():
    with started(*client_command(URL)) as client:
        for line in (b"one\n", b"two\n", b"a" * 100_000 + b"\n"):
            client.stdin.write(line)
            equal(client.stdout.readline(), line, "the reply")
        client.stdin.write(b"half a li")
        client.stdin.write(b"ne")
        finish(client).expect(0, b"half a line\n")


@test("the descriptor of its input, which others may share, is left as it was")
def _():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as end, os.fdopen(writing, "wb") as pipe:
        with started(*client_command(URL), stdin=end) as client:
            pipe.write(b"one\n")
            pipe.flush()
            equal(client.stdout.readline(), b"one\n")
            equal(fcntl.fcntl(end, fcntl.F_GETFL) & os.O_NONBLOCK, 0, "O_NONBLOCK")
            pipe.close()
            finish_without_input(client).expect(0)


def finish_without_input(client):
    client.stdin = None
    return finish(client)


@test("a terminal: each line is replied to, and end-of-file ends the client")
def _():
    ours, its = pty.openpty()
    try:
        with started(*client_command(URL), stdin=its) as client:
            for line in (b"typed\n", "größer\n".encode()):
                os.write(ours, line)
                equal(client.stdout.readline(), line, "the reply")
            equal(fcntl.fcntl(its, fcntl.F_GETFL) & os.O_NONBLOCK, 0, "O_NONBLOCK")
            os.write(ours, b"\x04")
            finish_without_input(client).expect(0, b"")
    finally:
        os.close(ours)
        os.close(its)


@test("a terminal for everything: it prints there what it gets")
def _():
    ours, its = pty.openpty()
    try:
        with started(*client_command(URL), stdin=its, stdout=its, stderr=its) as client:
            os.write(ours, b"typed\n")
            seen = b""
            while seen.count(b"typed") < 2:
                seen += os.read(ours, 1000)
            os.write(ours, b"\x04")
            equal(client.wait(20), 0, "the status")
    finally:
        os.close(ours)
        os.close(its)


@test("a terminal that hangs up ends the client")
def _():
    ours, its = pty.openpty()
    with started(*client_command(URL), stdin=its) as client:
        os.close(its)
        os.write(ours, b"typed\n")
        equal(client.stdout.readline(), b"typed\n", "the reply")
        os.close(ours)
        equal(finish_without_input(client).status in (0, 1), True, "that it ended by itself")


# Its output.


@test("a full disk has status 1 and one sentence")
def _():
    with open("/dev/full", "wb") as full:
        done = wsecho(URL, "one", "two", stdout=full).expect(1)
        match("standard output: No space left", sentence(done.err))
    with open("/dev/full", "wb") as full:
        done = wsecho(URL, given=MANY, stdout=full).expect(1)
        match("standard output: No space left", sentence(done.err))


@test("an output that nobody reads ends it by SIGPIPE, without a word")
def _():
    for words, given in ((("one", "two"), b""), ((), MANY)):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            done = wsecho(URL, *words, given=given, stdout=pipe).expect(-signal.SIGPIPE)
        equal(done.err, "", "what it says")


@test("... and with SIGPIPE ignored has status 1 and one sentence")
def _():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = run("sh", "-c", 'trap "" PIPE; exec "$0" "$@"', *client_command(URL, "one"),
                   stdout=pipe).expect(1)
    match("standard output: Broken pipe", sentence(done.err))


@test("a closed standard output has status 1 and one sentence")
def _():
    done = run("sh", "-c", 'exec "$0" "$@" >&-', *client_command(URL, "one")).expect(1)
    match("standard output: Bad file descriptor", sentence(done.err))


# What it says of itself.


@test("-v tells on standard error what it is connected to, and how; the output stays clean")
def _():
    done = wsecho("-v", URL, "hello").expect(0, b"hello\n")
    match(r"(?m)^\* connected to 127\.0\.0\.1:\d+$", done.err)
    match(r"(?m)^\* TLSv1\.3, TLS_\w+", done.err)
    equal(done.err.count("connected to"), 1, "how often it says so")
    done = wsecho("--verbose", server.ws, "hello").expect(0, b"hello\n")
    match(r"(?m)^\* connected to 127\.0\.0\.1:\d+$", done.err)
    equal((done.err.count("connected to"), "TLS" in done.err), (1, False), "what it says")


@test("SIGUSR1 prints the tree of tasks, and where each waits")
def _():
    with started(*client_command(URL)) as client:
        client.stdin.write(b"one\n")
        equal(client.stdout.readline(), b"one\n")
        client.send_signal(signal.SIGUSR1)
        lines = [client.stderr.readline().decode() for _ in range(4)]
        for task, call in (("main", "aw_event_wait"), ("send", "aw_stream_read_line"),
                           ("print what comes", "ws_receive")):
            match(rf"(?m)^ *{task} \(waiting, .* s\) at client/\w+\.c:\d+: .*({call})",
                  "".join(lines))
        finish(client).expect(0)


@test("the tree shows where the program waits, not where in the library")
def _():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with started(*client_command(f"ws://127.0.0.1:{silent.getsockname()[1]}", "one")) as client:
            with silent.accept()[0] as peer:
                match("^GET", peer.recv(4096).decode())
                client.send_signal(signal.SIGUSR1)
                match(r"^main \(waiting, .* s\) at client/\w+\.c:\d+: .*ws_connect",
                      client.stderr.readline().decode())
            finish(client).expect(3)


@test("SIGTERM and SIGINT end it as they end any program")
def _():
    for number in (signal.SIGTERM, signal.SIGINT):
        with started(*client_command(URL)) as client:
            client.stdin.write(b"one\n")
            equal(client.stdout.readline(), b"one\n")
            client.send_signal(number)
            equal(client.wait(20), -number, "the status")


@test("without enough descriptors it says what could not be had, with whatever back end, and ends")
def _():
    if SANITIZED:
        raise Skip("libwebsockets leaves handles in libuv's loop, which cannot be freed then")
    said = set()
    for loop in ("ev", "uv", "poll"):
        # With less libev ends the program by itself.
        for most in range(7, 20):
            done = run(WSECHO, "--loop", loop, server.ws, "x",
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
            if done.status in (0, 127):  # the dynamic linker wants some too
                continue
            equal(done.status in (1, 3), True, f"that {done.status} is the right status with {most}")
            said.add(match("^(event loop '[a-z]*'|standard output|cannot connect)", sentence(done.err))[1])
    equal({"event loop 'uv'", "standard output", "cannot connect"} <= said, True, f"that {said} are all")


@test("its memory does not grow with the number of lines, also if nobody reads its output")
def _():
    memory_counts()
    path = scratch() / "very many"
    path.write_bytes(MANY * 20)
    with open(path, "rb") as lines, started(*client_command(server.ws), stdin=lines) as client:
        received, most = 0, 0
        while data := client.stdout.read(1 << 20):
            received += len(data)
            if received < len(MANY) * 19:
                most = max(most, memory_of(client.pid))
        equal(received, len(MANY) * 20, "the length of the output")
        finish_without_input(client).expect(0)
        equal(most < 32_768, True, f"that {most} KiB are few")


@test("-H 'Host: ...' replaces the URL's, and a field that the handshake itself sets is refused")
def _():
    with Server(listen=("ws://127.0.0.1:0",), cert=False) as plain:
        wsecho("-H", "Host: example.com", plain.ws, "hi").expect(0, b"hi\n")
        for name in ("Upgrade", "connection", "Sec-WebSocket-Key"):
            refused = wsecho("-H", f"{name}: x", plain.ws, "hi").expect(2, b"")
            equal(sentence(refused.err), 
                  f"the header field '{name}' is one that the handshake itself sets")


main(threads=4)
