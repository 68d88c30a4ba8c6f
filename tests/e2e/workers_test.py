# SPDX-License-Identifier: MIT
"""Several workers: what one of them does, and what becomes of it, is no matter of the others."""

import contextlib
import os
import random
import signal
import subprocess

from peer import BINARY, TEXT, Peer, frame, request
from service import (PLAIN, Workers, children, command, gone, openssl, owner, status_of,
                     wait_closed)
from support import (DEADLINE, Log, Server, equal, eventually, finish, in_parallel, main,
                     match, preloaded, run, scratch, started, test)

SECURE = ("wss://127.0.0.1:0",)


@test("one worker needs no supervisor: there is one process")
def _():
    for option in ("1", "auto"):
        # Who may use one core has one worker.
        with Server("--workers", option, listen=PLAIN, cert=False,
                    setup=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) as server:
            equal(children(server.process.pid), [], "what it has started")
            with Peer(server.ws) as peer:
                peer.echoes()


@test("there are as many workers as are asked for, and auto is one for each core")
def _():
    for option, count in (("3", 3), ("auto", len(os.sched_getaffinity(0)))):
        if count > 1:
            with Workers("--workers", option, cert=False) as server:
                equal(len(server.pids()), count, "the number of workers")


@test("a worker has nothing of what the supervisor has for the others")
def _():
    with Workers("--workers", "3", cert=False) as server:
        # One that is being started has some of its own for a moment.
        eventually(lambda: len({len(os.listdir(f"/proc/{pid}/fd")) for pid in server.pids()}) == 1,
                   "all have as many descriptors")


@test("a number of workers that is none is refused")
def _():
    for wrong in ("0", "two", "1025", "-1", ""):
        done = run(*command("--workers", wrong)).expect(2)
        match(f"--workers: '{wrong}' is neither auto nor from 1 to 1024", done.err)
    done = run(*command("--worker-timeout", "99ms")).expect(2)
    match("--worker-timeout: it must be 0 or at least 100ms", done.err)


@test("each worker has connections of its own")
def _():
    with Workers(listen=PLAIN + SECURE) as server, contextlib.ExitStack() as stack:
        for pid in server.pids():
            for url in (server.ws, server.wss):
                server.peer_of(pid, stack, url).echoes()


@test("a worker that is killed loses its connections and no others, and is replaced")
def _():
    with Workers(cert=False) as server, contextlib.ExitStack() as stack:
        killed, other = server.pids()
        lost = [server.peer_of(killed, stack) for _ in range(3)]
        kept = [server.peer_of(other, stack) for _ in range(3)]
        server.kill(killed)
        for peer in lost:
            peer.expect_end()
        new = server.replaced(killed)
        server.log.wait(rf"worker \d \(process {killed}\) was ended by signal 9 \(Killed\): another "
                        r"one takes its place in \d+ ms")
        for peer in (*kept, server.peer_of(new, stack)):
            peer.echoes()


@test("a successor serves who waits in the queue of the worker before it")
def _():
    with Workers(cert=False) as server, contextlib.ExitStack() as stack:
        stopped, other = server.pids()
        os.kill(stopped, signal.SIGSTOP)
        eventually(lambda: status_of(stopped, "State")[0] == "T", "that it has stopped")
        waiting = []
        while len(waiting) < 5:
            peer = stack.enter_context(Peer(server.ws, upgrade=False))
            peer.send(request() + frame(TEXT, b"patient"))
            peer.sock.settimeout(0.2)
            try:
                peer.read_head()
                # A look at the kernel's table may miss a line of it.
                eventually(lambda each=peer: owner(each, [other]) == other, "that the other answers")
            except TimeoutError:
                waiting.append(peer)
        os.kill(stopped, signal.SIGKILL)
        for peer in waiting:
            peer.sock.settimeout(DEADLINE)
            equal(peer.read_head()[0], 101, "the status")
            peer.expect((TEXT, b"patient"))
            eventually(lambda each=peer: owner(each, server.pids()) not in (other, None),
                       "that the successor has it")


@test("a worker that crashes again and again is replaced later each time")
def _():
    with Workers(cert=False) as server:
        other = server.pids()[1]
        for pause in (100, 200, 400):
            victim = next(pid for pid in server.pids() if pid != other)
            server.kill(victim)
            server.log.wait(rf"\(process {victim}\) .* in {pause} ms")
            server.replaced(victim)


@test("a storm of kills is survived, and whoever is served gets the right echoes")
def _():
    randomly = random.Random(1)
    with Workers(cert=False) as server:
        counts = {"echoes": 0, "lost": 0}
        done = []

        def talk(number):
            while not done:
                try:
                    with Peer(server.ws) as peer:
                        while not done:
                            message = f"{number} {counts['echoes']}".encode()
                            peer.send_frame(TEXT, message)
                            peer.expect((TEXT, message))
                            counts["echoes"] += 1
                except (EOFError, ConnectionError):
                    counts["lost"] += 1

        def storm(_):
            try:
                for kill in range(8):
                    eventually(lambda: len(server.pids()) == 2, "two workers")
                    seen = counts["echoes"]
                    os.kill(randomly.choice(server.pids()), signal.SIGKILL)
                    server.log.wait("was ended by signal 9", kill + 1)
                    eventually(lambda before=seen: counts["echoes"] > before + 10, "more echoes")
            finally:
                done.append(True)

        in_parallel(lambda job: job[0](job[1]), (storm, 0), *((talk, i) for i in range(4)))
        eventually(lambda: len(server.pids()) == 2, "two workers")
        equal(counts["lost"] > 0, True, "that connections were lost")


