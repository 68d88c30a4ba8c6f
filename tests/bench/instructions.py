#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that wsechod runs for a message outside the kernel, beside limit.c.

Each server runs under callgrind twice, with a short load and with a long one; what the second
took more is divided by the messages it had more, so that the start and the handshakes cancel. The
load itself runs outside. No clock is involved: the figures do not depend on what else the machine
does. Needs BUILD and CERTS in the environment; `make bench-instructions` sets them.
"""

import argparse
import concurrent.futures
import glob
import os
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from processes import Failed, Load, Server, raise_file_limit  # noqa: E402

BUILD, CERTS = os.environ.get("BUILD", "build"), os.environ.get("CERTS", "certs")
LOAD = f"{BUILD}/bench/load"
PAIR = [f"{CERTS}/localhost.pem", f"{CERTS}/localhost.key"]
OURS, OTHER, LIMIT = "wsechod", "other", "limit"

# Options of the load, and how many messages the short load and the long one have.
ROWS = {
    "128 B, 50 connections, 1 in flight": (["-s128", "-c50", "-f1"], 500, 5500),
    "128 B, 50 connections, 16 in flight": (["-s128", "-c50", "-f16"], 4000, 44000),
    "16 KiB, 10 connections, 4 in flight": (["-s16K", "-c10", "-f4"], 200, 1400),
}
# Their schemes, and how often the messages of a row: what costs less is counted for longer.
KINDS = {"TLS 1.3": ("wss", 1), "plain": ("ws", 5)}


def command(name, scheme, against):
    """How to start the server."""
    pair = PAIR if scheme == "wss" else []
    if name == LIMIT:
        return [f"{BUILD}/bench/limit", "0", *pair]
    found = [f"{against if name == OTHER else BUILD}/wsechod", "--listen", f"{scheme}://127.0.0.1:0"]
    return found + (["--cert", pair[0], "--key", pair[1]] if pair else [])


def total(directory):
    """Instructions of all processes that left their counts there."""
    found = 0
    for path in glob.glob(f"{directory}/callgrind.*"):
        with open(path) as counts:
            found += sum(int(line.split()[1]) for line in counts if line.startswith("totals:"))
    if found == 0:
        raise Failed("callgrind left no counts")
    return found


def count(server, options, messages, keep=None):
    """Instructions from the server's start to its end, with this many messages between."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        callgrind = ["valgrind", "-q", "--tool=callgrind", f"--log-file={directory}/log.%p"]
        callgrind.append(f"--callgrind-out-file={directory}/callgrind.%p")
        running = Server([*callgrind, *server], pin=False, patience=120)
        try:
            wanted = [*options, "-n", str(messages), "-d120s"]
            with Load(LOAD, running, wanted, pin=False) as load:
                came = load.result()["messages"]
            if came != messages:
                raise Failed(f"{came} of {messages} messages came back")
        finally:
            running.stop()
        if keep:
            os.makedirs(keep, exist_ok=True)
            for path in glob.glob(f"{directory}/callgrind.*"):
                shutil.copy(path, keep)
        return total(directory)


class Cell:
    """One figure of the table, being counted."""

    def __init__(self, pool, arguments, name, kind, row):
        scheme, times = KINDS[kind]
        options, few, many = ROWS[row][0], ROWS[row][1] * times, ROWS[row][2] * times
        server = command(name, scheme, arguments.against)
        keep = arguments.keep and os.path.join(arguments.keep, slug(name, kind, row))
        self.messages = many - few
        self.counts = [
            (pool.submit(count, server, options, few),
             pool.submit(count, server, options, many, keep))
            for _ in range(arguments.rounds)
        ]

    def figures(self):
        return [(many.result() - few.result()) / self.messages for few, many in self.counts]


def slug(*words):
    return "-".join("".join(c for c in word if c.isalnum()) for word in words)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--against", metavar="BUILD", help="another build to compare with")
    parser.add_argument("--rounds", type=int, default=1, help="count this often (1)")
    parser.add_argument("--keep", metavar="DIR", help="keep callgrind's files of the long loads")
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
        except (Failed, KeyboardInterrupt) as failure:
            pool.shutdown(wait=True, cancel_futures=True)
            sys.exit(f"bench-instructions: {failure or 'interrupted'}")
    if arguments.rounds > 1:
        print(f"\nThe {arguments.rounds} rounds differ by at most {spread:.1%}.")


if __name__ == "__main__":
    main()
