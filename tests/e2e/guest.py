# SPDX-License-Identifier: MIT
"""Clients that ask wsechod for a test behaviour."""

import time

from peer import Peer, request
from support import Server, equal, once, test


@once
def server():
    """One with all behaviours."""
    return Server("--test", "all")


class Guest(Peer):
    """A client that asks for this path, with these fields more, and has read the 101."""

    def __init__(self, path, *fields, url=None, shake=True):
        self.begun = time.monotonic()
        super().__init__(url or server().ws, upgrade=False)
        self.send(request(*fields, line=f"GET {path} HTTP/1.1"))
        if shake:
            self.status, self.fields = self.read_head()

    def body(self):
        """What follows the head, to the end of the stream."""
        while data := self.receive():
            self.buffer += data
        return self.buffer.decode()


def behaves(title, *paths):
    """A test of a function that gets a peer which has asked for each of the paths, over TLS and
    without, and got a 101."""

    def declare(function):
        def each():
            for path in paths:
                for url in (server().wss, server().ws):
                    with Guest(path, url=url) as peer:
                        equal((peer.status, path), (101, path), "the status")
                        function(peer)

        test(title)(each)
        return function

    return declare


def at_least(seconds, start):
    """Fails unless so much has passed since the time. That it was not much more nobody can say."""
    passed = time.monotonic() - start
    if passed < seconds:
        raise AssertionError(f"it took {passed} s, less than {seconds}")
