# SPDX-License-Identifier: MIT
"""--takeover: a server that somebody else has started asks the one that runs for its sockets; and what
becomes of takeovers that do not come to their end."""

import array
import contextlib
import fcntl
import itertools
import os
import shutil
import signal
import socket
import subprocess

from peer import Peer
from service import CERTIFICATE, PLAIN, command, gone, is_there, openssl, stop_by_pid
from support import (BUILD, DEADLINE, Log, Server, certificates, equal, eventually, main, match,
                     preloaded, run, scratch, started, test)
from takeover import Connecting

COUNT = itertools.count()


def new_pidfile():
    return scratch() / f"handover-{next(COUNT)}.pid"


@contextlib.contextmanager
def succeeding(pidfile, *options, before=(), listen=PLAIN):
    """A second server that asks for the sockets, and its log."""
    urls = [word for url in listen for word in ("--listen", url)]
    with started(*before, *command("--takeover", "--pidfile", pidfile, "--drain-timeout", "4s",
                                   *options, *urls), stdout=subprocess.DEVNULL) as process:
        log = Log(process.stderr)
        try:
            yield process, log
        finally:
            # A successor that is left would have the pipe as well.
            process.kill()
            log.text()


def old_server(pidfile, *options, **more):
    return Server("--pidfile", pidfile, "--drain-timeout", "4s", *options,
                  **({"listen": PLAIN, "cert": False} | more))


def end(process, log, status=0):
    """Ends a server that was started here, and expects no complaints."""
    if process.poll() is None:
        process.terminate()
    equal(process.wait(DEADLINE), status, "the status")
    return log.text()


@contextlib.contextmanager
def stopped(process):
    """It does nothing meanwhile."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def has_number(pidfile, pid):
    eventually(lambda: pidfile.read_text() == f"{pid}\n", "its number in the file")


def declare(old_workers, new_workers):
    @test(f"{old_workers} to {new_workers} workers: a second start takes over, and nobody is refused")
    def _():
        pidfile, path = new_pidfile(), scratch() / f"by-{old_workers}-{new_workers}.sock"
        listen = (*PLAIN, f"unix:{path}")
        with old_server(pidfile, "--workers", old_workers, listen=listen) as old:
            everybody = [Connecting(old.ws), Connecting(f"unix:{path}")]
            try:
                idle = Peer(old.ws)
                idle.echoes()
                # It may be told of the end before anything else is heard of the successor.
                with idle, \
                        succeeding(pidfile, "--workers", new_workers, listen=listen) as (new, log):
                    has_number(pidfile, new.pid)
                    old.log.wait(rf"process {new.pid} serves from now on: draining")
                    idle.expect_close(1001)
                    idle.send_close(1001)
                    equal(old.wait(), 0, "the status")
                    seen = [each.echoes for each in everybody]
                    eventually(lambda: all(each.echoes > before + 5 for each, before
                                           in zip(everybody, seen)), "more echoes")
                    for each in everybody:
                        each.stop()
                    end(new, log)
            finally:
                for each in everybody:
                    each.ended = True
                    each.join()
        equal((pidfile.exists(), path.exists(), os.path.exists(f"{pidfile}.takeover")),
              (False, False, False), "that files are left behind")


declare("1", "1")
declare("2", "3")


@test("a TLS session goes on with a second start that takes over, but not where it demands more")
def _():
    pidfile, session, listen = new_pidfile(), scratch() / "session", ("wss://127.0.0.1:0",)
    authority = ("--client-ca", certificates() / "ca.pem", "--client-verify", "optional")
    with old_server(pidfile, listen=listen, cert=True) as old:
        match("New, TLS", openssl(old, "-sess_out", session))
        with succeeding(pidfile, *CERTIFICATE, listen=listen) as (new, log):
            has_number(pidfile, new.pid)
            equal(old.wait(), 0, "the status")
            match("Reused, TLS", openssl(old, "-sess_in", session))
            with succeeding(pidfile, *CERTIFICATE, *authority, listen=listen) as (third, third_log):
                has_number(pidfile, third.pid)
                equal(new.wait(DEADLINE), 0, "the status")
                log.text()
                match("New, TLS", openssl(old, "-sess_in", session))
                end(third, third_log)


@test("without a server that runs, it starts as usual; and a file that was left behind is no hindrance")
def _():
    pidfile = new_pidfile()
    for leave in (False, True):
        if leave:
            pidfile.write_text("1\n")
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(f"{pidfile}.takeover")
        with succeeding(pidfile) as (new, log):
            log.wait("--takeover: no server runs with .*: starting as usual")
            log.wait("listening on")
            if leave:
                # Nobody waits there, so the program is started anew.
                new.send_signal(signal.SIGUSR2)
                equal(new.wait(DEADLINE), 0, "the status")
                pid = int(pidfile.read_text())
                # With the same options, it does not ask again.
                equal(len(log.find("--takeover: no server")), 1, "the lines")
                with succeeding(pidfile) as (third, third_log):
                    has_number(pidfile, third.pid)
                    gone(pid)
                    log.text()
                    end(third, third_log)
            else:
                end(new, log)


@test("a file that somebody else has locked, and that names nobody, is nobody's to take over from")
def _():
    for text in ("", "nobody\n", "-1\n", "0\n"):
        pidfile = new_pidfile()
        pidfile.write_text(text)
        with pidfile.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = run(*command("--takeover", "--pidfile", pidfile, "--listen", PLAIN[0])).expect(1)
        match(f"--takeover: {pidfile} is locked, but has no number in it$", done.err)
        equal((pidfile.read_text(), len(done.err.splitlines())), (text, 1), "the file; the lines")


@test("--takeover needs the file that names the server")
def _():
    match("--takeover: --pidfile is missing", run(BUILD / "wsechod", "--takeover").expect(2).err)


@test("a second start without it says which server is in the way, and what would help")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        done = run(*command("--pidfile", pidfile, "--listen", old.ws)).expect(1)
        match(rf"--pidfile: '.*': another server runs with it, process {old.process.pid}: end that "
              "one, or take over from it with --takeover", done.err)


@test("a second start that fails changes nothing")
def _():
    pidfile, path = new_pidfile(), scratch() / "kept.sock"
    for workers in ("1", "2"):
        with Server(listen=PLAIN, cert=False) as other, \
                old_server(pidfile, "--workers", workers, listen=(*PLAIN, f"unix:{path}")) as old:
            with succeeding(pidfile, listen=(f"unix:{path}", other.ws)) as (new, log):
                log.wait("cannot listen on 127.0.0.1:.*: Address already in use")
                equal(new.wait(DEADLINE), 1, "the status")
                old.log.wait(rf"the new server, process {new.pid}, is gone: this one goes on")
            for url in (old.ws, f"unix:{path}"):
                with Peer(url) as peer:
                    peer.echoes()
            equal(pidfile.read_text(), f"{old.process.pid}\n", "the number")




@test("a second start that takes too long is told not to serve, and ends with status 1")
def _():
    pidfile = new_pidfile()
    # Its own sockets are there; it is held up before it says so.
    slow = """
