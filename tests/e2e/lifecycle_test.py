# SPDX-License-Identifier: MIT
"""A server's life: in the foreground or not, as which user, with which file of its number, and how it
ends."""

import contextlib
import http.client
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from peer import BINARY, Peer, header
from service import (CERTIFICATE, PLAIN, Workers, children, command, gone, make_certificate,
                     status_of, stop_by_pid)
from support import (DEADLINE, LOOP, Log, Server, Skip, certificates, equal, eventually, main, match, run,
                     scratch, started, test)

COUNTS = ("1", "2")
LONGEST = "160127986h"


# In the background.


def background(*options, **more):
    """Starts one; what it printed, and its number."""
    pidfile = scratch() / f"background-{time.monotonic_ns()}.pid"
    words = command("--daemon", "--pidfile", pidfile, "--drain-timeout", "2s", *options)
    # Not a pipe: nobody has to wait until it is closed.
    with open(scratch() / f"log-{time.monotonic_ns()}", "w+b") as out:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              timeout=DEADLINE, check=False, **more)
        out.seek(0)
        text = out.read().decode()
    equal(done.returncode, 0, f"the status, with {text}")
    return text, int(pidfile.read_text()), pidfile


def links(pid):
    """What the descriptors of a process lead to."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


@test("--daemon returns once the server serves, and the server has let go of the terminal")
def _():
    for count in COUNTS:
        text, pid, pidfile = background("--workers", count, "-l", *PLAIN)
        try:
            url = match("listening on (.*)", text)[1]
            with Peer(url) as peer:
                peer.echoes()
            for each in [pid, *children(pid)]:
                equal(os.getsid(each), pid, "the session")
                for fd in (0, 1, 2):
                    equal(os.readlink(f"/proc/{each}/fd/{fd}"), "/dev/null", f"descriptor {fd}")
                # The pipe on which the parent waits is not theirs; libuv has some of its own.
                if LOOP != "uv":
                    equal([link for link in links(each) if link.startswith("pipe:")], [], "the pipes")
            equal(status_of(pid, "PPid"), ["1"], "whose child it is")
        finally:
            stop_by_pid(pid)
        equal(pidfile.exists(), False, "that the file is left behind")


@test("--daemon that cannot start says why, with its status, in the foreground")
def _():
    with Server(listen=PLAIN, cert=False) as taken:
        done = run(*command("--daemon", "-l", taken.ws)).expect(1)
        match("cannot listen on .*: Address already in use", done.err)
    done = run(*command("--daemon", "--cert", "/no/cert", "--key", "/no/key")).expect(1)
    match("cannot read '/no/cert'", done.err)
    # What fails only in the child.
    done = run(*command("--daemon", "--user", "nobody-at-all", "-l", *PLAIN)).expect(1)
    match("there is no user", done.err)


@test("without --daemon it stays in the foreground")
def _():
    with Server(listen=PLAIN, cert=False) as server:
        equal(server.process.poll(), None)
        equal(status_of(server.process.pid, "PPid"), [str(os.getpid())])


# The file with its number.


@test("--pidfile has the number while the server runs, and only one server has the file")
def _():
    path = scratch() / "one.pid"
    for count in COUNTS:
        with Server("--workers", count, "--pidfile", path, listen=PLAIN, cert=False) as server:
            equal(path.read_text(), f"{server.process.pid}\n")
            done = run(*command("--pidfile", path, "-l", *PLAIN)).expect(1)
            match(f"--pidfile: '{path}': another server runs with it, process "
                  f"{server.process.pid}", done.err)
            equal(path.read_text(), f"{server.process.pid}\n")
        equal(path.exists(), False, "that it is left behind")


@test("a file that a server which was killed left behind is no hindrance")
def _():
    path = scratch() / "stale.pid"
    for count in COUNTS:
        server = Server("--workers", count, "--pidfile", path, "--drain-timeout", "1s",
                        listen=PLAIN, cert=False)
        with server:
            pids = children(server.process.pid)
            server.process.kill()
            server.wait()
        equal(path.exists(), True, "that it is left behind")
        gone(*pids)
        with Server("--pidfile", path, listen=PLAIN, cert=False) as server:
            equal(path.read_text(), f"{server.process.pid}\n")


@test("a file that cannot be written is named")
def _():
    # No device, which a fault might remove.
    fifo = scratch() / "fifo.pid"
    os.mkfifo(fifo)
    for path, reason in (("/no/such/directory/pid", "No such file or directory"),
                         (scratch(), "Is a directory"),
                         (fifo, "it is no regular file")):
        done = run(*command("--pidfile", path, "-l", *PLAIN)).expect(1)
        match(f"--pidfile: '{path}': {reason}", done.err)
    equal(fifo.is_fifo(), True, "that it is left alone")


@test("a file that somebody put there since is left alone")
def _():
    path = scratch() / "replaced.pid"
    with Server("--pidfile", path, listen=PLAIN, cert=False):
        path.unlink()
        path.write_text("another's\n")
    equal(path.read_text(), "another's\n")


# Privileges.


def as_root():
    if os.getuid() != 0:
        raise Skip("only root can become another user")


@test("--user: all processes are the user's, in its groups, and cannot go back")
def _():
    as_root()
    user = pwd.getpwnam("nobody")
    groups = sorted(os.getgrouplist("nobody", user.pw_gid))
    for count in COUNTS:
        with Server("--workers", count, "--user", "nobody", cert=True) as server:
            pid = server.process.pid
            for each in [pid, *children(pid)]:
                equal(status_of(each, "Uid"), [str(user.pw_uid)] * 4, "the user")
                equal(status_of(each, "Gid"), [str(user.pw_gid)] * 4, "the group")
                equal(sorted(int(word) for word in status_of(each, "Groups")), groups, "the groups")
                equal(status_of(each, "NoNewPrivs"), ["1"], "no_new_privs")
                for sort in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    equal(int(status_of(each, sort)[0], 16), 0, sort)
            for url in (server.wss, server.ws):
                with Peer(url) as peer:
                    peer.echoes()


@test("--user: a port that only root may have is open already")
def _():
    as_root()
    probe = socket.socket()
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # One that nobody else uses on this machine's loopback.
        for port in range(700, 1000):
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.77", port))
                break
    with Server("--user", "nobody", listen=(f"ws://127.0.0.77:{port}",), cert=False) as server:
        with Peer(server.ws) as peer:
            peer.echoes()


@test("without --user no process gains privileges either")
def _():
    with Workers(cert=False) as server:
        for pid in (server.process.pid, *server.pids()):
            equal(status_of(pid, "NoNewPrivs"), ["1"], "no_new_privs")


@test("what never ends it is ignored by each of its processes, also where nobody waits for it")
def _():
    with Workers(cert=False) as server:
        for pid in (server.process.pid, *server.pids()):
            ignored = int(status_of(pid, "SigIgn")[0], 16)
            for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                equal(ignored >> (number - 1) & 1, 1, f"that signal {number} is ignored")


@test("--user: a user that does not exist is named")
def _():
    done = run(*command("--user", "nobody-at-all", "-l", *PLAIN)).expect(1)
    match("--user: there is no user 'nobody-at-all'", done.err)


@test("--user: who is not root is told that only root can")
def _():
    as_root()
    user = pwd.getpwnam("nobody")
    copy = pathlib.Path("/tmp") / f"wsechod-{os.getpid()}"
    copy.write_bytes(pathlib.Path(command()[0]).read_bytes())
    copy.chmod(0o755)
    try:
        done = run(copy, *command("--user", "root", "-l", *PLAIN)[1:], user=user.pw_uid,
                   group=user.pw_gid, extra_groups=[], cwd="/").expect(1)
    finally:
        copy.unlink()
    match("--user: cannot become 'root': Operation not permitted: only root can become another "
          "user", done.err)


@test("--user: a key that the user cannot read is warned of at once")
def _():
    as_root()
    key = scratch() / "root.key"
    key.write_bytes((certificates() / "localhost.key").read_bytes())
    key.chmod(0o600)
    with Server("--user", "nobody", "--cert", certificates() / "localhost.pem", "--key", key,
                listen=("wss://127.0.0.1:0",), cert=False) as server:
        server.log.wait(f"warning: SIGHUP will not reload '{key}': user 'nobody' cannot read it: "
                        "Permission denied")
        with Peer(server.wss) as peer:
            peer.echoes()
        server.signal(signal.SIGHUP)
        server.log.wait(f"cannot read '{key}': Permission denied")
        with Peer(server.wss) as peer:
            peer.echoes()


@contextlib.contextmanager
def users_folder():
    """One of nobody's, with a copy of the server that it can start."""
    as_root()
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        shutil.copy(command()[0], folder / "wsechod")
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder


