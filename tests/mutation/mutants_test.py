#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of mutants.py and tree.py: which mutants there are, and that all of a file can be built into
it. Prints TAP."""

import os
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from equivalent import Wrong, read, reason_of  # pylint: disable=wrong-import-position
from mutants import mutants_of, sample, with_mutants  # pylint: disable=wrong-import-position
from tree import HERE, blamed, errors  # pylint: disable=wrong-import-position

SOURCE = """
#include <stdio.h>
#define LIMIT 3 /* items */

static int
sum(const int *items, int count)
{
        int total = 0, i;

        for (i = 0; i < count && items[i] != 0; i++) {
                if (items[i] > LIMIT)
                        continue;
                total += items[i];
        }
        return total;
}

int
main(void)
{
        static const int items[] = {1, 2, 9, 3};
        int number = sum(items,
                         4) + 1;

        if (number == 7) {
                puts("seven");
                return 0;
        }
        return -1;
}
"""


def made():
    mutants = mutants_of("a.c", SOURCE)
    for number, mutant in enumerate(mutants):
        mutant.number = number
    return mutants


def each_operator_finds_its_places():
    found = {(mutant.operator, mutant.new.strip()) for mutant in made()}
    for wanted in (("comparison", "if (items[i] >= LIMIT)"), ("condition negated", "if (!(items[i] > LIMIT))"),
                   ("condition false", "if (false)"), ("jump", "break;"),
                   ("logic", "for (i = 0; i < count || items[i] != 0; i++) {"),
                   ("assignment dropped", ";"), ("assignment", "total -= items[i];"),
                   ("call dropped", ";"), ("returned value", "return -1;"),
                   ("returned value", "return 0;"), ("constant + 1", "if (number == (7 + 1)) {"),
                   ("constant - 1", "#define LIMIT (3 - 1) /* items */"), ("arithmetic", "4) - 1;")):
        assert wanted in found, (wanted, sorted(found))
    # A failure is no number, and what is static has its value before the program runs.
    assert not any("-(1" in new or "static" in new for _, new in found), found


def what_makes_no_difference_anywhere_is_left_alone():
    source = """
