# SPDX-License-Identifier: MIT
"""What `make bench` measures: the servers, and the loads on them. One row is one line here."""

import dataclasses
import json
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD, CERTS = os.environ.get("BUILD", "build"), os.environ.get("CERTS", "certs")
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
PAIR = [f"{CERTS}/localhost.pem", f"{CERTS}/localhost.key"]
os.environ.setdefault("NODE_PATH", os.path.abspath(f"{HERE}/../../build/npm/node_modules"))
OURS, OTHER, LIMIT = "wsechod", "other", "limit"
LWS, WS = "lws as its examples do", "ws (node)"

# Runs a script of Python's on uvloop.
ON_UVLOOP = ("import sys, runpy, uvloop; uvloop.install(); sys.argv = sys.argv[1:]; "
             "runpy.run_path(sys.argv[0], run_name='__main__')")


@dataclasses.dataclass
class Row:
    """One load. `options` are wsbench's; `each` is what is counted."""

    options: list
    short: str  # for the head of a column
    scheme: str = "wss"  # or "ws", or "deflate": wss with compressed messages
    each: str = "message"
    calls: bool = False  # system calls are counted
    count: tuple = ()  # for that: messages of a short and of a long load
    half: bool = False  # it is measured at half of what the server could take, too
    messages: int = 0  # so many rather than for a time, so that all that they cost is counted
    json: int = 0  # bytes of JSON that are sent, instead of what wsbench makes

    @property
    def churn(self):
        return "--churn" in self.options


FEW = "128 B, 100 connections, 1 in flight"
PIPELINED = "128 B, 100 connections, 16 in flight"
JSON_1K = "compressed, 1 KiB of JSON, 100 connections, 16 in flight"
JSON_16K = "compressed, 16 KiB of JSON, 100 connections, 16 in flight"
COMPRESSED = ["--compress-mode", "shared", "-t60s"]
ROWS = {
    FEW: Row(["-s128", "-c100"], "128 B × 1", calls=True, count=(1000, 11000), half=True),
    PIPELINED: Row(["-s128", "-c100", "-p16"], "128 B × 16", calls=True, count=(5000, 55000)),
    "16 KiB, 50 connections, 4 in flight": Row(["-s16K", "-c50", "-p4"], "16 KiB × 4"),
    "1 MiB, 10 connections, 1 in flight": Row(["-s1M", "-c10"], "1 MiB × 1"),
    "connect + TLS + upgrade + echo of 128 B + close, 16 at once":
        Row(["-s128", "-c16", "--churn"], "connect, echo, close", each="cycle"),
    "the same with resumed TLS sessions":
        Row(["-s128", "-c16", "--churn", "--resume"], "the same, resumed", each="cycle"),
    "plain, 128 B, 100 connections, 1 in flight": Row(["-s128", "-c100"], "128 B × 1", "ws"),
    "plain, 128 B, 100 connections, 16 in flight": Row(["-s128", "-c100", "-p16"], "128 B × 16", "ws"),
    "plain, 16 KiB, 50 connections, 4 in flight": Row(["-s16K", "-c50", "-p4"], "16 KiB × 4", "ws"),
    JSON_1K: Row([*COMPRESSED, "-c100", "-p16"], "1 KiB × 16", "deflate", json=1024, messages=12000),
    JSON_16K: Row([*COMPRESSED, "-c100", "-p16"], "16 KiB × 16", "deflate", json=16384,
                  messages=4000),
}
ACTIVE = ["-s128", "-c10"]


def some_json(size):
    """A list of records, as a service may send it; cut off at the size."""
    records, state = [], 1
    while sum(map(len, records)) < size:
        state = (state * 1103515245 + 12345) & 0xffffffff
        records.append(json.dumps({
            "id": state >> 8, "name": f"user{state >> 12 & 4095}", "active": bool(state & 65536),
            "score": (state >> 9) % 10000 / 100, "tags": [f"a{state >> 20 & 31}", f"b{state >> 14 & 31}"]}))
    return ", ".join(records)[:size]


def write_messages(rows, directory):
    """The files that rows with JSON send; gives them their option."""
    for row in rows.values():
        if row.json:
            path = os.path.join(directory, str(row.json))
            with open(path, "w", encoding="ascii") as file:
                file.write(some_json(row.json))
            row.options = [*row.options, "-m", f"@{path}"]


@dataclasses.dataclass
class Peer:
    """A server: its command for each scheme that it speaks, and what it needs."""

    wss: list = None
    ws: list = None
    deflate: list = None  # each message by itself, with zlib's level 6
    package: str = None  # what has to be installed
    file: str = None  # without which it is not there
    module: str = None  # the same for one of Python's
    version: list = None  # a command that prints one

    def missing(self):
        """Why it cannot be measured, or None."""
        command = self.wss or self.ws
        there = shutil.which(command[0]) and (not self.file or os.path.exists(self.file))
        if there and self.module:
            done = subprocess.run([PYTHON, "-c", f"import {self.module}"], check=False,
                                  stderr=subprocess.DEVNULL)
            there = done.returncode == 0
        return None if there else f"skipped, {self.package or command[0]} is not installed"


def wsechod(loop="auto", build=BUILD):
    command = [f"{build}/wsechod", "--loop", loop, "--listen"]
    secure = [*command, "wss://127.0.0.1:0", "--cert", PAIR[0], "--key", PAIR[1]]
    return Peer(secure, [*command, "ws://127.0.0.1:0"], secure)


def native(path, package=None):
    return Peer([path, "0", *PAIR], [path, "0"], package=package, file=path)


def python(script, module, uvloop=False):
    before = [PYTHON, "-c", ON_UVLOOP] if uvloop else [PYTHON]
    needed = f"{module}, uvloop" if uvloop else module
    packages = " and ".join(f"python3-{name}" for name in needed.split(", "))
    told = f"import {module}; print({module}.__version__)"
    command = [*before, f"{HERE}/{script}", "0", *PAIR]
    compressing = [*command, "deflate"] if script == "peer_websockets.py" else None
    return Peer(command, deflate=compressing, package=packages, module=needed,
                version=[PYTHON, "-c", told])


def peers(loops=False, against=None):
    """All servers by name, in the order of the tables."""
    found = {OURS: wsechod()}
    if against:
        return found | {OTHER: wsechod(build=against), LIMIT: native(f"{BUILD}/bench/limit")}
    found[LIMIT] = native(f"{BUILD}/bench/limit")
    for loop in ("ev", "uv", "poll") if loops else ():
        found[f"wsechod --loop {loop}"] = wsechod(loop)
    modules = os.environ["NODE_PATH"]
    found[LWS] = native(f"{BUILD}/bench/lws_echo")
    found["Boost.Beast"] = native(f"{BUILD}/conformance/beast_echo", "libboost-dev")
    found["gorilla/websocket"] = native(f"{BUILD}/conformance/gorilla_echo",
                                        "golang-github-gorilla-websocket-dev")
    node = ["node", f"{HERE}/peer_ws.js", "0", *PAIR]
    found[WS] = Peer(node, deflate=[*node, "deflate"], package="npm's ws", file=f"{modules}/ws",
                     version=["node", "-p", "require('ws/package.json').version"])
    found["python3-websockets"] = python("peer_websockets.py", "websockets")
    found["python3-websockets, uvloop"] = python("peer_websockets.py", "websockets", True)
    found["aiohttp"] = python("peer_aiohttp.py", "aiohttp")
    found["aiohttp, uvloop"] = python("peer_aiohttp.py", "aiohttp", True)
    return found
