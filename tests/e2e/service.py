# SPDX-License-Identifier: MIT
"""A server of several processes, seen from outside: which worker has a connection, what the service
manager is told."""

import contextlib
import itertools
import os
import pathlib
import signal
import socket

from authority import CONFIG
from peer import Peer
from support import (DEADLINE, LOOP, WSECHOD, Server, certificates, equal, eventually, run, scratch)
from wire import connect

PLAIN = ("ws://127.0.0.1:0",)
CERTIFICATE = ("--cert", certificates() / "localhost.pem", "--key", certificates() / "localhost.key")


def command(*options):
    """The words of a server on the back end of the test."""
    return [WSECHOD, *options, *(["--loop", LOOP] if LOOP else [])]


def openssl(server, *options):
    """What s_client says of a connection on which a page is read."""
    port = server.wss.rpartition(":")[2]
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *options,
               given=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return done.expect(0).out.decode(errors="replace")


def is_there(pid):
    """Whether the process runs: one that nobody has waited for does not."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def gone(*pids):
    """Waits until the processes have ended."""
    eventually(lambda: not any(is_there(pid) for pid in pids), f"the end of {pids}")


def children(pid):
    """The processes that a process has started and that still run."""
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split() if is_there(int(word))]


def status_of(pid, field):
    """A line of /proc/PID/status, in words."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return line.split()[1:]
    raise AssertionError(f"no {field} of process {pid}")


def sockets_of(pid):
    """The numbers of the sockets that a process has."""
    found, folder = set(), f"/proc/{pid}/fd"
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(f"{folder}/{name}")
                if link.startswith("socket:["):
                    found.add(int(link[8:-1]))
    return found


def inode_of(sock):
    """The number of the socket at the server's end of a connection on IPv4; 0: nobody has it yet."""
    ends = [f"0100007F:{name[1]:04X}" for name in (sock.getpeername(), sock.getsockname())]
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return int(fields[9])
    return 0


def owner(peer, pids):
    """Which of the processes has the server's end of the connection."""
    inode = inode_of(peer.sock)
    return next((pid for pid in pids if inode and inode in sockets_of(pid)), None)


class Workers(Server):
    """A server with two workers, or as many as the options say."""

    def __init__(self, *options, listen=PLAIN, **more):
        options = options if "--workers" in options else ("--workers", "2", *options)
        super().__init__(*options, listen=listen, **more)

    def pids(self):
        return children(self.process.pid)

    def peer_of(self, pid, stack, url=None, **more):
        """A new connection that this worker has."""
        for _ in range(200):
            peer = stack.enter_context(Peer(url or self.ws, **more))
            if owner(peer, self.pids()) == pid:
                return peer
        raise AssertionError(f"worker {pid} gets no connection")

    def kill(self, pid, number=signal.SIGKILL):
        """Sends a worker a signal that it does not survive."""
        self.others = [other for other in self.pids() if other != pid]
        os.kill(pid, number)

    def replaced(self, pid):
        """Waits until there is another in the place of the one killed; returns that."""
        new = set()

        def found():
            new.update(set(self.pids()) - {pid, *self.others})
            return bool(new) and pid not in self.pids()

        eventually(found, "a successor")
        return new.pop()


NUMBERS = itertools.count()


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, abstract=False):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"{scratch()}/notify-{next(NUMBERS)}"
        self.sock.bind("\0" + self.name if abstract else self.name)
        self.sock.settimeout(DEADLINE)
        self.address = "@" + self.name if abstract else self.name

    def environment(self, **more):
        return os.environ | {"NOTIFY_SOCKET": self.address} | more

    def read(self):
        """The next message, as a dictionary."""
        text = self.sock.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def wait(self, name, value=None):
        """The next message that assigns this name (this value)."""
        while name not in (message := self.read()) or value not in (None, message[name]):
            pass
        return message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def wait_closed(url):
    """Waits until nobody listens there any more."""

    def refused():
        try:
            connect(url).close()
        except ConnectionRefusedError:
            return True
        return False

    eventually(refused, f"the end of listening on {url}")


def stop_by_pid(pid, number=signal.SIGTERM):
    """Ends a server that is not our child, or no longer."""
    os.kill(pid, number)
    gone(pid)


def expect_status(server, status):
    equal(server.wait(), status, "the status")


def make_certificate(folder, begin="20200101000000Z", end="20991231000000Z", name="localhost"):
    """A self-signed certificate for these times, cert.pem, and its key.pem."""
    folder.mkdir(exist_ok=True)
    (folder / "index").write_text("")
    (folder / "config").write_text(CONFIG.format(names=""))
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", "key.pem", "-out", "request.pem", "-subj", f"/CN={name}", cwd=folder).expect(0)
    run("openssl", "ca", "-batch", "-selfsign", "-config", "config", "-keyfile", "key.pem", "-in",
        "request.pem", "-out", "cert.pem", "-notext", "-startdate", begin, "-enddate", end,
        cwd=folder).expect(0)
