#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that wsechod runs for a message outside the kernel, beside limit.c.

Each server runs under callgrind twice, with a short load and with a long one; what the second
took more is divided by the messages it had more, so that the start and the handshakes cancel. With
--top, the functions are listed that most of them go to. The load itself runs outside. No clock is involved: the figures do not depend on what else the machine
does. Needs BUILD and CERTS in the environment; `make bench-instructions` sets them.
"""

import argparse
import collections
import concurrent.futures
import glob
import os
import re
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from processes import Failed, Load, Server, raise_file_limit  # noqa: E402

BUILD, CERTS = os.environ.get("BUILD", "build"), os.environ.get("CERTS", "certs")
LOAD = f"{BUILD}/wsbench"
PAIR = [f"{CERTS}/localhost.pem", f"{CERTS}/localhost.key"]
OURS, OTHER, LIMIT = "wsechod", "other", "limit"

# Options of the load, and how many messages the short load and the long one have.
ROWS = {
    "128 B, 50 connections, 1 in flight": (["-s128", "-c50", "-p1"], 500, 5500),
    "128 B, 50 connections, 16 in flight": (["-s128", "-c50", "-p16"], 4000, 44000),
    "16 KiB, 10 connections, 4 in flight": (["-s16K", "-c10", "-p4"], 200, 1400),
}
# Their schemes, and how often the messages of a row: what costs less is counted for longer.
KINDS = {"TLS 1.3": ("wss", 1), "plain": ("ws", 5)}

# ob=(number) object or fn=(number) function, where only the first has the name; those of a function
# that is called are cob= and cfn=.
POSITION = re.compile(r"(c?ob|c?fn)=\((\d+)\)(?: (.*))?$")


def command(name, scheme, against):
    """How to start the server."""
    pair = PAIR if scheme == "wss" else []
    if name == LIMIT:
        return [f"{BUILD}/bench/limit", "0", *pair]
    found = [f"{against if name == OTHER else BUILD}/wsechod", "--listen", f"{scheme}://127.0.0.1:0"]
    return found + (["--cert", pair[0], "--key", pair[1]] if pair else [])


def functions(directory):
    """Instructions of all processes that left their counts there, by function and object."""
    found = collections.Counter()
    for path in glob.glob(f"{directory}/callgrind.*"):
        names, where, called = {}, {}, False
        with open(path) as lines:
            for line in lines:
                if match := POSITION.match(line):
                    kind, number, name = match.groups()
                    if name:
                        names[kind[-2:], number] = name
                    where[kind] = names[kind[-2:], number]
                elif line.startswith("calls="):
                    called = True
                elif line[0] in "0123456789+-*":
                    # The line after calls= has what the called function cost.
                    key = label(where.get("fn", "?"), where.get("ob", "?"))
                    found[key] += 0 if called else int(line.split()[-1])
                    called = False
    if not found:
        raise Failed("callgrind left no counts")
    return found


def label(function, path):
    """Functions without a name, of a library without symbols, are one; recursion is no other."""
    library = os.path.basename(path).split(".so")[0]
    name = "(without name)" if function.startswith("0x") else function.split("'")[0]
    return name, library


def count(server, options, messages):
    """Instructions by function, from the server's start to its end, with this many messages."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        callgrind = ["valgrind", "-q", "--tool=callgrind", f"--log-file={directory}/log.%p"]
        callgrind.append(f"--callgrind-out-file={directory}/callgrind.%p")
        running = Server([*callgrind, *server], pin=False, patience=120)
        try:
            # valgrind takes its time for a handshake.
            wanted = [*options, "-n", str(messages), "-t", "100s"]
            with Load(LOAD, running, wanted, pin=False) as load:
                came = load.result()["total"]["right"]
            if came != messages:
                raise Failed(f"{came} of {messages} messages came back")
        finally:
            running.stop()
        return functions(directory)


class Cell:
    """One figure of the table, being counted."""

    def __init__(self, pool, arguments, name, kind, row):
        scheme, times = KINDS[kind]
        options, few, many = ROWS[row][0], ROWS[row][1] * times, ROWS[row][2] * times
        server = command(name, scheme, arguments.against)
        self.messages = many - few
        self.counts = [
            [pool.submit(count, server, options, messages) for messages in (few, many)]
            for _ in range(arguments.rounds)
        ]

    def figures(self):
        """Instructions per message, of each round."""
        totals = [[sum(run.result().values()) for run in pair] for pair in self.counts]
        return [(many - few) / self.messages for few, many in totals]

    def more(self):
        """Instructions per message by function, of the first round."""
        few, many = (run.result() for run in self.counts[0])
        return {key: (many[key] - few[key]) / self.messages for key in many}


def show(kind, names, cells):
    """The table of one kind; returns the largest spread in it."""
    columns = [*names, *(f"{name} / {LIMIT}" for name in names if name != LIMIT)]
    if OTHER in names:
        columns.append(f"{OURS} / {OTHER}")
    rows, spread = [[kind, *columns]], 0
    for row in ROWS:
        found = {name: cells[name, kind, row].figures() for name in names}
        spread = max(spread, *(max(f) / min(f) - 1 for f in found.values()))
        middle = {name: sum(figures) / len(figures) for name, figures in found.items()}
        line = [f"{middle[name]:,.0f}" for name in names]
        line += [f"{middle[name] / middle[LIMIT]:.2f}" for name in names if name != LIMIT]
        if OTHER in names:
            line.append(f"{middle[OURS] / middle[OTHER]:.3f}")
        rows.append([row, *line])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print()
    for row in rows:
        cells_of_row = [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join([row[0].ljust(widths[0]), *cells_of_row]), flush=True)
    return spread


def show_top(cells, number):
    """Where the instructions go: by library, and by function."""
    for (name, kind, row), cell in cells.items():
        libraries, found = collections.Counter(), cell.more()
        for (_, library), cost in found.items():
            libraries[library] += cost
        print(f"\n{name}, {kind}, {row}")
        print("  " + ", ".join(f"{key} {cost:,.0f}" for key, cost in libraries.most_common(7)))
        for key in sorted(found, key=found.get, reverse=True)[:number]:
            if found[key] < 1:
                break
            print(f"  {found[key]:10,.1f}  {key[0]}  {key[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--against", metavar="BUILD", help="another build to compare with")
    parser.add_argument("--rounds", type=int, default=1, help="count this often (1)")
    parser.add_argument("--top", type=int, default=0, help="list this many functions")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise_file_limit()
    names = [LIMIT, OURS, *([OTHER] if arguments.against else [])]
    print("User instructions per message, under callgrind", flush=True)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        cells = {
            (name, kind, row): Cell(pool, arguments, name, kind, row)
            for kind in KINDS for row in ROWS for name in names
        }
        try:
            spread = max(show(kind, names, cells) for kind in KINDS)
            if arguments.top:
                show_top(cells, arguments.top)
        except (Failed, KeyboardInterrupt) as failure:
            pool.shutdown(wait=True, cancel_futures=True)
            sys.exit(f"bench-instructions: {failure or 'interrupted'}")
    if arguments.rounds > 1:
        print(f"\nThe {arguments.rounds} rounds differ by at most {spread:.1%}.")


if __name__ == "__main__":
    main()
