# SPDX-License-Identifier: MIT
"""What a case can come to."""

OK = "OK"  # what the RFC says, its SHOULDs included
NON_STRICT = "NON-STRICT"  # allowed, or without harm, but not as the RFC wants it
FAILED = "FAILED"  # breaks the RFC
INFORMATIONAL = "INFORMATIONAL"  # the RFC leaves it open; what happened is told
UNIMPLEMENTED = "UNIMPLEMENTED"  # needs an optional feature that was not agreed on

VERDICTS = (OK, NON_STRICT, FAILED, INFORMATIONAL, UNIMPLEMENTED)


class Judged(Exception):
    """Ends a case: its verdict, and what was seen."""

    def __init__(self, verdict, seen):
        super().__init__(seen)
        self.verdict = verdict
        self.seen = seen
