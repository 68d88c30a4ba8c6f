# SPDX-License-Identifier: MIT
"""wsbench counts right: what a server does wrong is told, what it does right is not, and
how it ends is told."""

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
import time
import urllib.parse

from bench import command, result, wsbench
from faulty import Faulty
from peer import Script
from support import (DEADLINE, Server, certificates, equal, eventually, finish, main, match, run, scratch,
                     sentence, started, test)

SOCKET = scratch() / "server.sock"
server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", f"unix:{SOCKET}"))


def adds_up(counts):
    equal(counts["sent"], counts["right"] + counts["wrong"] + counts["lost"], "what was sent")
    equal(counts["received"], counts["right"] + counts["wrong"] + counts["doubled"]
          + counts["late"] + counts["unasked"], "what was received")


def tells(counts, **expected):
    """Fails unless the counts of what went wrong are these, and the others 0."""
    adds_up(counts)
    names = ("wrong", "doubled", "late", "unasked", "lost")
    equal({name: counts[name] for name in names}, dict.fromkeys(names, 0) | expected, "the counts")


# What is right.


@test("a number of messages is sent, exactly, and comes back, over TLS, TCP and a Unix socket")
def _():
    for url in (server.wss, server.ws, f"ws+unix:{SOCKET}"):
        told = result("-c", 7, "-p", 3, "-n", 1000, "--cacert", certificates() / "ca.pem", url)
        tells(told["measured"])
        equal(told["measured"]["sent"], 1000, "the number of messages sent")
        equal(told["measured"]["received"], 1000, "the number of messages received")
        equal(told["measured"]["bytes_sent"], 128000, "the number of bytes sent")
        equal(told["latency_ms"]["count"], 1000, "the number of latencies")
        equal(told["connections"]["open"], 7, "the number of connections")


@test("a socket's path that is not UTF-8 is in the JSON, its bytes taken for ISO 8859-1, alone and in a comparison")
def _():
    path = os.fsdecode(os.fsencode(scratch()) + b"/\xff\xe4.sock")
    os.symlink(SOCKET, path)
    urls = f"ws+unix:{scratch()}/\xff\xe4.sock", f"ws+unix:{SOCKET}"
    equal(result("-n", 10, f"ws+unix:{path}")["url"], urls[0])
    words = "--compare", "--rounds", 3, "-n", 10
    equal(result(*words, f"ws+unix:{path}", urls[1])["urls"], list(urls))
    equal(result(*words, urls[1], f"ws+unix:{path}")["urls"], [*reversed(urls)])


@test("nothing is sent before all connections are open, however long that takes")
def _():
    with Faulty() as faulty:
        told = result("-c", 10, "--connect-rate", 40, "-p", 4, "-n", 100, faulty.url)
        tells(told["total"])
        equal((told["total"]["sent"], faulty.messages), (100, 100), "the number of messages")


@test("messages of any size, fixed, a range or a mix, text or binary, come back")
def _():
    for words in (("-s", "0"), ("-s", "1"), ("-s", "5", "-p", "100"), ("-s", "11"), ("-s", "12"),
                  ("-s", "64-4096", "-b"), ("-s", "90%:128,10%:64K"), ("-s", "1M", "-n", "20"),
                  ("-m", "hello"), ("-m", ""), ("-m", "@/etc/passwd", "-b")):
        tells(result("-c", 3, "-p", 4, "-n", 500, *words, server.ws)["total"])


@test("more may be on its way than fits in all buffers together")
def _():
    told = result("-c", 2, "-p", 64, "-s", "1M", "-n", 200, server.ws)
    tells(told["total"])
    equal(told["total"]["received"], 200)


@test("sizes are what they should be on average: each part of a mix has its share")
def _():
    told = result("-c", 4, "-p", 16, "-n", 20000, "-s", "75%:100,25%:1000-2000", server.ws)
    share = (told["measured"]["bytes_sent"] / 20000 - 100) / 1400
    equal(0.24 < share < 0.26, True, f"that {share} is about a quarter")


@test("the counts are those of the server, to the byte, the warm-up and all threads included")
def _():
    with Faulty() as faulty:
        told = result("-c", 5, "-p", 4, "-T", 2, "-z", "300ms", "--warm-up", "200ms", "-s", "1-999",
                      faulty.url)
        tells(told["total"])
        equal(told["total"]["sent"], faulty.messages, "the number of messages")
        equal(told["total"]["bytes_sent"], faulty.bytes, "the number of bytes")
        equal(told["total"]["bytes_received"], faulty.bytes, "the number of bytes that came back")
        equal(told["total"]["sent"] > told["measured"]["sent"] > 0, True,
              "that only a part was measured")