@contextlib.contextmanager
def as_nobody(folder, *options):
    """A server that root starts and that becomes nobody; it, its log and where it listens."""
    words = command("--user", "nobody", "--pidfile", folder / "pid", "--drain-timeout", "2s",
                    *options)[1:]
    with started(folder / "wsechod", *words, "-l", *PLAIN, cwd="/") as process:
        log = Log(process.stderr)
        yield process, log, log.wait("listening on (.*)")[0][1]


@test("--user: SIGUSR2 starts a server that is the user already")
def _():
    for count in COUNTS:
        with users_folder() as folder, as_nobody(folder, "--workers", count) as (process, log, url):
            groups = status_of(process.pid, "Groups")
            process.send_signal(signal.SIGUSR2)
            log.wait(r"process (\d+) serves from now on")
            equal(process.wait(DEADLINE), 0, "the status")
            pid = int((folder / "pid").read_text())
            for each in [pid, *children(pid)]:
                equal(status_of(each, "Uid"), [str(pwd.getpwnam("nobody").pw_uid)] * 4, "the user")
                equal(status_of(each, "Groups"), groups, "the groups")
            with Peer(url) as peer:
                peer.echoes()
            stop_by_pid(pid)
            log.text()


@test("--user: an access log that root makes is the user's, and SIGHUP reopens it")
def _():
    for count in COUNTS:
        with users_folder() as folder:
            path = folder / "access.log"
            with as_nobody(folder, "--workers", count, "--access-log", path) as (process, log, url):
                equal((path.owner(), path.stat().st_mode & 0o777), ("nobody", 0o640), "the file's owner")
                process.send_signal(signal.SIGHUP)
                log.wait("reopened the access log|cannot open the access log")
                path.rename(folder / "old")
                process.send_signal(signal.SIGHUP)
                log.wait("reopened the access log", 2)
                with Peer(url) as peer:
                    peer.echoes()
                eventually(path.read_text, "a line in the new file")
                process.terminate()
                equal(process.wait(DEADLINE), 0, "the status")
                equal(re.findall("cannot open.*|warning: .*", log.text()), [], "complaints")


