# SPDX-License-Identifier: MIT
"""wsecho --echo --compress before the test suite for WebSocket clients: no case FAILED."""

import sys

from support import BUILD, DEADLINE, LOOP, ROOT, Ended, main, match, started, test


def judge(options, patterns=""):
    """What the suite says in the end."""
    loop = f"--loop {LOOP} " if LOOP else ""
    command = [sys.executable, ROOT / "tests/conformance/run", "--client",
               f"'{BUILD}/wsecho' --echo {options} {loop}{{url}}", "--cases", patterns, "--deadline", DEADLINE]
    # Each case has a deadline; how long 600 processes take in all is up to the machine.
    with started(*map(str, command)) as process:
        out, err = process.communicate()
    Ended(process.returncode, out, err).expect(0)
    return match(r"\d+ cases in .* s: \d+ OK, .* 0 FAILED.*", out.decode())[0]


@test("it keeps to RFC 6455 and RFC 7692, as far as this suite can see")
def _():
    match(", 0 UNIMPLEMENTED", judge("--compress"))


@test("it keeps to RFC 7692 without what was said before, and with small windows")
def _():
    match(", 1 UNIMPLEMENTED", judge("--compress-mode shared", "13,14"))
    # An answer with a larger window than was asked for is one to refuse.
    match(", 5 UNIMPLEMENTED", judge("--compress-mode context:10", "13,14"))


main()
