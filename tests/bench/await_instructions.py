#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions of the library's operations outside the kernel, under callgrind.

Each row of await_bench runs twice, with few rounds and with many; what the second took more is
divided by the rounds it had more. With --against, another build's await_bench is counted as well;
with --top, the functions are listed that most instructions go to. Needs BUILD in the environment;
`make bench-await-instructions` sets it.
"""

import argparse
import collections
import concurrent.futures
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from instructions import functions  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
BACK_END = "ev"

# The rows, and how many rounds the short run and the long one have. Timers and sleepers have so
# many at once, and cost more the more there are.
ROWS = {
    "switch": (2000, 42000), "sleep0": (1000, 21000), "spawn": (1000, 21000),
    "gather": (1000, 21000), "event": (1000, 21000), "queue": (1000, 21000),
    "lock": (1000, 21000), "executor": (500, 4500), "timer_cancel": (1000, 100000),
    "timer_fire": (1000, 100000), "memory": (100, 4100),
}
# What one round of a row consists of: the rows of two tasks do their work twice.
TIMES = {"sleep0": 2, "event": 2, "lock": 2}


def count(build, row, rounds):
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        subprocess.run(["valgrind", "-q", "--tool=callgrind",
                        f"--callgrind-out-file={directory}/callgrind.%p",
                        f"{build}/bench/await_bench", BACK_END, row, str(rounds)],
                       check=True, stdout=subprocess.DEVNULL, timeout=300)
        return functions(directory)


def cost(pool, build, row):
    """Instructions by function for one operation of the row; the two runs are in the pool."""
    few, many = ROWS[row]
    runs = [pool.submit(count, build, row, rounds) for rounds in (few, many)]

    def ready():
        short, long = (run.result() for run in runs)
        each = (many - few) * TIMES.get(row, 1)
        return collections.Counter({key: (long[key] - short[key]) / each for key in long})
    return ready


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--against", metavar="BUILD", help="another build to compare with")
    parser.add_argument("--top", type=int, default=0, help="list this many functions")
    parser.add_argument("rows", nargs="*", default=list(ROWS), help=" ".join(ROWS))
    arguments = parser.parse_args()
    builds = [BUILD, *([arguments.against] if arguments.against else [])]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        cells = {row: [cost(pool, build, row) for build in builds] for row in arguments.rows}
        print(f"{'':14}{'here':>10}" + (f"{'other':>10}{'ratio':>8}" if len(builds) > 1 else ""))
        for row, waiting in cells.items():
            found = [ready() for ready in waiting]
            totals = [sum(counts.values()) for counts in found]
            line = f"{row:14}" + "".join(f"{total:10,.1f}" for total in totals)
            print(line + (f"{totals[0] / totals[1]:8.3f}" if len(totals) > 1 else ""), flush=True)
            for build, counts in zip(builds, found) if arguments.top else ():
                print(f"    {build}")
                for (name, library), number in counts.most_common(arguments.top):
                    print(f"    {number:10.1f}  {name}  {library}")


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, subprocess.SubprocessError) as failure:
        sys.exit(f"bench-await-instructions: {failure or 'interrupted'}")
