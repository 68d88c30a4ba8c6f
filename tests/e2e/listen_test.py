# SPDX-License-Identifier: MIT
"""Starting: where wsechod listens, its command line, and what it says if it cannot start."""

import contextlib
import grp
import os
import re
import signal
import socket
import subprocess

from peer import TEXT, Peer, frame
from support import (WSECHOD, Log, Server, Skip, certificates, equal, eventually, main, match,
                     preloaded, run, scratch, sentence, started, test, wsecho, wsechod)


def needs_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        raise Skip(f"this machine lacks IPv6: {error.strerror}") from error


def check_echo(url):
    with Peer(url) as peer:
        peer.echoes()
        peer.finish()


def refuses(status, *words, says):
    """The server does not start, and says why in one sentence."""
    done = wsechod("--slow-task", "0", *words).expect(status, b"")  # a busy machine is no matter here
    if status == 2:
        match("\ntry 'wsechod --help'\n$", done.err)
        done.err = done.err.replace("try 'wsechod --help'\n", "")
    match(says, sentence(done.err, "wsechod"))


# Where it listens.


@test("port 0 takes a free port, and the log names the real one")
def _():
    with Server() as server:
        ports = [int(match(r"^wss?://127\.0\.0\.1:(\d+)$", url)[1]) for url in server.urls]
        equal(len(set(ports)), 2, "the number of ports")
        equal(0 in ports, False, "that a port is 0")
        check_echo(server.wss)
        check_echo(server.ws)


@test("one server listens on TLS and TCP, IPv4 and IPv6, and a Unix socket at once")
def _():
    needs_ipv6()
    path = scratch() / "all.sock"
    listen = ("wss://127.0.0.1:0", "ws://127.0.0.1:0", "wss://[::1]:0", "ws://[::1]:0",
              f"unix:{path}")
    with Server(listen=listen) as server:
        equal([url.rpartition(":")[0] for url in server.urls],
              ["wss://127.0.0.1", "ws://127.0.0.1", "wss://[::1]", "ws://[::1]", "unix"])
        for url in server.urls:
            check_echo(url)


@test("localhost listens on every address that the name has, on the same port")
def _():
    with Server(listen=("ws://localhost:0",)) as server:
        addresses = {info[4][0] for info in
                     socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
        urls = [line[1] for line in server.log.wait("listening on (.*)", len(addresses))]
        equal(len({url.rpartition(":")[2] for url in urls}), 1, "the number of ports")
        for url in urls:
            check_echo(url)


@test("a server that serves no TLS makes no certificate")
def _():
    with Server(listen=("ws://127.0.0.1:0",), cert=False) as server:
        check_echo(server.ws)
        equal(server.log.find("certificate"), [])


@test("a port in use is refused with one sentence and status 1")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refuses(1, "--listen", f"ws://127.0.0.1:{port}",
                says=f"cannot listen on 127.0.0.1:{port}: Address already in use: another socket "
                     "has this port")
        refuses(1, "--listen", f"ws://localhost:{port}",
                says=rf"cannot listen on 127.0.0.1:{port} \(localhost\): Address already in use")


@test("all addresses of the machine: * or no host at all")
def _():
    for host in ("*", ""):
        with Server(listen=(f"wss://{host}:0",)) as server:
            port = match(r"^wss://0\.0\.0\.0:(\d+)$", server.urls[0])[1]
            check_echo(f"wss://127.0.0.1:{port}")
            for url in server.urls[1:]:
                equal(url, f"wss://[::]:{port}")


@test("a scheme in capitals is the same scheme, with a certificate of its own")
def _():
    with Server(listen=("WSS://127.0.0.1:0", "Ws://127.0.0.1:0"), cert=False) as server:
        check_echo(server.wss)
        check_echo(server.ws)
        equal(len(server.log.find("made a self-signed certificate")), 1)


@test("a certificate that nothing uses is told of")
def _():
    with Server(listen=("ws://127.0.0.1:0",)) as server:
        server.log.wait("warning: --cert and --key are not used: no --listen is wss://")
        check_echo(server.ws)


@test("if one of several addresses cannot be had, none is served")
def _():
    path = scratch() / "none.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refuses(1, "--listen", f"unix:{path}", "--listen",
                f"ws://127.0.0.1:{taken.getsockname()[1]}", says="already in use")
    equal(path.exists(), False, "that the socket was left behind")


