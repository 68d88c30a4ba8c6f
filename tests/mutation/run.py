#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes mutants of the sources, and looks whether the tests notice.

All mutants of the sample are built into one copy of the tree, in build/mutation; a variable of the
environment chooses one. The first run of each test, with none chosen, tells which mutants the test
reaches, and how long it takes. Then each mutant meets the tests that reach it: first those of its
own folder and the quick ones, at last those of the programs. A mutant is killed when a test fails
with it twice. Which mutants are made depends on the sources, the count and the seed alone.

build/mutation has the report as report.txt and report.json.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

from equivalent import Wrong, lws_version, read, reason_of
from mutants import mutants_of, sample
from tree import ROOT, Failure, Tree

ROOMS = ("common/ws", "common/tls", "common/net", "common/loop", "common/task", "common/executor",
         "server", "client")
# These build trees of their own, which have no mutants.
BUILDING = ("install_test.py", "make_test.py", "examples_test.py")
LOOPS = ("uv:", "poll:")  # the other back ends, which only the loop's own tests and files meet


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def sources():
    """Of the rooms; wsbench is measured, not mutated."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            if not name.startswith("client/bench/"):
                yield name


def choose(only, count, seed, is_wanted):
    """The sample: as many of each room as the square root of its size says; or all that is wanted."""
    rooms = {}
    for path in sources():
        if any(path == part or path.startswith(part.rstrip("/") + "/") for part in only):
            rooms.setdefault(room_of(path), []).extend(mutants_of(path, (ROOT / path).read_text()))
    if not rooms:
        raise Failure(f"nothing to mutate in {' '.join(only)}")
    if is_wanted:
        return number_all([mutant for found in rooms.values() for mutant in found if is_wanted(mutant)])
    weights = {room: len(found) ** 0.5 for room, found in rooms.items()}
    chosen = []
    for room, found in rooms.items():
        share = max(1, round(count * weights[room] / sum(weights.values())))
        chosen += sample(found, share, f"{seed} {room}")
    random.Random(seed).shuffle(chosen)
    return number_all(chosen)


def number_all(mutants):
    for number, mutant in enumerate(mutants):
        mutant.number = number
    return mutants


def wanted(lines, again):
    """Says which mutants are in a file of lines, "path: text", or were not noticed in a report; None
    if neither is given."""
    if lines:
        pairs = (line.partition(": ") for line in pathlib.Path(lines).read_text().splitlines() if line)
        named = {(name, " ".join(text.split())) for name, _, text in pairs}
        return lambda mutant: mutant.key()[:2] in named
    if again:
        left = {tuple(entry["key"]) for entry in json.loads(pathlib.Path(again).read_text())
                if entry["result"] in ("survived", "not reached", "not run")}
        return lambda mutant: mutant.key() in left
    return None


def read_entries():
    try:
        return read((ROOT / "tests/mutation/equivalent.txt").read_text())
    except Wrong as wrong:
        raise Failure(str(wrong)) from None


class Run:
    """A sample, the tree and what is known of the tests."""

    def __init__(self, options):
        self.options = options
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.place = ROOT / options.place
        self.mutants = choose(options.only or ROOMS, options.count, options.seed,
                              wanted(options.lines, options.again))
        known, version = read_entries(), lws_version()
        for mutant in self.mutants:
            mutant.why = reason_of(known, mutant, version)
            mutant.result = "equivalent" if mutant.why else "not run"
        self.suite = [name for name in options.suite if not name.endswith(BUILDING)]
        self.reached, self.seconds = {}, {}

    def log(self, text):
        with self.lock:
            print(f"{(time.monotonic() - self.begin) / 60:5.1f} min  {text}", flush=True)

    def over(self):
        return time.monotonic() - self.begin > self.options.minutes * 60

    def prepare(self):
        self.log(f"{len(self.mutants)} mutants")
        self.tree = Tree(self.place / "tree", self.log)
        loops = any(room_of(mutant.path) == "common/loop" for mutant in self.mutants)
        self.suite = [name for name in self.suite if not name.startswith(LOOPS) or
                      (loops and "/tests/loop/" in name)]
        self.tree.build(self.mutants, self.suite)
        for mutant in self.mutants:
            if not mutant.compiles and mutant.result == "not run":
                mutant.result = "not compiled"
        self.log("built")

    def each(self, function, items):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(function, items))

    def record(self, name):
        """What a test reaches, and how long it takes."""
        with tempfile.NamedTemporaryFile(prefix="wsecho-mutants-") as file:
            file.write(bytes(max(mutant.number for mutant in self.mutants) + 1))
            file.flush()
            os.chmod(file.name, 0o666)
            # Programs of the tests may run as somebody else.
            how, seconds, said = self.tree.test(name, 600, MUTANTS_REACHED=file.name)
            if how != "passed":
                how, seconds, said = self.tree.test(name, 600, MUTANTS_REACHED=file.name)
            file.seek(0)
            reached = file.read()
        with self.lock:
            self.seconds[name] = seconds
            self.reached[name] = {number for number, byte in enumerate(reached) if byte}
        if how != "passed":
            self.reached[name] = set()
            self.log(f"{name} is left out: it {how} without a mutant\n{said[-1500:]}")

    def tests_for(self, mutant):
        """Those that reach it, the likely and the quick ones first."""
        room = room_of(mutant.path)
        part, stem = room.rpartition("/")[2], pathlib.Path(mutant.path).stem

        def order(name):
            program = "/tests/" not in name  # a script
            near = f"/tests/{part}/" in name or (stem in name)
            return (program, name.startswith(LOOPS), not near,
                    self.seconds[name] * (1 + len(self.reached[name]) / 20))

        return sorted((name for name, reached in self.reached.items() if mutant.number in reached
                       and (room == "common/loop" or not name.startswith(LOOPS))), key=order)

    def try_one(self, mutant, name, flavour="release"):
        """True if the test notices the mutant, twice."""
        limit = 6 + 5 * self.seconds[name] * (4 if flavour == "asan" else 1)
        how, _, said = self.tree.test(name, limit, flavour, MUTANT=str(mutant.number))
        if how == "passed":
            return False
        again, _, _ = self.tree.test(name, limit, flavour, MUTANT=str(mutant.number))
        if again == "passed":
            self.log(f"{name} {how} only once with mutant {mutant.number}\n{said[-1500:]}")
            return False
        mutant.result = "killed" if how == "failed" else "time-out"
        mutant.by = name if flavour == "release" else f"{flavour}: {name}"
        mutant.said = said[-1500:]
        return True

    def units(self, mutant):
        """The unit tests first, for all mutants, as they are quick."""
        if self.over():
            return
        tests = self.tests_for(mutant)
        for name in tests:
            if "/tests/" in name and self.try_one(mutant, name):
                return
        if not tests:
            mutant.result = "not reached"
            self.tell(mutant)

    def scripts(self, mutant):
        for name in self.tests_for(mutant):
            if self.over():
                return
            if "/tests/" not in name and self.try_one(mutant, name):
                return
        mutant.result = "survived"
        self.tell(mutant)

    def sanitized(self, mutant):
        for name in self.tests_for(mutant):
            if self.over():
                return
            if "/tests/" in name and self.try_one(mutant, name, "asan"):
                return

    def tell(self, mutant):
        self.log(f"{mutant.result}: {mutant.number} {mutant.operator}, {mutant.path}:{mutant.line}, "
                 f"{mutant.site.function}()\n{mutant.diff()}")
        self.save()

    def waiting(self, *results):
        return [mutant for mutant in self.mutants if mutant.result in results]

    def work(self):
        self.prepare()
        self.each(self.record, sorted(self.suite, key=lambda name: "/tests/" in name))
        self.log(f"{len(self.suite)} tests take {sum(self.seconds.values()):.0f} s one by one")
        self.each(self.units, self.waiting("not run"))
        self.save()
        self.log(f"{len(self.waiting('not run'))} are left for the tests of the programs")
        if not self.options.units:
            self.each(self.scripts, self.waiting("not run"))
        if self.options.sanitize and self.waiting("survived"):
            left = self.waiting("survived")
            self.tree.build(self.mutants, [name for name in self.suite if "/tests/" in name], "asan")
            self.log(f"{len(left)} are left for AddressSanitizer")
            self.each(self.sanitized, left)
        self.save()

    def save(self):
        with self.lock:
            entries = [{"number": mutant.number, "file": mutant.path, "line": mutant.line,
                        "function": mutant.site.function, "operator": mutant.operator,
                        "room": room_of(mutant.path), "result": mutant.result, "by": mutant.by,
                        "why": mutant.why, "key": mutant.key(), "diff": mutant.diff()}
                       for mutant in self.mutants]
            (self.place / "report.json").write_text(json.dumps(entries, indent=1) + "\n")
            (self.place / "report.txt").write_text(self.report())

    def report(self):
        """The table by room, and the survivors."""
        results = ("killed", "time-out", "survived", "not reached", "equivalent", "not compiled", "not run")
        lines = [f"seed {self.options.seed}, {len(self.mutants)} mutants", "",
                 f"{'':16}" + "".join(f"{result:>14}" for result in results) + f"{'noticed':>10}"]
        for room in (*ROOMS, ""):
            mine = [mutant for mutant in self.mutants if not room or room_of(mutant.path) == room]
            counts = [sum(mutant.result == result for mutant in mine) for result in results]
            judged = sum(counts[:4])
            if mine:
                lines.append(f"{room or 'all':16}" + "".join(f"{count:14}" for count in counts)
                             + (f"{100 * sum(counts[:2]) / judged:8.1f} %" if judged else ""))
        for mutant in self.waiting("survived", "not reached"):
            lines += ["", f"{mutant.result}: {mutant.operator}, line {mutant.line}, "
                          f"{mutant.site.function}()", mutant.diff()]
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="mutants to make (default: 200)")
    parser.add_argument("--seed", default="1", help="another seed, other mutants")
    parser.add_argument("--only", action="append", help="a folder or file, in place of all rooms")
    parser.add_argument("--minutes", type=float, default=60, help="when to stop (default: 60)")
    parser.add_argument("--jobs", type=int, default=2, help="tests at a time (default: 2)")
    parser.add_argument("--sanitize", action="store_true", help="survivors meet AddressSanitizer too")
    parser.add_argument("--units", action="store_true", help="without the tests of the programs")
    parser.add_argument("--again", help="only those that survived in this report.json")
    parser.add_argument("--lines", help="all mutants of the lines in this file: PATH: TEXT")
    parser.add_argument("--place", default="build/mutation", help="where to work (build/mutation)")
    parser.add_argument("--list", action="store_true", help="show the sample, and do nothing")
    parser.add_argument("suite", nargs="*", metavar="[LOOP:]TEST")
    options = parser.parse_args()
    try:
        run = Run(options)
        if options.list:
            print("\n\n".join(mutant.diff() for mutant in run.mutants))
            return 0
        run.work()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    print(run.report(), end="")
    return 0


sys.exit(main())
