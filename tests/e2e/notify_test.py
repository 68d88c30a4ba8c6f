# SPDX-License-Identifier: MIT
"""The service manager: sd_notify(3)'s protocol at a socket of ours, and sockets that it has opened, by
hand and by the real systemd-socket-activate(1)."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import time

from peer import Peer
from service import CERTIFICATE, PLAIN, Manager, children, command, stop_by_pid
from support import DEADLINE, Log, Skip, equal, main, scratch, started, test
from wire import connect

COUNTS = ("1", "2")


def managed(manager, *options, **more):
    return started(*command("-l", *PLAIN, *options), env=manager.environment(**more))


@test("it says when it is ready, when connections are accepted already, and when it stops")
def _():
    for count in COUNTS:
        for abstract in (False, True):
            with Manager(abstract) as manager, \
                    managed(manager, "--workers", count, "--drain-delay", "1s") as process:
                log = Log(process.stderr)
                message = manager.read()
                equal(message["READY"], "1")
                equal(message["STATUS"], f"serving with {count} worker{'s' * (count != '1')}")
                with Peer(log.wait("listening on (.*)")[0][1]) as peer:
                    peer.echoes()
                process.terminate()
                message = manager.read()
                equal(message["STOPPING"], "1")
                # The delay, 8 s for the connections, and something for the rest.
                equal(int(message["EXTEND_TIMEOUT_USEC"]) >= 9_000_000, True, "the time it asks for")
                equal(process.wait(DEADLINE), 0, "the status")
                log.text()


@test("it tells how many of its workers serve")
def _():
    with Manager() as manager, managed(manager, "--workers", "2") as process:
        manager.wait("READY", "1")
        os.kill(children(process.pid)[0], signal.SIGKILL)
        manager.wait("STATUS", "serving with 1 of 2 workers")
        manager.wait("STATUS", "serving with 2 workers")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")


@test("a server that cannot start never says that it is ready")
def _():
    with Manager() as manager, managed(manager, "-l", "ws://203.0.113.1:1") as process:
        equal(process.wait(DEADLINE), 1, "the status")
        manager.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"it said {manager.read()}")


@test("without a socket, or with a wrong one, it serves all the same")
def _():
    for address in ("", "relative", "/no/such/socket", "/" + "x" * 200):
        with started(*command("-l", *PLAIN),
                     env=os.environ | {"NOTIFY_SOCKET": address}) as process:
            log = Log(process.stderr)
            with Peer(log.wait("listening on (.*)")[0][1]) as peer:
                peer.echoes()
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()


@test("the watchdog hears from it more often than it asks for, as long as its loop turns")
def _():
    for count in COUNTS:
        with Manager() as manager, \
                managed(manager, "--workers", count, WATCHDOG_USEC="1000000") as process:
            manager.wait("READY")
            times = []
            for _ in range(4):
                manager.wait("WATCHDOG", "1")
                times.append(time.monotonic())
            os.kill(process.pid, signal.SIGSTOP)
            # What it sent before, and then nothing for longer than it may be silent.
            manager.sock.settimeout(1.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    manager.read()
            os.kill(process.pid, signal.SIGCONT)
            manager.sock.settimeout(DEADLINE)
            manager.wait("WATCHDOG", "1")
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")


@test("a watchdog that is meant for another process hears nothing")
def _():
    with Manager() as manager, \
            managed(manager, WATCHDOG_USEC="100000", WATCHDOG_PID="1") as process:
        manager.wait("READY")
        manager.sock.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"it said {manager.read()}")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")


# Sockets of the manager's.


def listening(address, family=socket.AF_INET):
    sock = socket.socket(family)
    sock.bind(address)
    sock.listen(20)
    return sock


def activated(sockets, *options, names=None, pid="$$"):
    """A server that is given the sockets as systemd does it: from 3 on, with its own number."""
    script = f'export LISTEN_PID={pid}; exec "$@"'
    environment = os.environ | {"LISTEN_FDS": str(len(sockets))}
    if names is not None:
        environment["LISTEN_FDNAMES"] = ":".join(names)

    def setup():
        # First out of the way of each other.
        high = [os.dup2(sock.fileno(), 100 + i) for i, sock in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
            os.close(fd)

    # 100 and more are closed by us, what is below 3 + count is passed.
    return started("sh", "-c", script, "sh", *command(*options), env=environment, close_fds=False,
                   preexec_fn=setup)


@test("sockets of the manager's are served by their names, and stay open when the server ends")
def _():
    path = scratch() / "activated.sock"
    for count in COUNTS:
        path.unlink(missing_ok=True)
        sockets = [listening(("127.0.0.1", 0)), listening(("127.0.0.1", 0)),
                   listening(("::1", 0), socket.AF_INET6), listening(str(path), socket.AF_UNIX)]
        with contextlib.ExitStack() as stack:
            for sock in sockets:
                stack.enter_context(sock)
            ports = [sock.getsockname()[1] for sock in sockets[:3]]
            urls = [f"ws://127.0.0.1:{ports[0]}", f"wss://127.0.0.1:{ports[1]}",
                    f"wss://[::1]:{ports[2]}", f"unix:{path}"]
            for _ in range(2):
                with activated(sockets, "--workers", count, *CERTIFICATE,
                               names=["ws", "wss", "unknown", "whatever"]) as process:
                    log = Log(process.stderr)
                    equal([found[1] for found in log.wait("listening on (.*)", 4)], urls)
                    for url in urls:
                        with Peer(url) as peer:
                            peer.echoes()
                    process.terminate()
                    equal(process.wait(DEADLINE), 0, "the status")
                    log.text()
                equal(path.exists(), True, "that the file is there")
                # They wait for the next server.
                for url in urls:
                    connect(url).close()


@test("a server that has sockets without TLS alone makes no certificate")
def _():
    with listening(("127.0.0.1", 0)) as sock, activated([sock], names=["ws"]) as process:
        log = Log(process.stderr)
        log.wait("listening on ws://")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        equal("certificate" in log.text(), False, "that one was made")


@test("--listen opens further addresses; without it there are only the manager's")
def _():
    with listening(("127.0.0.1", 0)) as sock:
        url = f"ws://127.0.0.1:{sock.getsockname()[1]}"
        with activated([sock], "-l", *PLAIN, names=["ws"]) as process:
            log = Log(process.stderr)
            urls = [found[1] for found in log.wait("listening on (.*)", 2)]
            equal(urls[0], url)
            for each in urls:
                with Peer(each) as peer:
                    peer.echoes()
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()
        with activated([sock], names=["ws"]) as process:
            log = Log(process.stderr)
            log.wait("listening on")
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()
            equal([found[1] for found in log.find("listening on (.*)")], [url])


@test("sockets that are meant for another process are left alone")
def _():
    with listening(("127.0.0.1", 0)) as sock:
        with activated([sock], "-l", *PLAIN, names=["ws"], pid="1") as process:
            log = Log(process.stderr)
            log.wait("listening on")
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()
            equal(len(log.find("listening on")), 1, "the number of addresses")


@test("what is no listening stream socket is refused, with its number")
def _():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    unbound = socket.socket()
    with datagrams, unbound, open("/dev/null", "rb") as file:
        for wrong, says in ((datagrams, "it is no stream socket that listens"),
                            (unbound, "it is no stream socket that listens"),
                            (file, "Socket operation on non-socket")):
            with activated([wrong], names=["ws"]) as process:
                log = Log(process.stderr)
                log.wait(f"the inherited descriptor 3 cannot be used: {says}")
                equal(process.wait(DEADLINE), 1, "the status")
                log.text()


@test("what is inherited is not passed on to the programs that it starts")
def _():
    with listening(("127.0.0.1", 0)) as sock:
        with activated([sock], "--workers", "2", names=["ws"]) as process:
            log = Log(process.stderr)
            log.wait("listening on")
            # A successor has sockets of its predecessor's, not of the manager's once more.
            process.send_signal(signal.SIGUSR2)
            pid = int(log.wait(r"process (\d+) serves from now on")[0][1])
            try:
                equal(process.wait(DEADLINE), 0, "the status")
                with Peer(f"ws://127.0.0.1:{sock.getsockname()[1]}") as peer:
                    peer.echoes()
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
                equal(b"LISTEN_FDS" in environment, False, "that it is told of LISTEN_FDS")
            finally:
                stop_by_pid(pid)


@test("systemd-socket-activate starts it at the first connection")
def _():
    if not shutil.which("systemd-socket-activate"):
        raise Skip("systemd-socket-activate is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with started("systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=ws",
                 *command("--workers", "2")) as process:
        log = Log(process.stderr)
        log.wait("Listening on")
        with Peer(f"ws://127.0.0.1:{port}") as peer:
            peer.echoes()
        log.wait(f"wsechod: listening on ws://127.0.0.1:{port}")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


main(threads=4)