@test("a port is free again as soon as the server has ended, connections or not")
def _():
    with Server() as first, Peer(first.ws) as peer:
        peer.echoes()
        first.signal(signal.SIGKILL)
        first.wait()
    with Server(listen=(first.ws,)) as second:
        check_echo(second.ws)


@test("a name that nobody knows, an address that is not ours: one sentence and status 1")
def _():
    refuses(1, "--listen", "ws://192.0.2.1:0", says=r"cannot listen on 192\.0\.2\.1:0: Cannot")
    refuses(1, "--listen", "ws://no-such-host.invalid:0", says="cannot listen on no-such-host.inv")


# Unix sockets.


@test("a Unix socket is removed at the end")
def _():
    path = scratch() / "own.sock"
    with Server(listen=(f"unix:{path}",)) as server:
        check_echo(server.urls[0])
    equal(path.exists(), False, "that it is there")


@test("a stale Unix socket is replaced")
def _():
    path = scratch() / "stale.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(path))
    with Server(listen=(f"unix:{path}",)) as server:
        check_echo(server.urls[0])


@test("a Unix socket in use is refused, and left to its owner")
def _():
    path = scratch() / "used.sock"
    with Server(listen=(f"unix:{path}",)) as server:
        refuses(1, "--listen", f"unix:{path}", says=f"cannot listen on {path}: Address already in")
        check_echo(server.urls[0])


@test("a file that is no socket is not touched")
def _():
    path = scratch() / "precious"
    path.write_text("data")
    refuses(1, "--listen", f"unix:{path}", says="Address already in use")
    equal(path.read_text(), "data")


@test("a Unix socket in a directory that is not there is refused with one sentence")
def _():
    refuses(1, "--listen", "unix:/nonexistent/socket", says="No such file or directory")


@test("--socket-mode is the mode of a Unix socket, whatever the umask")
def _():
    path = scratch() / "mode.sock"
    for options, mode in (((), 0o755), (("--socket-mode", "666"), 0o666),
                          (("--socket-mode", "0600"), 0o600)):
        with Server(*options, listen=(f"unix:{path}",), setup=lambda: os.umask(0o022)) as server:
            equal(path.stat().st_mode & 0o7777, mode, "the mode")
            check_echo(server.urls[0])


@test("--socket-group is the group of a Unix socket's file")
def _():
    path = scratch() / "group.sock"
    # Root may give it to anybody, others to groups of theirs.
    groups = ["daemon", "1"] if os.getuid() == 0 else [str(group) for group in os.getgroups() if group]
    for group in groups:
        wanted = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        for count in ("1", "2"):
            with Server("--socket-group", group, "--socket-mode", "660", "--workers", count,
                        listen=(f"unix:{path}",)) as server:
                equal((path.stat().st_gid, path.stat().st_mode & 0o7777), (wanted, 0o660), "whose it is")
                check_echo(server.urls[0])
    if os.getuid() == 0:
        # Without root's power to do so nobody may give it to a group that is not his.
        done = run("setpriv", "--bounding-set", "-chown", WSECHOD, "--socket-group", "1", "--listen",
                   f"unix:{path}").expect(1)
        match("Operation not permitted: only root may give it to a group", done.err)


@test("an abstract Unix socket has no file, and every worker accepts from it")
def _():
    name = f"@wsechod-test-{os.getpid()}"
    for count in ("1", "2"):
        with Server("--workers", count, listen=(f"unix:{name}",)) as server:
            equal(server.urls, [f"unix:{name}"])
            for words in ((f"ws+unix:{name}:/path",), (f"unix:{name}",),
                          ("--unix-socket", name, "ws://localhost/")):
                wsecho(*words, "hello").expect(0, b"hello\n")
            done = run("curl", "-s", "--abstract-unix-socket", name[1:], "http://x/-/healthz")
            equal(done.expect(0).out, b"ok\n")
            refuses(1, "--listen", f"unix:{name}", says="another socket listens there")
    # It is gone with the server.
    with Server("--socket-mode", "600", listen=(f"unix:{name}",)):
        wsecho(f"unix:{name}", "hello").expect(0, b"hello\n")


