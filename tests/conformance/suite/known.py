# SPDX-License-Identifier: MIT
"""What is known of others by other means (Autobahn's suite, their source): if it does not come out
here, the suite is wrong, or they have changed. And what is known of our own, so that a new fault is
seen at once."""

import re
import subprocess

from .verdict import FAILED, NON_STRICT, OK, UNIMPLEMENTED

FRAMES = range(1, 10)  # the sections of the frame layer, which Autobahn's suite has too
WS, LWS, WSECHOD, WSECHO = "ws (npm)", "libwebsockets", "wsechod", "wsecho,"
OF_LWS_TARGETS = (LWS, f"{LWS}, wss")
LWS_VERSION = "4.1.6"

# By what npm's ws 8 is NON-STRICT there: it looks at a text when it is complete.
LATE = re.compile("^failing fast")

# (verdict, what is seen) of cases of libwebsockets 4.1.6.
OF_LWS = {
    "a text without a mask from a client": (FAILED, "not failed: Text of 5 bytes 'Hello'"),
    "a ping without a mask from a client": (FAILED, "not failed: Pong"),
    "ten pings in one segment": (FAILED, "^1 of 10 pings were answered"),
    "a Close with code 1012": (NON_STRICT, "^Close 1002"),
    "a Close with code 1013": (NON_STRICT, "^Close 1002"),
    "a Close with code 1014": (NON_STRICT, "^Close 1002"),
    "a Close with code 1011": (OK, ""),
    "a text and a Close in one segment: the reply comes first": (NON_STRICT, "1 replies .* lost$"),
    "ten texts and a Close in one segment": (NON_STRICT, "replies and 0 pongs were lost$"),
    "a pong after a text, that carries bytes that are not UTF-8": (FAILED, "^Close 1007|^the end"),
    "Sec-WebSocket-Version: 7": (FAILED, "accepted"),
    # It is nearly right otherwise.
    "a ping between two fragments": (OK, ""),
    "invalid: a byte FF": (OK, ""),
    "a text with RSV 010": (OK, ""),
    "one byte per fragment": (OK, ""),
}

# Names of cases in which wsechod is NON-STRICT, and is to be better some day: none.
OF_OURS = frozenset()

# And those of wsecho: it warns of the version, by name, and goes on, as Chromium does without a word.
# RFC 6455 section 4.1 does not name it among what a client refuses.
OF_CLIENT = frozenset({"HTTP/1.0"})

# What it lacks: unless asked to, it lets no message refer to those before.
LACKED_BY_OURS = frozenset({"the RFC's example: the window is shared"})


def lws_version():
    """That of the library which the peers were built with, or None."""
    found = subprocess.run(["pkg-config", "--modversion", "libwebsockets"], check=False,
                           capture_output=True, text=True)
    return found.stdout.split("-")[0].strip() if found.returncode == 0 else None


def differences(run):
    """Sentences about what did not come out as it should."""
    if run.target == WS:
        return list(of_ws(run))
    if run.target in OF_LWS_TARGETS and lws_version() == LWS_VERSION:
        return list(of_lws(run))
    if run.target.startswith(WSECHOD):
        return list(of_ours(run, OF_OURS))
    if run.target.startswith(WSECHO):
        return list(of_ours(run, OF_CLIENT))
    return []


def of_ws(run):
    for result in run.results:
        if int(result.section.partition(".")[0]) not in FRAMES:
            continue
        if LATE.search(result.name):
            late = "when the message was complete" in result.seen
            if (result.verdict, late) != (NON_STRICT, True):
                yield f"{shown(result)}, but it is known to look at a text late"
        elif result.verdict in (FAILED, NON_STRICT):
            yield f"{shown(result)}, but it is known to be right"


def of_lws(run):
    """Where a version differs from 4.1.6."""
    results = {result.name: result for result in run.results}
    for name, (verdict, seen) in OF_LWS.items():
        result = results.get(name)
        if result is None:
            yield f"there is no case {name!r}"
        elif result.verdict != verdict or not re.search(seen, result.seen):
            yield f"{shown(result)}, but it is known to be {verdict} {seen!r}"


def of_ours(run, lenient):
    for result in run.results:
        if result.verdict == FAILED or (
                result.verdict == NON_STRICT and result.name not in lenient) or (
                result.verdict == UNIMPLEMENTED and result.name not in LACKED_BY_OURS):
            yield shown(result)


def shown(result):
    return f"{result.number} {result.name} is {result.verdict}: {result.seen}"
