# SPDX-License-Identifier: MIT
"""SIGUSR2: the program is started anew and takes the sockets over, and no connection is refused."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

from peer import BINARY, Peer, header, request
from service import (CERTIFICATE, PLAIN, Manager, Workers, children, command, gone, is_there,
                     openssl, owner, stop_by_pid, wait_closed)
from support import (BUILD, DEADLINE, Log, Server, equal, eventually, main, match, scratch, started,
                     test)
from takeover import Connecting
from watched import Watched

BOTH = ("ws://127.0.0.1:0", "wss://127.0.0.1:0")


class Upgradable(Server):
    """A server that may be succeeded by another, whose number is in a file."""

    def __init__(self, *options, name="upgradable", **more):
        self.pidfile = scratch() / f"{name}-{threading.get_ident()}.pid"
        super().__init__("--pidfile", self.pidfile, "--drain-timeout", "4s", *options, **more)

    def pid(self):
        return int(self.pidfile.read_text() or 0)

    def take_over(self):
        """The successor's number, once it serves."""
        before = self.pid()
        os.kill(before, signal.SIGUSR2)
        eventually(lambda: self.pidfile.read_text() not in ("", f"{before}\n"), "a successor")
        return self.pid()

    def __exit__(self, kind, *_):
        pid = int(self.pidfile.read_text()) if self.pidfile.exists() else 0
        for each in {pid, self.process.pid} - {0}:
            if is_there(each):
                os.kill(each, signal.SIGTERM if kind is None else signal.SIGKILL)
        status = self.wait()
        if pid:
            gone(pid)
        if kind is None:
            equal(status, 0, "the status")
            equal(self.pidfile.exists(), False, "that the file of the process's number is left")


def declare(title, *options):
    @test(f"{title}: while servers follow each other no connection is refused or lost")
    def _():
        with Upgradable(*options, listen=BOTH) as server:
            everybody = [Connecting(url) for url in (server.ws, server.wss)]
            try:
                for _ in range(4):
                    old, seen = server.pid(), [each.echoes for each in everybody]
                    new = server.take_over()
                    gone(old)
                    eventually(lambda: all(each.echoes > before + 5 for each, before
                                           in zip(everybody, seen)), "more echoes")
                    equal(is_there(new), True, "that the successor runs")
            finally:
                for each in everybody:
                    each.stop()


declare("one worker", "--workers", "1")
declare("two workers", "--workers", "2")


@test("a TLS session goes on with the successor, and with the one after that")
def _():
    for workers in ("1", "2"):
        with Upgradable("--workers", workers, listen=BOTH) as server:
            for version in ("-tls1_2", "-tls1_3"):
                session = scratch() / f"session{workers}{version}"
                match("New, TLS", openssl(server, version, "-sess_out", session))
                for _ in range(2):
                    gone_before = server.pid()
                    server.take_over()
                    gone(gone_before)
                    match("Reused, TLS", openssl(server, version, "-sess_in", session))


@test("successors do not keep the keys of tickets for longer than one server would")
def _():
    with Upgradable("--ticket-rotation", "2s", listen=BOTH) as server:
        session = scratch() / "kept"
        match("New, TLS", openssl(server, "-tls1_2", "-sess_out", session))

        def is_new():
            server.take_over()
            return "New, TLS" in openssl(server, "-tls1_2", "-sess_in", session)

        eventually(is_new, "a ticket that is too old")


@test("open connections finish the message they are in, get its echo, and then 1001")
def _():
    for workers in ("1", "2"):
        with Upgradable("--workers", workers, listen=PLAIN, cert=False) as server, \
                Peer(server.ws) as idle, Peer(server.ws) as busy:
            idle.echoes()
            busy.send(header(BINARY, 20, mask=b"\0\0\0\0") + bytes(10))
            new = server.take_over()
            idle.expect_close(1001)
            idle.send_close(1001)
            busy.send(bytes(10))
            busy.expect((BINARY, bytes(20)))
            busy.expect_close(1001)
            busy.send_close(1001)
            gone(server.process.pid)
            with Peer(server.ws) as peer:
                peer.echoes()
            equal(is_there(new), True)


class Shown(Upgradable, Watched):
    """One that shows its metrics."""


@test("while the old server drains, the new one alone answers at --admin")
def _():
    for workers in ("1", "2"):
        with Shown("--workers", workers, listen=PLAIN, cert=False) as server, \
                contextlib.ExitStack() as stack:
            # Each worker gets some, and none of them ends before its time is up.
            peers = [stack.enter_context(Peer(server.ws)) for _ in range(20)]
            for peer in peers:
                peer.echoes()
            server.take_over()
            for peer in peers:
                peer.expect_close(1001)
            for _ in range(100):
                equal(server.ask("/-/readyz")[0].status, 200, "the status")


