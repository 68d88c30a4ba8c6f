#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures wsechod with compressed messages, beside npm's ws and python3-websockets.

All of them compress each message by itself (both no_context_takeover), with zlib's level 6, over
TLS. wsbench is the load, and checks what comes back. The servers take turns, round after round;
medians are shown. Needs BUILD and CERTS in the environment; `make bench` sets them.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from processes import LOAD_CPU, Failed, Server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD, CERTS = os.environ.get("BUILD", "build"), os.environ.get("CERTS", "certs")
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
PAIR = [f"{CERTS}/localhost.pem", f"{CERTS}/localhost.key"]
os.environ.setdefault("NODE_PATH", os.path.abspath(f"{HERE}/../../build/npm/node_modules"))
OURS, WS = "wsechod", "ws (node)"

SERVERS = {
    OURS: [f"{BUILD}/wsechod", "--listen", "wss://127.0.0.1:0", "--cert", PAIR[0], "--key", PAIR[1]],
    WS: ["node", f"{HERE}/peer_ws.js", "0", *PAIR, "deflate"],
    "python3-websockets": [PYTHON, f"{HERE}/peer_websockets.py", "0", *PAIR, "deflate"],
}
ROWS = {"1 KiB": 1024, "16 KiB": 16384}
MESSAGES = {"1 KiB": 12000, "16 KiB": 4000}  # a number, so that all that costs is counted
AIM = 0.5  # of the processor time that ws takes


def some_json(size):
    """A list of records, as a service may send it; cut off at the size."""
    records, state = [], 1
    while sum(map(len, records)) < size:
        state = (state * 1103515245 + 12345) & 0xffffffff
        records.append(json.dumps({
            "id": state >> 8, "name": f"user{state >> 12 & 4095}", "active": bool(state & 65536),
            "score": (state >> 9) % 10000 / 100, "tags": [f"a{state >> 20 & 31}", f"b{state >> 14 & 31}"]}))
    return ", ".join(records)[:size]


def load(server, path, messages):
    """What wsbench measured."""
    command = [f"{BUILD}/wsbench", "--json", "--insecure", "--compress-mode", "shared", "-T", "1"]
    command += ["-c", "100", "-p", "16", "-m", f"@{path}", "-n", str(messages), "-t", "60s"]
    for pid in server.pids():
        command += ["--server-pid", str(pid)]
    done = subprocess.run([*command, server.url], check=False, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}))
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"wsbench ended with {done.returncode}")
    found = json.loads(done.stdout)
    if "permessage-deflate" not in found["connection"]:
        raise Failed("it does not compress")
    return found


def measure(rounds, times):
    """Of each row and server the results; and sentences about what failed."""
    results = {row: {name: [] for name in SERVERS} for row in ROWS}
    failures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        paths = {row: os.path.join(directory, row) for row in ROWS}
        for row, path in paths.items():
            with open(path, "w", encoding="ascii") as file:
                file.write(some_json(ROWS[row]))
        running = {}
        try:
            for name, command in SERVERS.items():
                try:
                    running[name] = Server(command)
                except Failed as failure:
                    failures.append(f"{name}: {failure}")
            for number in range(rounds):
                for row, path in paths.items():
                    for name in list(running)[:: 1 if number % 2 == 0 else -1]:
                        try:
                            results[row][name].append(load(running[name], path, times * MESSAGES[row]))
                        except Failed as failure:
                            failures.append(f"{name}, {row}: {failure}")
        finally:
            for server in running.values():
                server.stop()
    return results, failures


def cost(found):
    """The median of microseconds of the server's processor time per message, or None."""
    return statistics.median(one["server"]["cpu_us_per_message"] for one in found) if found else None


def show(results):
    """A table for each row."""
    for row, by_server in results.items():
        print(f"\n{row} of JSON, compressed, 100 connections, 16 in flight")
        print(f"  {'server':20}{'CPU µs each':>14}{'× wsechod':>12}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}")
        own = cost(by_server[OURS])
        for name, found in by_server.items():
            each = cost(found)
            if each is None:
                print(f"  {name:20}{'-':>14}")
                continue
            rate, p50, p99 = (statistics.median(values) for values in zip(*(
                (one["rate"], one["latency_ms"]["p50"], one["latency_ms"]["p99"]) for one in found)))
            ratio = f"{each / own:.2f}" if own else "-"
            print(f"  {name:20}{each:14.1f}{ratio:>12}{rate:12,.0f}{p50:9.1f}{p99:9.1f}", flush=True)


def show_aims(results):
    print("\nAims for compression")
    for row, by_server in results.items():
        ours, other = cost(by_server[OURS]), cost(by_server[WS])
        value = ours / other if ours and other else None
        word = "not measured" if value is None else "met" if value <= AIM else "NOT MET"
        print(f"  {row} of JSON: CPU at most {AIM} × that of ws: "
              f"{'-' if value is None else f'{value:.2f}'}, {word}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="how many (3)")
    parser.add_argument("--times", type=int, default=1, help="as many messages (1)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results, failures = measure(arguments.rounds, arguments.times)
    show(results)
    for failure in failures:
        print(f"\n{failure}")
    show_aims(results)


if __name__ == "__main__":
    main()