@test("a Unix socket that is another server's by now is left to it")
def _():
    path = scratch() / "taken.sock"
    with Server(listen=(f"unix:{path}",)) as first:
        path.unlink()
        with Server(listen=(f"ws+unix:{path}",)) as second:
            first.stop()
            check_echo(second.urls[0])
    equal(path.exists(), False, "that it is there")


@test("both programs know both ways to write a Unix socket")
def _():
    path = scratch() / "both.sock"
    for scheme in ("unix:", "ws+unix:", "unix://"):
        with Server(listen=(f"{scheme}{path}",)) as server:
            equal(server.urls, [f"unix:{path}"])
            for other in ("unix:", "ws+unix:", "unix://"):
                wsecho(f"{other}{path}", "hello").expect(0, b"hello\n")


# The command line.


@test("usage errors are one sentence that names the argument, and have status 2")
def _():
    for words, says in ((["--nonsense"], "'--nonsense'"), (["-x"], "'-x'"),
                        (["extra"], "'extra'"), (["--listen"], "'--listen'"),
                        (["--max-message", "much"], "'--max-message'.*'much'"),
                        (["--max-message", "0"], "'--max-message'"),
                        (["--max-message", "2G"], "'--max-message'"),
                        (["--loop", "select"], "'--loop'.*'select'"),
                        (["--log-level", "loud"], "'--log-level'.*'loud'"),
                        (["--slow-task", "-1"], "'--slow-task'"),
                (["--subprotocol", ""], "--subprotocol"),
                (["--subprotocol", "a b"], "--subprotocol.*'a b'"),
                (["--socket-mode", "888", "-l", "unix:/x"], "--socket-mode.*'888'"),
                (["--socket-mode", "0", "-l", "unix:/x"], "--socket-mode.*'0'"),
                (["--socket-mode", "1777", "-l", "unix:/x"], "--socket-mode.*'1777'"),
                (["--socket-mode", "", "-l", "unix:/x"], "--socket-mode.*''"),
                (["--socket-mode", "600"], "--socket-mode: no --listen names a Unix socket"),
                (["--socket-group", "daemon"], "--socket-group: no --listen names a Unix socket"),
                (["--socket-group", "nobody at all", "-l", "unix:/x"], "there is no group 'nobody at"),
                (["--socket-group", "0", "-l", "unix:/x"], "there is no group '0' but root's"),
                        (["--cert", "x"], "--key is missing"),
                        (["--key", "x"], "--cert is missing"),
                        (["--help=me"], "'--help'")):
        refuses(2, *words, says=says)


@test("URLs to listen on that make no sense are refused with one sentence that names them")
def _():
    for url in ("127.0.0.1:80", "http://127.0.0.1:0", "ws://127.0.0.1:65536", "ws://127.0.0.1:x",
                "ws://", "ws://::1:0", "ws://[::1", "unix:relative", "unix:@", "unix:/" + "x" * 108,
                "ws://127.0.0.1:0/#x", "ws://127.0.0.1:0/path", "ws://127.0.0.1:0?query",
                "ws://127.0.0.1:0/?", "ws+unix:/nonexistent:/path", "ws://**:0", ""):
        done = wsechod("--listen", url).expect(2, b"")
        match(f"^'{re.escape(url)}': ", sentence(done.err, "wsechod"))


@test("--help and --version print on standard output, with status 0")
def _():
    for word in ("--help", "-h"):
        done = wsechod(word).expect(0)
        equal(done.err, "")
        for option in ("--listen URL", "--cert FILE", "--key FILE", "--max-message SIZE", "--loop",
                       "--log-level", "--slow-task", "--help", "--version"):
            match(option, done.out.decode())
    match(r"^wsechod \d+\.\d+\.\d+\n", wsechod("--version").expect(0).out.decode())