@test("a handshake that is under way comes to its end")
def _():
    with Upgradable(listen=PLAIN, cert=False) as server, \
            Peer(server.ws, upgrade=False) as half:
        half.send(request()[:20])
        eventually(lambda: owner(half, [server.process.pid]), "that it was accepted")
        server.take_over()
        server.log.wait("serves from now on: draining")
        half.send(request()[20:])
        equal(half.read_head()[0], 101, "the status")
        half.expect_close(1001)
        half.send_close(1001)


@test("one worker becomes two, and two become one")
def _():
    config = scratch() / "count.conf"
    config.write_text("workers 1\n")
    with Upgradable("--config", config, listen=PLAIN, cert=False) as server:
        for count in (2, 1, 3, 2):
            config.write_text(f"workers {count}\n")
            old = server.pid()
            pid = server.take_over()
            gone(old)
            equal(len(children(pid)), count if count > 1 else 0, "the number of workers")
            for _ in range(20):
                with Peer(server.ws) as peer:
                    peer.echoes()


@test("a Unix socket is handed over, and its file is the successor's")
def _():
    path = scratch() / "handed.sock"
    with Upgradable(listen=(f"unix:{path}",), cert=False) as server:
        for _ in range(2):
            old = server.pid()
            server.take_over()
            gone(old)
            with Peer(f"unix:{path}") as peer:
                peer.echoes()
    equal(path.exists(), False, "that the file is left behind")


@test("the file of a Unix socket that is handed over gets the mode and group of the successor's options")
def _():
    config, path = scratch() / "mode.conf", scratch() / "mode.sock"
    own, other = os.getgid(), os.getgid() + 1 if os.geteuid() == 0 else os.getgid()
    config.write_text(f"listen unix:{path}\nsocket-mode 600\n")
    with Upgradable("--config", config, listen=(), cert=False) as server:
        server.log.wait("listening on")
        equal((path.stat().st_mode & 0o777, path.stat().st_gid), (0o600, own), "the first server's")
        for more, mode, group in ((f"socket-mode 666\nsocket-group {other}\n", 0o666, other),
                                  ("socket-mode 660\n", 0o660, other), ("", 0o660, other)):
            config.write_text(f"listen unix:{path}\n{more}")
            old = server.pid()
            server.take_over()
            gone(old)
            equal((path.stat().st_mode & 0o777, path.stat().st_gid), (mode, group), f"with '{more}'")
            with Peer(f"unix:{path}") as peer:
                peer.echoes()


@test("the successor listens where its options say: one address less, another one more")
def _():
    config = scratch() / "where.conf"
    config.write_text("listen ws://127.0.0.1:0\nlisten ws://127.0.0.2:0\n")
    with Upgradable("--config", config, listen=(), cert=False) as server:
        first, second = (found[1] for found in server.log.wait("listening on (.*)", 2))
        config.write_text("listen ws://127.0.0.1:0\nlisten ws://127.0.0.3:0\n")
        old = server.pid()
        server.take_over()
        third = server.log.wait("listening on (.*)", 4)[3][1]
        gone(old)
        for url in (first, third):
            with Peer(url) as peer:
                peer.echoes()
        wait_closed(second)


@test("a successor that cannot start changes nothing")
def _():
    config = scratch() / "broken.conf"
    for workers in ("1", "2"):
        config.write_text("")
        with Upgradable("--workers", workers, "--config", config, listen=PLAIN,
                        cert=False) as server, Peer(server.ws) as peer:
            config.write_text("bogus\n")
            server.signal(signal.SIGUSR2)
            server.log.wait(r"broken\.conf:1: unknown option 'bogus'")
            server.log.wait(r"the new server, process \d+, ended with status 2: this one goes on")
            peer.echoes()
            config.write_text("")
            peer.send_close()
            peer.expect_close(1000)
            old = server.pid()
            server.take_over()
            gone(old)


@test("a successor that fails half way leaves the files of the sockets where they are")
def _():
    config, path = scratch() / "half.conf", scratch() / "half.sock"
    config.write_text(f"listen unix:{path}\n")
    with Server(listen=PLAIN, cert=False) as taken, \
            Upgradable("--config", config, listen=(), cert=False) as server:
        server.log.wait("listening on")
        config.write_text(f"listen unix:{path}\nlisten {taken.ws}\n")
        server.signal(signal.SIGUSR2)
        server.log.wait("cannot listen on 127.0.0.1:.*: Address already in use")
        server.log.wait("ended with status 1: this one goes on")
        with Peer(f"unix:{path}") as peer:
            peer.echoes()
    equal(path.exists(), False, "that the file is left behind")