#include <sys/socket.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
ssize_t send(int fd, const void *data, size_t length, int flags)
{
        static ssize_t (*real)(int, const void *, size_t, int);
        int type = 0;
        socklen_t size = sizeof(type);

        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
        while (type == SOCK_SEQPACKET && access(getenv("GO_ON"), F_OK) == -1)
                usleep(10000);
        if (!real)
                real = dlsym(RTLD_NEXT, "send");
        return real(fd, data, length, flags);
}
"""
    for workers in ("1", "2"):
        go_on = scratch() / f"go-on-{workers}"
        before = (*preloaded("#define _GNU_SOURCE\n" + slow), f"GO_ON={go_on}")
        with old_server(pidfile, "--workers", workers, "--takeover-timeout", "1s") as old, \
                succeeding(pidfile, "--workers", workers, before=before) as (new, log):
            old.log.wait(rf"the new server, process {new.pid}, took too long to start, and was told "
                         "not to serve: this one goes on")
            go_on.touch()
            log.wait("the running server has not waited for this one, and goes on: this one ends")
            equal(new.wait(DEADLINE), 1, "the status")
            equal(len(log.find("listening on")), 0, "the lines")
            with Peer(old.ws) as peer:
                peer.echoes()
            equal(pidfile.read_text(), f"{old.process.pid}\n", "the number")


def with_silent_successor(*options):
    """A server on one and on two workers, and the number of a successor that says nothing."""

    def declare_it(function):
        for workers in ("1", "2"):
            copy = scratch() / f"silent-{next(COUNT)}"
            shutil.copy(BUILD / "wsechod", copy)
            with started(copy, *command("--workers", workers, *options)[1:], "-l", *PLAIN) as process:
                log = Log(process.stderr)
                url = log.wait("listening on (.*)")[0][1]
                copy.unlink()
                copy.write_text("#!/bin/sh\necho here is $$ >&2\nexec sleep 1000\n")
                copy.chmod(0o755)
                process.send_signal(signal.SIGUSR2)
                pid = int(log.wait(r"^here is (\d+)$")[0][1])
                function(process, log, pid)
                gone(pid)
                with Peer(url) as peer:
                    peer.echoes()
                end(process, log)

    return declare_it


@test("a successor that never serves is ended in time, and its server goes on")
def _():
    @with_silent_successor("--takeover-timeout", "500ms")
    def _(_process, log, pid):
        log.wait(rf"the new server, process {pid}, took too long to start, and was killed: this one "
                 "goes on")


@test("while a successor starts, another SIGUSR2 is ignored, and that is said")
def _():
    @with_silent_successor()
    def _(process, log, pid):
        process.send_signal(signal.SIGUSR2)
        log.wait("SIGUSR2 is ignored: a new server is starting already, and does not serve yet")
        os.kill(pid, signal.SIGKILL)
        log.wait(rf"the new server, process {pid}, was ended by signal 9: this one goes on")


@test("a server that does not answer is named; others who come to where it should change nothing")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        with stopped(old.process):
            with succeeding(pidfile, "--takeover-timeout", "1s") as (new, log):
                log.wait(f"--takeover: process {old.process.pid} does not hand its sockets over")
                equal(new.wait(DEADLINE), 1, "the status")
        # The signal comes to where nobody waits any more.
        eventually(lambda: pidfile.read_text() != f"{old.process.pid}\n", "a successor")
        equal(old.process.wait(DEADLINE), 0, "the status")
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGSTOP)
        with succeeding(pidfile) as (new, log):
            path = f"{pidfile}.takeover"
            stranger = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            eventually(lambda: os.path.exists(path) and stranger.connect_ex(path) == 0, "its socket")
            equal(stranger.recv(10), b"", "what a stranger gets")
            with succeeding(pidfile) as (third, third_log):
                third_log.wait("--takeover: another server is taking over already")
                equal(third.wait(DEADLINE), 1, "the status")
            os.kill(pid, signal.SIGCONT)
            has_number(pidfile, new.pid)
            gone(pid)
            end(new, log)


@test("a server that ends while it is asked is followed by one that starts as usual")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        with stopped(old.process), succeeding(pidfile) as (new, log):
            eventually(lambda: os.path.exists(f"{pidfile}.takeover"), "that it asks")
            old.process.kill()
            equal(old.wait(), -9, "the status")
            log.wait(r"--takeover: process \d+ has ended meanwhile: starting as usual")
            log.wait("listening on")
            end(new, log)


@test("who asks, and has other options, gets what it wants; its own SIGUSR2 does not ask again")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        with succeeding(pidfile, listen=(*PLAIN, "ws://127.0.0.2:0")) as (new, log):
            urls = [found[1] for found in log.wait("listening on (.*)", 2)]
            equal(urls[0], old.ws, "where it listens")
            old.wait()
            new.send_signal(signal.SIGUSR2)
            log.wait("listening on (.*)", 4)
            equal(new.wait(DEADLINE), 0, "the status")
            for url in urls:
                with Peer(url) as peer:
                    peer.echoes()
            stop_by_pid(int(pidfile.read_text()))
            log.text()


@test("--daemon --takeover: the new server is in the background, and the old one knows its number")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        with open(scratch() / "asked.log", "wb") as out:
            done = subprocess.run(command("--daemon", "--takeover", "--pidfile", pidfile, "-l",
                                          *PLAIN), stderr=out, timeout=DEADLINE, check=False)
        equal(done.returncode, 0, "the status")
        pid = int(pidfile.read_text())
        old.log.wait(f"process {pid} serves from now on")
        old.wait()
        with Peer(old.ws) as peer:
            peer.echoes()
        equal(is_there(pid), True, "that it runs")
        stop_by_pid(pid)


@test("a server that ends tells who asked that it is not to serve")
def _():
    pidfile = new_pidfile()
    with old_server(pidfile) as old:
        path = f"{pidfile}.takeover"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.settimeout(DEADLINE)
            asking.bind(path)
            asking.listen(1)
            old.signal(signal.SIGUSR2)
            channel, _ = asking.accept()
            with channel:
                channel.settimeout(DEADLINE)
                got = []
                while (line := channel.recvmsg(1000, socket.CMSG_SPACE(4)))[0] != b"end":
                    rights = array.array("i", line[1][0][2])
                    os.close(rights[0])
                    got.append(line[0].split()[0])
                equal(sorted(got), [b"pidfile", b"socket", b"tickets"], "what is handed over")
                old.stop()
                equal(channel.recv(10), b"no", "what it says")
        os.unlink(path)


main(threads=3)