@test("with --rate as many messages are sent as were due")
def _():
    with Faulty() as faulty:
        for threads in (1, 3):
            told = result("-c", 6, "-R", 1000, "-z", "500ms", "--warm-up", "100ms", "-T", threads,
                          faulty.url)
            tells(told["total"])
            # The first is due at once, those that follow every millisecond.
            equal(abs(told["measured"]["sent"] - 500) <= threads, True,
                  f"that {told['measured']['sent']} is 500, give or take a rounded one")
            equal(told["latency_ms"]["count"], told["measured"]["sent"], "the number of latencies")


@test("with --rate nothing that was due is left out, even if this side stood still until after the end")
def _():
    with Faulty() as faulty:
        with started(*command("--json", "-c", 5, "-R", 1000, "-z", "500ms", "--warm-up", 0,
                              faulty.url)) as process:
            eventually(lambda: faulty.messages > 10, "messages come")
            process.send_signal(signal.SIGSTOP)
            later = time.monotonic() + 0.6
            eventually(lambda: time.monotonic() > later, "the time of measuring is over")
            process.send_signal(signal.SIGCONT)
            told = json.loads(finish(process).expect(0).out)
    tells(told["total"])
    equal((told["measured"]["sent"], told["unsent"]), (500, 0), "sent and unsent")
    equal(told["latency_ms"]["p50"] > 100, True, "that the latencies count from when it was due")


@test("a --rate out of reach ends at the end, with nothing lost, and at Ctrl-C; what is behind is never sent")
def _():
    for words in (("-T", 1), ("-T", 2), ("-T", 2, "--no-echo")):
        with Faulty() as faulty:
            words = ("-c", 2, "-R", 100000000, *words, faulty.url)
            told = result(*words, "-z", "300ms", "--warm-up", "100ms")
            equal(told["total"]["sent"], faulty.messages, "the number of messages")
            equal(told["total"]["sent"] + told["unsent"], 40000000, "the number that was due")
            equal(told["total"]["lost"] + told["total"]["late"], 0, "the number lost or late")
            match("messages were never sent: the server did not take them, or this side",
                  wsbench(*words, "-z", "50ms", "--warm-up", 0).expect(0).out.decode())
        with Faulty() as faulty:
            with started(*command("--json", *words[:-1], faulty.url, "-z", "1h")) as process:
                eventually(lambda: faulty.messages > 10, "messages come")
                process.send_signal(signal.SIGINT)
                told = json.loads(finish(process).out)
            # A server that is slow has not read them all when it is left.
            equal(told["total"]["sent"] >= faulty.messages, True, "that as many were sent as came")
            equal((told["interrupted"], told["unsent"] > 0), (True, True), "interrupted, and unsent")


@test("what was asked for is sent or told as never sent, however many --threads there are, and why")
def _():
    few = "-c", 3, "--warm-up", 0
    cut, over = "connections were refused or cut", "the time was over"
    some = f"{cut}, the server did not take them, or this side could not keep up"
    for words, query, asked, why in (
            (("-n", 100), "", 100, None),
            (("-n", 101), "?refuse=2", 101, cut),
            (("-n", 101), "?die=50", 101, cut),
            (("-n", 101, "-R", 1000), "?refuse=2", 101, some),
            (("-n", 10001, "-R", 1000), "?die=50", 10001, some),
            (("-n", 7, "-R", 50, "-z", "100ms"), "", 7, over),
            (("-n", 1000000, "-z", "100ms"), "", 1000000, over),
            (("-n", 10, "--no-echo"), "?refuse=2", 10, cut),
            (("-R", 1001, "-z", "300ms"), "?refuse=2", 301, some),
            (("-R", 1001, "-z", "300ms", "--no-echo"), "?refuse=2", 301, some)):
        for threads in (1, 2, 3):
            with Faulty() as faulty:
                given = *few, *words, "-T", threads, faulty.url + query
                told = json.loads(wsbench("--json", *given).out)
                counts = told["measured"]
                equal((counts["sent"] + counts["unsent"], told["unsent"]), (asked, counts["unsent"]),
                      f"what was sent and what was not by {given}")
                equal(told["why_unsent"], why if counts["unsent"] > 0 else None)
    with Faulty() as faulty:
        out = wsbench(*few, "-T", 3, "-n", 99, faulty.url + "?refuse=2").expect(6).out.decode()
        match("\nmessages      33 sent: 33 echoed, 0 wrong, 0 lost; 0 doubled, 0 late, 66 never sent\n", out)
        match(f"\n              messages were never sent: {cut}\n", out)


