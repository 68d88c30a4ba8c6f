# SPDX-License-Identifier: MIT
"""Several workers, watched: --admin shows all of them, whichever answers, and they have one access
log."""

import contextlib
import json
import os
import signal
import urllib.request

from peer import Peer, request
from service import PLAIN, Workers, command, owner, stop_by_pid
from support import DEADLINE, Log, equal, eventually, main, match, run, scratch, started, test


class Watched(Workers):
    """Two workers with --admin."""

    def __init__(self, *options, **more):
        super().__init__("--admin", "http://127.0.0.1:0", *options, cert=False, **more)
        self.admin = self.log.wait(r"metrics at (\S+)")[0][1]

    def metrics(self):
        return samples(self.admin)

    def total(self, name, labels=""):
        """A sum, and what each worker has."""
        found = self.metrics()
        more = f",{labels}" if labels else ""
        return (found[f"wsechod_{name}" + (f"{{{labels}}}" if labels else "")],
                [found[f'wsechod_worker_{name}{{worker="{number}"{more}}}'] for number in (0, 1)])


def samples(url):
    with urllib.request.urlopen(url, timeout=DEADLINE) as response:
        text = response.read().decode()
    return {name: float(value) for name, _, value in
            (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))}


RECEIVED = ("messages_total", 'direction="received",type="text"')


@test("the metrics are the sums of all workers, and each worker's, whoever answers")
def _():
    with Watched() as server, contextlib.ExitStack() as stack:
        for count, pid in enumerate(server.pids(), 1):
            peers = [server.peer_of(pid, stack) for _ in range(2)]
            for peer in peers * count:
                peer.echoes()
        eventually(lambda: server.total(*RECEIVED)[0] == 6, "all messages")
        # The workers take turns in answering.
        for _ in range(20):
            whole, each = server.total(*RECEIVED)
            equal((whole, sorted(each)), (6, [2, 4]), "the messages")
        whole, each = server.total("connections_open")
        equal((whole >= 4, sum(each)), (True, whole), "the connections")
        equal(len(server.log.find("metrics at")), 1, "how often it says where they are")


@test("what a worker counted goes on with its successor, and what it had is gone with it")
def _():
    with Watched() as server, contextlib.ExitStack() as stack:
        victim, other = server.pids()
        server.peer_of(victim, stack).echoes()
        server.peer_of(other, stack).echoes()
        eventually(lambda: server.total(*RECEIVED)[0] == 2, "both messages")
        open_before = server.total("connections_open")[0]
        server.kill(victim)
        server.replaced(victim)
        eventually(lambda: 0 < server.total("connections_open")[0] < open_before, "fewer connections")
        equal(server.total(*RECEIVED)[0], 2, "the messages so far")
        equal(len(server.log.find("metrics at")), 1, "how often it says where they are")


def has_open(pid, path):
    """Whether the process has the file."""
    folder = f"/proc/{pid}/fd"
    links = []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"{folder}/{name}"))
    return str(path) in links


@test("all workers write to one access log, and SIGHUP has all of them open it anew")
def _():
    path, old = scratch() / "access.log", scratch() / "access.old"
    with Watched("--access-log", path) as server:
        for name in (path, old):
            with contextlib.ExitStack() as stack:
                for pid in server.pids():
                    server.peer_of(pid, stack).echoes()
            eventually(lambda: path.read_text().count("\n") >= 2, "a line of each")
            if name is path:
                path.rename(old)
                server.signal(signal.SIGHUP)
                eventually(lambda: not any(has_open(pid, old) for pid in server.pids()),
                           "that nobody has the old file")
                server.log.wait("reloaded: ")
                equal(len(server.log.wait("reopened the access log")), 1, "how often it says so")
        for line in (path.read_text() + old.read_text()).splitlines():
            match(r'^\S+Z peer="127\.0\.0\.1:\d+" ', line)


