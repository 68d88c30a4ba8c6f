# SPDX-License-Identifier: MIT
"""Neither wsecho's input nor its output keeps it from its connection, whatever they are and whoever
shares them; its time-out ends it; a terminal obeys nothing that a server says."""

import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import tty

from peer import BINARY, PING, PONG, TEXT, Script, patient_script, patiently
from support import (DEADLINE, LOOP, SANITIZED, WSECHO, Ended, Server, Skip, client_command, ends, equal,
                     finish, main, match, preloaded, run, scratch, sentence, started, test, wsecho)

server = Server(listen=("ws://127.0.0.1:0",))
URL = server.ws


def expect_pong(peer):
    peer.send_frame(PING, b"are you there")
    came = peer.read_frame()
    equal((came.opcode, came.payload), (PONG, b"are you there"), "the Pong")


def ticking(seen):
    """A server that says "tick" and pings, then waits for the Pong, a line, and the Close."""
    def serve(peer):
        peer.accept()
        peer.send_frame(TEXT, b"tick")
        expect_pong(peer)
        seen.set()
        came = peer.read_frame()
        peer.send_frame(came.opcode, came.payload)
        peer.until_close()
        peer.send_close()
    return serve


def while_input_is_silent(stdin, its_end, command=None):
    """The replies and Pings of the server are served though no input comes; then a line is sent,
    and replied to before the input ends."""
    seen = threading.Event()
    with Script(ticking(seen)) as script:
        words = command or client_command
        with started(*words(script.url), stdin=stdin) as client:
            equal(client.stdout.readline(), b"tick\n", "what is printed")
            equal(seen.wait(DEADLINE), True, "that the Ping is answered")
            its_end(b"a line\n")
            equal(client.stdout.readline(), b"a line\n", "the reply")
            its_end(None)
            client.stdin = None
            finish(client).expect(0, b"")


@test("input may be a socket that stays silent, as node and inetd give it")
def _():
    ours, its = socket.socketpair()

    def send(data):
        if data is None:
            its.close()
            ours.close()
        else:
            ours.sendall(data)
    while_input_is_silent(its.fileno(), send)


# Where another user may run it.
PUBLIC = tempfile.TemporaryDirectory()
os.chmod(PUBLIC.name, 0o755)
shutil.copy(WSECHO, PUBLIC.name)


def of_another_user(url):
    """The client as user and group 65534."""
    loop = ["--loop", LOOP] if LOOP else []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            f"{PUBLIC.name}/wsecho", *loop, url]


def needs_another_user():
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")


@test("input may be a pipe of another user, which cannot be opened anew")
def _():
    needs_another_user()
    reading, writing = os.pipe()

    def send(data):
        if data is None:
            os.close(writing)
            os.close(reading)
        else:
            os.write(writing, data)
    while_input_is_silent(reading, send, of_another_user)


@test("input may be a terminal of another user")
def _():
    needs_another_user()
    ours, its = pty.openpty()

    def send(data):
        os.write(ours, b"\x04" if data is None else data)
    try:
        while_input_is_silent(its, send, of_another_user)
    finally:
        os.close(ours)
        os.close(its)


@test("an output that does not block, and is full, loses nothing")
def _():
    lines = b"".join(b"%060d\n" % i for i in range(20_000))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading, "rb") as end:
        with started(*client_command(URL), stdout=writing) as client:
            os.close(writing)
            feeder = threading.Thread(target=lambda: (client.stdin.write(lines),
                                                      client.stdin.close()))
            feeder.start()
            # The pipe is full before anybody reads.
            while not full(end):
                select.select([], [], [], 0.01)
            equal(end.read() == lines, True, "that all comes")
            feeder.join()
            client.stdin = None
            equal(client.wait(DEADLINE), 0, "the status")


def full(pipe):
    """Whether a pipe holds all that it can: 64 KiB, less a page that may be started."""
    held = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]
    return held > 60_000


