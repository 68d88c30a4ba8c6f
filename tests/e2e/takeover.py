# SPDX-License-Identifier: MIT
"""Clients that see whether anybody is refused while servers follow each other."""

import threading

from peer import TEXT, Peer
from support import equal


class Connecting(threading.Thread):
    """Connects, sends a message and closes, one after the other, and keeps what went wrong."""

    def __init__(self, url):
        super().__init__()
        self.url, self.ended, self.wrong, self.echoes, self.told = url, False, [], 0, 0
        self.start()

    def run(self):
        while not self.ended:
            try:
                self.once()
            except Exception as error:  # pylint: disable=broad-except
                self.wrong.append(f"{type(error).__name__}: {error}")

    def once(self):
        """One connection: the message comes back, or the server says that it goes."""
        with Peer(self.url) as peer:
            peer.send_frame(TEXT, b"on and on")
            came = peer.read_frame()
            if came.opcode == TEXT:
                equal(came.payload, b"on and on")
                self.echoes += 1
            else:
                equal(came.payload[:2], b"\x03\xe9", "the code")
                self.told += 1

    def stop(self):
        self.ended = True
        self.join()
        equal(self.wrong, [], f"what went wrong in {self.echoes} connections")
