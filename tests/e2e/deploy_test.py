# SPDX-License-Identifier: MIT
"""What is in server/deploy/ is right, as far as the tools can tell that it is for."""

import shutil

from support import BUILD, ROOT, Skip, equal, main, match, run, scratch, test

UNITS = ("wsechod.service", "wsechod.socket")


def units():
    """A folder with the units, which start our program."""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    folder = scratch() / "units"
    folder.mkdir(exist_ok=True)
    for name in UNITS:
        text = (ROOT / "server/deploy" / name).read_text()
        (folder / name).write_text(text.replace("/usr/local/bin/wsechod", str(BUILD / "wsechod")))
    return folder


@test("systemd finds nothing wrong with the units")
def _():
    folder = units()
    done = run("systemd-analyze", "verify", "--man=no", *(folder / name for name in UNITS)).expect(0)
    equal((done.out, done.err), (b"", ""), "what it says")


@test("the service is exposed to 2.0 at most, as systemd counts")
def _():
    folder = units()
    # A threshold is ten times what is shown.
    done = run("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20",
               folder / "wsechod.service")
    done.expect(0)
    match(r"exposure level for wsechod.service: [01]\.\d|: 2\.0", done.out.decode())


main()
