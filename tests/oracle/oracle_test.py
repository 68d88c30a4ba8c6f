# SPDX-License-Identifier: MIT
"""The library beside asyncio: scenarios about order, each in C and in Python.

NAME.c and NAME.py have the same scenarios, which print what happens, in words. NAME.out is what
CPython 3.13 prints. Both have to print that, C on each back end; where they do not, the tables below
say why. What is ordered by milliseconds may come out of order on a machine that stands still for a
moment, so a scenario that is not as it should be is done again, more slowly.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
# pylint: disable=wrong-import-position
import support  # noqa: E402
from support import BUILD, DEADLINE, equal, test  # noqa: E402

LOOPS = ("ev", "uv", "poll")
SCALES = (1, 5, 25)

# Where the library differs, on purpose: what it prints, and why. await_migrate(3) tells it too.
OURS = {
    "a_result_and_a_cancellation_in_one_turn": (
        "1 pending", "asyncio loses the result (until 3.11 the cancellation); nothing is lost here"),
    "a_time_that_is_over_already": (
        "1 ran", "a task that is cancelled before it begins begins, for its argument is its own"),
    "cancelled_before_it_begins": ("1 ran", "the same"),
    "a_gather_is_cancelled_and_one_fails": (
        "EIO pending", "asyncio loses the cancellation, as its groups did until 3.12"),
    "a_task_cancels_itself_and_returns": (
        "5", "a result may own something, so no cancellation that comes too late drops it"),
    "an_item_is_taken_before_the_getter_runs": (
        "empty g1", "who waited first gets the item, not who runs first"),
    "a_lock_is_released_by_another": ("aborts", "a lock is its holder's; a semaphore is anyone's"),
}

# Where earlier versions of Python differ: since when it is as it should be, what it was, and where
# CPython tells of it.
EARLIER = {
    "a_result_and_a_cancellation_in_one_turn": ((3, 12), "1 clean", "gh-96764"),
    "cancelled_while_a_late_task_cleans_up": ((3, 12), "ECANCELED clean cleaned", "gh-96764"),
    "for_the_clean_up_of_one_that_was_cancelled": ((3, 11, 3), "ECANCELED clean", "gh-102780"),
    "cancelled_and_one_fails_in_its_clean_up": ((3, 13), "EIO clean", "gh-116720"),
    "cancelled_while_the_others_clean_up": ((3, 13), "cleaned EIO clean", "gh-116720"),
    "a_failure_and_a_cancellation_in_one_turn": ((3, 13), "ECANCELED EIO clean", "gh-116720"),
    "a_queue_is_shut_down": ((3, 13), "no such function", "gh-96471"),
}


def scenarios_of(text):
    return dict(line.split(": ", 1) if ": " in line else (line.rstrip(": "), "")
                for line in text.splitlines())


def outcomes(command, scale, names=(), loop=None):
    """What the program prints of each scenario, by name."""
    environment = dict(support.os.environ, **({"AW_TEST_LOOP": loop} if loop else {}))
    done = subprocess.run([*command, str(scale), *names], capture_output=True, text=True,
                          env=environment, timeout=DEADLINE * 2, check=False)
    if done.returncode != 0 or support.COMPLAINT.search(done.stderr):
        raise AssertionError(f"{command} {scale}: status {done.returncode}\n{done.stderr}")
    return scenarios_of(done.stdout)


class Runs:
    """One program on one loop: all scenarios are run when the first is asked for."""

    def __init__(self, command, wanted, loop=None):
        self.command, self.wanted, self.loop = command, wanted, loop
        self.found = support.once(self.all)

    def all(self):
        found = {}
        for scale in SCALES:
            names = [name for name in self.wanted if found.get(name) != self.wanted[name]]
            if names:
                found.update(outcomes(self.command, scale, names, self.loop))
        return found

    def check(self, name):
        equal(self.found().get(name), self.wanted[name], f"what {self.command[-1]} prints")


def expected_of_python(expected):
    found = dict(expected)
    for name, (since, before, _) in EARLIER.items():
        if name in found and sys.version_info < since:
            found[name] = before
    return found


def expected_of_ours(expected):
    return {name: OURS[name][0] if name in OURS else text for name, text in expected.items()}


def declare(title, runs, name):
    @test(f"{title}: {name.replace('_', ' ')}")
    def _():
        runs.check(name)


tables = []
for program in sorted(HERE.glob("*.c")):
    wanted = scenarios_of(program.with_suffix(".out").read_text())
    tables.append(wanted)
    theirs = Runs([sys.executable, str(program.with_suffix(".py"))], expected_of_python(wanted))
    ours = {loop: Runs([str(BUILD / "oracle" / program.stem)], expected_of_ours(wanted), loop)
            for loop in LOOPS}
    for scenario in wanted:
        declare(f"asyncio {sys.version_info[0]}.{sys.version_info[1]}", theirs, scenario)
        for loop, runs in ours.items():
            declare(loop, runs, scenario)


@test("there are sixty scenarios and more, and each has a name of its own")
def _():
    names = [name for table in tables for name in table]
    equal(len(names) >= 60, True, "that there are so many")
    equal(len(set(names)), len(names), "the number of names")
    equal(set(OURS) | set(EARLIER) <= set(names), True, "that all exceptions are of scenarios")


@test("each program has the scenarios that are expected of it")
def _():
    for program in sorted(HERE.glob("*.c")):
        expected = list(scenarios_of(program.with_suffix(".out").read_text()))
        source = program.read_text()
        found = support.re.findall(r"^        (?:SCENARIO|PLAIN)\((\w+)\),", source,
                                   support.re.MULTILINE)
        equal(found, expected, f"the scenarios of {program.name}")


@test("an exception is one: without it the library and Python would agree")
def _():
    for table in tables:
        for name, (text, _) in OURS.items():
            if name in table:
                equal(text != table[name], True, f"that {name} is told apart")


support.main(threads=4)
