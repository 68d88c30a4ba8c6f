# SPDX-License-Identifier: MIT
"""Servers that others wrote, for wsecho: python3-websockets, python3-aiohttp and npm's ws.
server_websockets.py, server_aiohttp.py and server_ws.js do the same, each in its library's way: what the
path of the URL says."""

import atexit
import subprocess
import sys

from others import HERE, NODE, PACKAGES, node_environment
from support import Log, Skip, once, test  # pylint: disable=wrong-import-order


class Peer:
    """One of the servers, which is started when it is first needed."""

    def __init__(self, name, *command, lacks=()):
        self.name = name
        self.command = command
        self.lacks = lacks
        self.log = None
        self.start = once(self.start_now)

    def start_now(self):
        """Its URL."""
        process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env=node_environment())
        atexit.register(process.wait)
        atexit.register(process.kill)
        self.log = Log(process.stderr)
        return self.log.wait("listening on (.*)")[0][1]

    def url(self, path=""):
        if why := self.missing():
            raise Skip(why)
        return self.start() + path

    def missing(self):
        """Why it is not to be had."""
        if self.command[0] is None:
            return "there is no node"
        if self.name == "ws":
            return None if (PACKAGES / "ws").is_dir() else "there is no npm package ws"
        found = subprocess.run([sys.executable, "-c", f"import {self.name}"], check=False,
                               stderr=subprocess.DEVNULL)
        return f"there is no Python module {self.name}" if found.returncode else None


peers = [Peer("websockets", sys.executable, HERE / "server_websockets.py"),
         # aiohttp does not send fragments.
         Peer("aiohttp", sys.executable, HERE / "server_aiohttp.py", lacks=("/fragments",)),
         Peer("ws", NODE, HERE / "server_ws.js")]


def with_each(title, needs=None):
    """Makes a test for each server of a function that gets the server."""

    def declare(function):
        for peer in peers:
            if needs not in peer.lacks:
                test(f"{peer.name}: {title}")(lambda peer=peer: function(peer))
        return function

    return declare