def without_its_unix_socket(name, scheme, before=lambda path: None):
    """Whether the file is left, after this was done, when the successor does not listen there."""
    config, path = scratch() / f"{name}.conf", scratch() / f"{name}.sock"
    config.write_text(f"listen {scheme}{path}\nlisten ws://127.0.0.1:0\n")
    with Upgradable("--config", config, listen=(), cert=False) as server:
        server.log.wait("listening on ws:")
        before(path)
        config.write_text("listen ws://127.0.0.1:0\n")
        old = server.pid()
        server.take_over()
        gone(old)
        return path.exists()


@test("a Unix socket that the successor does not want is removed, however its URL is written")
def _():
    for scheme in ("unix:", "unix://", "ws+unix:"):
        equal((scheme, without_its_unix_socket("unwanted", scheme)), (scheme, False), "that the file is left")


@test("what somebody else has put in the place of a Unix socket that nobody wants is left alone")
def _():
    def replace(path):
        path.unlink()
        path.write_text("another's\n")

    equal(without_its_unix_socket("replaced", "unix:", replace), True, "that the file is there")


@test("another scheme at the same address takes the sockets over")
def _():
    config, path = scratch() / "scheme.conf", scratch() / "scheme.sock"
    for workers in ("1", "2"):
        config.write_text(f"listen ws://127.0.0.1:0\nlisten unix:{path}\n")
        with Upgradable("--config", config, "--workers", workers, listen=()) as server:
            first = server.log.wait("listening on (ws:.*)")[0][1]
            place = first.partition(":")[2]
            for scheme, local in (("wss:", "ws+unix:"), ("ws:", "unix://")):
                config.write_text(f"listen {scheme}{place}\nlisten {local}{path}\n")
                old = server.pid()
                server.take_over()
                gone(old)
                for url in (scheme + place, f"unix:{path}"):
                    for _ in range(5):
                        with Peer(url) as peer:
                            peer.echoes()
        equal(path.exists(), False, "that the file is left behind")


@test("an address that the old server has in part is refused with words of that, and it goes on")
def _():
    config = scratch() / "overlap.conf"
    config.write_text("listen ws://127.0.0.1:0\n")
    with Upgradable("--config", config, listen=(), cert=False) as server:
        url = server.log.wait("listening on (.*)")[0][1]
        config.write_text(f"listen ws://*:{url.rpartition(':')[2]}\n")
        server.signal(signal.SIGUSR2)
        server.log.wait("cannot listen on 0.0.0.0:.*: Address already in use.*; the server before "
                        "this one listens there, as 'ws://127.0.0.1:0': that takes a restart$")
        server.log.wait("ended with status 1: this one goes on")
        with Peer(url) as peer:
            peer.echoes()


@test("a program that is gone, or that cannot be run, changes nothing")
def _():
    copy = scratch() / "wsechod"
    shutil.copy(BUILD / "wsechod", copy)
    with started(copy, *command()[1:], "-l", *PLAIN) as process:
        log = Log(process.stderr)
        url = log.wait("listening on (.*)")[0][1]
        for mode, says in ((0o600, r"status 126 \(the program cannot be run\)"),
                           (None, r"status 127 \(there is no such program\)")):
            if mode:
                copy.chmod(mode)
            else:
                copy.unlink()
            process.send_signal(signal.SIGUSR2)
            log.wait(says + ": this one goes on")
            with Peer(url) as peer:
                peer.echoes()
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


@test("the file that is there now is started, not the one that was")
def _():
    copy = scratch() / "versions"
    shutil.copy(BUILD / "wsechod", copy)
    with started(copy, *command()[1:], "-l", *PLAIN) as process:
        log = Log(process.stderr)
        log.wait("listening on (.*)")
        copy.unlink()
        copy.write_text("#!/bin/sh\necho a new version >&2\nexit 3\n")
        copy.chmod(0o755)
        process.send_signal(signal.SIGUSR2)
        log.wait("^a new version$")
        log.wait("ended with status 3: this one goes on")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


@test("a successor that never tells and does not end is ended, and holds nobody up")
def _():
    for workers in ("1", "2"):
        copy = scratch() / f"mute{workers}"
        shutil.copy(BUILD / "wsechod", copy)
        with started(copy, *command("--workers", workers)[1:], "-l", *PLAIN) as process:
            log = Log(process.stderr)
            url = log.wait("listening on (.*)")[0][1]
            copy.unlink()
            copy.write_text(f"#!{sys.executable}\nimport os, time\nos.closerange(3, 1000)\n"
                            "time.sleep(1000)\n")
            copy.chmod(0o755)
            process.send_signal(signal.SIGUSR2)
            log.wait(r"the new server, process \d+, was ended by signal 9: this one goes on")
            with Peer(url) as peer:
                peer.echoes()
                peer.send_close(1000)
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()


