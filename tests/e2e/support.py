# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: tests that are sentences, the programs, certificates.

A script declares its tests with @test("a sentence") and ends with main(), which prints TAP. The
programs are those in $BUILD, the certificates those in $CERTS or new ones, and $AW_TEST_LOOP is the
back end they run on. Nothing waits for a guessed time: all waiting is for a condition, and
DEADLINE is only when to give up on it.
"""

import atexit
import concurrent.futures
import contextlib
import functools
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
LOOP = os.environ.get("AW_TEST_LOOP")
WSECHOD = BUILD / "wsechod"
WSECHO = BUILD / "wsecho"
SANITIZED = b"__asan_init" in WSECHOD.read_bytes()
DEADLINE = 60 if SANITIZED else 20  # seconds
COMPLAINT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Sanitizer:")


class Skip(Exception):
    """Why a test cannot be done here."""


def once(function):
    """Caches what a function without parameters returns; threads that come meanwhile wait."""
    lock, cached = threading.RLock(), functools.cache(function)

    def call():
        with lock:
            return cached()

    return call


@once
def scratch():
    """A directory for this script's files."""
    directory = tempfile.mkdtemp(prefix="wsecho-e2e-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return pathlib.Path(directory)


@once
def certificates():
    """Where ca.pem, localhost.pem and localhost.key are."""
    if given := os.environ.get("CERTS"):
        directory = ROOT / given
        if (directory / "localhost.pem").exists():
            return directory
    directory = scratch() / "certs"
    subprocess.run([ROOT / "certs/make-certs", directory], check=True, stdout=subprocess.DEVNULL)
    return directory


def memory_counts():
    """Skips a test of how much memory a server uses where that says nothing."""
    if SANITIZED:
        raise Skip("AddressSanitizer keeps freed memory")


def memory_of(pid):
    """Resident, in KiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(match(r"VmRSS:\s*(\d+) kB", status)[1])


def equal(actual, expected, what="it"):
    """Fails unless both are the same; shows no more of them than a person can read."""
    if actual != expected:
        shown, wanted = (text if len(text) < 400 else f"{text[:400]}... ({len(text)})"
                         for text in (repr(actual), repr(expected)))
        raise AssertionError(f"{what} is {shown}, not {wanted}")


def match(pattern, text):
    """Fails unless the pattern is found in the text."""
    found = re.search(pattern, text)
    if not found:
        raise AssertionError(f"no {pattern!r} in {text!r}")
    return found


def sentence(text, program="wsecho"):
    """Fails unless the text is one line "program: a sentence"; returns the sentence."""
    equal(text.count("\n"), 1, f"the number of lines in {text!r}")
    found = match(rf"^{program}: (error: )?(.*[^.])\n$", text)
    return found[2]


def eventually(condition, what):
    """Waits until the condition, which nothing tells us of, holds. For what /proc alone knows."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came true: {what}")
        threading.Event().wait(0.01)


def in_parallel(function, *arguments):
    """Calls the function with each of the arguments in a thread of its own; their results."""
    with concurrent.futures.ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(function, arguments))


# Tests.

tests = []


def test(title):
    """Makes a test of a function without parameters."""

    def declare(function):
        tests.append((title, function))
        return function

    return declare


def run_test(title, function):
    """Its line of TAP, without number, and what else is to be said about it."""
    try:
        function()
    except Skip as skip:
        return f"ok - {title} # SKIP {skip}", ""
    except Exception:  # pylint: disable=broad-except
        return f"not ok - {title}", traceback.format_exc()
    return f"ok - {title}", ""


def main(threads=1):
    """Runs the tests, that many at a time, and ends the script."""
    # A shell has them ignored in what it starts in the background, and programs inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    running = list(Server.running)
    if running:
        tests.append(("at the end the servers stop with status 0 and leak nothing",
                      lambda: [server.stop() for server in running]))
    print(f"1..{len(tests)}", flush=True)
    status = 0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        last = tests.pop() if running else None
        results = pool.map(lambda item: run_test(*item), list(tests))
        for line, more in results:
            status = show(line, more) or status
    if last:
        status = show(*run_test(*last)) or status
    sys.exit(status)


def note(text):
    """A remark in the test's output, in one piece, for other tests may print beside it."""
    sys.stdout.write("".join(f"# {line}\n" for line in text.splitlines()))
    sys.stdout.flush()


def show(line, more):
    """Prints; true if the test failed."""
    sys.stdout.write(line + "\n")
    note(more)
    return line.startswith("not ok")


# The server.


