# SPDX-License-Identifier: MIT
"""What the Makefile's helpers do for those who come new: tests/serve and tests/deps."""

import os
import re
import shlex
import shutil
import signal
import socket

from support import (BUILD, DEADLINE, ROOT, Log, certificates, equal, main, match, run, scratch,
                     started, test)

SERVE = ROOT / "tests/serve"


def served(url):
    """tests/serve, which serves the URL."""
    return started(SERVE, BUILD, certificates(), url)


def tried(log):
    """The command that it says to try."""
    return shlex.split(log.wait("^Try: (.*)")[0][1])


@test("make run says what to try when the server listens; it works from any directory")
def _():
    for url in ("wss://localhost:0", "ws://127.0.0.1:0", f"ws+unix:{scratch() / 'serve'}"):
        with served(url) as process:
            out = Log(process.stdout)
            command = tried(out)
            page = url.replace("ws", "http", 1).rpartition(":")[0]
            equal([line.partition(":")[2].strip().rpartition(":")[0] for line in out.lines if line.startswith("Open: ")],
                  [] if "unix" in url else [page], "what to open")
            equal(out.lines[-1].startswith("Try: "), True, "that what to try comes last")
            log = Log(process.stderr)
            equal(len(log.wait("^wsechod: listening on")) > 0, True, "that it listens by then")
            equal(run(*command, cwd="/").expect(0).out, b"Hello World!\n", "the output")
            out.wait(r'^\S+Z peer="\S+" .* status=101 .* received_bytes=12 .* why="it closed"')
            process.send_signal(signal.SIGTERM)
            equal(process.wait(DEADLINE), 0, "the status")
            match("(?m)^wsechod: stopping$", log.text())
            process.stdout = process.stderr = None