@test("the most messages that can be asked for are counted right")
def _():
    with Faulty() as faulty:
        told = result("-n", 10**12, "-z", "100ms", "--warm-up", 0, faulty.url)
        equal(told["measured"]["sent"] + told["unsent"], 10**12, "what was asked for")


@test("cycles that were asked for are done, or told as never sent")
def _():
    for threads in (1, 2):
        with Faulty() as faulty:
            told = result("--churn", "-c", 2, "-n", 100, "-z", "300ms", "-T", threads, faulty.url + "?refuse=20",
                          status=6)
            equal(told["cycles"] + told["unsent"], 100, "what was asked for")
            equal((told["cycles"], told["why_unsent"]), (19, "the time was over"))


@test("what was due in the warm-up and had no connection is told apart")
def _():
    words = "-c", 2, "-R", 1000, "-z", "300ms", "--warm-up", "200ms", "-T", 2
    with Faulty() as faulty:
        told = result(*words, faulty.url + "?refuse=2", status=6)
        equal([told[name]["sent"] + told[name]["unsent"] for name in ("measured", "total")], [300, 500],
              "what was due")
        equal(told["measured"]["unsent"], 150, "what was due of a thread without connections")
    with Faulty() as faulty:
        out = wsbench(*words, faulty.url + "?refuse=2").expect(6).out.decode()
        match(r"\nnot measured  100 sent: 100 echoed, 0 wrong, 0 lost; 0 doubled, 0 late, 100 never sent\n", out)


@test("at the end of its time what waits for echoes of others is never sent, but --messages are, all")
def _():
    words = ("-c", 1, "-p", 4, "-R", 1000, "--warm-up", 0)
    with Faulty() as faulty:
        told = result(*words, "-z", "500ms", faulty.url + "?delay=3000")
        tells(told["total"])
        equal((told["total"]["sent"], told["unsent"]), (4, 496), "sent and unsent")
    # It takes longer than the time for an echo, but no echo does.
    with Faulty() as faulty:
        told = result(*words, "-n", 40, "-t", "1s", faulty.url + "?delay=200")
        tells(told["total"])
        equal((told["total"]["sent"], told["unsent"]), (40, 0), "sent and unsent")


@test("an echo that came in time is not lost because this side stood still")
def _():
    with Faulty() as faulty:
        with started(*command("--json", "-c", 2, "-R", 1000, "-z", "1s", "-t", "1s", "--warm-up", 0,
                              faulty.url + "?delay=100")) as process:
            eventually(lambda: faulty.messages > 150, "messages come")
            process.send_signal(signal.SIGSTOP)
            later = time.monotonic() + 2
            eventually(lambda: time.monotonic() > later, "the time for their echoes is over")
            process.send_signal(signal.SIGCONT)
            told = json.loads(finish(process).expect(0).out)
    tells(told["total"])
    equal((told["total"]["sent"], told["unsent"]), (1000, 0), "sent and unsent")


@test("--churn makes a new connection for each message")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-c", 3, "-n", 50, faulty.url)
        tells(told["total"])
        equal((told["cycles"], faulty.connections, faulty.messages), (50, 50, 50),
              "cycles, connections and messages")


@test("--churn: a message counts by when its cycle begins, and is never sent if that is refused")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-c", 8, "-T", 2, "-n", 20, "--warm-up", "100ms", faulty.url)
        tells(told["total"])
        equal((told["measured"]["sent"], told["cycles"]), (20, 20), "messages and cycles")
    with Faulty() as faulty:
        told = result("--churn", "-c", 1, "-n", 8, faulty.url + "?refuse=6", status=6)
        equal((told["measured"]["sent"], told["measured"]["unsent"], told["connections"]["refused"]), (5, 3, 3),
              "sent, never sent and refused")


@test("--churn: a cycle without its echo is none, and a second echo is told")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-c", 2, "-z", "300ms", "--warm-up", 0, "--fail-if", "rate<1", faulty.url + "?end=0",
                      status=8)
        equal((told["cycles"], told["cycle_ms"], told["rate"]), (0, None, 0), "cycles")
        equal(told["connections"]["cut"] > 0, True, "that connections were cut")
    with Faulty() as faulty:
        told = result("--churn", "-c", 2, "-n", 50, faulty.url + "?double=7", status=6)
        tells(told["total"], doubled=1)
        equal(told["cycles"], 50, "cycles")


