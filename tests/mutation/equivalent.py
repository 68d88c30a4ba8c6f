# SPDX-License-Identifier: MIT
"""Reads equivalent.txt: the mutants that change nothing that counts, with the reason of each."""

import collections
import subprocess

# Of all in some functions of a file, or of one mutant, known by its lines, the line above and the
# function if they do not suffice. `before`: only with a libwebsockets before this version.
Entry = collections.namedtuple("Entry", "path functions before above old new reason")
BEFORE = "libwebsockets before "


class Wrong(Exception):
    """What an entry should be."""


def numbers(version):
    """That can be compared."""
    return [int(part) for part in version.split(".")]


def lws_version():
    """That of the library which is built with."""
    found = subprocess.run(["pkg-config", "--modversion", "libwebsockets"], check=True,
                           stdout=subprocess.PIPE, text=True)
    return found.stdout.split("-")[0].strip()


def entry_of(lines):
    first, *rest = lines
    path, _, functions = first.partition(": ")
    before = rest.pop(0)[len(BEFORE):] if rest and rest[0].startswith(BEFORE) else None
    above, old, new = (" ".join(" ".join(line[2:] for line in rest if line[0] == sign).split()) for sign in " -+")
    reason = " ".join(line for line in rest if line[0] not in " -+")
    # No file is equivalent as a whole: what is must be named.
    if not reason or not new or not (old or functions):
        raise Wrong(f"equivalent.txt: an entry is a path, '  above', '- old', '+ new' and a reason; or with names of "
                    f"functions, and '+ *': {lines}")
    return Entry(path, functions.split(), before, above, old, new, reason)


def read(text):
    """The entries. An empty line ends one."""
    entries, lines = [], []
    for line in text.splitlines() + [""]:
        if line and not line.startswith("#"):
            lines.append(line)
        elif lines:
            entries.append(entry_of(lines))
            lines = []
    return entries


def reason_of(entries, mutant, version):
    """Why it makes no difference with this version of libwebsockets, or ""."""
    for entry in entries:
        if entry.before and numbers(version) >= numbers(entry.before):
            continue
        if (mutant.path == entry.path and mutant.site.function in (entry.functions or [mutant.site.function])
                and (entry.new == "*" or mutant.key()[1:] == (entry.old, entry.new))
                and (not entry.above or entry.above == mutant.above)):
            return entry.reason
    return ""
