#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures wsechod, one worker over TLS, beside other WebSocket servers under the same load.

The servers take turns, round after round, so that what else the machine does falls on all of them;
medians are shown. Server and load each have a processor of their own where there are two. With
--against, two builds of wsechod are compared, round by round, beside limit.c alone.
Needs BUILD and CERTS in the environment; `make bench` sets them.
"""

import argparse
import contextlib
import math
import os
import signal
import statistics
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from processes import CPUS, Failed, Load, Server, calls_counter, raise_file_limit  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD, CERTS = os.environ.get("BUILD", "build"), os.environ.get("CERTS", "certs")
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
LOAD = f"{BUILD}/bench/load"
PAIR = [f"{CERTS}/localhost.pem", f"{CERTS}/localhost.key"]
os.environ.setdefault("NODE_PATH", os.path.abspath(f"{HERE}/../../build/npm/node_modules"))
OURS, OTHER, LIMIT, LWS = "wsechod", "other", "limit", "lws as its examples do"

ROWS = {
    "128 B, 100 connections, 1 in flight": ["-s128", "-c100", "-f1"],
    "128 B, 100 connections, 16 in flight": ["-s128", "-c100", "-f16"],
    "16 KiB, 50 connections, 4 in flight": ["-s16K", "-c50", "-f4"],
    "1 MiB, 10 connections, 1 in flight": ["-s1M", "-c10", "-f1"],
    "connect + TLS + upgrade + echo of 128 B + close, 16 at once": ["-s128", "-c16", "-r"],
}
FEW, PIPELINED = list(ROWS)[:2]
COUNTED = (FEW, PIPELINED)  # the rows for which system calls are counted
ACTIVE = ["-s128", "-c10", "-f1"]


def servers(loops, against):
    """Names and commands."""

    def wsechod(loop, build=BUILD):
        command = [f"{build}/wsechod", "--listen", "wss://127.0.0.1:0", "--loop", loop]
        return [*command, "--cert", PAIR[0], "--key", PAIR[1]]

    found = {OURS: wsechod("auto")}
    if against:
        found[OTHER] = wsechod("auto", against)
    found[LIMIT] = [f"{BUILD}/bench/limit", "0", *PAIR]
    if against:
        return found
    for loop in ("ev", "uv", "poll") if loops else ():
        found[f"wsechod --loop {loop}"] = wsechod(loop)
    found[LWS] = [f"{BUILD}/bench/lws_echo", "0", *PAIR]
    found["ws (node)"] = ["node", f"{HERE}/peer_ws.js", "0", *PAIR]
    found["python3-websockets"] = [PYTHON, f"{HERE}/peer_websockets.py", "0", *PAIR]
    found["aiohttp"] = [PYTHON, f"{HERE}/peer_aiohttp.py", "0", *PAIR]
    return found


def cost(result):
    """Microseconds of the server's processor time per message."""
    return result["server_cpu_s"] / result["messages"] * 1e6


def run_load(server, options, times):
    with Load(LOAD, server, [*options, *times]) as load:
        return load.result()


