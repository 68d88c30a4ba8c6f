# SPDX-License-Identifier: MIT
"""Runs wsbench."""

import json

from support import BUILD, LOOP, equal, run


def command(*words):
    loop = ["--loop", LOOP] if LOOP else []
    return [BUILD / "wsbench", *loop, *map(str, words)]


def wsbench(*words, **more):
    return run(*command(*words), **more)


def result(*words, status=0):
    """The result, as JSON tells it."""
    return json.loads(wsbench("--json", *words).expect(status).out)


def adds_up(counts):
    equal(counts["sent"], counts["right"] + counts["wrong"] + counts["lost"], "what was sent")
    equal(counts["received"], counts["right"] + counts["wrong"] + counts["doubled"]
          + counts["late"] + counts["unasked"], "what was received")


def tells(counts, **expected):
    """Fails unless the counts of what went wrong are these, and the others 0."""
    adds_up(counts)
    names = ("wrong", "doubled", "late", "unasked", "lost")
    equal({name: counts[name] for name in names}, dict.fromkeys(names, 0) | expected, "the counts")
