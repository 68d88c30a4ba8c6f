#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that what is marked async is awaited, and only that.

Usage: await.py FILE... (all the headers and sources of a program)

1. A call of an async function is the whole argument of await(). Its address may be taken freely.
2. The argument of await() is a call of an async function, or through a pointer declared async.
3. A function that awaits is itself marked async, as is each declaration of it.
Marks in headers hold for all files, those in a source file for that file.

aw_wait_in(), the one primitive that suspends, is async without being marked, and the library may
call it without await(), which records nothing there: what stays recorded is where the program
called the library.
"""

import sys

from ctokens import Token, closing, is_name, tokens

PRIMITIVE = "aw_wait_in"
# The other names of async and await.
KEYWORDS = {"aw_async", "aw_await"}
# What may stand before a call; any other name before NAME( makes it a declaration.
BEFORE_CALL = {"return", "else", "do", "case", "sizeof"}


def declared(found):
    """The names that the tokens declare as async: functions, and pointers to functions."""
    functions, pointers = set(), set()
    for i, token in enumerate(found):
        if token != "async":
            continue
        j = i + 1
        while j + 1 < len(found) and found[j] not in ("(", ";", "{"):
            j += 1
            if found[j] == "(" and found[j - 1] == "__attribute__":
                j = closing(found, j) + 1
        if found[j : j + 2] == ["(", "*"]:
            pointers.update(name for name in found[j + 2 : j + 4] if is_name(name))
        elif found[j : j + 1] == ["("]:
            functions.add(found[j - 1])
    return functions, pointers


class Checker:
    """One file. functions and pointers: the names that are async in it."""

    def __init__(self, path, found, functions, pointers):
        self.path, self.found = path, found
        self.functions, self.pointers = functions, pointers
        self.complaints = []

    def complain(self, token, message):
        self.complaints.append(f"{self.path}:{token.line}: {message}")

    def check(self):
        """Walks over what stands outside of functions."""
        found, start, i = self.found, 0, 0
        while i < len(found):
            if found[i] == "(":
                i = closing(found, i)
            elif found[i] == "{":
                end = closing(found, i)
                if end == len(found):
                    self.complain(found[i], "this brace is not closed (is there #if in a block?)")
                    break
                head = found[start:i]
                if ")" in head and "=" not in head:
                    self.function(head, i, end)
                    start = end + 1
                i = end
            elif found[i] == ";":
                self.declaration(found[start:i])
                start = i + 1
            i += 1
        return self.complaints

    def declaration(self, head):
        """Takes what stands before a function's body, or a declaration; returns its name."""
        name = next((head[i - 1] for i in range(1, len(head)) if head[i] == "("), None)
        if name in self.functions and "async" not in head and "=" not in head:
            self.complain(name, f"{name}() is async elsewhere and not marked here")
        return name

    def function(self, head, begin, end):
        name = self.declaration(head)
        awaited = set()
        for i in range(begin, end):
            if self.found[i + 1] != "(":
                continue
            if self.found[i] == "await":
                if "async" not in head:
                    self.complain(self.found[i], f"{name}() awaits and is not marked async")
                awaited.add(self.argument(i))
            elif i not in awaited and self.is_call(i):
                self.complain(self.found[i], f"{self.found[i]}() is async, and not awaited")

    def is_async(self, i):
        name, member = self.found[i], self.found[i - 1] in ("->", ".")
        return name in self.pointers or (name in self.functions | {PRIMITIVE} and not member)

    def is_call(self, i):
        before = self.found[i - 1]
        if self.found[i] == PRIMITIVE and self.path.startswith("common/"):
            return False
        return self.is_async(i) and (not is_name(before) or before in BEFORE_CALL)

    def argument(self, i):
        """The await at i must hold one call of something async; where its name is."""
        found, end = self.found, closing(self.found, i + 1)
        j = i + 2
        while j < end and found[j] != "(":
            j = closing(found, j) + 1 if found[j] == "[" else j + 1
        if closing(found, j) != end - 1 or not self.is_async(j - 1):
            text = " ".join(found[i + 2 : end])
            self.complain(found[i], f"await({text}): not a call of an async function")
        return j - 1


def keywords(found):
    """Gives async and await their shorter names."""
    for i, token in enumerate(found):
        if token in KEYWORDS:
            found[i] = Token(token.removeprefix("aw_"))
            found[i].line = token.line
    return found


def check(files):
    """files: path to text. Returns the complaints."""
    read = {path: keywords(tokens(text)) for path, text in files.items()}
    local = {path: declared(found) for path, found in read.items()}
    headers = [names for path, names in local.items() if path.endswith(".h")]
    complaints = []
    for path, found in read.items():
        functions, pointers = (set().union(*sets) for sets in zip(local[path], *headers))
        complaints += Checker(path, found, functions, pointers).check()
    return complaints


def main(paths):
    files = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            files[path] = file.read()
    complaints = check(files)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
