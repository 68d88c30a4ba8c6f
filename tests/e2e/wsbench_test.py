# SPDX-License-Identifier: MIT
"""wsbench counts right what is right: messages, connections and cycles, sent, back or never sent."""

import json
import os
import signal
import time

from bench import command, result, tells, wsbench
from faulty import Faulty
from support import (Server, certificates, equal, eventually, finish, main, match, scratch,
                     started, test)

SOCKET = scratch() / "server.sock"
server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", f"unix:{SOCKET}"))


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


main()
