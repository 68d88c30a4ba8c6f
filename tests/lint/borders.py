#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks who includes whom, and that public headers show no type of other libraries.

Usage: borders.py FILE...
"""

import fnmatch
import os
import re
import sys

# Parts of common/: the files each consists of, and the parts it may include besides itself. A
# file belongs to the first part that fits.
PARTS = [
    ("api", "api", ""),
    ("log", "log", "api"),
    ("coro", "coro coro_*", "api log"),
    ("opt", "opt opt_*", "api log"),
    ("histogram", "histogram", "api log"),
    ("http", "http", "api log"),
    ("url", "url", "api log"),
    ("frame", "ws_frame", "api log"),
    ("tls", "tls tls_*", "api log"),
    ("loop", "loop loop_* timer_heap", "api log"),
    ("task", "task task_*", "api log coro loop"),
    ("sync", "sync signals", "api log loop task"),
    ("executor", "executor executor_*", "api log loop task"),
    ("resolve", "resolve", "api log loop task executor url"),
    ("connect", "connect", "api loop task resolve"),
    ("ws", "ws ws_*", "api log loop task sync executor resolve connect tls http url frame"),
]

# Headers of other libraries, and the files that may include them.
FOREIGN = [
    ("libwebsockets.h", "common/loop*.c common/ws*.c tests/bench/*"),
    ("openssl/*", "common/tls*.[ch] common/ws*.c tests/*"),
    ("ev.h", "common/loop_ev.c"),
    ("uv.h", "common/loop_uv.c"),
    ("cmocka.h", "tests/unit/*"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
FOREIGN_TYPE = re.compile(r"\b(lws\w*|SSL\w*|X509\w*|uv_\w+|struct ev_\w+)\b")


def fits(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns.split())


def part_of(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    return next((row for row in PARTS if fits(stem, row[1])), None)


def own_include(path, header):
    """What is wrong with #include "header" in the file at path, or None."""
    directory = os.path.dirname(path)
    if "/" in header:
        return "names a directory"
    if directory != "common":
        return None
    part, other = part_of(path), part_of(header)
    if part is None:
        return "is in a file that tests/lint/borders.py assigns to no part"
    if other is None:
        return "is no header of common/"
    if other is not part and other[0] not in part[2].split():
        return f"crosses a border: {part[0]} may include {part[2] or 'nothing'}"
    return None


def foreign_include(path, header):
    for pattern, users in FOREIGN:
        if fits(header, pattern) and not fits(path, users):
            return f"is only for {users}"
    return None


def check(path, text):
    complaints = []
    for match in INCLUDE.finditer(text):
        quote, header = match.groups()
        wrong = (own_include if quote == '"' else foreign_include)(path, header)
        if wrong:
            line = text.count("\n", 0, match.start()) + 1
            complaints.append(f'{path}:{line}: #include {header} {wrong}')
    # What is private, and tls.h, may name the libraries it hides.
    if path.startswith("common/") and path.endswith(".h") and "AW_API" in text:
        for name in sorted(set(FOREIGN_TYPE.findall(COMMENT.sub("", text)))):
            complaints.append(f"{path}: {name} in a public header")
    return complaints


def main(paths):
    complaints = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            complaints += check(path, file.read())
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
