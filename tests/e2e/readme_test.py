# SPDX-License-Identifier: MIT
"""What README.md says is true: its commands work, its example is wsecho's own code, and its tables
name options, functions and folders that exist."""

import re
import shlex
import subprocess

from guest import Guest
from support import (BUILD, DEADLINE, LOOP, ROOT, Log, Server, certificates, equal, main, match, run,
                     scratch, test, wsecho, wsechod)

README = (ROOT / "README.md").read_text()
server = Server(listen=("wss://localhost:0",))
PORT = match(r":(\d+)$", server.wss)[1]


def commands():
    """The lines of the blocks marked as shell."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def command(*words):
    """The one of them that has all of these words."""
    found = [line for line in commands() if set(words) <= set(shlex.split(line))]
    equal(len(found), 1, f"how many commands have {words}")
    return found[0]


def runnable(line):
    """The command as it can be run here: this build, these certificates, a free port."""
    line = re.sub(r"\bbuild/", f"{shlex.quote(str(BUILD))}/", line)
    return re.sub(r"\bcerts/", f"{shlex.quote(str(certificates()))}/", line)


def outcome(line):
    """What a client's command prints, which must succeed."""
    done = run("sh", "-c", runnable(line).replace("localhost:7681", f"localhost:{PORT}"))
    return done.expect(0).out


@test("the README has the commands that are checked here")
def _():
    equal([line.split()[0] for line in commands()],
          ["build/wsechod", "curl", "build/wsecho", "build/wsechod", "curl", "curl", "build/wsecho",
           "printf", "build/wsbench"], "the list of commands")


@test("the README's server command serves")
def _():
    line = runnable(command("build/wsechod", "--cert")).replace(":7681", ":0")
    loop = f" --loop {LOOP}" if LOOP else ""
    with subprocess.Popen(["sh", "-c", f"exec {line}{loop}"], stderr=subprocess.PIPE) as process:
        try:
            first = process.stderr.readline().decode()
        finally:
            process.terminate()
        process.stderr.read()
        equal(process.wait(DEADLINE), 0, "the status")
    match(r"listening on wss://127\.0\.0\.1:\d+\n", first)


@test("the README's curl command gets the short answer")
def _():
    match("WebSocket echo server", outcome(command("curl", "--cacert")).decode())


@test("the README's command for compression shows what the server agreed to, and what it made of it")
def _():
    told = run("sh", "-c", runnable(command("build/wsecho", "--compress")).replace("localhost:7681", f"localhost:{PORT}")).expect(0)
    match(r"extension permessage-deflate; client_max_window_bits=10\n", told.err)
    match(r"1 received, \d+ from \d+ bytes", told.err)
    equal(told.out.endswith(b"\nhello\n"), True, "the reply is printed")


@test("the README's commands for watching the server show what it says, and its line is one")
def _():
    line = runnable(command("build/wsechod", "--admin")).replace(":7681", ":0").replace(":9464", ":0")
    line = line.replace("access.log", shlex.quote(str(scratch() / "access.log")))
    loop = f" --loop {LOOP}" if LOOP else ""
    with subprocess.Popen(["sh", "-c", f"exec {line}{loop}"], stderr=subprocess.PIPE) as process:
        try:
            log = Log(process.stderr)
            url, admin = log.wait("listening on (.*)")[0][1], log.wait("metrics at (.*)/metrics")[0][1]
            wsecho(f"{url}/chat?delay=50ms", "Hello World!", "a", "b").expect(0)
            for path, says in (("metrics", "wsechod_connections_open 0"), ("connections", '"left_out": 0')):
                asked = command("curl", f"http://127.0.0.1:9464/{path}")
                told = run("sh", "-c", asked.replace("http://127.0.0.1:9464", admin)).expect(0).out
                match(says, told.decode())
        finally:
            process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
    shown = match(r'(?m)^    (\S+Z peer=.*)$', README)[1]
    names = [re.findall(r' (\w+)=', text) for text in ((scratch() / "access.log").read_text(), shown)]
    equal(names[0], [name for name in names[1] if name not in ("tls", "resumed")], "the names in a line")


