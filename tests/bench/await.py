#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the library's operations beside the same work on CPython's asyncio, and on uvloop.

They take turns, round after round; medians are shown. Of what needs the kernel, a bare C program
tells what that takes alone: no library can take less. Needs BUILD in the environment; `make
bench-await` sets it.
"""

import argparse
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", "build")
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
COMMANDS = {
    "await": [f"{BUILD}/bench/await_bench"],
    "asyncio": [PYTHON, f"{HERE}/await_bench.py"],
    "uvloop": [PYTHON, f"{HERE}/await_bench.py", "uvloop"],
    "floor": [f"{BUILD}/bench/handover"],
}
LIMIT = 120  # seconds, for one of them
RATIO = 20

# What the programs print, what it is, the most it should be, and whether the aim is also to be
# RATIO times as fast as asyncio. Python's switch is a bare generator's: asyncio has none so small.
ROWS = [
    ("switch", "switch from stack to stack, ns", 10, False),
    ("sleep0", "switch from task to task, sleep(0), ns", None, True),
    ("spawn", "spawn + join, one by one, ns", 300, True),
    ("gather", "spawn + gather, 100 at once, ns", None, True),
    ("event", "event ping-pong between two tasks, ns", None, True),
    ("queue", "queue of one place, each item, ns", None, True),
    ("lock", "lock handed over between two tasks, ns", None, True),
    ("executor", "run_in_executor and back, ns", None, True),
    ("timer_cancel", "timer, 100,000 pending: insert + cancel, ns", None, True),
    ("timer_fire", "timer, 100,000 pending: insert + fire, ns", None, True),
    ("memory", "memory per task, 100,000 asleep, bytes", 6 * 1024, False),
]


def run(command):
    """Name and number of each line that the program prints, or None with the reason."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode != 0:
        return None, (done.stderr.strip().split("\n") or ["it failed"])[-1]
    return {name: float(number) for name, number in map(str.split, done.stdout.splitlines())}, None


def measure(rounds):
    """The medians of each that runs, and why the others do not."""
    results, failures = {name: [] for name in COMMANDS}, {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for name, command in COMMANDS.items():
            result, reason = run(command)
            if result:
                results[name].append(result)
            else:
                failures[name] = reason
    medians = {
        name: {key: statistics.median(result[key] for result in found) for key in found[0]}
        for name, found in results.items()
        if found
    }
    return medians, failures


def verdict(value, other, floor, most, ratio):
    words = []
    if most is not None:
        words.append(f"under {most:,}: " + ("met" if value < most else "NOT MET"))
    if ratio and other is not None:
        words.append(f"{RATIO} ×: " + ("met" if other / value >= RATIO else "NOT MET"))
    if floor is not None:
        words.append(f"the kernel alone takes {floor:,.0f}")
    return "; ".join(words)


def figure(value):
    return "-" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def lines(medians):
    yield ["", "await", "asyncio", "ratio", "uvloop", "ratio", "aim"]
    for key, title, most, ratio in ROWS:
        ours, asyncio, uvloop, floor = (medians.get(name, {}).get(key) for name in COMMANDS)
        line = [title, figure(ours)]
        for other in (asyncio, uvloop):
            line += [figure(other), f"{other / ours:.1f} ×" if ours and other else "-"]
        yield [*line, verdict(ours, asyncio, floor, most, ratio) if ours else "not measured"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    medians, failures = measure(parser.parse_args().rounds)
    table = list(lines(medians))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        figures = [text.rjust(width) for text, width in zip(line[1:-1], widths[1:])]
        print("  ".join([line[0].ljust(widths[0]), *figures, line[-1]]).rstrip())
    for name, reason in failures.items():
        print(f"{name}: {reason}")
    if "await" not in medians:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