@test("--churn -n: no more, also if all wait for their turn to connect")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-n", 5, "-c", 4, "-T", 1, "--connect-rate", 50, "--warm-up", 0,
                      faulty.url)
        equal((told["cycles"], faulty.connections), (5, 5), "cycles and connections")


@test("--churn with --ramp begins each connection's cycles in turn, and does not slow them down")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-c", 2, "--ramp", "400ms", "-z", "1s", "--warm-up", 0, faulty.url)
        tells(told["measured"])
        equal(told["total"]["sent"] > 10, True, f"that {told['total']['sent']} are more than one in 200 ms")


@test("--churn with --connect-rate opens nothing before it begins, and so waits for nothing")
def _():
    with Faulty() as faulty:
        told = result("--churn", "-c", 20, "--connect-rate", 5, "-n", 2, faulty.url)
        equal((told["cycles"], told["connections"]["opening_seconds"] < 3), (2, True), "cycles, and not 4 s of opening")


@test("--messages that the time ends before: the rate is over all of that time")
def _():
    with Faulty() as faulty:
        told = result("-n", 1000, "-R", 20, "-z", "1s", "-c", 2, "--warm-up", 0, faulty.url)
        equal((told["measured"]["sent"] < 50, told["seconds"]), (True, 1.0), "sent, and seconds")


@test("--churn makes full TLS handshakes, and with --resume resumed ones after the first")
def _():
    words = ("--churn", "-c", 1, "-n", 30, "--cacert", certificates() / "ca.pem")
    for more, resumed in (((), 0), (("--resume",), 29)):
        told = result(*words, *more, server.wss)
        tells(told["total"])
        equal((told["connections"]["open"], told["connections"]["resumed"]), (30, resumed),
              "connections, and those that resumed")
    match("29 of them with a resumed", wsbench(*words, "--resume", server.wss).expect(0).out.decode())
    told = result("--churn", "--resume", "-c", 4, "-T", 2, "-n", 50, "-k", server.wss)
    equal(told["connections"]["resumed"] >= 40, True, f"that {told['connections']} were resumed")


@test("--idle opens connections and sends nothing")
def _():
    with Faulty() as faulty:
        told = result("--idle", "-c", 50, "-z", "100ms", faulty.url)
        equal((told["connections"]["open"], faulty.connections, faulty.messages), (50, 50, 0),
              "connections and messages")


@test("--no-echo waits for nothing, and counts what is sent and what comes")
def _():
    with Faulty() as faulty:
        told = result("--no-echo", "-c", 2, "-n", 3000, faulty.url + "?lose=7&double=9")
        equal(told["measured"]["sent"], 3000, "the number sent")
        equal(told["total"]["received"] > 0, True, "that some came back")
        equal([told["total"]["unasked"], *(second["errors"] for second in told["by_second"])],
              [0] * (1 + len(told["by_second"])), "what is wrong with it")
        equal(faulty.messages, 3000, "the number that the server got")
        equal(told["connections"]["cut"], 0)


@test("--no-echo: what comes has nothing to do with how long sending takes")
def _():
    with Faulty() as faulty:
        told = result("--no-echo", "-c", 1, "-n", 40, "-R", 200, faulty.url + "?greet=hello&lose=40")
        equal(told["seconds"] >= 39 / 200, True, f"that {told['seconds']} s are enough for 40 messages")


@test("--no-echo: a server that is gone, or takes nothing, has not got what was sent")
def _():
    for query, size, why in (("end=0", 128, r" was lost \(1006\)"),
                             ("deaf=0", 128, "time-out: .* does not answer the Ping after the last message"),
                             ("deaf=0", "8M", "time-out: .* does not take what is sent to it")):
        with Faulty() as faulty:
            told = result("--no-echo", "-c", 2, "-n", 20, "-t", "300ms", "-s", size, f"{faulty.url}?{query}", status=6)
            equal(told["connections"]["cut"], 2, "connections that were cut")
            match(why, told["first_failure"])


@test("headers are sent, and --ramp and --connect-rate open all connections")
def _():
    with Faulty() as faulty:
        for pace in (("--ramp", "100ms"), ("--connect-rate", 100)):
            told = result("-c", 10, *pace, "-z", "100ms", "--warm-up", 0, "-H", "X-Test: yes",
                          faulty.url)
            equal(told["connections"]["open"], 10)
            tells(told["total"])
        equal(sum("\r\nX-Test: yes" in head for head in faulty.heads), 20, "heads with the field")


