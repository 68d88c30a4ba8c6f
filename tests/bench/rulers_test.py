#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arithmetic of the rulers: intervals of medians, ratios of rounds, sums of counts."""

import json
import math
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
import echo  # noqa: E402
import instructions  # noqa: E402
import paper  # noqa: E402
import rows  # noqa: E402
import tables  # noqa: E402
from processes import Failed  # noqa: E402
from support import equal, main, scratch, test  # noqa: E402


def ordered(count):
    """The ranks of the ends of the interval, from 1, for this many values."""
    low, high = tables.median_interval([3 * i for i in reversed(range(count))])
    return low // 3 + 1, high // 3 + 1


@test("the interval of a median has the ranks that tables of the sign test give")
def _():
    for count, ranks in ((6, (1, 6)), (9, (2, 8)), (15, (4, 12)), (20, (6, 15)), (25, (8, 18))):
        equal(ordered(count), ranks, f"the ranks for {count} values")


@test("too few values for an interval give all of them")
def _():
    for count in (1, 2, 5):
        equal(ordered(count), (1, count))


@test("the interval holds the true median in about 19 of 20 cases")
def _():
    source = random.Random(1)
    held = 0
    for _ in range(2000):
        low, high = tables.median_interval([source.expovariate(1) for _ in range(25)])
        held += low <= math.log(2) <= high
    equal(0.94 < held / 2000 < 0.98, True, f"that {held} of 2000 are about 19 of 20")


@test("counts of several processes are added by function, without the callees'; none is a failure")
def _():
    directory = scratch() / "counts"
    directory.mkdir()
    try:
        instructions.functions(directory)
        raise AssertionError("no count is no failure")
    except Failed:
        pass
    (directory / "callgrind.7").write_text("""version: 1
positions: line
events: Ir

ob=(1) /usr/bin/server
fl=(1) a.c
fn=(1) main
10 1000
+2 5
cob=(2) /lib/libc.so.6
cfn=(2) send
calls=3 40
* 700
13 1
ob=(2)
fn=(2)
40 700
fn=(3) 0x00123
0 2
fn=(4) 0x00456
0 3
ob=(1)
fn=(5) main'2
10 4

totals: 1715
""")
    (directory / "callgrind.8").write_text("events: Ir\nob=(9) libc.so.6\nfn=(1) send\n1 30\n")
    equal(instructions.functions(directory),
          {("main", "server"): 1010, ("send", "libc"): 730, ("(without name)", "libc"): 5})


@test("ratios are taken within a round, and not in one that lacks one of the two")
def _():
    def rounds(**seconds):
        return [{"cpu_us": value, "round": name} for name, value in seconds.items()]

    bench = object.__new__(echo.Bench)
    bench.results = {"one": {"row": rounds(a=1, b=2, c=3, d=0, e=5)},
                     "two": {"row": rounds(b=8, a=2, d=4, e=0)}}
    equal(bench.ratios("one", "two", "row"), [0.5, 0.25])
    bench.results["two"]["row"].clear()
    equal(bench.ratios("one", "two", "row"), [])


@test("README.md and the files beside echo.json show what is in it")
def _():
    found = json.loads((paper.RESULTS / "echo.json").read_text(encoding="utf-8"))
    shown = paper.README.read_text(encoding="utf-8").split(paper.BEGIN)[1].split(paper.END)[0]
    equal(shown.lstrip("\n"), paper.text(found), "the tables in README.md")
    for name, content in (("md", paper.text(found)), ("svg", paper.drawing(found))):
        equal((paper.RESULTS / f"echo.{name}").read_text(encoding="utf-8"), content, f"echo.{name}")
    equal({"processor", "cores", "memory", "kernel", "time", "load_average"} - set(found["machine"]),
          set(), "what is not told of the machine")


@test("each row has servers to compare, and each server is in a row")
def _():
    peers = rows.peers()
    for title, row in rows.ROWS.items():
        names = [name for name, peer in peers.items() if getattr(peer, row.scheme)]
        equal(rows.OURS in names and len(names) >= 3, True, f"that {names} are enough for {title}")
    schemes = {row.scheme for row in rows.ROWS.values()}
    equal([n for n, p in peers.items() if not any(getattr(p, s) for s in schemes)], [])


main()
