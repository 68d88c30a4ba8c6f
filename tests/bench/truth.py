# SPDX-License-Identifier: MIT
"""Ground truth for wsbench: what it tells of servers whose behaviour is known. Run it by hand.

Usage: BUILD=build CERTS=certs tests/bench/truth.py [--only WORD]

Each line is a figure, what it should be, and whether it is. Figures of time depend on the machine:
on one that does other work as well, run this by chrt -f 1.
"""

import argparse
import json
import math
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import faulty  # noqa: E402 pylint: disable=wrong-import-position

BUILD = ROOT / os.environ.get("BUILD", "build")
CERTS = ROOT / os.environ.get("CERTS", "certs")
WORK = ["-c", "100", "-p", "16", "-s", "128"]
failed = []


def wsbench(*words, status=(0,)):
    command = [BUILD / "wsbench", "--json", "--cacert", CERTS / "ca.pem", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in status:
        sys.exit(f"{' '.join(map(str, words))}: status {done.returncode}")
    return json.loads(done.stdout)


def show(what, value, aim, good):
    print(f"  {what:52} {value:>14}  {aim:22} {'ok' if good else 'NO'}", flush=True)
    if not good:
        failed.append(what)


class Wsechod:
    """As a context: `url`, `plain` and `pid`."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [BUILD / "wsechod", "--listen", "wss://127.0.0.1:0", "--listen", "ws://127.0.0.1:0",
             "--cert", CERTS / "localhost.pem", "--key", CERTS / "localhost.key"],
            stderr=subprocess.PIPE, text=True)
        urls = []
        while len(urls) < 2:
            line = self.process.stderr.readline()
            if "listening on " in line:
                urls.append(line.split("listening on ")[1].split()[0])
        self.url, self.plain = sorted(urls, reverse=True)
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stderr.read()
        self.process.wait()


class Delaying(faulty.Connection):
    """Each message waits; what that came to is in the server's `delays`, in milliseconds."""

    def echo(self, opcode, payload, number):
        came = time.monotonic()
        data = faulty.frame(opcode, payload)

        def send():
            self.transport.write(data)
            self.server.delays.append((time.monotonic() - came) * 1000)

        # Most wait 20 to 60 ms, one in 50 waits 200 to 300.
        wait = random.uniform(200, 300) if number % 50 == 0 else random.uniform(20, 60)
        self.server.loop.call_later(wait / 1000, send)


class DelayingServer(faulty.Faulty):
    async def begin(self):
        self.delays = []
        self.server = await self.loop.create_server(lambda: Delaying(self), "127.0.0.1", 0,
                                                    backlog=1024)
        self.url = "ws://127.0.0.1:%d/" % self.server.sockets[0].getsockname()[1]
        self.ready.set()


def percentile(values, percent):
    """The nearest rank."""
    return sorted(values)[math.ceil(percent / 100 * len(values)) - 1]


def percentiles():
    """The server knows how long each message waited: wsbench says the same."""
    for words in (("-c", 20, "-n", 6000), ("-c", 20, "-R", 400, "-z", 15, "--warm-up", 0)):
        with DelayingServer() as server:
            told = wsbench(*words, server.url)
            lag = told["lag_ms"] and told["lag_ms"]["p99"] or 0
            told = told["latency_ms"]
            print(f"  (sent late: p99 {lag:.2f} ms)")
            for name in ("p50", "p90", "p99", "p99.9"):
                exact = percentile(server.delays, float(name[1:]))
                off = told[name] / exact - 1
                show(f"{' '.join(map(str, words[2:4]))}: {name}, {told[name]:.2f} for {exact:.2f} ms",
                     f"{100 * off:+.2f} %", "within 2 %", abs(off) <= 0.02)


def stalls():
    """A server that sleeps for a second, of ten."""
    for name, words in (("open", ("-R", 500, "-z", 10)), ("closed", ("-z", 10))):
        with faulty.Faulty() as server:
            told = wsbench("-c", 2, *words, "--warm-up", 0, server.url + "?stall=2500:1")["latency_ms"]
            shown = told["p99"] >= 850
            show(f"{name} loop: p99 {told['p99']:.2f}, max {told['max']:.0f} ms",
                 "shows" if shown else "hides", {"open": "shows", "closed": "hides"}[name],
                 shown == (name == "open") and told["max"] >= 990)


def faults():
    """One in a million."""
    for fault, count in (("corrupt", "wrong"), ("lose", "lost"), ("double", "doubled")):
        with faulty.Faulty() as server:
            told = wsbench("-c", 10, "-p", 16, "-n", 1000000, "-t", "2s", "--warm-up", 0,
                           f"{server.url}?{fault}=654321", status=(6,))["total"]
            counts = {name: told[name] for name in ("wrong", "lost", "doubled", "late", "unasked")}
            show(f"{fault} one of a million", counts[count], f"1 {count}, no other",
                 counts == dict.fromkeys(counts, 0) | {count: 1})
            show("  bytes sent, and received by the server", server.bytes, str(told["bytes_sent"]),
                 server.bytes == told["bytes_sent"])


def comparisons():
    """A server beside itself, twenty times."""
    held = {}
    with Wsechod() as server:
        for _ in range(20):
            told = wsbench("--compare", "--rounds", 10, "-z", "200ms", "--warm-up", "50ms", "-c", 10,
                           "--server-pid", server.pid, "--server-pid", server.pid, server.plain,
                           server.plain)
            for name, ratio in told["ratios"].items():
                held.setdefault(name, []).append(ratio["low"] <= 1 <= ratio["high"])
    # With 95 % confidence 17 of 20 or more hold in 98 of 100 tries.
    for name, shown in held.items():
        show(f"a server beside itself: {name} holds 1.0", f"{sum(shown)} of {len(shown)}",
             "19 of 20, or so", sum(shown) >= 0.85 * len(shown))


def costs():
    """What wsbench uses for each message, and what the server does."""
    for kind in ("url", "plain"):
        ratios, ours, theirs = [], [], []
        with Wsechod() as server:
            for _ in range(7):
                told = wsbench(*WORK, "-z", "1s", "-T", 1, "--server-pid", server.pid,
                               getattr(server, kind))
                ours.append(told["generator"]["cpu_us_per_message"])
                theirs.append(told["server"]["cpu_us_per_message"])
                ratios.append(ours[-1] / theirs[-1])
        show(f"{'TLS' if kind == 'url' else 'plain'}: {statistics.median(ours):.2f} us for "
             f"{statistics.median(theirs):.2f} us of the server's",
             f"{statistics.median(ratios):.2f}", "at most 1.00", statistics.median(ratios) <= 1)


def many():
    """20,000 connections from one process, or what fits in the limit of open files."""
    count = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)
    with Wsechod() as server:
        told = wsbench("-c", count, "-R", 2000, "-z", "5s", "--server-pid", server.pid, server.url)
    show("connections of one process", told["connections"]["open"], str(count),
         told["connections"]["open"] == count)
    show("  errors among them", told["total"]["lost"] + told["total"]["wrong"], "0",
         told["total"]["lost"] + told["total"]["wrong"] == 0)
    print(f"  opened in {told['connections']['opening_seconds']:.1f} s, "
          f"{told['server']['bytes_per_connection'] / 1024:.1f} KiB of the server's for each, "
          f"p99 {told['latency_ms']['p99']:.1f} ms at 2,000 messages a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="WORD", default="", help="what has this in its name")
    only = parser.parse_args().only
    for part in (percentiles, stalls, costs, many, comparisons, faults):
        if only in part.__name__:
            print(f"{part.__name__}: {part.__doc__}", flush=True)
            part()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
