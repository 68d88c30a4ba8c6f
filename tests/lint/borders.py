#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the borders between the rooms, and that each name has one place.

Each folder of common/ is a room; common/await/ holds what is public of all of them.

1. A room includes only the rooms that its row names, and what is public of them. There are no
   circles, neither among rooms nor among headers.
2. A header that no other folder includes is called private.h or NOUN_private.h, and one so called
   is included by no other folder (but by tests).
3. A header of a room declares only functions that the room itself defines.
4. A function that a public header declares is marked AW_API, and no other one is.
5. No function is defined in two files of the library and the programs, static ones included.
6. Headers of other libraries are included where FOREIGN allows it, and public headers show none of
   their types.
7. Public headers say aw_async and aw_await, for who includes them may have switched the keywords off.
8. No circle of calls goes through the files of a folder that FLAT names.
9. A structure of a public header that has something of the library in it (waiters, a task, links)
   says that its members are the library's, in the comment above it or at the head of the file.

Usage: borders.py FILE... (all the headers and sources of the tree)
       borders.py --exports FILE... (prints the names of all functions marked AW_API)
"""

import collections
import fnmatch
import os
import re
import sys

from ctokens import functions, tokens

# The rooms of common/, and the rooms that each may include besides itself.
ROOMS = {
    "base": "",
    "coro": "base",
    "loop": "base",
    "tls": "base",
    "task": "base coro loop",
    "executor": "base loop task",
    "net": "base loop task executor tls",
    "ws": "base loop task executor tls net",
    "cli": "base loop task net",
}

# What else may be included, by folder: the programs and the tests by their own names.
OTHERS = {"server": "await base cli ws behave", "client": "await base cli",
          "tests": "await unit bench mutation oracle behave " + " ".join(ROOMS)}

# Folders whose files can be read from the bottom up. Elsewhere some files are two sides of one thing:
# a connection's input, output and end; a table of behaviours and what is in it.
FLAT = "common/coro common/task common/executor common/cli client"

# Headers of other libraries, and the files that may include them.
FOREIGN = [
    ("libwebsockets.h", "common/loop/*.c tests/bench/* tests/interop/* "
     "tests/unit/loop/backends_test.c"),
    ("openssl/*", "common/tls/* common/ws/* server/behave/digest.c server/auth*.c "
     "server/passwords.c common/cli/version.c tests/*"),
    ("ev.h", "common/loop/ev.c"),
    ("uv.h", "common/loop/uv.c server/limit.c server/options.c"),
    ("zlib.h", "common/ws/codec.c common/cli/version.c tests/*"),
    ("crypt.h", "server/passwords.*"),
    ("jansson.h", "client/* server/* tests/fuzz/* tests/unit/*"),
    ("histedit.h", "client/editor.c client/history.* client/keys.*"),
    ("idn2.h", "common/net/idna.c common/cli/version.c"),
    ("cmocka.h", "tests/unit/*"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STRUCTURE = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
OWNED = re.compile(r"\bstruct aw_(?:waiters?|handle|task)\b(?! \*const\b)")
OWNER = re.compile(r"\blibrary's\b|\bbelongs? to\b")
FOREIGN_TYPE = re.compile(r"\b(lws\w*|SSL\w*|X509\w*|uv_\w+|struct ev_\w+)\b")


def fits(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns.split())


def folder_of(path):
    """await, a room, examples, server, client or tests."""
    parts = path.split("/")
    return parts[1] if parts[0] == "common" and len(parts) > 2 else parts[0]


def is_private(path):
    return path.endswith(("/private.h", "_private.h"))


def is_product(path):
    """True for the library and the programs."""
    return folder_of(path) in [*ROOMS, "await", "server", "client"]


class Tree:
    """All files: path to text."""

    def __init__(self, files):
        self.files, self.complaints = files, []
        self.functions = {path: functions(tokens(text)) for path, text in files.items()}
        self.definitions = collections.defaultdict(list)
        for path, found in self.functions.items():
            for function in found:
                if function.defined and is_product(path):
                    self.definitions[str(function.name)].append(path)

    def complain(self, path, line, message):
        self.complaints.append(f"{path}:{line}: {message}")

    def includes(self, path, quote='"'):
        """Line and header of each #include with such quotes."""
        text = self.files[path]
        for match in INCLUDE.finditer(text):
            if match[1] == quote:
                yield text.count("\n", 0, match.start()) + 1, match[2]

    def find(self, path, header):
        """The path of #include "header" in the file at path, or None."""
        for folder in (os.path.dirname(path), "common", "tests"):
            found = os.path.normpath(os.path.join(folder, header))
            if found in self.files:
                return found
        return None

    def rooms_of(self, header):
        """The rooms that a public header tells of: those of its functions, or of its includes."""
        rooms = {folder_of(place) for function in self.functions[header]
                 for place in self.definitions[str(function.name)]} & set(ROOMS)
        if not rooms:
            for _, included in self.includes(header):
                found = self.find(header, included)
                rooms |= self.rooms_of(found) if found else set()
        return rooms

    def included(self, path):
        """The headers of the tree that a file includes."""
        found = (self.find(path, header) for _, header in self.includes(path))
        return [header for header in found if header]

    def check_includes(self, path):
        for line, header in self.includes(path):
            wrong = self.own_include(path, header)
            if wrong:
                self.complain(path, line, f"#include {header} {wrong}")
        for line, header in self.includes(path, "<"):
            wrong = foreign_include(path, header)
            if wrong:
                self.complain(path, line, f"#include {header} {wrong}")

    def own_include(self, path, header):
        """What is wrong with #include "header" in the file at path, or None."""
        folder, other = folder_of(path), os.path.dirname(header).split("/")[0]
        if folder == "examples" or (folder not in ROOMS and folder not in ("await", *OTHERS)):
            return "is in a folder that tests/lint/borders.py does not know"
        if folder in OTHERS:
            if other not in OTHERS[folder].split() + [""]:
                return f"crosses a border: {folder} may include {OTHERS[folder]}"
            return None
        if folder == "await":
            return None if other == "" else "is no public header"
        found = self.find(path, header)
        if found is None or other not in [*ROOMS, "await"]:
            return "is no header of common/, by the name of its folder"
        for room in self.rooms_of(found) if other == "await" else {other}:
            if room != folder and room not in ROOMS[folder].split():
                return f"crosses a border: {folder} may include {ROOMS[folder] or 'nothing'}"
        return None

    def check_private(self):
        """Rule 2."""
        users = collections.defaultdict(set)
        for path in self.files:
            for header in self.included(path):
                users[header].add(folder_of(path))
        for header, folders in users.items():
            own, strangers = folder_of(header), folders - {"tests"}
            strangers.discard(own)
            if own not in ROOMS:
                continue
            if is_private(header) and strangers:
                self.complain(header, 1, f"is private, and included by {' '.join(sorted(strangers))}")
            if not is_private(header) and not strangers:
                self.complain(header, 1, "is included by no other folder: call it ..._private.h")

    def check_declarations(self, path):
        """Rules 3 and 4."""
        folder = folder_of(path)
        for function in self.functions[path]:
            exported = "AW_API" in function.head
            places = {folder_of(place) for place in self.definitions[str(function.name)]}
            if exported != (folder == "await") and not function.static and not function.defined:
                self.complain(path, function.name.line, f"{function.name}() " + (
                    "is AW_API, and in no public header" if exported else "is not AW_API"))
            # What begins with two underscores is the compiler's: a sanitizer's hook.
            if function.defined or not path.endswith(".h") or str(function.name).startswith("__"):
                continue
            if folder == "await" and not places & set(ROOMS):
                self.complain(path, function.name.line, f"{function.name}() is nowhere defined")
            # What may be somebody else's, and missing, is declared as such.
            if folder in ROOMS and folder not in places and "AW_CORO_WEAK" not in function.head:
                self.complain(path, function.name.line,
                              f"{function.name}() is not defined in common/{folder}/")

    def check_names(self):
        """Rule 5."""
        for name, paths in sorted(self.definitions.items()):
            if name != "main" and len(set(paths)) > 1:
                self.complain(paths[-1], 1, f"{name}() is also defined in {paths[0]}")

    def check_public(self, path):
        """Of rule 6 the second half, and rules 7 and 9."""
        text = self.files[path]
        for name in sorted(set(FOREIGN_TYPE.findall(COMMENT.sub("", text)))):
            self.complain(path, 1, f"{name} in a public header")
        for token in tokens(text):
            if token in ("async", "await"):
                self.complain(path, token.line, f"{token} in a public header: it is aw_{token} there")
        head = text.partition("#ifndef")[0]
        for match in STRUCTURE.finditer(text):
            linked = re.search(rf"\bstruct {match[1]} \*", match[2])
            above = text[:match.start()].rpartition("\n\n")[2]
            if (linked or OWNED.search(match[2])) and not OWNER.search(head + above):
                self.complain(path, text.count("\n", 0, match.start()) + 1,
                              f"struct {match[1]} does not say that its members are the library's")

    def check_circles(self):
        """Among headers. Those among rooms need none: see check_rooms()."""
        done, way = set(), []

        def walk(path):
            if path in way:
                circle = way[way.index(path):] + [path]
                self.complain(path, 1, "includes itself: " + " -> ".join(circle))
            elif path not in done:
                way.append(path)
                for header in self.included(path):
                    walk(header)
                way.pop()
                done.add(path)

        for path in self.files:
            walk(path)

    def calls(self, path):
        """The other files of its folder whose functions the one at path uses, with one of them."""
        found, used = tokens(self.files[path]), {}
        for i, token in enumerate(found):
            for other in self.exporters.get(str(token), []):
                if other != path and os.path.dirname(other) == os.path.dirname(path) and (
                        i == 0 or found[i - 1] not in ("struct", ".", "->")):
                    used[other] = str(token)
        return used

    def check_calls(self):
        """Rule 8."""
        self.exporters = collections.defaultdict(set)
        for path, found in self.functions.items():
            for function in found:
                if function.defined and not function.static and function.name != "main" and \
                        path.endswith(".c") and os.path.dirname(path) in FLAT.split():
                    self.exporters[str(function.name)].add(path)
        done, way = set(), []

        def walk(path):
            if path in way:
                circle = way[way.index(path):] + [path]
                self.complain(path, 1, "calls itself: " + " -> ".join(
                    f"{os.path.basename(user)} ({self.calls(user)[used]})"
                    for user, used in zip(circle, circle[1:])) + f" -> {os.path.basename(path)}")
            elif path not in done:
                way.append(path)
                for other in self.calls(path):
                    walk(other)
                way.pop()
                done.add(path)

        for path in sorted({path for paths in self.exporters.values() for path in paths}):
            walk(path)

    def check(self):
        for path in self.files:
            self.check_includes(path)
            if is_product(path):
                self.check_declarations(path)
            if folder_of(path) == "await":
                self.check_public(path)
        self.check_private()
        self.check_names()
        self.check_circles()
        self.check_calls()
        return self.complaints