@test("the README's client command prints the reply")
def _():
    equal(outcome(command("build/wsecho", "Hello World!")), b"Hello World!\n", "the output")


@test("the README's client command with standard input prints the replies")
def _():
    equal(outcome(command("printf")), b"one\ntwo\n", "the output")


UNITS = ("us", "ms", "s")


@test("the README's command of the load generator tells what the README shows")
def _():
    told = outcome(command("build/wsbench").replace("-z 10s", "-z 100ms --warm-up 0")).decode()
    shown = README[README.index("    100 connections to wss:"):]
    shown = [line[4:] for line in shown[:shown.index("\n\n")].splitlines()]
    for line in told.splitlines():
        if re.match(r"\w", line):
            words = re.sub(r"[\d.,]+", "0", line).split()
            wanted = [re.sub(r"[\d.,]+", "0", old).split() for old in shown if old[:10] == line[:10]]
            # Times may be in other units.
            equal([re.sub("0[a-z]*", "0", word) for word in words if "//" not in word and word not in UNITS],
                  [re.sub("0[a-z]*", "0", word) for word in wanted[0] if "//" not in word and word not in UNITS],
                  line)


@test("the README's examples of await are the programs' own code")
def _():
    for chapter, source in (("## What it looks like", "server/echo.c"),
                            ("## The library", "client/echo.c")):
        example = match(r"(?ms)^```c\n(.*?)^```", README[README.index(chapter):])[1]
        if example not in (ROOT / source).read_text():
            raise AssertionError(f"{source} does not contain it as it stands")


@test("the README's options of wsechod are the ones of --help")
def _():
    told = wsechod("--help").expect(0).out.decode()
    table = README[README.index("## The server"):README.index("## The client")]
    for name in re.findall(r"--[a-z-]+", " ".join(re.findall(r"^\| `(.*?)` \|", table, re.M))):
        match(rf"{name}\b", told)


@test("the README's pictures are there, and small")
def _():
    begin = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<svg xml"}
    for name in re.findall(r"!\[[^]]+\]\((.*?)\)", README):
        picture = (ROOT / name).read_bytes()
        equal(picture[:8], begin[name[-4:]], f"the beginning of {name}")
        equal(len(picture) < 200_000, True, f"that {name} has less than 200 kB")


@test("the behaviours that the README names are understood as they stand there")
def _():
    table = README[README.index("| use | to get |"):README.index("The page builds such a URL")]
    queries = re.findall(r"`([\w-]+=.*?)`", " ".join(re.findall(r"(?m)^\| (.*?) \|", table)))
    equal(len(queries) > 20, True, "that there are many")
    with Server("--test", "all", listen=("ws://127.0.0.1:0",), cert=False) as own:
        for query in queries:
            with Guest(f"/?{query}", url=own.ws) as peer:
                understood = re.sub(r"(basic)=\S+", r"\1=...", query).replace("&", " ")
                equal(peer.fields["x-wsechod"], understood, "the field X-Wsechod")


@test("the functions that the README names are declared in the public headers")
def _():
    headers = "".join(path.read_text() for path in (ROOT / "common/await").glob("*.h"))
    for name in set(re.findall(r"`((?:aw|ws)_[a-z_]+?)(?:_?\*)?`", README)):
        match(rf"\b{name}", headers)


@test("the folders that the README names exist")
def _():
    tree = README[README.index("## The tree"):README.index("## Measured")]
    found = re.findall(r"^    (  )?([a-z]+/) ", tree, re.M)
    equal(len(found) > 10, True, "that the tree is shown")
    for inner, name in found:
        folder = ROOT / "common" / name if inner else ROOT / name
        equal(folder.is_dir(), True, f"{folder} being a folder")


main()