@test("make run passes the server's failure on, and says what to do about a port in use")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        done = run(SERVE, BUILD, certificates(), url).expect(1, b"")
        who = (rf"\S+ \(process {os.getpid()}\)" if shutil.which("ss", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
               else "Another process")
        match(rf"Address already in use.*\n{who} has that port: .*make run PORT={port + 1}\n", done.err)


@test("make run takes its port from PORT, in the environment or as an argument")
def _():
    for words in (("PORT=7700",), ("port=7700",)):
        done = run("make", "-n", "run", *words, cwd=ROOT).expect(0)
        match("wss://localhost:7700'", done.out.decode())
    match("wss://localhost:7701'", run("make", "-n", "run", cwd=ROOT, env=dict(os.environ, PORT="7701")).out.decode())


@test("clang builds the flavours that want it, whichever target asks for them, unless CC is given")
def _():
    without = {name: value for name, value in os.environ.items() if name != "CC"}
    for words, more, compiler in ((("fuzz",), {}, "clang"), (("FLAVOUR=clang", "all"), {}, "clang"),
                                  (("asan",), {}, "cc"), (("fuzz", "CC=clang-14"), {}, "clang-14"),
                                  (("asan",), {"CC": "clang"}, "clang")):
        done = run("make", "-n", *words, cwd=ROOT, env=without | more).expect(0)
        equal(set(re.findall(r";(\S+) -std=gnu11 ", done.out.decode())), {compiler}, f"the compiler of {words}")


def make_certs(*words):
    return run(ROOT / "certs/make-certs", scratch() / "certs-of-names", *words)


@test("make-certs makes a certificate for further names, keeps what is good, and says how to trust it")
def _():
    folder = scratch() / "certs-of-names"
    names = ("echo.example", "*.test.example", "192.168.1.7", "fd00::7")
    make_certs().expect(0)
    before = (folder / "ca.pem").read_bytes()
    out = make_certs(*names[:2]).expect(0).out.decode()
    for client in ("curl", "Python", "node", "Chromium", "Firefox"):
        match(rf"(?m)^  .*{client}", out)
    make_certs(*names[2:]).expect(0)
    equal((folder / "ca.pem").read_bytes() == before, False, "that it is the old authority, which may not")
    verify = ("openssl", "verify", "-CAfile", folder / "ca.pem")
    for name in ("localhost", "::1", "any.test.example", *names[::2], names[3]):
        kind = "-verify_ip" if re.match(r"[\d.]+$|.*:", name) else "-verify_hostname"
        run(*verify, kind, name, folder / "localhost.pem").expect(0)
    run(*verify, "-verify_hostname", "other.example", folder / "localhost.pem").expect(2)
    made = (folder / "localhost.pem").read_bytes()
    match("are good", make_certs(*names).expect(0).out.decode())
    equal((folder / "localhost.pem").read_bytes(), made)
    equal(oct((folder / "localhost.key").stat().st_mode)[-3:], "600", "the mode of the key")


@test("make-certs refuses what is no name, and leaves what there is")
def _():
    made = {path.name: path.read_bytes() for path in (scratch() / "certs-of-names").iterdir()}
    for name, status in (("a_b", 2), ("*", 2), ("-x", 2), ("a b", 2), ("", 2), ("1.2.3", 1), ("fd::zz", 1)):
        done = make_certs(name)
        equal((name, done.status), (name, status))
        match("make-certs: ", done.err)
    for path in (scratch() / "certs-of-names").iterdir():
        if path.name in made and path.suffix == ".key":
            equal(path.read_bytes(), made[path.name], path.name)


def bare_path():
    """A PATH with what tests/deps itself needs, and nothing that it looks for."""
    path = scratch() / "bin"
    path.mkdir(exist_ok=True)
    for name in ("sh", "sed", "cat", "id", "grep"):
        if not (path / name).exists():
            (path / name).symlink_to(shutil.which(name))
    return path


@test("what builds and installs asks for missing packages, on four systems, and installs none")
def _():
    trap = bare_path() / "apt-get"
    trap.write_text(f"#!/bin/sh\n: >{shlex.quote(str(scratch() / 'installed'))}\n")
    trap.chmod(0o755)
    done = run("tests/deps", "--check", "build", cwd=ROOT, env={"PATH": str(bare_path())})
    done.expect(2, b"")
    for system, command in (("Debian, Ubuntu", "apt-get install pkg-config libwebsockets-dev"),
                            ("Fedora", "dnf install"), ("Alpine", "apk add"), ("Arch", "pacman -S")):
        match(rf"(?m)^  {system}: +{command} .*", done.err)
    equal((scratch() / "installed").exists(), False, "that apt-get was run")
    makefile = (ROOT / "Makefile").read_text()
    allowed = match(r"(?m)^installing := (.*)$", makefile)[1].split()
    equal({"all", "install", "examples"} & set(allowed), set(), "the goals that install packages")


@test("before packages are installed, their number and size are told")
def _():
    trap = bare_path() / "apt-get"
    log = scratch() / "apt"
    trap.write_text(f"""#!/bin/sh
echo "$*" >>{shlex.quote(str(log))}
case "$*" in
*--print-uris*)
	echo '0 upgraded, 17 newly installed, 0 to remove and 3 not upgraded.'
	echo 'Need to get 840 kB/2853 kB of archives.'
	echo 'After this operation, 10.1 MB of additional disk space will be used.' ;;
esac
""")
    (bare_path() / "sudo").write_text('#!/bin/sh\n[ "$1" = -n ] && shift\n"$@"\n')
    (bare_path() / "sudo").chmod(0o755)
    for name in ("tr", "env", "find", "true", "apt-cache"):
        if found := shutil.which(name):
            with_name = bare_path() / name
            if not with_name.exists():
                with_name.symlink_to(found)
    done = run("tests/deps", "build", cwd=ROOT, env={"PATH": str(bare_path())}).expect(2, b"")
    match(r"(?m)^tests/deps: installing pkg-config .*: 17 packages, 2853 kB to download, "
          r"10\.1 MB on disk$", done.err)
    commands = log.read_text().splitlines()
    equal(bool(re.search(r"--no-install-recommends pkg-config", commands[-1])), True,
          f"that the last command of {commands} installs")


main()
