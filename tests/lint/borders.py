#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks who includes whom, and that public headers show no type of other libraries.

Each folder of common/ is a room. A room may include the rooms that its row names, and what is
public of them, which is in common/await/; a header called private.h or NOUN_private.h is its own
room's.

Usage: borders.py FILE...
"""

import fnmatch
import os
import re
import sys

# The rooms of common/, and the rooms that each may include besides itself.
ROOMS = {
    "base": "",
    "cli": "base",
    "coro": "base",
    "loop": "base",
    "tls": "base",
    "task": "base coro loop",
    "executor": "base loop task",
    "net": "base loop task executor tls",
    "ws": "base loop task executor tls net",
}

# The public headers, and the rooms that they tell of.
PUBLIC = {"api": "base", "error": "base", "log": "base", "loop": "loop", "task": "task",
          "task_wait": "task", "sync": "task", "signals": "task", "wait_fd": "task",
          "executor": "executor", "tls": "tls", "stream": "net", "process": "net", "ws": "ws"}

# What else may be included: the programs and the tests by their own names.
OTHERS = {"server": "await cli", "client": "await cli", "tests": "await unit bench " + " ".join(ROOMS)}

# Headers of other libraries, and the files that may include them.
FOREIGN = [
    ("libwebsockets.h", "common/loop/*.c tests/bench/*"),
    ("openssl/*", "common/tls/* common/ws/* tests/*"),
    ("ev.h", "common/loop/ev.c"),
    ("uv.h", "common/loop/uv.c"),
    ("cmocka.h", "tests/unit/*"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
FOREIGN_TYPE = re.compile(r"\b(lws\w*|SSL\w*|X509\w*|uv_\w+|struct ev_\w+)\b")


def fits(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns.split())


def own_include(path, header):
    """What is wrong with #include "header" in the file at path, or None."""
    top, room = (path.split("/") + [""])[:2]
    folder, name = os.path.split(header)
    if top != "common":
        if folder.split("/")[0] not in OTHERS[top].split() + [""]:
            return f"crosses a border: {top} may include {OTHERS[top]}"
        return "is its room's own" if name.endswith("private.h") and top != "tests" else None
    if room == "await":
        return None if folder == "" and name[:-2] in PUBLIC else "is no public header"
    if room not in ROOMS:
        return "is in a folder that tests/lint/borders.py does not know"
    other = PUBLIC.get(name[:-2]) if folder == "await" else folder
    if other not in ROOMS:
        return "is no header of common/"
    if other != room and other not in ROOMS[room].split():
        return f"crosses a border: {room} may include {ROOMS[room] or 'nothing'}"
    return None


def foreign_include(path, header):
    for pattern, users in FOREIGN:
        if fits(header, pattern) and not fits(path, users):
            return f"is only for {users}"
    if path.startswith("common/examples/") and "/" in header and not header.startswith(("await/", "sys/")):
        return "is not for those who use the library"
    return None


def check(path, text):
    complaints = []
    for match in INCLUDE.finditer(text):
        quote, header = match.groups()
        wrong = (own_include if quote == '"' else foreign_include)(path, header)
        if wrong:
            line = text.count("\n", 0, match.start()) + 1
            complaints.append(f'{path}:{line}: #include {header} {wrong}')
    if path.startswith("common/await/"):
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
