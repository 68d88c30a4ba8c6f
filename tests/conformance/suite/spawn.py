# SPDX-License-Identifier: MIT
"""Servers under test that the suite starts itself, and starts again if a case ends them."""

import os
import re
import subprocess
import threading

from .link import Log
from .targets import ServerTarget, Unreachable


class Spawned:
    """A server process that says "listening on URL" on standard error."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.url = None
        self.port = "0"
        self.lock = threading.Lock()
        self.deaths = 0
        self.status = None  # once it was stopped

    def start(self):
        """Its URL. {port} in the command is 0 at first, later the port that it had."""
        words = [word.replace("{port}", self.port) for word in self.command]
        try:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env=self.environment)
        except OSError as error:
            raise Unreachable(f"cannot run {words[0]}: {error.strerror}") from None
        said = b""
        for line in self.process.stderr:
            said += line
            if found := re.search(rb"listening on (wss?://\S+)", line):
                self.url = found[1].decode()
                self.port = re.search(r":(\d+)/?$", self.url)[1]
                threading.Thread(target=self.drain, args=(self.process,), daemon=True).start()
                return self.url
        self.stop()
        raise Unreachable(f"{words[0]} does not listen: {said.decode(errors='replace')[-300:]}")

    @staticmethod
    def drain(process):
        """Reads on, so that the server never waits for a reader."""
        for _ in process.stderr:
            pass

    def revive(self):
        """Starts it again if it has ended; true if it had."""
        with self.lock:
            if self.process.poll() is None:
                return False
            self.deaths += 1
            self.start()
            return True

    def stop(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.status = self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class SpawnedTarget(ServerTarget):
    """That, as a target."""

    def __init__(self, server, settings, **more):
        super().__init__(server.url.replace("127.0.0.1", "localhost"), settings, **more)
        self.server = server

    def connect(self, log=None):
        log = log or Log()
        if self.server.revive():
            log.note("the server had ended, and was started again")
        return super().connect(log)