@test("a Ping is answered while nobody reads the output")
def _():
    seen = threading.Event()

    def serve(peer):
        peer.accept()
        for _ in range(20):
            peer.send_frame(TEXT, b"x" * 10_000)
        expect_pong(peer)
        seen.set()
        peer.until_close()
        peer.send_close()

    with Script(serve) as script:
        with started(*client_command(script.url)) as client:
            equal(seen.wait(DEADLINE), True, "that it is answered")
            printed = b""
            while len(printed) < 20 * 10_001 and (piece := client.stdout.read(65536)):
                printed += piece
            equal(printed == (b"x" * 10_000 + b"\n") * 20, True, "that all is printed")
            finish(client).expect(0, b"")


# The time-out.


@test("a time-out waits no further for the server's Close")
def _():
    gone = threading.Event()
    outcome = []

    def serve(peer):
        peer.accept()
        peer.until_close()
        # A server that is in no hurry to answer it: the client is gone long before.
        outcome.append(gone.wait(DEADLINE / 5))
        peer.drain()

    for words, given in ((("one",), b""), ((), b"one\n")):
        gone.clear()

        def client(url, patience, words=words, given=given):
            outcome.clear()
            done = wsecho("-t", patience, url, *words, given=given).expect(7, b"")
            if "time-out while" not in done.err:
                gone.set()
            return done

        _, done = patient_script(lambda: Script(serve), client)
        match("time-out", sentence(done.err))
        equal(outcome, [True], "that the client did not wait")


@test("a name server that does not answer keeps nobody after the time-out")
def _():
    stuck = preloaded("""
        #include <unistd.h>
        int getaddrinfo(void) { for (;;) pause(); }
    """)
    done = run(*stuck, *client_command("-t", "200ms", "ws://example.invalid/", "one"))
    ends(done, 7, "time-out while resolving")


@test("an output that nobody reads does not outlast the time-out of a message")
def _():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"):
        def serve(peer):
            peer.accept()
            peer.read_frame()
            peer.send_frame(TEXT, b"x" * 1_000_000)
            peer.until_close()
        _, done = patient_script(
            lambda: Script(serve),
            lambda url, patience: run(*client_command("-t", patience, url, "one"), stdout=writing),
            lambda done: "time-out while" in done.err or "no reply" in done.err)
        os.close(writing)
        equal(done.status, 7, "the status")
        match("nobody reads standard output", sentence(done.err))


@test("a file takes what is printed, however slow the disk is: that is no time-out")
def _():
    # Each write takes longer than --timeout.
    disk = preloaded("""
        #include <errno.h>
        #include <stdlib.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        ssize_t pwritev2(void) { errno = EOPNOTSUPP; return -1; }
        ssize_t write(int fd, const void *data, size_t size)
        {
                long ms = 3 * atol(getenv("PATIENCE"));
                struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
                struct stat status;
                if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
                        nanosleep(&pause, NULL);
                return syscall(SYS_write, fd, data, size);
        }
    """)
    path = scratch() / "replies"
    for url, status, says in ((URL, 0, "^$"), (f"{URL}/?close-reply=none", 6,
                                               r"did not answer the Close within [\d.]+m?s$")):
        def client(patience, url=url):
            with open(path, "wb") as out:
                return run(*disk, f"PATIENCE={patience[:-2]}", *client_command("-t", patience, url, "hi"),
                           stdout=out)
        done = patiently(client, lambda done: "time-out while" in done.err or "no reply" in done.err)
        match(says, done.err)
        equal((done.status, path.read_bytes()), (status, b"hi\n"), "the status, and the file")


@test("a reader who is slow takes a message nevertheless: that is no time-out")
def _():
    reply = b"x" * 1_000_000

    def serve(peer):
        peer.accept()
        peer.read_frame()
        peer.send_frame(TEXT, reply)
        peer.until_close()
        peer.send_close()

    def client(url, patience):
        with started(*client_command("-t", patience, url, "hi")) as process:
            read = b""
            # In all it takes twice as long as --timeout says.
            while (part := process.stdout.read(65536)):
                read += part
                time.sleep(float(patience[:-2]) / 8000)
            return Ended(process.wait(DEADLINE), read, process.stderr.read())
    _, done = patient_script(lambda: Script(serve), client, lambda done: "time-out" in done.err)
    done.expect(0, reply + b"\n")