class Bench:
    """What was measured: results[name][row] is a list; failures[name] are sentences."""

    def __init__(self, arguments):
        self.against = arguments.against
        self.rounds = arguments.rounds or (25 if self.against else 7 if arguments.full else 3)
        self.times = ["-d3s", "-w1s"] if arguments.full else ["-d700ms", "-w200ms"]
        if self.against:
            # Servers that take turns quickly meet the same machine.
            self.times = ["-d250ms", "-w50ms"]
        self.servers = servers(arguments.loops, self.against)
        self.results = {name: {row: [] for row in ROWS} for name in self.servers}
        self.calls = {name: {} for name in self.servers}
        self.idle = {}
        self.failures = {name: [] for name in self.servers}
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

    def measure(self):
        with contextlib.ExitStack() as stack:
            running = {}
            for name, command in self.servers.items():
                with self.noting(name, ""):
                    running[name] = Server(command)
                    stack.callback(running[name].stop)
            for number in range(self.rounds):
                # Back and forth, so that a drift of the machine favours none.
                order = list(running.items())[:: 1 if number % 2 == 0 else -1]
                for row in ROWS:
                    progress(f"round {number + 1} of {self.rounds}: {row}")
                    for name, server in order:
                        self.measure_row(name, server, row, number)
            progress("system calls")
            for name, server in running.items():
                for row in COUNTED if self.counter else ():
                    with self.noting(name, "counting system calls: "):
                        self.calls[name][row] = self.count_calls(server, row)
        for name in running if not self.against else ():
            progress(f"idle connections: {name}")
            with self.noting(name, f"{self.idle_count} idle connections: "):
                self.measure_idle(name)
        progress("")

    def measure_row(self, name, server, row, number):
        """One load; a server that failed at it twice, or has ended, is let off."""
        failed = [text for text in self.failures[name] if text.startswith(row)]
        if len(failed) < 2 and server.process.poll() is None:
            with self.noting(name, row + ": "):
                result = run_load(server, ROWS[row], self.times)
                self.results[name][row].append(result | {"round": number})
            if server.process.poll() is not None:
                self.failures[name].append(f"{row}: the server ended ({server.process.poll()})")

    def count_calls(self, server, row):
        """System calls per message."""
        with Load(LOAD, server, [*ROWS[row], "-w0", "-d500ms"], hold=True) as load:
            load.wait_open()
            with self.counter(server.pids()) as count:
                load.go()
                messages = load.result()["messages"]
                return count() / messages

    def measure_idle(self, name):
        """Memory per idle connection, and the cost of ten busy ones without and among them."""
        times = range(3 if name == OURS else 1)
        server = Server(self.servers[name])
        try:
            alone = [run_load(server, ACTIVE, self.times) for _ in times]
            before = server.memory()
            with Load(LOAD, server, ["-s128", "-c0", f"-i{self.idle_count}"], hold=True) as idle:
                idle.wait_open()
                each = (server.memory() - before) / self.idle_count
                among = [run_load(server, ACTIVE, self.times) for _ in (*times, *times)]
            alone += [run_load(server, ACTIVE, self.times) for _ in times]
            medians = [statistics.median(map(cost, results)) for results in (alone, among)]
            self.idle[name] = (*medians, each)
        finally:
            server.stop()

    def cost(self, name, row):
        """The median cost, or None."""
        results = self.results[name][row]
        return statistics.median(map(cost, results)) if results else None

    def ratios(self, name, to, row):
        """What one cost of what the other did, in each round in which both had processor time."""
        one, other = (
            {result["round"]: cost(result) for result in self.results[each][row]}
            for each in (name, to)
        )
        return [one[n] / other[n] for n in one if one[n] > 0 and other.get(n, 0) > 0]


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def ratio(value, to):
    return f"{value / to:.2f}" if value is not None and to else "-"