@test("--admin is handed over to the successor")
def _():
    pidfile = scratch() / "watched.pid"
    with started(*command("--workers", "2", "--pidfile", pidfile, "--admin", "http://127.0.0.1:0",
                          "-l", *PLAIN)) as process:
        log = Log(process.stderr)
        admin = log.wait(r"metrics at (\S+)")[0][1]
        log.wait("listening on")
        process.send_signal(signal.SIGUSR2)
        log.wait(r"process \d+ serves from now on")
        equal(process.wait(DEADLINE), 0, "the status")
        try:
            equal(log.wait(r"metrics at (\S+)", 2)[1][1], admin, "where they are")
            equal(samples(admin)["wsechod_connections_open"], 0)
        finally:
            stop_by_pid(int(pidfile.read_text()))
        log.text()


@test("an --admin address that is taken is named, and nothing starts")
def _():
    with Watched() as server:
        taken = match(r"http://[^/]+", server.admin)[0]
        done = run(*command("--workers", "2", "--admin", taken, "-l", *PLAIN)).expect(1)
        match("--admin: cannot listen on .*: Address already in use", done.err)


def listed_at(admin):
    """What /connections says, of whichever worker answers."""
    with urllib.request.urlopen(admin + "/connections", timeout=DEADLINE) as answer:
        return json.load(answer)


@test("/connections has those of all workers, and names a worker that does not answer")
def _():
    # Longer than it is silent for.
    with Workers("--admin", "http://127.0.0.1:0", "--worker-timeout", "5m", cert=False) as server, \
            contextlib.ExitStack() as stack:
        pids, peers = server.pids(), []
        while {owner(peer, pids) for peer in peers} != set(pids) and len(peers) < 200:
            peers.append(stack.enter_context(Peer(server.ws)))
            peers[-1].echoes()
        owners = {f"{host}:{port}": owner(peer, pids) for peer in peers for host, port in [peer.sock.getsockname()]}
        admin = server.log.wait(r"metrics at (http://\S+)/metrics")[0][1]
        for _ in range(4 * len(pids)):
            told = listed_at(admin)
            equal({one["peer"] for one in told["connections"]}, set(owners), "whose connections are listed")
            equal((told["workers"], told["left_out"], told["silent"]), (len(pids), 0, []), "the rest")
            numbers = {owners[one["peer"]]: one["worker"] for one in told["connections"]}
            equal(sorted(numbers.values()), list(range(len(pids))), "one number for each process")
            equal({numbers[owners[one["peer"]]] == one["worker"] for one in told["connections"]}, {True})
        stopped = pids[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            # It accepts nothing meanwhile, so another one answers.
            told = listed_at(admin)
            equal((told["silent"], {one["peer"] for one in told["connections"]}),
                  ([numbers[stopped]], {peer for peer, pid in owners.items() if pid != stopped}),
                  "who is silent, and what the others have")
        finally:
            os.kill(stopped, signal.SIGCONT)
        eventually(lambda: listed_at(admin)["silent"] == [], "all answer again")


@test("/-/status.json adds up what all workers have and had, with --admin and without")
def _():
    def figures(server):
        with Peer(server.ws, upgrade=False) as peer:
            peer.send(request(line="GET /-/status.json HTTP/1.1", drop=(
                "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")))
            peer.read_head()
            told = json.loads(peer.read_until(b"\n"))
        return told["connections"], told["messages"], told["workers"]

    for options in ((), ("--admin", "http://127.0.0.1:0")):
        with Workers(*options, cert=False) as server, contextlib.ExitStack() as stack:
            pids, count, peers = server.pids(), len(server.pids()), []
            while {owner(peer, pids) for peer in peers} != set(pids) and len(peers) < 200:
                peers.append(stack.enter_context(Peer(server.ws)))
                peers[-1].echoes()
            wanted = len(peers), len(peers), count
            # Whoever answers.
            eventually(lambda: {figures(server) for _ in range(10)} == {wanted}, f"the figures are {wanted}")
            if options:
                admin = server.log.wait(r"metrics at (http://\S+)/metrics")[0][1]
                told = listed_at(admin)
                # Beside them, those that asked for the figures may not be gone.
                equal((told["workers"], sum(one["state"] == "open" for one in told["connections"])),
                      (count, len(peers)), "what is listed")
            lost = sum(owner(peer, pids) == pids[0] for peer in peers)
            server.kill(pids[0])
            server.replaced(pids[0])
            wanted = len(peers) - lost, len(peers), count
            eventually(lambda: {figures(server) for _ in range(10)} == {wanted},
                       f"the figures are {wanted} when another worker has taken its place")


main(threads=3)
