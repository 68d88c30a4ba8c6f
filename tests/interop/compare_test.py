# SPDX-License-Identifier: MIT
"""The README's table of what clients for the command line can do is what tests/compare-clients finds:
all of it with the versions that the table names, otherwise the column of wsecho. What a client does
instead of what was needed may depend on who is quicker, so its "no" is enough."""

import re
import subprocess
import sys

from others import ROOT
from support import equal, main, match, test  # pylint: disable=wrong-import-order


@test("the README's table of clients is what tests/compare-clients prints")
def _():
    found = subprocess.run([sys.executable, ROOT / "tests/compare-clients"], check=True, timeout=55,
                           stdout=subprocess.PIPE).stdout.decode().splitlines()
    print("\n".join(f"# {row}" for row in found))
    begin = match(r"(?m)^\| need \|.*\n", (ROOT / "README.md").read_text())
    told = begin.string[begin.start():].partition("\n\n")[0].splitlines()
    equal(len(found), 22, "the number of lines")
    if found[0] != told[0]:
        found, told = ([row.rpartition(" | ")[2] for row in rows] for rows in (found, told))
    for one, other in zip(found, told, strict=True):
        equal(*(re.sub(r"\| no: [^|]*", "| no ", row) for row in (other, one)), "the README's line")


main()