def table(title, columns, rows, first="server"):
    """Names to the left, figures to the right."""
    print(f"\n{title}")
    rows = [[first, *columns], *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        figures = [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join([row[0].ljust(widths[0]), *figures]))


def show_row(bench, row):
    columns = ["CPU µs each", "× wsechod", "× limit", "per second", "p50 µs", "p99 µs", "p99.9 µs", "busy"]
    calls = row in COUNTED and bench.counter
    lines = []
    for name in bench.servers:
        results = bench.results[name][row]
        if not results:
            lines.append([name] + ["-"] * (len(columns) + bool(calls)))
            continue

        def middle(key, of=results):
            return statistics.median(result[key] for result in of)

        busy = statistics.median(r["server_cpu_s"] / r["seconds"] for r in results)
        own = bench.cost(name, row)
        line = [name, f"{own:.2f}", ratio(own, bench.cost(OURS, row))]
        line += [ratio(own, bench.cost(LIMIT, row)), f"{middle('rate'):,.0f}"]
        line += [f"{middle(key):,.0f}" for key in ("p50_us", "p99_us", "p999_us")]
        line.append(f"{busy:.0%}")
        if calls:
            count = bench.calls[name].get(row)
            line.append("-" if count is None else f"{count:.2f}")
        lines.append(line)
    table(row, columns + (["system calls"] if calls else []), lines)


def show_idle(bench):
    columns = ["alone, CPU µs each", "among the idle", "ratio", "bytes per idle", "× wsechod"]
    ours = bench.idle.get(OURS, (None, None, None))[2]
    lines = []
    for name in bench.servers:
        alone, among, each = bench.idle.get(name, (None, None, None))
        if alone is None:
            lines.append([name] + ["-"] * len(columns))
            continue
        line = [name, f"{alone:.2f}", f"{among:.2f}", ratio(among, alone), f"{each:,.0f}"]
        lines.append(line + [ratio(each, ours)])
    title = f"128 B, 10 connections, 1 in flight, alone and among {bench.idle_count:,} idle ones"
    table(title, columns, lines)


def median_interval(values):
    """The ends of the interval that holds the true median in 19 of 20 cases, whatever the
    distribution; all of the values if they are fewer than six."""
    values, count, chance, rank = sorted(values), len(values), 0, 0
    while (chance := chance + math.comb(count, rank) / 2**count) <= 0.025:
        rank += 1
    rank = max(rank - 1, 0)
    return values[rank], values[-1 - rank]


def show_comparison(bench):
    """The ratios of costs within a round: their medians, and how sure these are."""
    pairs = [(OURS, OTHER), (OURS, LIMIT), (OTHER, LIMIT)]
    columns = [text for name, to in pairs for text in (f"{name} / {to}", "95 %", "rounds")]
    lines = []
    for row in ROWS:
        line = [row]
        for name, to in pairs:
            found = bench.ratios(name, to, row)
            line.append(f"{statistics.median(found):.3f}" if found else "-")
            line.append("{:.2f}-{:.2f}".format(*median_interval(found)) if found else "-")
            line.append(str(len(found)))
        lines.append(line)
    title = f"Ratios of server CPU per message within a round; other is {bench.against}/wsechod"
    table(title, columns, lines, "row")


def show_aims(bench):
    ours, lws = bench.cost(OURS, PIPELINED), bench.cost(LWS, PIPELINED)
    alone, among, each = bench.idle.get(OURS, (None, None, None))
    count = f"{bench.idle_count:,}"
    aims = [
        (f"{PIPELINED}: CPU at most 1/8 of conventional lws",
         ours / lws if ours and lws else None, 1 / 8, "{:.3f}"),
        (f"with {count} idle connections: CPU at most 1.1 × that without them",
         among / alone if alone else None, 1.1, "{:.2f}"),
        ("at most 28 KiB per idle TLS connection", each, 28 * 1024, "{:,.0f}"),
    ]  # fmt: skip
    print("\nAims for wsechod")
    for aim, value, most, form in aims:
        word = "not measured" if value is None else "met" if value <= most else "NOT MET"
        print(f"  {aim}: {'-' if value is None else form.format(value)}, {word}")


def show(bench):
    print(f"wsechod, one worker, TLS 1.3 on loopback; medians of {bench.rounds} rounds", end="")
    print("" if len(CPUS) > 1 else "; server and load share one processor", flush=True)
    for row in ROWS:
        show_row(bench, row)
    if bench.against:
        show_comparison(bench)
    else:
        show_idle(bench)
    if bench.counter is None:
        print("\nSystem calls were not counted: neither perf nor strace is there and permitted.")
    for name, failures in bench.failures.items():
        for failure in failures:
            print(f"\n{name}: {failure}")
    if not bench.against:
        show_aims(bench)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--full", action="store_true", help="longer, and with 5,000 idle ones")
    parser.add_argument("--loops", action="store_true", help="wsechod on each of its loops, too")
    parser.add_argument("--idle", type=int, help="how many idle connections")
    parser.add_argument("--against", metavar="BUILD", help="another build to compare with")
    parser.add_argument("--rounds", type=int, help="how many (3, in full 7, against another 25)")
    parser.add_argument("--only", metavar="WORD", help="wsechod and servers with this in the name")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(arguments)
    if arguments.only:
        bench.servers = {n: c for n, c in bench.servers.items() if n == OURS or arguments.only in n}
    try:
        bench.measure()
    except KeyboardInterrupt:
        sys.exit(130)
    show(bench)


if __name__ == "__main__":
    main()