def foreign_include(path, header):
    for pattern, users in FOREIGN:
        if fits(header, pattern) and not fits(path, users):
            return f"is only for {users}"
    if path.startswith("common/examples/") and "/" in header and not header.startswith(("await/", "sys/")):
        return "is not for those who use the library"
    return None


def check_rooms(rooms=None):
    """A room may include only rooms whose rows come before its own: so there is no circle."""
    known, complaints = [], []
    for room, others in (rooms or ROOMS).items():
        complaints += [f"tests/lint/borders.py: {room} may not include {other}, which comes after it"
                       for other in others.split() if other not in known]
        known.append(room)
    return complaints


def check(files):
    """files: path to text. Returns the complaints."""
    return check_rooms() + Tree(files).check()


def exports(files):
    """The names of the functions and variables that public headers mark AW_API."""
    names = set()
    for path, text in files.items():
        if folder_of(path) == "await":
            found = tokens(text)
            names.update(str(function.name) for function in functions(found) if "AW_API" in function.head)
            names.update(str(found[i - 1]) for i in range(2, len(found))
                         if found[i] == ";" and found[i - 2] == "*" and "AW_API" in found[max(0, i - 8):i])
    return names


def main(arguments):
    files = {}
    for path in arguments:
        if not path.startswith("--"):
            with open(path, encoding="utf-8") as file:
                files[path] = file.read()
    if "--exports" in arguments:
        print("\n".join(sorted(exports(files))))
        return 0
    complaints = check(files)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
