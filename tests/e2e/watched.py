# SPDX-License-Identifier: MIT
"""A server that shows its metrics."""

import http.client
import json
import socket

from support import DEADLINE, Server, equal, eventually, match

PORT = "http://127.0.0.1:0"


class Watched(Server):
    """A server with --admin."""

    def __init__(self, *options, admin=PORT, **more):
        super().__init__("--admin", admin, *options, **more)
        self.admin = self.log.wait(r"metrics at (\S+)")[0][1]

    def ask(self, path, method="GET"):
        """The response and its body."""
        if self.admin.startswith("unix:"):
            link = http.client.HTTPConnection("localhost", timeout=DEADLINE)
            link.sock = socket.socket(socket.AF_UNIX)
            link.sock.settimeout(DEADLINE)
            link.sock.connect(self.admin[len("unix:"):])
        else:
            host = match(r"http://([^/]+)/metrics$", self.admin)[1]
            link = http.client.HTTPConnection(host, timeout=DEADLINE)
        link.request(method, path)
        response = link.getresponse()
        return response, response.read().decode()

    def metrics(self):
        """Each sample by its name, labels and all."""
        response, text = self.ask("/metrics")
        equal(response.status, 200, "the status")
        equal(response.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "the type")
        samples = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, value = match(r"^(\w+(?:\{[^}]*\})?) ([0-9.]+)$", line).groups()
                equal(name in samples, False, f"that {name} is there twice")
                samples[name] = float(value)
        return samples

    def counts(self, wanted):
        """Waits until these metrics have these values."""
        found = {}

        def right():
            samples = self.metrics()
            found.update({name: samples[name] for name in wanted})
            return found == wanted

        try:
            eventually(right, "the metrics are right")
        except AssertionError:
            equal(found, wanted, "the metrics")

    def connections(self):
        response, text = self.ask("/connections")
        equal((response.status, response.headers["Content-Type"]), (200, "application/json"), "it")
        return json.loads(text)
