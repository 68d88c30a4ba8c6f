# SPDX-License-Identifier: MIT
"""Tests of common/examples: each prints, line by line, what the same program prints on asyncio.

That is in examples/NAME.out, with what goes to standard error in its place among the rest if the
program is in MERGED. Where the Python programs are at hand, in examples/, in the directory $ORACLE
or in ../shared/oracle beside this tree, they run at the same time and are compared too. Prints TAP; how
long both took is told in comments.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys
import time

import support
from support import BUILD, DEADLINE, ROOT, Server, certificates, equal, match, run, test

ORACLE = pathlib.Path(os.environ.get("ORACLE") or ROOT.parent / "shared/oracle")
HERE = ROOT / "tests/e2e/examples"
SOURCES = sorted((ROOT / "common/examples").glob("*.c"))
MERGED = {"blocking"}


def stored(name):
    return (HERE / f"{name}.out").read_text()


def lines_of(name, *command):
    """What the command prints, and how long it takes."""
    begin = time.monotonic()
    ended = run(*command, stderr=subprocess.STDOUT if name in MERGED else subprocess.PIPE)
    return ended.expect(0).out.decode(), time.monotonic() - begin


def example(name, *words):
    return lines_of(name, BUILD / "examples" / name, *words)


def oracle(name, *words):
    """The same by CPython, or what was stored of that."""
    program = HERE / f"{name}.py"
    if not program.exists():
        program = ORACLE / f"{name}.py"
    if not program.exists() or (name == "echo" and not importlib.util.find_spec("aiohttp")):
        return stored(name), None
    return lines_of(name, sys.executable, program, *words)


def compare(name, words=(), python_words=None):
    """Runs both side by side; true if they print what was stored."""
    python_words = words if python_words is None else python_words
    (ours, seconds), (theirs, their_seconds) = support.in_parallel(
        lambda call: call[0](name, *call[1:]), (example, *words), (oracle, *python_words))
    beside = f", CPython {their_seconds:.3f} s" if their_seconds else ""
    sys.stdout.write(f"# {' '.join([name, *words])}: {seconds:.3f} s{beside}\n")
    return ours, theirs


def agree(name, calls):
    """Fails unless in one of the calls, lists of arguments, all lines are as they should be."""
    for words in calls:
        ours, theirs = compare(name, words, words[:1])
        if ours == theirs == stored(name):
            return
    equal(theirs, stored(name), "what CPython prints")
    equal(ours, stored(name), f"what {name} prints")


def attempts():
    """What is ordered by time alone may come out of order, there as here, on a machine that stands
    still for a moment."""
    end = time.monotonic() + DEADLINE
    yield ()
    while time.monotonic() < end:
        yield ()


def scales():
    """The larger, the longer a machine may stand still between two lines."""
    yield from ("0.2", "0.5")
    for _ in attempts():
        yield "1"


def declare(name):
    @test(f"{name} prints the lines of its asyncio program")
    def _():
        agree(name, attempts())


for source in SOURCES:
    if source.stem not in ("together", "echo", "line_echo"):
        declare(source.stem)


# Waiting takes no time, but moves the clock; besides, that moves by a microsecond when it is looked at.
WAITED = """
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static long long now = 1000000000000000;
int clock_gettime(clockid_t id, struct timespec *time) {
        now += 1000;
        *time = (struct timespec){now / 1000000000, now % 1000000000};
        return 0;
}
static int wait_for(int count, int timeout) {
        if (count == 0 && timeout > 0)
                now += timeout * 1000000ll;
        return count;
}
int epoll_pwait(int fd, struct epoll_event *events, int most, int timeout, const sigset_t *set) {
        return wait_for(syscall(SYS_epoll_pwait, fd, events, most, timeout < 0 ? -1 : 0, set, 8), timeout);
}
int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
        return epoll_pwait(fd, events, most, timeout, NULL);
}
int poll(struct pollfd *list, nfds_t count, int timeout) {
        return wait_for(syscall(SYS_poll, list, count, timeout < 0 ? -1 : 0), timeout);
}
"""


def declare_together(backend):
    @test(f"together does so at any scale on {backend}")
    def _():
        for scale in ("0.2", "0.5", "1", "100"):
            waited = run(*support.preloaded(WAITED), BUILD / "examples/together", scale, backend)
            equal(waited.expect(0).out.decode(), stored("together"), f"what it prints at {scale}")

    @test(f"together does so beside its asyncio program on {backend}")
    def _():
        agree("together", ((scale, backend) for scale in scales()))


for loop in ("ev", "uv", "poll"):
    declare_together(loop)


@test("together knows its back ends")
def _():
    ended = run(BUILD / "examples/together", "0", "nonesuch").expect(2, b"")
    match(r"^nonesuch: .*\n$", ended.err)


@test("line_echo prints the lines of its asyncio program")
def _():
    files = [str(certificates() / name) for name in ("localhost.pem", "localhost.key", "ca.pem")]
    ours, theirs = compare("line_echo", files)
    equal(ours, stored("line_echo"), "what line_echo prints")
    equal(theirs, stored("line_echo"), "what CPython prints")


@test("line_echo needs no files, and says where it listens")
def _():
    ended = run(BUILD / "examples/line_echo").expect(0, stored("line_echo").encode())
    match(r"^(listening on 127\.0\.0\.1:\d+\n){2}$", ended.err)


@test("together prints as it goes")
def _():
    with subprocess.Popen([BUILD / "examples/together", "20"], stdout=subprocess.PIPE) as program:
        equal(program.stdout.readline(), b"cor1 start\n", "the first line, minutes before the end")
        program.kill()


server = Server(listen=("wss://127.0.0.1:0",))


@test("echo prints the line of its aiohttp program")
def _():
    ours, theirs = compare("echo", (server.wss,))
    equal(ours, stored("echo"), "what echo prints")
    equal(theirs, stored("echo"), "what CPython prints")


@test("echo verifies the server by a CA file")
def _():
    url = server.wss.replace("127.0.0.1", "localhost")
    run(BUILD / "examples/echo", url, certificates() / "ca.pem").expect(0, b"Hello World!\n")


@test("echo tells what went wrong")
def _():
    program = BUILD / "examples/echo"
    with Server(listen=("wss://127.0.0.1:0",), cert=False) as stranger:
        ended = run(program, stranger.wss, certificates() / "ca.pem").expect(1, b"")
        match(r"certificate.*[^.]\n$", ended.err)
    match(r"none/ca.pem.*[^.]\n$", run(program, server.wss, "none/ca.pem").expect(1, b"").err)
    match("^usage: ", run(program).expect(2, b"").err)


@test("every example is shown, and is shorter than 60 lines")
def _():
    for path in SOURCES:
        length = len(path.read_text().splitlines())
        if length >= 60:
            raise AssertionError(f"{path.name} has {length} lines")
    expected = {path.stem for path in HERE.glob("*.out")}
    equal({path.stem for path in SOURCES}, expected, "the set of examples")
    if ORACLE.is_dir():
        programs = {path.stem for folder in (ORACLE, HERE) for path in folder.glob("*.py")}
        equal(expected, programs, "the set of programs")


support.main(threads=4)
