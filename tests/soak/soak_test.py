# SPDX-License-Identifier: MIT
"""2,000 clients of all kinds over two workers, for as many seconds as $DURATION says: now and then a
worker is killed, and the configuration reloaded. Nothing is lost that is not seen to be lost, memory
stays what it was, and so do descriptors."""

import asyncio
import contextlib
import os
import random
import re
import resource
import signal
import statistics

import crowd
from crowd import Crowd, now
# crowd.py has told where these are.
from service import Workers, is_there
from support import SANITIZED, equal, eventually, main, memory_of, note, scratch, test
from watched import Watched

DURATION = float(os.environ.get("DURATION", "600"))
KILL = min(60, DURATION / 4)
RELOAD = min(30, DURATION / 6)
KINDS = {crowd.fast: 300, crowd.slow: 900, crowd.stalled: 150, crowd.resetting: 200,
         crowd.oversize: 150, crowd.garbage: 150, crowd.half_closing: 150}
# Seconds that all take to come, to which memory grows.
WARM_UP = 15


class Soaked(Workers, Watched):
    """A server with workers and metrics, whose configuration changes."""

    def __init__(self):
        self.config = scratch() / "soak.conf"
        self.reloads = 0
        self.write_config()
        super().__init__("--config", self.config, listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"))

    def write_config(self):
        self.config.write_text(f"workers 2\nmax-message 1M\nmax-connections {4000 + self.reloads}\n"
                               f"max-lifetime {300 + self.reloads}s\n")

    def reload(self):
        self.reloads += 1
        self.write_config()
        self.signal(signal.SIGHUP)

    def warm_up(self):
        """Once each worker has served and reloaded, it has all descriptors that it keeps."""
        with contextlib.ExitStack() as stack:
            for pid in self.pids():
                for url in (self.ws, self.wss):
                    self.peer_of(pid, stack, url).echoes()
        self.reload()
        self.log.wait("reloaded")
        self.metrics()
        eventually(lambda: self.metrics()["wsechod_connections_open"] == 0, "they are gone")
        return self.all_descriptors()

    def kill_one(self):
        victim = random.choice(self.pids())
        os.kill(victim, signal.SIGKILL)
        return victim

    def all_memory(self):
        """Of all processes, KiB; one that has just ended has none."""
        total = 0
        for pid in [self.process.pid, *self.pids()]:
            try:
                total += memory_of(pid)
            except (FileNotFoundError, AssertionError):
                continue
        return total

    def all_descriptors(self):
        """Of each process; the workers are alike."""
        return sorted(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())


async def disturb(server, until):
    """Kills and reloads; returns the samples of memory, and how many were killed."""
    samples, killed = [], []
    next_kill, next_reload = now() + KILL, now() + RELOAD
    while now() < until:
        await asyncio.sleep(0.5)
        samples.append((now(), server.all_memory()))
        # Not at the end: what that would take is measured in the next run.
        if now() >= next_kill and now() < until - KILL / 2:
            killed.append(server.kill_one())
            next_kill += KILL
        if now() >= next_reload:
            server.reload()
            next_reload += RELOAD
    return samples, killed


def second_half(samples):
    """The median of memory in the third quarter and in the last one."""
    begin, end = samples[0][0] + WARM_UP, samples[-1][0]
    middle = (begin + end) / 2
    late = middle + (end - middle) / 2
    third = [size for when, size in samples if middle <= when < late]
    last = [size for when, size in samples if when >= late]
    return statistics.median(third), statistics.median(last)


async def soak(server):
    clients = Crowd([server.wss, server.ws, server.ws, server.ws])
    for kind, count in KINDS.items():
        clients.start(kind, count)
    samples, killed = await disturb(server, now() + DURATION)
    await clients.stop()
    return clients, samples, killed


@test(f"2,000 clients, {DURATION:g} s: each message is echoed once or its connection ends; memory and "
      "descriptors stay")
def _():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Soaked() as server:
        before = server.warm_up()
        clients, samples, killed = asyncio.run(soak(server))
        third, last = second_half(samples)
        for name, value in sorted(clients.counts.items()):
            note(f"{name}: {value}")
        note(f"killed {len(killed)}, reloaded {server.reloads}; KiB: {third:.0f}, then {last:.0f} "
             f"({100 * (last / third - 1):+.1f} %)")
        equal(clients.errors[:5], [], "what the clients complain of")
        counts = clients.counts
        for kind in ("sent", "1009", "refused garbage", "half-closed whole", "stalled", "resetting"):
            equal(counts[kind] > 0, True, f"that {kind} happened")
        # Whatever was not echoed was seen to be lost, or given up by the client itself.
        equal(counts["sent"], counts["echoed"] + counts["lost with their connections"],
              "the number of messages")
        equal(counts["open at once"] > 1500, True, "that many were open at once")
        equal(len(killed) >= 2, True, "that workers were killed")
        eventually(lambda: not any(is_there(pid) for pid in killed), "they are gone")
        eventually(lambda: max(server.all_descriptors()) <= max(before),
                   f"the workers' descriptors are no more than {before}")
        equal(server.log.find("hangs:"), [], "workers that hung")
        equal(len(server.log.find("another one takes its place")), len(killed), "those that ended")
        equal(SANITIZED or last <= third * 1.05, True,
              f"that {last:.0f} KiB after {third:.0f} are flat")
        samples = server.metrics()
        equal(samples["wsechod_connections_open"], 0, "the connections that are open")
        for name, value in samples.items():
            if value and re.match(r"wsechod_(limit_exceeded|connections_(refused|opened|accepted))",
                                  name):
                note(f"{name} {value:.0f}")


main()
