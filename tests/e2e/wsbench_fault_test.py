# SPDX-License-Identifier: MIT
"""What a server does wrong is told by wsbench, and what it does right is not."""

import re
import threading
import urllib.parse

from bench import adds_up, result, tells, wsbench
from faulty import Faulty
from peer import Script
from support import DEADLINE, Server, certificates, equal, main, match, scratch, sentence, test

server = Server(listen=("wss://127.0.0.1:0",))


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


main()
