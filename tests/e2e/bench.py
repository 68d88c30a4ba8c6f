# SPDX-License-Identifier: MIT
"""Runs wsbench."""

import json

from support import BUILD, LOOP, run


def command(*words):
    loop = ["--loop", LOOP] if LOOP else []
    return [BUILD / "wsbench", *loop, *map(str, words)]


def wsbench(*words, **more):
    return run(*command(*words), **more)


def result(*words, status=0):
    """The result, as JSON tells it."""
    return json.loads(wsbench("--json", *words).expect(status).out)
