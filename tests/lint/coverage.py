#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tells how many lines of the library and the programs have run, by folder, from gcov's counts.

Usage: coverage.py OBJECTS [--missing] (the folder of the objects; --missing lists the lines)

It fails if fewer than 90 % of the lines of common/ or of server/ have run. What a process has run
that was killed is not counted. See coverage.h for those that abort, or end by _exit(2).
"""

import collections
import concurrent.futures
import gzip
import json
import os
import subprocess
import sys

LEAST = 90  # percent
JUDGED = ("common", "server")
LEFT_OUT = ("common/examples/", "common/coro/ucontext.c")


def find(folder, end):
    return [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names
            if name.endswith(end)]


def read(notes):
    """File to line to count, of one object."""
    result = subprocess.run(["gcov", "--json-format", "--stdout", notes], capture_output=True,
                            check=True)
    text = result.stdout
    if text[:2] == b"\x1f\x8b":
        text = gzip.decompress(text)
    counts = collections.defaultdict(dict)
    for line in text.splitlines():
        for file in json.loads(line)["files"]:
            lines = counts[file["file"]]
            for one in file["lines"]:
                number = one["line_number"]
                lines[number] = max(lines.get(number, 0), one["count"])
    return counts


def collect(folder):
    counts = collections.defaultdict(dict)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(read, find(folder, ".gcno")):
            for path, lines in found.items():
                if path.split("/")[0] not in ("common", "server", "client"):
                    continue
                for number, count in lines.items():
                    counts[path][number] = max(counts[path].get(number, 0), count)
    return {path: lines for path, lines in counts.items() if not path.startswith(LEFT_OUT)}


def share(files):
    ran = sum(1 for lines in files for count in lines.values() if count > 0)
    every = sum(len(lines) for lines in files)
    return ran, every, 100 * ran / every if every else 100


def show(name, files):
    ran, every, percent = share(files)
    print(f"{name:24} {ran:6} of {every:6} lines  {percent:5.1f} %")
    return percent


def list_missing(counts):
    for path in sorted(counts):
        lines = sorted(number for number, count in counts[path].items() if count == 0)
        if lines:
            print(f"{path}: {share([counts[path]])[2]:.1f} %: {' '.join(map(str, lines))}")


def main(arguments):
    counts = collect(arguments[0])
    if "--missing" in arguments:
        list_missing(counts)
    folders = collections.defaultdict(list)
    for path, lines in counts.items():
        folders[os.path.dirname(path)].append(lines)
    for folder in sorted(folders):
        show(folder, folders[folder])
    good = True
    for top in JUDGED:
        files = [lines for path, lines in counts.items() if path.startswith(f"{top}/")]
        good = show(f"all of {top}/", files) >= LEAST and good
    if not good:
        print(f"too few: {LEAST} % is the least for {' and '.join(JUDGED)}")
    return 0 if good else 1


sys.exit(main(sys.argv[1:]))