@test("--user: an access log that is another's stays so, and that is warned of at once")
def _():
    with users_folder() as folder:
        path = folder / "access.log"
        path.touch(0o644)
        with as_nobody(folder, "--access-log", path) as (process, log, _):
            log.wait(f"warning: SIGHUP will not reopen '{path}': user 'nobody' cannot write to it: "
                     "Permission denied")
            equal(path.owner(), "root", "the file's owner")
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()


@test("--user: the file of a Unix socket that the user cannot remove is told of, once")
def _():
    # Into the second folder the user cannot even look.
    for count, mode in (("1", 0o755), ("1", 0o700), ("2", 0o755)):
        with users_folder() as folder:
            path = folder / "listen.sock"
            os.chown(folder, 0, 0)
            folder.chmod(mode)
            with started(folder / "wsechod", *command("--user", "nobody", "--workers", count, "-l",
                                                      f"unix:{path}")[1:]) as process:
                log = Log(process.stderr)
                log.wait("listening on")
                process.terminate()
                equal(process.wait(DEADLINE), 0, "the status")
                log.text()
            says = f"warning: the file of the Unix socket {path} stays: Permission denied$"
            equal((path.exists(), len(log.find(says))), (True, 1), "that it is there; the lines")


# --check.


@test("--check says that all is right, and starts nothing")
def _():
    with Server(listen=PLAIN, cert=False) as taken:
        # Also if the address is taken: by the server that is to be reloaded.
        done = run(*command("--check", *CERTIFICATE, "-l", taken.ws, "-l", "wss://localhost:0",
                            "--workers", "2")).expect(0)
        match("all that can be checked without starting is right", done.err)
        equal("listening" in done.err, False, "that it listens")


@test("--check names what is wrong, with status 1 or 2")
def _():
    expired = scratch() / "expired"
    make_certificate(expired, "20200101000000Z", "20200201000000Z")
    for words, status, says in (
            (("--cert", "/no/cert", "--key", "/no/key"), 1, "cannot read '/no/cert'"),
            (("--cert", expired / "cert.pem", "--key", expired / "key.pem"), 1,
             "the certificate in '.*' has expired"),
            ((*CERTIFICATE, "--cert", expired / "cert.pem", "--key", expired / "key.pem"), 1,
             "the certificate in '.*/expired/cert.pem' has expired"),
            (("-l", "wss://no.such.host.invalid:1"), 1, "cannot listen on no.such.host.invalid"),
            (("-l", "http://localhost"), 2, "'http://localhost': "),
            (("--user", "nobody-at-all"), 1, "there is no user"),
            (("--max-message", "0"), 2, "--max-message"),
            (("--loop", "epoll"), 2, "--loop")):
        done = run(*command("--check", *words)).expect(status)
        match(says, done.err)


