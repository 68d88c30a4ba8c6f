#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Verifies in built or installed files what makes faults harder to exploit.

Usage: hardening.py FILE... (programs, shared libraries, and archives of objects)

A table of checks, each a function that looks at readelf's or objdump's output. One that does not
concern a file, or that this machine's architecture lacks, says so.

Not there on purpose: the shadow stack (SHSTK). Each task has a stack of its own, and a switch that
leaves the shadow stack behind would end the process on a processor that checks it.
"""

import os
import re
import subprocess
import sys

PAGE = 4096
X86 = "Advanced Micro Devices X86-64"
# `sub $0x1238,%rsp` and the touch that -fstack-clash-protection puts behind each page.
LARGE_FRAME = re.compile(r"\bsub\s+\$0x([0-9a-f]+),%rsp\b")
PROBE = re.compile(r"\bor[ql]\s+\$0x0,(?:0x[0-9a-f]+)?\(%rsp\)")


class Absent(Exception):
    """The check does not concern the file, or cannot be done: why."""


class File:
    def __init__(self, path):
        self.path, self.kept = path, {}

    def ask(self, *command):
        if command not in self.kept:
            self.kept[command] = subprocess.run([*command, self.path], capture_output=True, text=True,
                                                check=True, env=dict(os.environ, LC_ALL="C")).stdout
        return self.kept[command]

    def header(self):
        return self.ask("readelf", "-hW")

    def is_archive(self):
        return self.path.endswith(".a")

    def is_program(self):
        return "INTERP" in self.ask("readelf", "-lW")

    def machine(self):
        return re.search(r"Machine:\s+(.*)", self.header())[1]


def linked(file):
    if file.is_archive():
        raise Absent("it is not linked yet")
    return file


def pie(file):
    dynamic = linked(file).ask("readelf", "-dW")
    return "DYN (" in file.header() and (not file.is_program() or " PIE" in dynamic)


def relro(file):
    return "GNU_RELRO" in linked(file).ask("readelf", "-lW")


def bind_now(file):
    return re.search(r"\bBIND_NOW\b|\(FLAGS_1\).*\bNOW\b", linked(file).ask("readelf", "-dW"))


def no_executable_stack(file):
    if file.is_archive():
        stacks = re.findall(r"\.note\.GNU-stack\s+\w+\s+\w+ \w+ \w+ \w+\s+(\w*)\s+\d+\s+\d+",
                            file.ask("readelf", "-SW"))
        return stacks and "X" not in "".join(stacks)
    return re.search(r"GNU_STACK\s+(\S+\s+){5}RW\s", file.ask("readelf", "-lW"))


def canaries(file):
    return "__stack_chk_fail" in file.ask("readelf", "-sW")


def fortified(file):
    return re.search(r"\b__\w+_chk\b", file.ask("readelf", "-sW"))


def branch_tracking(file):
    """Each of our objects; the mark of a whole program is the start files' of the system, too."""
    if file.machine() != X86:
        raise Absent(f"not asked for on {file.machine()}")
    notes = file.ask("readelf", "-nW")
    if file.is_archive():
        return "x86 feature: IBT" in notes
    if "x86 feature: IBT" in notes:
        return True
    return every_function_is_a_target(file)


def every_function_is_a_target(file):
    """What is called by its address begins with endbr64: all functions that the table names."""
    code = file.ask("objdump", "-d", "--no-show-raw-insn", "-j", ".text")
    # Two labels of the switch are not called.
    starts = re.findall(r"^[0-9a-f]+ <((?:aw|ws)_(?!coro_switch_)\w+|main)>:\n\s+[0-9a-f]+:\s+(\w+)",
                        code, re.MULTILINE)
    return starts and all(first == "endbr64" for _, first in starts)


def stack_clash(file):
    if file.machine() != X86:
        raise Absent(f"how it looks on {file.machine()} is not known here")
    code = file.ask("objdump", "-d", "--no-show-raw-insn", "-j", ".text")
    large = [size for size in LARGE_FRAME.findall(code) if PAGE < int(size, 16) < 1 << 31]
    return not large and PROBE.search(code)


CHECKS = [
    ("position-independent (PIE)", pie),
    ("read-only after relocation (RELRO)", relro),
    ("all symbols bound at the start (BIND_NOW)", bind_now),
    ("no executable stack", no_executable_stack),
    ("stack canaries", canaries),
    ("_FORTIFY_SOURCE", fortified),
    ("indirect branches have targets (CET, IBT)", branch_tracking),
    ("stack-clash protection", stack_clash),
]


def check(path):
    file, good = File(path), True
    for name, look in CHECKS:
        try:
            verdict = "ok" if look(file) else "MISSING"
        except Absent as why:
            verdict = f"- ({why})"
        good = good and verdict != "MISSING"
        print(f"{os.path.basename(path):16} {name:44} {verdict}")
    return good


def main(paths):
    results = [check(path) for path in paths]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
