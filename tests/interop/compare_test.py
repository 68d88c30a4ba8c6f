# SPDX-License-Identifier: MIT
# Long: each of its lines starts two clients.
"""The README's table of clients is what tests/compare-clients finds: its needs and the column of wsecho.
What another client does at a terminal or with a pipe may depend on who is quicker, so a line that differs
there is only told."""

import subprocess
import sys

from others import ROOT
from support import equal, main, match, note, test  # pylint: disable=wrong-import-order


def need_and_column(row):
    """Of wsecho, which is the last one."""
    return row.partition(" | ")[0], row.rpartition(" | ")[2]


@test("the README's table of clients is what tests/compare-clients prints for wsecho")
def _():
    found = subprocess.run([sys.executable, ROOT / "tests/compare-clients"], check=True, timeout=55,
                           stdout=subprocess.PIPE).stdout.decode().splitlines()
    note("\n".join(found))
    begin = match(r"(?m)^\| need \|.*\n", (ROOT / "README.md").read_text())
    told = begin.string[begin.start():].partition("\n\n")[0].splitlines()
    equal(len(found), 22, "the number of lines")
    for one, other in zip(found, told, strict=True):
        if one != other:
            note(f"the README has: {other}")
        equal(need_and_column(one), need_and_column(other), "the need and what wsecho does")


main()
