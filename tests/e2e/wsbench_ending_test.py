# SPDX-License-Identifier: MIT
"""How wsbench ends: its exit status, what it refuses, Ctrl-C, and what a terminal shows."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import signal
import struct
import termios
import threading

from bench import command, result, tells, wsbench
from faulty import Faulty
from peer import Script
from support import (DEADLINE, Server, equal, eventually, finish, main, match, run, scratch,
                     sentence, started, test)

SOCKET = scratch() / "server.sock"
server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", f"unix:{SOCKET}"))


@test("without one connection the exit status says why, in a sentence")
def _():
    match("refused", sentence(wsbench("ws://127.0.0.1:1/").expect(3).err, "wsbench"))
    match("not trusted: --cacert FILE, or --insecure to take any$",
          sentence(wsbench(server.wss).expect(4).err, "wsbench"))
    match("answered 400 Bad Request: try wss://, if this port is for TLS$",
          sentence(wsbench(server.wss.replace("wss:", "ws:")).expect(5).err, "wsbench"))
    with Faulty() as faulty:
        match("answered 503", sentence(wsbench(faulty.url + "?refuse=1").expect(5).err, "wsbench"))


@test("a server that does not answer is a time-out")
def _():
    with Script(lambda peer: [peer.receive(), peer.receive()], connections=1) as script:
        said = wsbench("-c", 1, "-t", "100ms", script.url).expect(7).err
        match("time-out", sentence(said, "wsbench"))


@test("--fail-if: status 8 and a sentence if it holds, and not if it does not")
def _():
    wsbench("-n", 100, "--fail-if", "p99>10m", "--fail-if", "lost>0", "--fail-if", "rate < 1",
            server.ws).expect(0)
    said = wsbench("-n", 100, "--fail-if", "p50>=1us", "--fail-if", "open==10", server.ws).expect(8)
    match(r"failed: p50>=1us: it is [\d.]+ ms\n", said.err)
    match(r"failed: open==10: it is 10\n", said.err)


@test("wrong usage is one sentence that names the argument, and status 2")
def _():
    url, latin = server.ws, scratch() / "latin-1.txt"
    local = url.replace("127.0.0.1", "localhost")
    latin.write_bytes("\xe4".encode("latin-1"))
    tells(result("-m", f"@{latin}", "-b", "-n", 5, url)["total"])
    for words, says in (
            ((), "the URL is missing"),
            ((url, url), "unexpected argument"),
            (("--compare", url), "--compare needs two URLs"),
            (("--compare", "-z", 0, url, url), "give a --duration"),
            (("--compare", "--fail-if", "lost>0", url, url), "for one server"),
            (("--compare", *("--server-pid", server.process.pid) * 3, url, url), "--server-pid twice at most"),
            (("--compare", url, "http://localhost/"), "'http://localhost/': write ws://"),
            (("--compare", "--idle", url, url), "--idle sends none"),
            *((("--idle", *words, url), "--idle sends no messages: --message,") for words in
              (("-p", 1), ("-s", 128), ("-m", "x"))),
            *((("--" + work, "-p", 1, url), "--in-flight is for connections that wait") for work in ("churn", "no-echo")),
            (("--compare", "--sources", 2, url, f"ws+unix:{SOCKET}"), "the URL must be of 127.0.0.1"),
            (("--compare", "-c", 1000000, f"ws+unix:{SOCKET}", local), "connections to one address"),
            (("--churn", "--idle", url), "give one of them"),
            (("-m", "x", "-s", "5", url), "give one of them"),
            *((("-n", number, url), "'--messages' must be from 1 to 1000000000000,") for number in
              (0, 10**12 + 1, 2**64 - 1)),
            (("--resume", url), "is for --churn"),
            (("--rounds", "5", url), "--rounds is for --compare"),
            (("--compress-mode", "off", url), "'--compress-mode' must be shared, context, or context:BITS"),
            (("-s", "5%:1", url), "add up to 100%"),
            (("-s", "5x", url), "a size is a number"),
            (("-s", "9-5", url), "begins with the smaller"),
            (("-m", "@/no/such/file", url), "/no/such/file: No such file"),
            (("-m", "\udcff", url), "the message is not UTF-8: send it with --binary"),
            (("-m", "\udcff", "--churn", url), "the message is not UTF-8: send it with --binary"),
            (("-m", f"@{latin}", url), "the message is not UTF-8: send it with --binary"),
            (("-T", "0", url), "--threads"),
            (("--fail-if", "p101>1s", url), "--fail-if"),
            (("--fail-if", "p99>fast", url), "--fail-if"),
            *((("--fail-if", wrong, url), "--fail-if") for wrong in
              ("p99=1s", "p99!1s", "p99=>1s", "p99<<1s", "p99><1s", "p99=!1s", "lost>nan", "lost<inf", "lost>1x")),
            (("--fail-if", "server-cpu>1", url), "cannot judge 'server-cpu>1': server-cpu needs --server-pid"),
            (("--idle", "--fail-if", "p99<1s", url), "p99 is of messages, and --idle sends none"),
            (("--no-echo", "--fail-if", "max>1s", url), "max is of echoes, and --no-echo waits for none"),
            (("--rate", "5", "--churn", url), "--connect-rate"),
            (("http://localhost/", ), "write ws://"),
            (("--cacert", "/no/such/file", "wss://localhost/"), "/no/such/file")):
        match(re.escape(says), wsbench(*words).expect(2).err)


@test("more connections than this process may have are refused beforehand, with the number that fits")
def _():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    said = sentence(wsbench("-c", 1000, server.ws, preexec_fn=few).expect(2).err, "wsbench")
    fits = match(r"--connections (\d+)$", said)[1]
    told = json.loads(wsbench("--json", "-c", fits, "-n", fits, server.ws,
                              preexec_fn=few).expect(0).out)
    equal(told["connections"]["open"], int(fits), "the number of connections")

    def too_few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

    match(r"^1 connection needs \d+ open files, and this process may have 20: raise the hard limit "
          r"\(ulimit -Hn\)$",
          sentence(wsbench("-c", 1, server.ws, preexec_fn=too_few).expect(2).err, "wsbench"))


@test("more connections than the system has ports for are refused beforehand; a Unix socket and 127.0.0.1 need none")
def _():
    first, last = open("/proc/sys/net/ipv4/ip_local_port_range").read().split()
    local = server.ws.replace("127.0.0.1", "localhost")
    said = sentence(wsbench("-c", 1000000, local).expect(2).err, "wsbench")
    match("use 127.0.0.1 if the server is here", said)
    match(f"--connections {int(last) - int(first) + 1}, or a Unix socket$", said)
    said = wsbench("-c", 1000000, "--sources", 2, server.ws).expect(2).err
    match(f"use more --sources, .*--connections {2 * (int(last) - int(first) + 1)}, or", said)
    for url in (f"ws+unix:{SOCKET}", server.ws):
        match("open files", wsbench("-c", 1000000, url).expect(2).err)


@test("--sources come by turns from 127.0.0.1, 127.0.0.2 and so on, and only to such an address")
def _():
    with Faulty() as faulty:
        told = result("-c", 9, "--sources", 3, "-T", 2, "-n", 90, faulty.url)
        tells(told["total"])
        equal(sorted(faulty.peers), sorted([f"127.0.0.{i + 1}" for i in range(3)] * 3), "the peers")
    proxied = os.environ | {"http_proxy": "http://127.0.0.1:1"}
    for words, environment in ((("ws://localhost:1/",), None), (("--interface", "lo", server.ws), None),
                               (("--proxy", "http://127.0.0.1:1", server.ws), None), (("-n", 1, server.ws), proxied),
                               ((f"ws+unix:{SOCKET}",), None)):
        match("the URL must be of 127.0.0.1", wsbench("--sources", 2, *words, env=environment).expect(2).err)
    for way in (("--proxy", ""), ("--noproxy", "127.0.0.1")):
        wsbench("--sources", 2, "-n", 10, *way, server.ws, env=proxied).expect(0)


@test("Ctrl-C ends it with the result so far")
def _():
    with Faulty() as faulty:
        with started(*command("--json", "-z", "1h", "-c", 2, faulty.url)) as process:
            eventually(lambda: faulty.messages > 10, "messages come")
            process.send_signal(signal.SIGINT)
            told = json.loads(finish(process).expect(0).out)
        equal(told["total"]["sent"], faulty.messages, "the number of messages")
    equal(told["interrupted"], True, "that it was interrupted")
    tells(told["total"])
    equal(told["total"]["sent"] > 0, True, "that messages were sent")


@test("Ctrl-C does not wait for an echo that does not come, however long --timeout is")
def _():
    # While measuring, and while the last echo is waited for.
    for words in (("-z", "1h", "--warm-up", 0), ("-n", 1)):
        with Faulty() as faulty:
            with started(*command("--json", "-t", "1h", "-c", 1, *words, faulty.url + "?lose=1")) as process:
                eventually(lambda: faulty.messages == 1, "a message came")
                process.send_signal(signal.SIGINT)
                told = json.loads(finish(process).expect(6).out)
        equal(told["interrupted"], True, "that it was interrupted")
        tells(told["total"], lost=1)


@test("a second Ctrl-C ends it at once")
def _():
    with Faulty() as faulty:
        # The echo never comes, so the first one waits for it.
        with started(*command("-z", "1h", "-c", 1, "--warm-up", 0, faulty.url + "?lose=1")) as process:
            eventually(lambda: faulty.messages == 1, "a message came")
            process.send_signal(signal.SIGINT)
            stopping = f"/proc/{process.pid}/status"
            eventually(lambda: "SigPnd:\t0000000000000000" in open(stopping).read()
                       and "ShdPnd:\t0000000000000000" in open(stopping).read(), "it was taken")
            process.send_signal(signal.SIGINT)
            finish(process).expect(130)


@test("Ctrl-C ends a comparison with the rounds so far, between two turns, too")
def _():
    with Faulty() as faulty:
        words = "--compare", "-z", "1ms", "--warm-up", 0, "-c", 1, "--rounds", 1000, "--json", faulty.url, faulty.url
        for _ in range(8):
            came = faulty.messages
            with started(*command(*words)) as process:
                eventually(lambda: faulty.messages > came + 10, "turns are taken")
                process.send_signal(signal.SIGINT)
                told = json.loads(finish(process).expect(0).out)
            equal((told["interrupted"], told["rounds"] < 1000), (True, True), "how it ended")


@test("an interrupt before a connection is open is a time-out")
def _():
    for words in ((), ("--churn", "--json", "--fail-if", "p99>1s")):
        asked, over = threading.Event(), threading.Event()
        with Script(lambda peer: [peer.receive(), asked.set(), over.wait(DEADLINE)]) as script, \
                started(*command("-c", 1, "-t", "1h", *words, script.url)) as process:
            assert asked.wait(DEADLINE), "nobody connected"
            process.send_signal(signal.SIGINT)
            done = finish(process).expect(7)
            over.set()
        match("^it ended before a connection was open$", sentence(done.err, "wsbench"))
        equal(done.out, b"", "what it printed")


@test("on a terminal a line shows how it goes, no longer than that is wide, and is gone at the end")
def _():
    second = r"1 of 1 s  [\d,]+ messages/s  p50 [\d.]+  p99 [\d.]+ ms  0 errors$"
    # Of a serial line the width is not known.
    for columns, longest in ((0, 80), (80, 80), (40, 39), (8, 7)):
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = run(*command("-z", "1200ms", "--warm-up", 0, server.ws), stderr=follower,
                      env=os.environ | {"TERM": "xterm"})
        os.close(follower)
        process.expect(0)
        shown = b""
        # At the end of what was written to it a terminal that nobody has open any more fails with EIO.
        with contextlib.suppress(OSError):
            while data := os.read(leader, 65536):
                shown += data
        os.close(leader)
        before, *lines = shown.decode().split("\r\x1b[K")
        equal((before, lines[0], lines[-2:]), ("", "opening ..."[:longest], ["closing ..."[:longest], ""]), "the line")
        equal([line for line in lines if len(line) > longest], [], "what is too long")
        if longest == 80:
            equal(any(re.match(second, line) for line in lines), True, f"that a second is in {lines}")
        else:
            equal(any(len(line) == longest for line in lines), True, f"that something is cut of {lines}")


main()
