#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks for faults in all C files with gcc -fanalyzer and cppcheck.

There is no finding but those of the table below, each with the reason why it is none. A row that
nothing fits any more is a finding as well. Both tools find other things in other versions, and the
table is for one of each: another version is left out, but not with CI=true. FLAGS are the compiler's.

Usage: FLAGS='-std=gnu11 ...' analyze.py [FILE...] (by default all)
"""

import concurrent.futures
import os
import re
import shlex
import subprocess
import sys

# In the library await() records nothing, and is easier to follow.
COMMON = ["-DAW_LIBRARY", "-D_GNU_SOURCE"]
GCC, CPPCHECK = "12", "2.10"
# Of gcc's, in tests/: memory that the C library does not give ends a test, which is right.
TESTS_MAY = ("possible-null-dereference", "possible-null-argument")

REALLOC = "gcc 12 takes what realloc() leaves where it was for lost"
KEPT = "it is in a structure, or a list, that gcc 12 does not follow to its end"
LITERALS = "all callers give it literals"
LINKER = "the linker puts both names into one section, one behind the other"

# Tool, file, what is said: why it is no fault.
KNOWN = {
    ("gcc", "client/bench/conductor.c", "malloc-leak"): KEPT,
    ("gcc", "client/identity.c", "file-leak"): "standard input is not ours to close",
    ("gcc", "client/identity.c", "malloc-leak"): REALLOC,
    ("gcc", "common/cli/opt.c", "null-dereference"):
        "getopt_long() returns no code but those of the table",
    ("gcc", "common/executor/supervisor.c", "null-dereference"):
        "there is a worker whenever the forker has answered without a failure",
    ("gcc", "common/executor/thread.c", "malloc-leak"): KEPT,
    ("gcc", "common/net/child.c", "malloc-leak"): "the thread that was started has it, and frees it",
    ("gcc", "common/net/transport_output.c", "malloc-leak"): KEPT,
    ("gcc", "common/ws/output.c", "null-dereference"):
        "what has been sent was the first of the outbox",
    ("gcc", "common/ws/raw.c", "null-dereference"): "as many are queued as are counted",
    ("gcc", "server/auth.c", "null-argument"): "whoever asks has found the field",
    ("gcc", "server/listener.c", "malloc-leak"): REALLOC,
    ("gcc", "server/listing.c", "malloc-leak"): KEPT,
    ("gcc", "server/passwords.c", "malloc-leak"): REALLOC,
    ("gcc", "tests/fuzz/replay.c", "malloc-leak"): "the corpus is kept to the end",
    ("gcc", "tests/unit/cli/help_test.c", "use-of-uninitialized-value"):
        "the function that is called has filled it in",
    ("gcc", "tests/unit/task/scale_test.c", "malloc-leak"): KEPT,
    ("gcc", "tests/unit/ws/deflate_test.h", "null-argument"): LITERALS,
    ("gcc", "tests/unit/ws/ws_test.h", "null-argument"): LITERALS,
    ("gcc", "tests/unit/ws/deflate_offer_test.c", "use-of-uninitialized-value"):
        "ws_deflate_accept() fills it in when it returns true, which was asked",
    ("gcc", "tests/unit/ws/handshake_test.c", "null-argument"):
        "cmocka's assertion before it does not return",
    ("cppcheck", "common/ws/client.c", "uninitvar"): "aw_error_clear() fills it in",
    ("cppcheck", "common/ws/deflate.c", "internalAstError"):
        "a compound literal behind a question mark, which cppcheck 2.10 cannot read",
    ("cppcheck", "common/ws/deflate_input.c", "uninitvar"): "it is written to, not read",
    ("cppcheck", "common/ws/raw.c", "pointerOutOfBounds"):
        "before the data are the header's bytes, of the same structure",
    ("cppcheck", "server/page.c", "comparePointers"): LINKER,
    ("cppcheck", "tests/fuzz/frame_fuzz.c", "shiftTooManyBits"):
        "have is at most need, which is at most 4",
    ("cppcheck", "tests/unit/tls/policy_test.c", "uninitvar"): "begin() fills it in",
    ("cppcheck", "tests/unit/ws/deflate_test.c", "memleak"): "the caller gets it",
    ("cppcheck", "tests/unit/ws/frame_test.c", "uninitvar"):
        "the loop above fills all of it in",
    ("cppcheck", "tests/unit/ws/memory_test.c", "zerodiv"): "no caller has a length of 0",
}

WARNING = re.compile(r"^(\S+?):(\d+):(?:\d+:)? warning: (.*?) (?:\[CWE-\d+\] )?\[-Wanalyzer-(\S+)\]",
                     re.MULTILINE)
FINDING = re.compile(r"^(\S+?):(\d+): \w+: (.*) \[(\w+)\]$", re.MULTILINE)


def tracked():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.c"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return [file for file in result.stdout.split() if os.path.exists(file)]
    return [os.path.relpath(os.path.join(path, name)) for top in ("common", "server", "client", "tests")
            for path, _, names in os.walk(top) for name in names if name.endswith(".c")]


def with_gcc(file, flags):
    # The table tells what is an error, not -Werror, which is among the flags with CI=true.
    result = subprocess.run(["gcc", *flags, *COMMON, "-Wno-error", "-O2", "-fanalyzer", "-c", "-o",
                             os.devnull, file], capture_output=True, text=True, check=False,
                            env=dict(os.environ, LC_ALL="C"))
    if result.returncode != 0:
        return {("gcc", file, "1", f"it cannot be compiled:\n{result.stderr}", "error")}
    return {("gcc", *match) for match in WARNING.findall(result.stderr)
            if not (match[0].startswith("tests/") and match[3] in TESTS_MAY)}


def with_cppcheck(files, flags):
    folders = [flag for flag in flags if flag.startswith("-I")] + ["-Iserver", "-Iclient", "-Itests"]
    defines = [flag for flag in flags if flag.startswith("-D") and flag not in COMMON]
    result = subprocess.run(["cppcheck", "--quiet", "--std=c11", "--language=c", f"-j{os.cpu_count()}",
                             "--enable=warning,portability", "-D__GNUC__", "-D__x86_64__", *COMMON,
                             *defines, *folders, "--template={file}:{line}: {severity}: {message} [{id}]",
                             *files], capture_output=True, text=True, check=False)
    return {("cppcheck", *match) for match in FINDING.findall(result.stderr)}


def version(command, expression):
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    return re.search(expression, result.stdout)[1]


def lacking(tool, wanted, found):
    """None: it is the one. Else whether it is a failure to leave it out."""
    if found == wanted:
        return None
    print(f"left out: the table is for {tool} {wanted}, and this is {found}")
    return os.environ.get("CI") == "true"


def main(arguments):
    flags, files = shlex.split(os.environ["FLAGS"]), arguments or tracked()
    gcc = lacking("gcc", GCC, version(["gcc", "-dumpversion"], r"(\d+)"))
    cppcheck = lacking("cppcheck", CPPCHECK, version(["cppcheck", "--version"], r"(\d+\.\d+)"))
    findings = set()
    if gcc is None:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            findings = findings.union(*pool.map(lambda file: with_gcc(file, flags), files))
    if cppcheck is None:
        findings |= with_cppcheck(files, flags)
    seen = {(tool, file, what) for tool, file, _, _, what in findings}
    new = sorted(one for one in findings if (one[0], one[1], one[4]) not in KNOWN)
    for tool, file, line, text, what in new:
        print(f"{file}:{line}: {text} [{tool} {what}]")
    ran = {tool for tool, lacks in (("gcc", gcc), ("cppcheck", cppcheck)) if lacks is None}
    old = [row for row in KNOWN if row[0] in ran and row[1] in files and row not in seen]
    for row in old:
        print(f"tests/lint/analyze.py: nothing fits {row} any more")
    print(f"{len(files)} files, {len(findings)} findings, {len(findings) - len(new)} of them known")
    return 1 if new or old or gcc or cppcheck else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
