# SPDX-License-Identifier: MIT
"""The processes of a benchmark: servers, the load on them, and what the system says of both."""

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import threading
import time

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
START_LIMIT, LOAD_LIMIT, STOP_LIMIT = 20, 120, 3  # seconds


class Failed(Exception):
    """A server or a load did not do what it should; says why."""


def raise_file_limit():
    """Children inherit it. Returns how many descriptors they may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    hard = 131072 if hard == resource.RLIM_INFINITY else min(hard, 131072)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def spawn(command, cpu, **options):
    """In a session of its own: Ctrl-C is for us, who then end it. Its pipes are unbuffered. It
    stays on the one processor, or with None goes where it will."""
    return subprocess.Popen(
        command,
        bufsize=0,
        start_new_session=True,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
        **options,
    )


def end(process, patience=STOP_LIMIT):
    """Kindly, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def stop(process):
    """The same, and closes its pipes."""
    end(process)
    for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
        stream.close()


def read_line(stream, seconds):
    """A line without its end, or "" at the end of the pipe; Failed if nothing comes."""
    if not select.select([stream], [], [], seconds)[0]:
        raise Failed(f"nothing happened for {seconds} s")
    return stream.readline().decode(errors="replace").strip()


class Server:
    """A running server: `url` and `pid`. Its standard error is read on, and its last lines kept.
    With `patience`, in seconds, it may take that long to start and to stop."""

    def __init__(self, command, pin=True, patience=None):
        self.patience = patience
        try:
            self.process = spawn(
                command,
                SERVER_CPU if pin else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise Failed(f"{error.filename} is not installed") from None
        self.pid, self.url, self.said = self.process.pid, None, []
        self.known = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            if not self.known.wait(patience or START_LIMIT) or not self.url:
                raise Failed(self.complaint())
        except BaseException:
            self.stop()
            raise

    def read(self):
        for line in self.process.stderr:
            text = line.decode(errors="replace").strip()
            if not self.url:
                self.said.append(text)
            if "listening on " in text and not self.url:
                self.url = text.split("listening on ")[1].split()[0]
                self.known.set()
        self.known.set()

    def complaint(self):
        """The line that most likely says why it does not run."""
        errors = [line for line in self.said if "Error: " in line]
        return (errors or self.said or ["it says nothing"])[0]

    def stop(self):
        end(self.process, self.patience or STOP_LIMIT)
        self.reader.join()
        self.process.stderr.close()

    def pids(self):
        """Of the process and its descendants."""
        parents = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
                # The name, in parentheses, may hold anything.
                parents[int(pid)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def sockets(self):
        """How many its processes have."""
        found = 0
        for pid in self.pids():
            for number in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    found += os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:")
        return found

    def cpu(self):
        """Seconds of processor time that they have used."""
        ticks = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as stat:
                ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_idle(self, connections):
        """Until it has so many connections and nothing left to do for them."""
        limit, before = time.monotonic() + LOAD_LIMIT, None
        while (now := self.cpu()) != before or self.sockets() < connections:
            if time.monotonic() > limit:
                raise Failed(f"{connections} connections did not come up in {LOAD_LIMIT} s")
            before = now
            time.sleep(0.3)


class Load:
    """wsbench on a server, with these options, as a context."""

    def __init__(self, program, server, options, pin=True):
        # Binary: what a server does about UTF-8 is not what is compared.
        command = [program, "--json", "--insecure", "--threads", "1", "--binary", *options]
        command += [word for pid in server.pids() for word in ("--server-pid", str(pid))]
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        cpu = LOAD_CPU if pin else None
        self.process = spawn([*command, server.url], cpu, stdin=subprocess.DEVNULL, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)

    def interrupt(self):
        """It ends with the result so far."""
        self.process.send_signal(signal.SIGINT)

    def result(self):
        """What wsbench tells, a dictionary. Failed if an echo was wrong or a connection lost."""
        try:
            out, said = self.process.communicate(timeout=LOAD_LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f"the load did not end in {LOAD_LIMIT} s") from None
        found = json.loads(out) if out else {}
        if self.process.returncode != 0:
            text = found.get("first_failure") or said.decode(errors="replace").strip()
            raise Failed(text or f"wsbench ended with {self.process.returncode}")
        return found


@contextlib.contextmanager
def perf_calls(pids):
    """Counts system calls while in the context; gives a function that ends that and tells."""
    command = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter"]
    command += ["-p", ",".join(map(str, pids)), "--", "cat"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = spawn(command, LOAD_CPU, **pipes)

    def count():
        process.stdin.close()
        return int(process.stderr.read().split(b",")[0])

    try:
        process.stdin.write(b"begun\n")  # and back: then perf has begun as well
        if read_line(process.stdout, START_LIMIT) != "begun":
            raise Failed("perf may not count system calls here")
        yield count
    finally:
        stop(process)


@contextlib.contextmanager
def strace_calls(pids):
    """The same with strace, which slows the server down much more."""
    command = ["strace", "-f", "-c"] + [word for pid in pids for word in ("-p", str(pid))]
    process = spawn(command, LOAD_CPU, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def count():
        process.send_signal(signal.SIGINT)
        rows = [line.split() for line in process.stderr.read().decode().split("\n")]
        rows = [row for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"]
        return sum(int(row[3]) for row in rows)

    try:
        for _ in pids:
            line = read_line(process.stderr, START_LIMIT)
            if "attached" not in line:
                raise Failed(line)
        yield count
    finally:
        stop(process)


def calls_counter():
    """perf_calls, strace_calls, or None: the first that this machine has and permits."""
    for tool in (perf_calls, strace_calls):
        child = spawn(["cat"], LOAD_CPU, stdin=subprocess.PIPE)
        try:
            with tool([child.pid]) as count:
                child.stdin.write(b" ")
                if count() > 0:
                    return tool
        except (Failed, OSError, ValueError):
            pass
        finally:
            stop(child)
    return None
