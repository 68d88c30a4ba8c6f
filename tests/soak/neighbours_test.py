# SPDX-License-Identifier: MIT
"""Attacks beside clients that behave well. Each has to be seen in a metric, and to stay within the
memory that the server may take. How late the others' echoes come is printed, as a ratio to those of
a second server that nobody attacks, in the same seconds on the same machine: what the attackers'
own processes take of it is the same for both. It should be less than two."""

import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading

import crowd  # noqa: F401 it tells where the next ones are
from support import BUILD, DEADLINE, SANITIZED, Server, equal, eventually, in_parallel, main, note, test
from watched import Watched

LOAD = ("-c20", "-R2000", "-s128", "--warm-up=300ms", "--timeout=60s")
# The attackers that wait to be dropped come back at once, all of them, every eight seconds.
ROUNDS, ROUND = 3, "8s"
MEMORY = 400 << 20
ATTACK = pathlib.Path(__file__).with_name("attack.py")
MANY = 20 if SANITIZED else 1


class Neighbour(Watched):
    """A server with limits, and what it takes while it is attacked."""

    def __init__(self, *options):
        super().__init__("--max-memory", str(MEMORY), *options,
                         listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"))
        self.most_memory = self.most_charged = 0
        self.before = self.memory()

    def look(self):
        self.most_memory = max(self.most_memory, self.memory() - self.before)
        metrics = self.metrics()
        charged = sum(metrics[f'wsechod_memory_bytes{{use="{use}"}}']
                      for use in ("connections", "messages"))
        self.most_charged = max(self.most_charged, charged)
        return metrics


def p99(url, duration="1s"):
    """Of the echoes of clients that behave well, in milliseconds; all of them come."""
    done = subprocess.run([BUILD / "wsbench", "--json", *LOAD, "--duration", duration, url],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=6 * DEADLINE,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"wsbench: {done.stderr.decode()}")
    told = json.loads(done.stdout)
    equal(told["measured"]["lost"] + told["measured"]["wrong"], 0, "the echoes that did not come")
    return told["latency_ms"]["p99"]


def beside(server, quiet, duration="1s"):
    """The ratio of both servers' p99, and what they were: the median of some rounds, because each may
    meet what else the machine has to do."""
    rounds = [in_parallel(lambda url: p99(url, duration), server.ws, quiet.ws)
              for _ in range(ROUNDS)]
    return sorted((one / other, one, other) for one, other in rounds)[ROUNDS // 2]


@contextlib.contextmanager
def attack(server, kind, count):
    """That many attackers, once they are there; they are gone after the block."""
    with subprocess.Popen([sys.executable, ATTACK, kind, server.wss, server.ws, str(count)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        timer = threading.Timer(15 * DEADLINE, process.kill)
        timer.start()
        try:
            equal(process.stdout.readline(), b"ready\n", "what the attack says")
            yield
        finally:
            timer.cancel()
            process.stdin.close()
            process.wait(DEADLINE)


def is_shown(metrics, wanted):
    return all(metrics[name] >= least // MANY for name, least in wanted.items())


def declare(title, kind, count, options, shown):
    @test(f"{title}: seen in a metric, within --max-memory, and the others get all their echoes")
    def _():
        with Neighbour(*options) as server, Server() as quiet:
            before = beside(server, quiet)[0]
            stop = threading.Event()

            def watch():
                while not stop.wait(0.2):
                    server.look()

            with attack(server, kind, max(count // MANY, 1)):
                watcher = threading.Thread(target=watch)
                watcher.start()
                try:
                    ratio, attacked, normal = beside(server, quiet, ROUND)
                    eventually(lambda: is_shown(server.look(), shown), f"the metrics show {shown}")
                finally:
                    stop.set()
                    watcher.join()
            note(f"{title}: p99 {attacked:.2f} ms, of the other server {normal:.2f} ms: x "
                 f"{ratio:.2f} (before the attack x {before:.2f}); at most "
                 f"{server.most_memory >> 10} MiB more, {server.most_charged / MEMORY:.0%} of "
                 "--max-memory")
            equal(server.most_charged <= MEMORY, True, "that what is charged is within the bound")
            equal(SANITIZED or server.most_memory << 10 <= MEMORY, True,
                  "that what is resident is within the bound")
            equal(p99(server.ws) > 0, True, "that the server goes on")


def limit(name):
    return f'wsechod_limit_exceeded_total{{limit="{name}"}}'


def refused(reason):
    return f'wsechod_connections_refused_total{{reason="{reason}"}}'


declare("5,000 slow handshakes", "slow-handshakes", 5000, ("--handshake-timeout", "8s"),
        {limit("handshake-timeout"): 1000})
declare("5,000 silent connections", "silent", 5000, ("--ping-interval", "5s", "--ping-timeout", "3s"),
        {limit("ping-timeout"): 1000})
declare("senders that never read", "never-reading", 50,
        ("--ping-interval", "2s", "--ping-timeout", "2s"),
        {limit("max-buffer"): 50, limit("ping-timeout"): 50})
declare("ping floods", "pings", 4, (),
        {'wsechod_control_frames_total{direction="received",type="ping"}': 10_000,
         limit("max-control-rate"): 10})
declare("fragment floods", "fragments", 4, (),
        {"wsechod_fragments_total": 10_000, limit("max-control-rate"): 10})
declare("ping floods over --max-message-rate", "pings", 4, ("--max-message-rate", "1000"),
        {limit("max-message-rate"): 10})
declare("fragment floods over --max-message-rate", "fragments", 4, ("--max-message-rate", "1000"),
        {limit("max-message-rate"): 10})
declare("header floods", "headers", 10, (), {refused("too_large"): 50})
declare("renegotiation floods", "renegotiations", 4, (), {"wsechod_tls_errors_total": 10})
declare("connect-and-reset storms", "resets", 20, (), {refused("gone"): 200})

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
os.environ.pop("AW_TEST_LOOP", None)
main()