def pipes(pid):
    """Those that a process has, by their numbers."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return {link for link in found if link.startswith("pipe:")}


@test("a worker that is replaced meanwhile has nothing of the successor's")
def _():
    copy = scratch() / "waiting"
    shutil.copy(BUILD / "wsechod", copy)
    with started(copy, *command("--workers", "2")[1:], "-l", *PLAIN) as process:
        log = Log(process.stderr)
        log.wait("listening on (.*)")
        copy.unlink()
        copy.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(1000)\n")
        copy.chmod(0o755)
        process.send_signal(signal.SIGUSR2)
        successor = int(log.wait(r"started '.*' anew as process (\d+)")[0][1])
        killed, other = set(children(process.pid)) - {successor}
        theirs = set()

        def is_alone():
            theirs.clear()
            theirs.update(pipes(process.pid) & pipes(successor) - pipes(killed))
            return len(theirs) == 1

        # On which the supervisor waits for the successor; all have the test's. Until it is another
        # program, it has all that the supervisor has.
        eventually(is_alone, "the pipe that they share")
        os.kill(killed, signal.SIGKILL)
        new = set()

        def replaced():
            new.update(set(children(process.pid)) - {successor, killed, other})
            return new

        eventually(replaced, "another worker")
        eventually(lambda: not theirs & pipes(*new), "it has let go of the pipe")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


def is_pending(pid, number):
    shown = match(r"ShdPnd:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]
    return int(shown, 16) >> (number - 1) & 1


@test("SIGTERM while the successor starts ends both; a second SIGUSR2 starts no other one")
def _():
    copy = scratch() / "slow"
    for workers in ("1", "2"):
        shutil.copy(BUILD / "wsechod", copy)
        with started(copy, *command("--workers", workers)[1:], "-l", *PLAIN) as process:
            log = Log(process.stderr)
            log.wait("listening on (.*)")
            copy.unlink()
            copy.write_text("#!/bin/sh\necho here is $$ >&2\nexec sleep 1000\n")
            copy.chmod(0o755)
            process.send_signal(signal.SIGUSR2)
            pid = int(log.wait(r"^here is (\d+)$")[0][1])
            # Who asks once more has been heard already.
            process.send_signal(signal.SIGUSR2)
            eventually(lambda: not is_pending(process.pid, signal.SIGUSR2), "the signal is taken")
            process.send_signal(signal.SIGUSR1)
            log.wait("^main ", int(workers))
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            gone(pid)
            log.text()
            equal(len(log.find("^here is")), 1, "the number of successors")
            equal(len(log.find(r"^ *takeover \(")), int(workers == "1"), "the tasks that see to it")
        copy.unlink()


@test("a successor that starts is ended before the connections are drained")
def _():
    copy = scratch() / "drained"
    for workers in ("1", "2"):
        shutil.copy(BUILD / "wsechod", copy)
        with started(copy, *command("--workers", workers, "--drain-timeout", "1h")[1:], "-l",
                     *PLAIN) as process:
            log = Log(process.stderr)
            url = log.wait("listening on (.*)")[0][1]
            copy.unlink()
            copy.write_text("#!/bin/sh\necho here is $$ >&2\nexec sleep 1000\n")
            copy.chmod(0o755)
            with Peer(url) as peer:
                peer.echoes()
                process.send_signal(signal.SIGUSR2)
                pid = int(log.wait(r"^here is (\d+)$")[0][1])
                process.terminate()
                peer.expect_close(1001)
                gone(pid)
                equal(process.poll(), None, "the status, while a connection is there")
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()
        copy.unlink()


@test("the service manager learns which process is the service")
def _():
    with Manager() as manager:
        environment = manager.environment()
        pidfile = scratch() / "managed.pid"
        with started(*command("--pidfile", pidfile, "-l", *PLAIN), env=environment) as process:
            manager.wait("READY", "1")
            process.send_signal(signal.SIGUSR2)
            message = manager.wait("MAINPID")
            eventually(lambda: pidfile.read_text() == message["MAINPID"] + "\n", "its number")
            equal(process.wait(DEADLINE), 0, "the status")
            stop_by_pid(int(message["MAINPID"]))


@test("a server in the background is followed by one in the background")
def _():
    pidfile = scratch() / "background.pid"
    log = scratch() / "background.log"
    with open(log, "wb") as out:
        done = subprocess.run(command("--daemon", "--pidfile", pidfile, "-l", *PLAIN), stderr=out,
                              timeout=DEADLINE, check=False)
    equal(done.returncode, 0, "the status")
    url = match("listening on (.*)", log.read_text())[1]
    old = int(pidfile.read_text())
    try:
        os.kill(old, signal.SIGUSR2)
        gone(old)
        with Peer(url) as peer:
            peer.echoes()
    finally:
        stop_by_pid(int(pidfile.read_text()))


main(threads=3)
