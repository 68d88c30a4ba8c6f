# SPDX-License-Identifier: MIT
"""A copy of the source tree with mutants in it: builds it, and runs its tests."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from mutants import with_mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
# A place in a message of the compiler, and what begins a message that is an error.
PLACE = re.compile(r"^(?:In file included from |\s+from )?([\w./-]+\.[chS]):(\d+)[:,]", re.MULTILINE)
ERROR = re.compile(r"^[\w./-]+:\d+:\d+: (?:fatal )?error: ", re.MULTILINE)

OTHER = re.compile(r"^[\w./-]+:\d+:\d+: warning: |^make|^  [A-Z]")


class Failure(Exception):
    """Why it cannot be done at all."""


def environment(**more):
    """As in `make test`; make's own variables would go on to makes within."""
    mine = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CI", "CPPFLAGS", "MUTANT")}
    return mine | {"PYTHONDONTWRITEBYTECODE": "1"} | more


class Tree:
    """The copy."""

    def __init__(self, place, log):
        self.place, self.log = pathlib.Path(place), log
        self.copy()

    def copy(self):
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
        wanted = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
        for name in wanted:
            self.write(name, (ROOT / name).read_bytes(), (ROOT / name).stat().st_mode)
        for path in list(self.place.rglob("*")):
            name = str(path.relative_to(self.place))
            if path.is_file() and not name.startswith("build/") and name not in wanted:
                path.unlink()
        if (ROOT / "build/certs").exists():
            shutil.copytree(ROOT / "build/certs", self.place / "build/certs", dirs_exist_ok=True)
        self.write("common/base/mutation.c", (HERE / "mutation.c").read_bytes())

    def write(self, name, data, mode=0o644):
        """Leaves a file alone that is the same already: so nothing is compiled in vain."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
        path.chmod(mode & 0o777)

    def put(self, mutants):
        """Writes the files with these in them, and all others as they were."""
        paths = {mutant.path for mutant in mutants}
        for path in paths:
            inside = [mutant for mutant in mutants if mutant.path == path and mutant.compiles]
            # As it was when they were chosen: somebody may go on working.
            original = next(mutant.source for mutant in mutants if mutant.path == path)
            source = with_mutants(original, inside)
            self.write(path, source.encode())

    def make(self, suite, flavour, most):
        """Builds what the suite's tests need; returns what the compiler said if that failed."""
        command = ["nice", "make", "-k", f"-j{os.cpu_count()}", f"FLAVOUR={flavour}", "run_tests=true",
                   f"suite={' '.join(suite)}", "CFLAGS=-O1 -g0" if flavour == "release" else "V=",
                   f"CPPFLAGS=-DMUTATION_MAX={most} -iquote . -include tests/mutation/mutation.h",
                   "test"]
        done = subprocess.run(command, cwd=self.place, env=environment(), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return None if done.returncode == 0 else done.stdout.decode(errors="replace")

    def build(self, mutants, suite, flavour="release"):
        """Builds the tree; takes those mutants out that do not compile."""
        most = max(mutant.number for mutant in mutants) + 1
        while True:
            self.put(mutants)
            said = self.make(suite, flavour, most)
            if said is None:
                return
            messages = errors(said)
            bad = messages and blamed([mutant for mutant in mutants if mutant.compiles], messages)
            if not bad:
                raise Failure(f"the tree cannot be built:\n{complaint(said)}")
            for mutant in bad:
                mutant.compiles = False
            self.log(f"{len(bad)} do not compile")

    def test(self, name, limit, flavour="release", **variables):
        """Runs one test: (how it ended, seconds, what it said). It passed, failed or timed out."""
        build = "build" if flavour == "release" else f"build/{flavour}"
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "tests/run", "-j1", "-t", f"{limit:.0f}", name], cwd=self.place,
            env=environment(BUILD=build, CERTS="build/certs", NODE_PATH=str(ROOT / "build/npm/node_modules"),
                            **variables),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = done.stdout.decode(errors="replace")
        how = "passed" if done.returncode == 0 else "timed out" if " took more than " in said else "failed"
        return how, time.monotonic() - begin, said


def complaint(said):
    """Without the lines that say what is compiled."""
    return "\n".join(line for line in said.splitlines() if not re.match(r"  [A-Z]", line))[-4000:]


def errors(said):
    """The messages of the compiler that are errors, each with what belongs to it."""
    found, inside, before = [], False, []
    for line in said.splitlines():
        if ERROR.match(line):
            inside = True
            found.append("\n".join(before + [line]))
        elif OTHER.match(line):
            inside = False
        elif inside:
            found[-1] += "\n" + line
        before = before + [line] if line.startswith(("In file included", "    ")) else []
    return found


def blamed(mutants, messages):
    """Those for which the tree does not compile: one stands where the compiler complains; or is in a
    macro that is named there, when the message does not lead to it; or is in any macro."""
    places = {(found[1], int(found[2])) for message in messages for found in PLACE.finditer(message)}
    words = {word for message in messages for word in re.findall(r"[A-Z]\w+", message)}
    macros = [mutant for mutant in mutants if mutant.site.kind == "macro"]
    return ([mutant for mutant in mutants
             if not places.isdisjoint((mutant.path, line) for line in mutant.lines())]
            or [mutant for mutant in macros if mutant.site.function in words] or macros)
