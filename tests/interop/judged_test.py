# SPDX-License-Identifier: MIT
# Long: a process for each fault and each client.
"""Clients' libraries judged by wsechod's faults: what npm's ws, Python's websockets and aiohttp make
of each broken frame and each broken handshake. The README has the table that this finds, for the
versions that it names, Debian's where they are Debian's: an update may change what a client notices.
With other versions it is only printed."""

import importlib.metadata
import json
import re
import subprocess
import sys

from others import (HERE, NODE, ROOT, need_module, need_package, node_environment)
from support import Server, equal, in_parallel, main, note, started, test  # pylint: disable=wrong-import-order

need_module("websockets")
need_module("aiohttp")
PACKAGE = need_package("ws")
CLIENTS = ("ws", "websockets", "aiohttp")
server = Server("--test", "all", listen=("ws://127.0.0.1:0",), cert=False)


def version(module):
    """With Debian's revision."""
    done = subprocess.run(("dpkg-query", "--show", "--showformat", "${Version}", f"python3-{module}"),
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode() or importlib.metadata.version(module)


def versions():
    return {"ws": json.loads((PACKAGE / "package.json").read_text())["version"],
            "websockets": version("websockets"), "aiohttp": version("aiohttp")}


def words(name):
    """Those that the table has for a behaviour."""
    return next(row for row in listed() if row["name"] == name)["words"].split("|")


def listed():
    from urllib.request import Request, urlopen  # pylint: disable=import-outside-toplevel
    url = server.ws.replace("ws:", "http:") + "/-/"
    with urlopen(Request(url, headers={"Accept": "application/json"}), timeout=20) as answer:
        return json.load(answer)


def command(client, *arguments):
    if client == "ws":
        return [NODE, HERE / "judged_ws.js", *arguments]
    return [sys.executable, HERE / "judged.py", client, *arguments]


def opens(client, path, *more):
    """What the client says of the handshake, and its address."""
    done = subprocess.run(command(client, server.ws + path, *more), env=node_environment(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    return done.stdout.decode().split()[0]


def handshake(client, word):
    return {"open": "does not notice", "refused": "refuses"}[
        opens(client, f"/?handshake={word}&client={client}", "leave")]


def fault(client, word):
    """From the server's log. A client that says nothing for 5 s has not noticed."""
    # A server of its own: what many peers cause at once is not all logged.
    with Server("--test", "all", listen=("ws://127.0.0.1:0",), cert=False) as own, \
            started(*command(client, f"{own.ws}/-/fault/{word}"),
                    env=node_environment()) as process:
        said = own.log.wait(rf"fault={word}: the client (.*)")[0][1]
        process.kill()
    found = re.match(r"closed with (\d+)", said)
    return found[1] if found else "leaves" if said.startswith("left") else "does not notice"


def judge(function, name):
    """The rows of the table: of each word, what each client does."""
    cases = [(client, word) for word in words(name) for client in CLIENTS]
    results = in_parallel_few(lambda case: function(*case), cases)
    by_case = dict(zip(cases, results))
    return [f"| `{name}={word}` | " + " | ".join(by_case[client, word] for client in CLIENTS) + " |"
            for word in words(name)]


def in_parallel_few(function, cases, most=6):
    results = []
    for start in range(0, len(cases), most):
        results += in_parallel(function, *cases[start:start + most])
    return results


@test("what each client notices is what the README says")
def _():
    found = versions()
    rows = judge(handshake, "handshake") + judge(fault, "fault")
    head = "| | " + " | ".join(f"{client} {found[client]}" for client in CLIENTS) + " |"
    note("\n".join([head, *rows]))
    told = [line for line in (ROOT / "README.md").read_text().splitlines()
            if line == head or re.match(r"\| `(handshake|fault)=[\w-]+` \|", line)]
    if head in told:
        equal(told, [head, *rows], "the table in the README")
    equal(len(rows) > 15, True, "that there were cases")


@test("each client gets along with the server if nothing is broken")
def _():
    equal([opens(client, "/", "leave") for client in CLIENTS], ["open"] * 3)


main()
