#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures wsechod, one worker, beside other WebSocket servers under the same load of wsbench.

The servers take turns, round after round, so that what else the machine does falls on all of them;
medians are shown. Server and load each have a processor of their own where there are two. With
--against, two builds of wsechod are compared, round by round, beside limit.c alone.
Needs BUILD and CERTS in the environment; `make bench` sets them.
"""

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import machine  # noqa: E402
import tables  # noqa: E402
from processes import Failed, Load, Server, calls_counter, raise_file_limit  # noqa: E402
from rows import ACTIVE, BUILD, OURS, ROWS, peers, write_messages  # noqa: E402

LOAD = f"{BUILD}/wsbench"
RESTING = 0.5  # of a core: half of what a server could take


def run_load(server, options, times=()):
    with Load(LOAD, server, [*options, *times]) as load:
        return figures(load.result())


def figures(told):
    """What the tables need of wsbench's result. `cpu_us` is the server's, for each message."""
    latency = told["cycle_ms"] or told["latency_ms"]
    if not latency:
        raise Failed("no message came back")
    return {
        "cpu_us": told["server"]["cpu_us_per_message"] or 0,
        "own_cpu_us": told["generator"]["cpu_us_per_message"],
        "rate": told["rate"],
        "busy": told["server"]["cpu_seconds"] / told["seconds"],
        "own_busy": told["generator"]["busiest_thread"],
        "waited": told["generator"]["waited"],
        "compressed": "permessage-deflate" in told["connection"],
    } | {f"{name}_us": latency[name] * 1000 for name in ("p50", "p99", "p99.9")}


class Bench:
    """What was measured: results[name][row] is a list; failures[name] are sentences."""

    def __init__(self, arguments):
        self.against = arguments.against
        self.rounds = arguments.rounds or (25 if self.against else 9)
        self.long_times = ["-z3s", "--warm-up=1s"] if arguments.full else ["-z700ms", "--warm-up=200ms"]
        # Servers that take turns quickly meet the same machine.
        self.times = self.long_times if arguments.full else ["-z300ms", "--warm-up=60ms"]
        self.peers = peers(arguments.loops, self.against)
        if arguments.only:
            self.peers = {n: p for n, p in self.peers.items() if n == OURS or arguments.only in n}
        self.rows = {name: row for name, row in ROWS.items() if arguments.row in name}
        self.results = {name: {row: [] for row in self.rows} for name in self.peers}
        self.halves = {name: {row: [] for row in self.rows} for name in self.peers}
        self.calls = {name: {} for name in self.peers}
        self.idle = {}
        self.failures = {name: [] for name in self.peers}
        limit = raise_file_limit() - 300
        self.idle_count = min(arguments.idle or (5000 if arguments.full else 2000), limit)
        self.counter = calls_counter()

    @contextlib.contextmanager
    def noting(self, name, what):
        """A server's failure is noted, and is no reason to stop."""
        try:
            yield
        except Failed as failure:
            self.failures[name].append(f"{what}{failure}")

    def start(self, stack):
        """All that are there: (name, scheme) to Server."""
        running = {}
        for name, peer in self.peers.items():
            if why := peer.missing():
                self.failures[name].append(why)
                continue
            for scheme in {row.scheme for row in self.rows.values()}:
                if command := getattr(peer, scheme):
                    with self.noting(name, ""):
                        running[name, scheme] = Server(command)
                        stack.callback(running[name, scheme].stop)
        return running

    def measure(self):
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            write_messages(self.rows, directory)
            running = self.start(stack)
            for number in range(self.rounds):
                self.measure_round(running, number, "", self.measure_row)
            for number in range(0 if self.against else self.rounds):
                self.measure_round(running, number, "half of capacity, ", self.measure_half)
            progress("system calls")
            for (name, scheme), server in running.items():
                for title, row in self.rows.items() if self.counter else ():
                    if row.calls and row.scheme == scheme:
                        with self.noting(name, "counting system calls: "):
                            self.calls[name][title] = self.count_calls(server, row)
        for name, scheme in running:
            if scheme == "wss":
                progress(f"idle connections: {name}")
                with self.noting(name, f"{self.idle_count} idle connections: "):
                    self.measure_idle(name)
        progress("")

    def measure_round(self, running, number, what, measure):
        """Back and forth, so that a drift of the machine favours none."""
        order = list(running.items())[:: 1 if number % 2 == 0 else -1]
        for title, row in self.rows.items():
            progress(f"round {number + 1} of {self.rounds}: {what}{title}")
            for (name, scheme), server in order:
                if scheme == row.scheme:
                    measure(name, server, title, number)

    def measure_row(self, name, server, title, number):
        """One load; a server that failed at it twice, or has ended, is let off."""
        failed = [text for text in self.failures[name] if text.startswith(title)]
        if len(failed) < 2 and server.process.poll() is None:
            with self.noting(name, title + ": "):
                row = self.rows[title]
                times = ["-n", str(row.messages)] if row.messages else self.times
                result = run_load(server, row.options, times)
                if row.scheme == "deflate" and not result["compressed"]:
                    raise Failed("it does not compress")
                self.results[name][title].append(result | {"round": number})
            if server.process.poll() is not None:
                self.failures[name].append(f"{title}: the server ended ({server.process.poll()})")

    def measure_half(self, name, server, title, number):
        """Latencies at the rate that takes half of a core, by what a message cost before."""
        cost = self.cost(name, title)
        if self.rows[title].half and cost:
            rate = ["--rate", str(max(1, round(RESTING / cost * 1e6)))]
            with self.noting(name, f"half of capacity, {title}: "):
                result = run_load(server, [*self.rows[title].options, *rate], self.long_times)
                self.halves[name][title].append(result | {"round": number})

    def count_calls(self, server, row):
        """System calls per message: a long load's less a short one's, without the handshakes."""
        found = []
        for messages in row.count:
            with self.counter(server.pids()) as count:
                run_load(server, [*row.options, "-n", str(messages)])
                found.append(count())
        return (found[1] - found[0]) / (row.count[1] - row.count[0])

    def measure_idle(self, name):
        """Memory per idle connection, and the cost of ten busy ones without and among them."""
        times = range(3 if name == OURS else 1)
        server = Server(self.peers[name].wss)
        try:
            alone = [run_load(server, ACTIVE, self.long_times) for _ in times]
            idle = ["--idle", "-c", str(self.idle_count), "-z0"]
            with Load(LOAD, server, idle) as load:
                server.wait_idle(self.idle_count)
                among = [run_load(server, ACTIVE, self.long_times) for _ in (*times, *times)]
                load.interrupt()
                each = load.result()["server"]["bytes_per_connection"]
            alone += [run_load(server, ACTIVE, self.long_times) for _ in times]
            medians = [statistics.median(one["cpu_us"] for one in all_) for all_ in (alone, among)]
            self.idle[name] = (*medians, each)
        finally:
            server.stop()

    def costs(self, name, row):
        return [result["cpu_us"] for result in self.results[name][row]]

    def cost(self, name, row):
        """The median cost, or None."""
        costs = self.costs(name, row)
        return statistics.median(costs) if costs else None

    def ratios(self, name, to, row):
        """What one cost of what the other did, in each round in which both had processor time."""
        one, other = ({result["round"]: result["cpu_us"] for result in self.results[each][row]}
                      for each in (name, to))
        return [one[n] / other[n] for n in one if one[n] > 0 and other.get(n, 0) > 0]

    def ratio(self, name, to, row):
        """The median of these, or None."""
        ratios = self.ratios(name, to, row) if to in self.peers else []
        return statistics.median(ratios) if ratios else None


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--full", action="store_true", help="longer, and with 5,000 idle ones")
    parser.add_argument("--loops", action="store_true", help="wsechod on each of its loops, too")
    parser.add_argument("--idle", type=int, help="how many idle connections")
    parser.add_argument("--against", metavar="BUILD", help="another build to compare with")
    parser.add_argument("--rounds", type=int, help="how many (9, against another 25)")
    parser.add_argument("--only", metavar="WORD", help="wsechod and servers with this in the name")
    parser.add_argument("--row", metavar="WORD", default="", help="rows with this in their title")
    parser.add_argument("--save", metavar="DIRECTORY", help="write echo.json, echo.md, echo.svg")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(arguments)
    where = machine.describe({name: peer.version for name, peer in bench.peers.items()}, BUILD)
    try:
        bench.measure()
    except KeyboardInterrupt:
        sys.exit(130)
    where["load_average_at_end"] = [round(load, 2) for load in os.getloadavg()]
    tables.show(bench)
    if arguments.save:
        tables.save(bench, where, arguments.save)


if __name__ == "__main__":
    main()
