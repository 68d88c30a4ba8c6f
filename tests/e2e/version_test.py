# SPDX-License-Identifier: MIT
"""--version of the three programs: which libraries they run with, and on which back ends."""

import ssl
import zlib

from support import BUILD, Server, equal, main, match, run, test

PROGRAMS = ("wsechod", "wsecho", "wsbench")


def told(program):
    """The lines of --version."""
    done = run(BUILD / program, "--version").expect(0)
    equal(done.err, "")
    return done.out.decode().splitlines()


@test("--version names the program's version first, the libraries that were loaded, the back ends")
def _():
    lines = {program: told(program) for program in PROGRAMS}
    for program in PROGRAMS:
        equal(len(lines[program]), 3, "the number of lines")
        match(rf"^{program} \d+\.\d+\.\d+$", lines[program][0])
        equal(lines[program][1:], lines["wsechod"][1:], "what it has in common with the server")
    found = dict(word.split("/") for word in lines["wsecho"][1].split())
    equal(list(found), ["libwebsockets", "OpenSSL", "zlib", "libidn2"], "the libraries")
    # Python has loaded the same two.
    equal(found["OpenSSL"], ssl.OPENSSL_VERSION.split()[1], "OpenSSL's version")
    equal(found["zlib"], zlib.ZLIB_RUNTIME_VERSION, "zlib's version")
    for version in (found["libwebsockets"], found["libidn2"]):
        match(r"^\d+\.\d+(\.\d+)*$", version)
    match(r"^loops: ev \(libev/\d+\.\d+\) uv \(libuv/\d+\.\d+\.\d+\) poll$", lines["wsecho"][2])


@test("a server runs on each back end that --version names")
def _():
    for loop in ("ev", "uv", "poll"):
        match(rf" {loop}( |$)", told("wsechod")[2])
        with Server("--loop", loop) as server:
            server.stop()


main()