@test("--ramp and --connect-rate are one pace for all threads, and handshakes do not wait for others")
def _():
    for pace in (("--ramp", "800ms"), ("--connect-rate", 10)):
        with Faulty() as faulty:
            told = result("--idle", "-c", 8, "-T", 8, *pace, "-z", "10ms", faulty.url)
            seconds = told["connections"]["opening_seconds"]
            equal(seconds >= 0.7, True, f"that {seconds} s are 7 times 100 ms")
        with Faulty() as faulty:
            told = result("--idle", "-c", 70, "-T", 1, *pace[:1], "700ms" if pace[0] == "--ramp" else 100, "-z", "10ms",
                          faulty.url + "?gather=70")
            equal(told["connections"]["open"], 70, "connections that are open")


# What is wrong.


def declare_fault(title, query, status, **expected):
    @test(title)
    def _():
        for in_flight in (1, 8):
            with Faulty() as faulty:
                told = result("-c", 2, "-p", in_flight, "-n", 400, "-t", "500ms",
                              faulty.url + "?" + query, status=status)
                tells(told["total"], **expected)
                equal(told["measured"]["sent"], 400, "the number of messages sent")


declare_fault("one bit that is flipped is one wrong message", "corrupt=123", 6, wrong=1)
declare_fault("the tail of an earlier message is one wrong message", "stale=123", 6, wrong=1)
declare_fault("an echo of the other type is one wrong message", "retype=123", 6, wrong=1)
declare_fault("a message that does not come back is one lost message", "lose=123", 6, lost=1)
declare_fault("a message that comes twice is one doubled message", "double=123", 6, doubled=1)


@test("messages that change places are both right if both are on their way")
def _():
    with Faulty() as faulty:
        tells(result("-c", 1, "-p", 8, "-n", 400, faulty.url + "?swap=123")["total"])


@test("an echo that comes after it was given up is late, and not right any more")
def _():
    with Faulty() as faulty:
        told = result("-c", 1, "-n", 30, "-t", "100ms", faulty.url + "?stall=2:0.6", status=6)
        tells(told["total"], lost=told["total"]["lost"], late=told["total"]["late"])
        equal(told["total"]["lost"] >= 1, True, "that a message was given up")
        equal(told["total"]["late"] >= 1, True, "that its echo came late")


@test("of messages that say nothing, one too few is lost and one too many is doubled")
def _():
    for query, expected in (("lose=50", {"lost": 1}), ("double=100", {"doubled": 1})):
        with Faulty() as faulty:
            tells(result("-c", 1, "-m", "same", "-n", 100, "-t", "500ms", faulty.url + "?" + query,
                         status=6)["total"], **expected)


@test("a message that nobody asked for is told")
def _():
    with Faulty() as faulty:
        tells(result("-c", 1, "-n", 10, faulty.url + "?greet=hello", status=6)["total"], unasked=1)


@test("a connection that is cut, or closed, is told with what was on its way; the others go on")
def _():
    for fault, says in (("cut", "lost (1006)"), ("close", "closed with 1011: told to")):
        with Faulty() as faulty:
            told = result("-c", 3, "-p", 4, "-n", 300, faulty.url + f"?{fault}=100", status=6)
            adds_up(told["total"])
            equal(told["connections"]["cut"], 1, "the number of connections that were cut")
            equal(1 <= told["total"]["lost"] <= 4, True, "that what was on its way is lost")
            equal(told["measured"]["sent"], 300, "the number of messages sent")
            match(re.escape(says), told["first_failure"])


@test("what a server says of a close does nothing to the terminal, the page or the JSON")
def _():
    said = urllib.parse.quote("\x1b]0;title\x07\x1b[31mred\u202e<b>")
    shown = r"closed with 1011: \x1b]0;title\x07\x1b[31mred\xe2\x80\xae<b>"
    page = scratch() / "said.html"
    with Faulty() as faulty:
        words = ("-c", 1, "-n", 30, "--warm-up", 0, faulty.url + f"?close=10&reason={said}")
        told = wsbench("--report", page, *words).expect(6)
        match(re.escape(shown) + "\n", told.out.decode())
        equal([text for text in (told.out.decode(), page.read_text()) if re.search("[\x1b\x07\u202e]", text)], [],
              "what has control characters in it")
    with Faulty() as faulty:
        told = result(*words[:-1], faulty.url + f"?close=10&reason={said}", status=6)
        match(re.escape(shown), told["first_failure"])