@test("--check says what the start says of a file that cannot be made, and makes none")
def _():
    folder = scratch() / "files"
    folder.mkdir()
    file = folder / "file"
    file.write_text("")
    inside = [str(item) for item in (folder, "/nonexistent/a", file / "a")]
    for words, said in (
            *((("--access-log", path), f"--access-log: cannot write to {path}: ") for path in inside),
            (("--access-log", f"{folder}/"), f"--access-log: cannot write to {folder}/: Is a directory"),
            *((("--pidfile", path), f"--pidfile: '{path}': ") for path in inside),
            (("--pidfile", "/dev/null"), "--pidfile: '/dev/null': it is no regular file"),
            *((("--listen", f"unix:{path}"), f"cannot listen on {path}: ") for path in (*inside, file)),
            *((("--admin", f"unix:{path}"), f"--admin: cannot listen on {path}: ") for path in inside[1:]),
            (("--admin", "http://no.such.host.invalid:1"), "--admin: cannot listen on no.such.host")):
        sentences = [run(*command("--listen", *PLAIN, *words, *more)).expect(1).err
                     for more in ((), ("--check",))]
        match(f"^wsechod: error: {re.escape(said)}.*\n$", sentences[1])
        equal(sentences[1], sentences[0], "what --check says")
    long = folder / ("x" * 100)
    match("--takeover: .*: File name too long", run(*command(
        "--listen", *PLAIN, "--check", "--takeover", "--pidfile", long)).expect(1).err)
    log, pidfile, own, admin = (folder / name for name in ("log", "pid", "own", "admin"))
    words = ("--listen", f"unix:{own}", "--admin", f"unix:{admin}", "--access-log", log, "--pidfile",
             pidfile)
    run(*command(*words, "--takeover", "--check")).expect(0)
    equal(os.listdir(folder), ["file"], "the files")
    # Also if all of it is there: that of the server that is to be reloaded.
    with started(*command(*words)) as process:
        Log(process.stderr).wait("listening on")
        run(*command(*words, "--takeover", "--check")).expect(0)
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")


# Its end.


def ready(url):
    """The status of /-/readyz."""
    link = http.client.HTTPConnection(url.partition("//")[2], timeout=DEADLINE)
    with contextlib.closing(link):
        link.request("GET", "/-/readyz")
        return link.getresponse().status


@test("a message that has begun is finished and echoed before 1001, whatever the number of workers")
def _():
    for count in COUNTS:
        with Server("--workers", count, listen=PLAIN, cert=False) as server, \
                Peer(server.ws) as peer, Peer(server.ws) as other:
            other.echoes()
            peer.send(header(BINARY, 100_000, mask=b"\0\0\0\0") + bytes(50_000))
            server.signal(signal.SIGTERM)
            other.expect_close(1001)
            peer.send(bytes(50_000))
            peer.expect((BINARY, bytes(100_000)))
            peer.expect_close(1001)
            for each in (peer, other):
                each.send_close(1001)
            equal(server.wait(), 0, "the status")


@test("--drain-timeout: those that do not close in time are dropped, and the status is 0")
def _():
    for count in COUNTS:
        with Server("--workers", count, "--drain-timeout", "100ms", listen=PLAIN,
                    cert=False) as server, Peer(server.ws) as peer:
            peer.echoes()
            server.signal(signal.SIGTERM)
            equal(server.wait(), 0, "the status")
            match("dropped the connections that did not close", server.log.text())


@test("--drain-delay: /-/readyz says 503 and the server serves on; then it ends")
def _():
    for count in COUNTS:
        with Server("--workers", count, "--drain-delay", "3s", listen=PLAIN,
                    cert=False) as server, Peer(server.ws) as before:
            equal(ready(server.ws), 200, "before")
            server.signal(signal.SIGTERM)
            server.log.wait("stopping")
            eventually(lambda: ready(server.ws) == 503, "that it is not ready")
            with Peer(server.ws) as after:
                for peer in (before, after):
                    peer.echoes()
                for peer in (before, after):
                    peer.expect_close(1001)
                    peer.send_close(1001)
            equal(server.wait(), 0, "the status")


@test("a second signal ends the delay as well, at once")
def _():
    for count in COUNTS:
        with Server("--workers", count, "--drain-delay", LONGEST, "--drain-timeout", LONGEST, listen=PLAIN,
                    cert=False) as server, Peer(server.ws) as peer:
            peer.echoes()
            server.signal(signal.SIGTERM)
            server.log.wait("stopping")
            peer.echoes()
            server.signal(signal.SIGINT)
            equal(server.wait(), 0, "the status")
            # Nobody waited for the peer, which does not answer. One of several workers may be killed.
            if count == "1":
                match("dropped the connections that did not close", server.log.text())


main(threads=4)
