# SPDX-License-Identifier: MIT
"""wsecho --echo before the test suite for WebSocket clients: no case FAILED."""

import sys

from support import BUILD, LOOP, ROOT, main, match, run, test


@test("it keeps to RFC 6455, as far as this suite can see")
def _():
    loop = f"--loop {LOOP} " if LOOP else ""
    done = run(sys.executable, ROOT / "tests/conformance/run", "--client",
               f"'{BUILD}/wsecho' --echo {loop}{{url}}", "--cases",
               "1,2,3,4,5,6,7,8,9,10,11").expect(0)
    match(r"\d+ cases in .* s: \d+ OK, .* 0 FAILED", done.out.decode())


main()