@test("when all connections are cut it ends, before its time")
def _():
    for words in (("-n", 100000), ("-z", "1h"), ("-R", 1000, "-z", "1h")):
        with Faulty() as faulty:
            told = result("-c", 3, *words, "--warm-up", 0, faulty.url + "?die=100", status=6)
            adds_up(told["total"])
            equal(told["connections"]["cut"], 3, "the number of connections that were cut")


@test("a server that stops reading ends the run like any other that does not answer")
def _():
    over = threading.Event()
    with Script(lambda peer: [peer.accept(), over.wait(DEADLINE)]) as script:
        told = result("-c", 1, "-p", 64, "-s", "1M", "-z", "300ms", "--warm-up", 0, "-t", "300ms",
                      script.url, status=6)
        over.set()
    adds_up(told["total"])
    equal(told["total"]["lost"], told["total"]["sent"], "the number lost")
    equal(told["total"]["sent"] > 0, True, "that messages were sent")


@test("a server that takes nothing on one connection is told, and the others go on")
def _():
    with Faulty() as faulty:
        told = result("-c", 2, "-T", 1, "-s", "8M", "-z", "3s", "--warm-up", 0, "-t", "500ms",
                      faulty.url + "?deaf=1", status=6)
    adds_up(told["total"])
    equal(told["connections"]["cut"], 1, "the number of connections that were cut")
    equal(sum(second["received"] for second in told["by_second"][1:]) > 0, True, "that the other one goes on")
    with Faulty() as faulty:
        told = result("-c", 1, "-n", 10, "-s", "8M", "-t", "200ms", faulty.url + "?deaf=1", status=6)
    tells(told["total"], lost=1)
    equal((told["unsent"], told["connections"]["cut"]), (9, 1), "what was never sent, and connections cut")


@test("the rate is that of right echoes, whatever else comes")
def _():
    with Faulty() as faulty:
        told = result("-c", 1, "-n", 50, faulty.url + "?many=5", status=6)
        tells(told["total"], doubled=told["total"]["doubled"])
        equal(told["total"]["doubled"] > 0, True, "that some came again")
        equal(round(told["rate"] * told["seconds"]), 50, "the echoes that it counts")
        equal(round(told["bytes_per_second"] * told["seconds"]), 50 * 128, "and their bytes")


@test("wsbench takes wsecho's options of TLS and of the way to the server")
def _():
    port = server.wss.rpartition(":")[2]
    few = "-n", "20", "-c", "2", "--warm-up", "0"
    trust = "--cacert", certificates() / "ca.pem"
    for words in ((*trust, "--connect-to", f"localhost:443:127.0.0.1:{port}", "wss://localhost"),
                  (*trust, "--resolve", f"localhost:{port}:127.0.0.1", f"wss://localhost:{port}"),
                  (*trust, "--servername", "localhost", "--tls-max", "1.2", server.wss)):
        wsbench(*few, *words).expect(0)
    done = wsbench(*few, "-k", "--proxy", "socks5://127.0.0.1:1", server.wss)
    match("cannot connect to the proxy 127.0.0.1:1", sentence(done.expect(3).err, "wsbench"))


@test("connections that are refused are told; the others work")
def _():
    with Faulty() as faulty:
        told = result("-c", 5, "-n", 100, faulty.url + "?refuse=4", status=6)
        equal((told["connections"]["open"], told["connections"]["refused"]), (3, 2))
        match("answered 503", told["first_failure"])
        tells(told["total"])


@test("a stall of a second shows in the percentiles of an open loop, and not in a closed one's")
def _():
    with Faulty() as faulty:
        opened = result("-c", 2, "-R", 500, "-z", "2s", "--warm-up", 0, faulty.url + "?stall=200:1")
        tells(opened["total"])
    with Faulty() as faulty:
        closed = result("-c", 1, "-n", 1000, faulty.url + "?stall=200:1")
    # Half of the messages were due while it slept; a closed loop did not send them.
    equal(opened["latency_ms"]["p90"] > 500, True, f"that {opened['latency_ms']} shows it")
    equal(closed["latency_ms"]["max"] >= 1000, True, f"that {closed['latency_ms']} has it once")
    equal(closed["latency_ms"]["p99"] < 1000, True, f"that {closed['latency_ms']} hides it")


# How it ends.


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