class Log:
    """The lines that a process writes to a pipe, while it runs. In `lines` they have no times."""

    def __init__(self, pipe):
        self.lines, self.raw = [], []
        self.ended = False
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(pipe,), daemon=True)
        self.reader.start()

    def read(self, pipe):
        with pipe:
            for line in pipe:
                with self.changed:
                    self.raw.append(line.decode(errors="backslashreplace").rstrip("\n"))
                    self.lines.append(TIME.sub("", self.raw[-1]))
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def find(self, pattern):
        with self.changed:
            return [found for line in self.lines if (found := re.search(pattern, line))]

    def wait(self, pattern, count=1):
        """Waits until that many lines match; returns the matches."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or len(self.find(pattern)) >= count, DEADLINE)
            found = self.find(pattern)
            if len(found) < count:
                raise AssertionError(f"no {pattern!r} in the log:\n" + "\n".join(self.lines))
            return found

    def text(self):
        """All of it, once the process has ended."""
        self.reader.join(DEADLINE)
        return SLOW.sub("", "".join(line + "\n" for line in self.lines))


class Server:
    """wsechod. Its log's first lines tell where it listens: in urls, and wss and ws for short."""

    running = []

    def __init__(self, *options, listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"), cert=True,
                 setup=None):
        command = [WSECHOD, *options]
        for url in listen:
            command += ["--listen", url]
        if cert:
            command += ["--cert", certificates() / "localhost.pem",
                        "--key", certificates() / "localhost.key"]
        if LOOP and "--loop" not in options:
            command += ["--loop", LOOP]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, preexec_fn=setup)
        Server.running.append(self)
        self.log = Log(self.process.stderr)
        self.urls = [line[1] for line in self.log.wait(r"listening on ([^\s\"]*)", len(listen))]
        self.wss = next((url for url in self.urls if url.startswith("wss:")), None)
        self.ws = next((url for url in self.urls if url.startswith("ws:")), None)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for its end, which must be one without complaints; returns the status."""
        status = self.process.wait(DEADLINE)
        if self in Server.running:
            Server.running.remove(self)
        if COMPLAINT.search(self.log.text()):
            raise AssertionError(self.log.text())
        return status

    def stop(self):
        """Ends it gently, which must succeed."""
        self.signal(signal.SIGTERM)
        if self.wait() != 0:
            raise AssertionError(f"status {self.process.returncode}:\n{self.log.text()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self in Server.running:
            self.stop()
        elif self in Server.running:
            Server.running.remove(self)
            self.process.kill()
            self.process.wait()

    # What the kernel knows about it.

    def descriptors(self):
        """How many are open. The log opens standard error once more for the time of each line."""
        folder, links = f"/proc/{self.process.pid}/fd", {}
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                links[name] = os.readlink(f"{folder}/{name}")
        return sum(int(name) <= 2 or link != links.get("2") for name, link in links.items())

    def memory(self):
        return memory_of(self.process.pid)

    def sleeps(self):
        """All of its threads wait for something to happen, and would not run if they could."""
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(thread.read_text().rpartition(")")[2].split()[0] not in "RD" for thread in threads)

    def cpu_time(self):
        """Used so far, in seconds."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2]
        return sum(int(field) for field in fields.split()[11:13]) / os.sysconf("SC_CLK_TCK")


@atexit.register
def kill_servers():
    """Those that a failure left behind."""
    for server in Server.running:
        server.process.kill()


# What stands before a line of the server's log, and what programs say of a machine that has other
# things to do.
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?=wsechod: )", re.MULTILINE)
SLOW = re.compile(r"^\w+: warning: (Executing .*|A turn of the event loop) took \d+\.\d+ seconds\n",
                  re.MULTILINE)


class Ended:
    """How a program ended, and what it printed."""

    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = SLOW.sub("", TIME.sub("", err.decode(errors="backslashreplace")))
        if COMPLAINT.search(self.err):
            raise AssertionError(self.err)

    def expect(self, status, out=None):
        """Fails unless it was this status (and output); returns itself."""
        if self.status != status:
            raise AssertionError(f"status {self.status}, not {status}: {self.err or self.out}")
        if out is not None:
            equal(self.out, out, "the output")
        return self


def run(*command, given=b"", **more):
    """Runs a program to its end. `given` is its input, unless more says stdin=."""
    if "stdin" not in more:
        more["input"] = given
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    done = subprocess.run(command, timeout=DEADLINE, check=False, **more)
    return Ended(done.returncode, done.stdout, done.stderr or b"")


def wsechod(*options, **more):
    """Runs a server that is not expected to serve."""
    return run(WSECHOD, *options, **more)


def ends(done, status, says, out=b""):
    """Fails unless wsecho ended with this status, and one sentence that says this."""
    match(says, sentence(done.expect(status, out).err))


def client_command(*words):
    """With the certificates' authority trusted, unless the words say something else."""
    trust = [] if {"-k", "--insecure", "--cacert"} & set(words) else [
        "--cacert", certificates() / "ca.pem"]
    loop = ["--loop", LOOP] if LOOP else []
    return [WSECHO, *trust, *loop, *words]


def wsecho(*words, **more):
    """Runs the client to its end."""
    return run(*client_command(*words), **more)


@contextlib.contextmanager
def started(*command, **more):
    """A program that runs while the block does, with pipes; it is killed after that, if it is
    still there."""
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    with subprocess.Popen(command, bufsize=0, **(pipes | more)) as process:
        try:
            yield process
        finally:
            process.kill()


def preloaded(source):
    """The beginning of a command whose program gets these C functions in place of the libraries'."""
    if SANITIZED:
        raise Skip("AddressSanitizer wants to be the first library")
    name = scratch() / f"preloaded-{threading.get_ident()}"
    name.with_suffix(".c").write_text(source)
    run(*shlex.split(os.environ.get("CC", "cc")), "-w", "-shared", "-fPIC", "-o", name.with_suffix(".so"),
        name.with_suffix(".c")).expect(0)
    return "env", f"LD_PRELOAD={name.with_suffix('.so')}"


def finish(process, given=None):
    """Waits for the end of a started program."""
    out, err = process.communicate(given, timeout=DEADLINE)
    return Ended(process.returncode, out, err or b"")