int
count(int *items)
{
        STACK_OF(X509) *chain = NULL;

        va_end(items);
        return sizeof(items) / sizeof(items[0]) + 1;
}
"""
    found = {mutant.new.strip() for mutant in mutants_of("a.c", source)}
    assert found == {"return 0;", "return sizeof(items) * sizeof(items[0]) + 1;",
                     "return sizeof(items) / sizeof(items[0]) - 1;",
                     "return sizeof(items) / sizeof(items[0]) + (1 + 1);",
                     "return sizeof(items) / sizeof(items[0]) + (1 - 1);"}, found


def every_mutant_can_be_chosen_in_one_program():
    mutants = made()
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/a.c", "w", encoding="utf-8") as file:
            file.write("#include <stdbool.h>\n" + with_mutants(SOURCE, mutants))
        subprocess.run([*os.environ.get("CC", "cc").split(), "-w", f"-DMUTATION_MAX={len(mutants)}", "-include",
                        HERE / "mutation.h", "-iquote", HERE.parent, "-o", f"{place}/a", f"{place}/a.c", HERE / "mutation.c"],
                       check=True)
        reached = f"{place}/reached"
        with open(reached, "wb") as file:
            file.write(bytes(len(mutants)))

        def run(**variables):
            done = subprocess.run([f"{place}/a"], env=os.environ | variables, check=False,
                                  stdout=subprocess.PIPE)
            return done.returncode, done.stdout

        assert run(MUTANTS_REACHED=reached) == (0, b"seven\n")
        with open(reached, "rb") as file:
            touched = file.read()
        assert len(touched) == len(mutants)
        for mutant in mutants:
            changed = run(MUTANT=str(mutant.number)) != (0, b"seven\n")
            assert touched[mutant.number] or not changed, mutant.diff()
            if mutant.operator in ("condition negated", "call dropped"):
                assert changed, mutant.diff()


def no_line_moves():
    changed = with_mutants(SOURCE, made())
    for number, (before, after) in enumerate(zip(SOURCE.split("\n"), changed.split("\n"))):
        assert before.split()[:1] == after.split()[:1] or "MUTANT" in after or "; }" in after, (number, after)
    assert SOURCE.count("\n") == changed.count("\n")


def a_seed_gives_the_same_sample():
    first, second, other = ([mutant.key() for mutant in sample(made(), 8, seed)] for seed in ("1", "1", "2"))
    assert first == second != other and len(first) == 8


def what_does_not_compile_is_found_out():
    mutants = made()
    at = next(mutant for mutant in mutants if mutant.operator == "arithmetic")
    macro = [mutant for mutant in mutants if mutant.site.kind == "macro"]
    said = (f"  CC   a.o\na.c:1:1: warning: LIMIT\na.c:{at.line}:9: error: no\n   12 | x\n"
            f"a.c:{at.line}:9: note: there\nmake: ***\n")
    assert len(errors(said)) == 1 and "12 | x" in errors(said)[0] and "LIMIT" not in errors(said)[0]
    assert at in blamed(mutants, errors(said)) and not set(macro) & set(blamed(mutants, errors(said)))
    assert blamed(mutants, ["b.h:1:2: error: variably modified\n 1 | int a[LIMIT];"]) == macro


ENTRIES = """# a comment
a.c
- if (number == 7) {
+ if (!(number == 7)) {
One of them.

a.c: sum other
libwebsockets before 4.3
+ *
None of it runs.

a.c: main
  puts("seven");
- return 0;
+ return -1;
Nobody looks.

a.c
  puts("eight");
- return -1;
+ return 0;
Of another line.
"""


def what_is_equivalent_is_named():
    entries = read(ENTRIES)

    def reasons(version):
        return {(mutant.site.function, mutant.operator): reason for mutant in made()
                if (reason := reason_of(entries, mutant, version))}

    old, new = reasons("4.1.6"), reasons("4.3.0")
    assert new == {("main", "condition negated"): "One of them.",
                   ("main", "returned value"): "Nobody looks."}, new
    assert set(old.values()) == {"One of them.", "Nobody looks.", "None of it runs."}
    assert {function for function, _ in old} == {"main", "sum"} and new.items() <= old.items()
    assert reasons("4.10.0") == new


def an_entry_that_names_nothing_is_refused():
    for wrong in ("a.c\nAll of it.", "a.c: sum\nAll of it.", "a.c\n- x\nNo new line.", "a.c: sum\n- x\n+ y", "a.c\n+ *\nAll."):
        try:
            read(wrong)
        except Wrong:
            continue
        raise AssertionError(wrong)


def an_entry_is_of_one_mutant_that_exists():
    """In each function it names: what only looks like it is another one."""
    for entry in read((HERE / "equivalent.txt").read_text()):
        mutants = mutants_of(entry.path, (HERE.parents[1] / entry.path).read_text())
        found = [mutant for mutant in mutants if reason_of([entry._replace(before=None)], mutant, "4.1.6")]
        names = [mutant.site.function for mutant in found]
        if entry.new == "*":
            assert set(names) == set(entry.functions), (entry, names)
        else:
            assert len(found) == 1 or sorted(names) == sorted(entry.functions), (entry, names)
            assert len(found) == max(1, len(entry.functions)), (entry, names)


def main():
    tests = [each_operator_finds_its_places, what_makes_no_difference_anywhere_is_left_alone,
             every_mutant_can_be_chosen_in_one_program, no_line_moves,
             a_seed_gives_the_same_sample, what_does_not_compile_is_found_out, what_is_equivalent_is_named,
             an_entry_that_names_nothing_is_refused, an_entry_is_of_one_mutant_that_exists]
    print(f"1..{len(tests)}")
    status = 0
    for test in tests:
        try:
            test()
            print("ok -", test.__name__.replace("_", " "))
        except Exception:  # pylint: disable=broad-except
            status = 1
            print("not ok -", test.__name__.replace("_", " "))
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