@test("but lines are printed at the pace of those who read them")
def _():
    lines = (b"x" * 60_000 + b"\n") * 4

    def client(patience):
        with started(*client_command("-t", patience, URL)) as client:
            client.stdin.write(lines)
            client.stdin.close()
            client.stdin = None
            # Longer than the time-out, which is not for this.
            select.select([], [], [], float(patience[:-2]) / 1000 * 3)
            return finish(client)

    # A server of a busy machine may have replied to nothing yet, and that is what it is for.
    done = patiently(client, lambda done: "time-out" in done.err and done.out != lines)
    done.expect(0, lines)


@test("a very long time-out is none")
def _():
    wsecho("-t", "160127986h", URL, "one").expect(0, b"one\n")


# A line's length.


@test("a line that is longer than --max-message has status 2 and one sentence")
def _():
    done = wsecho("--max-message", "1K", URL, given=b"one\n" + b"x" * 1025 + b"\n").expect(2)
    match("line 2 of the input is longer than --max-message", sentence(done.err))
    line = b"x" * 1024 + b"\r\n"
    wsecho("--max-message", "1K", URL, given=line).expect(0, b"x" * 1024 + b"\n")


@test("an input without a line's end does not take all memory")
def _():
    with open("/dev/zero", "rb") as zero:
        limit = "" if SANITIZED else "ulimit -v 1000000;"
        done = run("sh", "-c", f'{limit} exec "$0" "$@"', *client_command(URL), stdin=zero)
        match("line 1 of the input is longer", sentence(done.expect(2, b"").err))


# A terminal.


def shown(*messages):
    """What a terminal gets of these messages, each a pair of opcode and payload."""
    def serve(peer):
        peer.accept()
        for opcode, payload in messages:
            peer.send_frame(opcode, payload)
        peer.send_close()
        peer.until_close()

    ours, its = pty.openpty()
    tty.setraw(its)
    try:
        with Script(serve) as script, started(*client_command(script.url), stdin=subprocess.PIPE,
                                              stdout=its, stderr=subprocess.DEVNULL) as client:
            client.wait(DEADLINE)
            os.close(its)
            its = -1
            seen = b""
            try:
                while piece := os.read(ours, 65536):
                    seen += piece
            except OSError:  # it is gone, and all was read
                pass
            return seen
    finally:
        os.close(ours)
        if its != -1:
            os.close(its)


@test("on a terminal what would steer it is shown, not obeyed")
def _():
    equal(shown((TEXT, b"\x1b]0;PWNED\x07\x1b[2Jred"), (TEXT, "größer\u202e\u009b".encode()),
                (BINARY, b"\x00\xff"), (TEXT, b"two\n\tlines")),
          rb"\x1b]0;PWNED\x07\x1b[2Jred" b"\n" + "größer".encode()
          + rb"\xe2\x80\xae\xc2\x9b" b"\n2 bytes: 00 ff\ntwo\n\tlines\n", "what is shown")


@test("SIGUSR1 stops nothing if nobody reads what it prints, which is all there later")
def _():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4096)
    with started(*client_command(URL), stderr=writing) as client:
        os.close(writing)
        client.stdin.write(b"one\n")
        equal(client.stdout.readline(), b"one\n", "the reply")
        client.send_signal(signal.SIGUSR1)
        client.stdin.write(b"two\n")
        equal(client.stdout.readline(), b"two\n", "the reply")
        with open(reading, "rb") as tree:
            equal(tree.read(4096), b"x" * 4096)
            match(r"^main \(waiting", tree.readline().decode())
            client.stdin.close()
            client.stdin = None
            equal(client.wait(DEADLINE), 0, "the status")


@test("what is no terminal gets the bytes as they came")
def _():
    text = b"\x1b]0;title\x07\x1b[2J\xc2\x9b"
    wsecho(URL, given=text + b"\n").expect(0, text + b"\n")
    wsecho("-b", URL, given=b"\xff\x00\n").expect(0, b"\xff\x00\n")


main(threads=4)