@test("a worker that hangs shows its tasks and is replaced; the other goes on")
def _():
    # Whoever sends these bytes finds a worker that reads for ever.
    spin = preloaded("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <string.h>
        #include <sys/types.h>
        ssize_t recv(int fd, void *data, size_t size, int flags)
        {
                ssize_t (*real)(int, void *, size_t, int) = dlsym(RTLD_NEXT, "recv");
                ssize_t length = real(fd, data, size, flags);

                while (length >= 8 && memcmp(data, "hang now", 8) == 0)
                        ;
                return length;
        }
    """)
    with started(*spin, *command("--workers", "2", "--worker-timeout", "1s", "-l", *PLAIN),
                 stdin=subprocess.DEVNULL) as process, contextlib.ExitStack() as stack:
        log = Log(process.stderr)
        url = log.wait("listening on (.*)")[0][1]
        pids = children(process.pid)
        peers = [stack.enter_context(Peer(url)) for _ in range(20)]
        bad = stack.enter_context(Peer(url, upgrade=False))
        bad.send(b"hang now")
        line = log.wait(r"worker \d \(process (\d+)\) hangs: its loop has not turned for \d+ ms")[0]
        log.wait(r"^main \(\w+, .* at .*worker\.c:\d+: aw_event_wait")
        log.wait(r"was ended by signal 6 \(Aborted\)")
        hung = int(line[1])
        equal(hung in pids, True, "that it was one of the workers")
        bad.expect_end()
        for peer in peers:
            inode_owner = owner(peer, children(process.pid))
            if inode_owner is not None and inode_owner in pids:
                peer.echoes()
        eventually(lambda: len(children(process.pid)) == 2, "two workers")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


@test("a worker that is stopped is said to be, and shows its tasks all the same")
def _():
    with Workers("--worker-timeout", "1s", cert=False) as server, contextlib.ExitStack() as stack:
        pid = server.pids()[0]
        peer = server.peer_of(pid, stack)
        server.kill(pid, signal.SIGSTOP)
        server.log.wait(rf"worker \d \(process {pid}\) hangs: .*, and it is stopped \(SIGSTOP\); ")
        server.log.wait(r"^  +127\.0\.0\.1:\d+ \(waiting, .* at .*: ws_receive")
        server.log.wait(rf"\(process {pid}\) was ended by signal 6")
        peer.expect_end()
        server.replaced(pid)


@test("a worker that does not even abort is killed, and what it does is said from outside")
def _():
    for words, how in (("for (;;);", "runs"), ("for (;;) sleep(1000);", r"sleeps \(.+\)")):
        stuck = preloaded("""
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <signal.h>
            #include <string.h>
            #include <sys/types.h>
            #include <unistd.h>
            ssize_t recv(int fd, void *data, size_t size, int flags)
            {
                    ssize_t (*real)(int, void *, size_t, int) = dlsym(RTLD_NEXT, "recv");
                    ssize_t length = real(fd, data, size, flags);

                    if (length >= 8 && memcmp(data, "hang now", 8) == 0) {
                            signal(SIGABRT, SIG_IGN);
                            """ + words + """
                    }
                    return length;
            }
        """)
        with started(*stuck, *command("--workers", "2", "--worker-timeout", "1s", "-l", *PLAIN),
                     stdin=subprocess.DEVNULL) as process:
            log = Log(process.stderr)
            with Peer(log.wait("listening on (.*)")[0][1], upgrade=False) as bad:
                bad.send(b"hang now")
                pid = log.wait(rf"worker \d \(process (\d+)\) hangs: .*, and it {how}; ")[0][1]
                log.wait(rf"\(process {pid}\) was ended by signal 9")
            eventually(lambda: len(children(process.pid)) == 2, "two workers")
            process.terminate()
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()


@test("a supervisor that was stopped for a while takes no worker for hanging")
def _():
    with Workers("--worker-timeout", "3s", cert=False) as server, contextlib.ExitStack() as stack:
        pids = server.pids()
        everybody = [server.process.pid, *pids]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        # For longer than the limit; there is nothing to wait for but the time.
        run("sleep", "4").expect(0)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        for pid in pids:
            server.peer_of(pid, stack).echoes()
        run("sleep", "1").expect(0)
        equal(server.pids(), pids, "the workers")
        equal(server.log.find("hangs"), [], "that one is said to hang")


@test("a TLS session begun with one worker goes on with any")
def _():
    with Workers(listen=SECURE) as server:
        for version in ("-tls1_2", "-tls1_3"):
            session = scratch() / f"session{version}"
            first = openssl(server, version, "-sess_out", session)
            match("New, TLS", first)
            # That all of 40 are the same worker's happens once in 2^39 times.
            for _ in range(40):
                match("Reused, TLS", openssl(server, version, "-sess_in", session))


@test("the keys of TLS session tickets change, and old ones are forgotten")
def _():
    for kind in (Workers, Server):
        with kind("--ticket-rotation", "1s", listen=SECURE) as server:
            session = scratch() / "rotating"
            openssl(server, "-tls1_2", "-sess_out", session)
            eventually(lambda: "New, TLS" in openssl(server, "-tls1_2", "-sess_in", session),
                       "a ticket that is too old")


@test("a worker that is killed while the server ends is told of, and not replaced")
def _():
    with Workers("--drain-delay", "1h", cert=False) as server:
        first, second = server.pids()
        server.signal(signal.SIGTERM)
        server.log.wait("stopping")
        os.kill(first, signal.SIGKILL)
        server.log.wait(rf"warning: worker \d \(process {first}\) was ended by signal 9 \(Killed\)$")
        equal(server.pids(), [second], "the workers")
        os.kill(second, signal.SIGKILL)
        equal(server.wait(), 0, "the status")


@test("SIGTERM and SIGINT end all workers gently, with status 0")
def _():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        with Workers(cert=False) as server, contextlib.ExitStack() as stack:
            pids = server.pids()
            peers = [server.peer_of(pid, stack) for pid in pids for _ in range(2)]
            for peer in peers:
                peer.send_frame(BINARY, bytes(100_000))
            server.signal(number)
            for peer in peers:
                peer.expect((BINARY, bytes(100_000)))
                peer.expect_close(1001)
                peer.send_close(1001)
                peer.expect_end()
            stack.close()
            equal(server.wait(), 0, "the status")
            gone(*pids)
            wait_closed(server.ws)


@test("Ctrl-C at a terminal, which all processes get, is gentle as well")
def _():
    with started(*command("--workers", "2", "-l", *PLAIN), start_new_session=True) as process:
        log = Log(process.stderr)
        url = log.wait("listening on (.*)")[0][1]
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(url)) for _ in range(8)]
            os.killpg(process.pid, signal.SIGINT)
            for peer in peers:
                peer.expect_close(1001)
                peer.send_close(1001)
                peer.expect_end()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()
        equal(log.find("dropped"), [], "that connections were dropped")


@test("a second SIGTERM ends all workers at once")
def _():
    with Workers("--drain-timeout", "1h", cert=False) as server, contextlib.ExitStack() as stack:
        pids = server.pids()
        for pid in pids:
            server.peer_of(pid, stack).echoes()
        server.signal(signal.SIGTERM)
        server.log.wait("stopping")
        server.signal(signal.SIGTERM)
        equal(server.wait(), 0, "the status")
        gone(*pids)


@test("a supervisor that is killed leaves no worker behind")
def _():
    with Workers("--drain-timeout", "1s", cert=False) as server, Peer(server.ws) as peer:
        pids = server.pids()
        server.process.kill()
        peer.expect_close(1001)
        gone(*pids)
        server.wait()
        wait_closed(server.ws)


@test("workers share a Unix socket, which outlives each of them")
def _():
    path = scratch() / "shared.sock"
    with Workers(listen=(f"unix:{path}",), cert=False) as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            peers = [stack.enter_context(Peer(f"unix:{path}")) for _ in range(10)]
            for peer in peers:
                peer.echoes()
            victim = server.pids()[0]
            server.kill(victim)
            server.replaced(victim)
        equal(path.exists(), True, "that the file is there")
        stack.close()
        server.stop()
        equal(path.exists(), False, "that the file is left behind")


@test("SIGUSR1 shows the tasks of all workers")
def _():
    with Workers(cert=False) as server, contextlib.ExitStack() as stack:
        for pid in server.pids():
            server.peer_of(pid, stack).echoes()
        server.signal(signal.SIGUSR1)
        server.log.wait("^main ", 2)
        server.log.wait(r"at .*server/echo\.c:\d+: ws_receive", 2)


@test("without memory for a process the server goes on, and says so")
def _():
    no_fork = preloaded("""
        #include <errno.h>
        int fork(void)
        {
                errno = EAGAIN;
                return -1;
        }
    """)
    with started(*no_fork, *command("--workers", "2", "-l", *PLAIN)) as process:
        log = Log(process.stderr)
        log.wait("worker 1 cannot be started: Resource temporarily unavailable")
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
        log.text()


@test("where workers cannot start, the server says why and ends with status 1")
def _():
    broken = preloaded("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <unistd.h>
        static int first;
        __attribute__((constructor)) static void begin(void)
        {
                first = getpid();
        }
        void *lws_create_context(const void *info)
        {
                void *(*real)(const void *) = dlsym(RTLD_NEXT, "lws_create_context");

                return first == getpid() ? real(info) : NULL;
        }
    """)
    with started(*broken, *command("--workers", "2", "-l", *PLAIN)) as process:
        done = finish(process)
        equal(done.status, 1, "the status")
        match(r"worker \d ended with status 1 while the server started: giving up", done.err)


main(threads=3)