@test("--help to a full disk or a closed pipe has status 1, with one sentence")
def _():
    with open("/dev/full", "wb") as full:
        done = wsechod("--help", stdout=full).expect(1)
        match("standard output: No space left", sentence(done.err, "wsechod"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = run("sh", "-c", "trap '' PIPE; exec \"$0\" --help", WSECHOD, stdout=pipe)
        match("standard output: Broken pipe", sentence(done.expect(1).err, "wsechod"))


@test("a log that nobody reads any more does not stop the server")
def _():
    with Server() as server:
        os.kill(server.process.pid, 0)
        check_echo(server.ws)
    reading, writing = os.pipe()
    with subprocess.Popen([WSECHOD, "--listen", "ws://127.0.0.1:0"], stderr=writing,
                          stdin=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading) as log:
            url = match("listening on (.*)\n", log.readline())[1]
        with Peer(url) as peer:
            peer.send(frame(TEXT, rsv=1))
            peer.expect_close(1002)
        check_echo(url)
        process.terminate()
        equal(process.wait(20), 0, "the status")


@test("started with its standard descriptors closed, it sends no line of its log to a peer")
def _():
    path = scratch() / "closed.sock"
    words = [WSECHOD, "--listen", f"unix:{path}", "--log-level", "debug"]
    with subprocess.Popen(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *words]) as process:
        try:
            # The file is there a moment before the socket listens.
            eventually(lambda: listens(path), "it listens")
            with Peer(f"unix:{path}") as peer, Peer(f"unix:{path}") as other:
                peer.echoes()
                other.send(frame(TEXT, rsv=1))
                other.expect_close(1002)
                other.expect_end()
                peer.echoes()
                peer.finish()
            process.terminate()
            equal(process.wait(20), 0, "the status")
        finally:
            process.kill()


def listens(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


# Loops, levels, watches.


def declare_loop(name):
    @test(f"--loop {name} serves")
    def _():
        with Server("--loop", name) as server:
            for url in (server.wss, server.ws):
                check_echo(url)
                with Peer(url) as peer:
                    peer.echoes(bytes(300_000), 2)
                    peer.reset()
            check_echo(server.wss)


for loop in ("auto", "ev", "uv", "poll"):
    declare_loop(loop)


@test("whatever the level, each address is told once, and with error nothing else")
def _():
    for level in ("error", "warning", "info", "debug"):
        with Server("--log-level", level, listen=("ws://127.0.0.1:0",) * 2, cert=False) as quiet:
            with Peer(quiet.urls[1]) as peer:
                peer.send(frame(TEXT, rsv=1))
                peer.expect_close(1002)
            quiet.stop()
            equal(len(quiet.log.find("^wsechod: listening on ws://127.0.0.1:[0-9]+$")), 2,
                  f"the number of addresses with {level}")
            if level in ("error", "warning"):
                equal(quiet.log.text().count("\n"), 2, f"the number of lines with {level}")


@test("--loop auto warns if there is only poll, and says which package is missing")
def _():
    hidden = preloaded("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <string.h>
        void *dlopen(const char *name, int flags)
        {
                void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");

                return name != NULL && strstr(name, "evlib") != NULL ? NULL : real(name, flags);
        }
    """)
    for choice, count in (("auto", 1), ("poll", 0)):
        with started(*hidden, WSECHOD, "--listen", "ws://127.0.0.1:0", "--loop",
                     choice) as process:
            log = Log(process.stderr)
            check_echo(log.wait("listening on (.*)")[0][1])
            process.terminate()
            equal(process.wait(20), 0, "the status")
            log.text()
            equal(len(log.find("warning: the event loop is poll.*libwebsockets-evlib-ev")), count,
                  f"the number of warnings with {choice}")


@test("--slow-task logs a task that keeps the loop for longer, and 0 turns that off")
def _():
    with Server("--slow-task", "1us") as eager, Server("--slow-task", "0") as patient:
        for server in (eager, patient):
            check_echo(server.wss)
        eager.log.wait(r"warning: Executing .* took \d\.\d+ seconds")
        equal(patient.log.find("Executing"), [])


@test("a certificate that has been given is not made again, and its keys stay out of the log")
def _():
    with Server("--log-level", "debug") as server:
        check_echo(server.wss)
        server.stop()
        key = (certificates() / "localhost.key").read_text().splitlines()[1]
        equal(server.log.find("fingerprint"), [])
        equal(key in server.log.text(), False, "that the key was logged")


main(threads=4)
