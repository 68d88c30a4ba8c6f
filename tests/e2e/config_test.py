# SPDX-License-Identifier: MIT
"""--config: the long options from a file; what is wrong is named with its file and line."""

import os
import re

from peer import BINARY, Peer
from service import PLAIN, command
from support import (DEADLINE, WSECHOD, Log, Server, certificates, equal, main, match, run, scratch,
                     started, test)

path = scratch() / "wsechod.conf"


def refused(text, says, *options):
    """The server does not start, with status 2 and one sentence."""
    path.write_text(text)
    done = run(*command("--config", path, *options)).expect(2)
    match(says, done.err)
    equal(len(done.err.splitlines()) <= 2, True, "that it is short")


@test("a file has the long options, one on a line, with comments")
def _():
    path.write_text(f"""# What is served.
listen ws://127.0.0.1:0
listen = wss://127.0.0.1:0

cert {certificates() / 'localhost.pem'}
key={certificates() / 'localhost.key'}
    # indented
  --max-message 10
workers 2
""")
    with Server("--config", path, listen=(), cert=False) as server:
        urls = [found[1] for found in server.log.wait("listening on (.*)", 2)]
        for url in urls:
            with Peer(url) as peer:
                peer.send_frame(BINARY, bytes(10))
                peer.expect((BINARY, bytes(10)))
                peer.send_frame(BINARY, bytes(11))
                peer.expect_close(1009)


@test("the command line wins, wherever it stands, and its list replaces the file's")
def _():
    path.write_text("listen ws://203.0.113.1:1\nlisten ws://203.0.113.1:2\nmax-message 10\n")
    for words in (("--max-message", "20", "--config", path), ("--config", path, "--max-message", "20")):
        with Server(*words, listen=PLAIN, cert=False) as server, Peer(server.ws) as peer:
            peer.send_frame(BINARY, bytes(20))
            peer.expect((BINARY, bytes(20)))


@test("of several files the last one is read")
def _():
    other = scratch() / "other.conf"
    other.write_text("max-message 10\n")
    path.write_text("bogus\n")
    with Server("--config", path, "--config", other, listen=PLAIN, cert=False) as server:
        with Peer(server.ws) as peer:
            peer.echoes()


@test("what is wrong is named with file and line")
def _():
    for text, says in (("\n\nbogus 1\n", ":3: unknown option 'bogus'"),
                       ("max-message 1X\n", ":1: option '--max-message' needs a size .*, not '1X'"),
                       ("# fine\nmax-message\n", ":2: option '--max-message' needs an argument: SIZE"),
                       ("daemon yes\n", ":1: option '--daemon' takes no argument"),
                       ("loop kqueue\n", ":1: option '--loop' must be .*, not 'kqueue'"),
                       # A unique beginning is for those who type.
                       ("max-mess 1M\n", ":1: unknown option 'max-mess'"),
                       # A file includes no other, and not itself.
                       (f"config {path}\n", ":1: unknown option 'config'"),
                       ("help\n", ":1: unknown option 'help'")):
        refused(text, f"^wsechod: {path}{says}\n$")
        refused(text, f"^wsechod: {path}{says}\n$", "--check")


@test("what is found to be wrong later is named with file and line, too, whoever finds it")
def _():
    for text, says in (("cert /some/cert\n", ":1: --cert and --key go together: --key is missing"),
                       ("\nworkers many\n", ":2: --workers: 'many' is neither auto nor from 1 to"),
                       ("workers 1\nworker-timeout 1ms\n", ":2: --worker-timeout: it must be 0 or"),
                       ("subprotocol a,b\n", ":1: --subprotocol: 'a,b' is no subprotocol's name"),
                       ("compress zip\n", ":1: --compress: 'zip' is not off"),
                       ("socket-mode 9\n", ":1: --socket-mode: '9' is not an octal mode"),
                       ("socket-mode 600\n", ":1: --socket-mode: no --listen names a Unix socket"),
                       ("admin nowhere\n", ":1: --admin: 'nowhere' is neither"),
                       ("# it\norigin x\n", ":2: --origin: 'x' is not SCHEME://HOST")):
        refused(text, f"^wsechod: {path}{says}")
        refused(text, f"^wsechod: {path}{says}", "--check")
    # The command line is at fault for what it says itself.
    path.write_text("workers 2\n")
    done = run(*command("--config", path, "--workers", "many")).expect(2)
    match("^wsechod: --workers: 'many'", done.err)


@test("so is what the system says of it")
def _():
    plain = "listen ws://127.0.0.1:0\n"
    for text, status, says in (("listen ws://nonsense.invalid:1\n", 1, ":1: cannot listen on"),
                               ("listen ws://203.0.113.1:1\n" + plain, 1, ":1: cannot listen on"),
                               (plain + "listen wss:nonsense\n", 2, ":2: '.*'"),
                               (plain + "pidfile /no/such/file\n", 1, ":2: --pidfile: .*/no/such"),
                               (plain + "access-log /no/such/file\n", 1, ":2: --access-log: "),
                               (plain + "user nobody-at-all\n", 1, ":2: --user: there is no user"),
                               (plain + "admin http://203.0.113.1:1\n", 1, ":2: --admin: cannot"),
                               (plain + "basic-auth /no/such/file\n", 1, ":2: --basic-auth: ")):
        path.write_text(text)
        done = run(*command("--config", path)).expect(status)
        match(f"wsechod: (error: )?{path}{says}", done.err)


@test("a byte order mark in front of the file is no part of it")
def _():
    path.write_bytes(b"\xef\xbb\xbflisten ws://127.0.0.1:0\nworkers many\n")
    done = run(*command("--config", path)).expect(2)
    match(f"{path}:2: --workers", done.err)


def with_environment(*options, **variables):
    return run("env", *(f"WSECHOD_{name}={value}" for name, value in variables.items()),
               *command(*options))


@test("the environment wins over the file, and the command line over both")
def _():
    path.write_text("listen ws://203.0.113.1:1\nmax-message 10\n")
    env = os.environ | {"WSECHOD_CONFIG": str(path), "WSECHOD_MAX_MESSAGE": "30",
                        "WSECHOD_LISTEN": "ws://127.0.0.1:0 ws://127.0.0.1:0"}
    with started(*command(), env=env) as process:
        urls = [found[1] for found in Log(process.stderr).wait("listening on (.*)", 2)]
        for url in urls:
            with Peer(url) as peer:
                peer.send_frame(BINARY, bytes(30))
                peer.expect((BINARY, bytes(30)))
                peer.send_frame(BINARY, bytes(31))
                peer.expect_close(1009)
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")
    with started(*command("--listen", PLAIN[0], "--max-message", "20"), env=env) as process:
        url = Log(process.stderr).wait("listening on (.*)")[0][1]
        with Peer(url) as peer:
            peer.send_frame(BINARY, bytes(21))
            peer.expect_close(1009)
        process.terminate()
        equal(process.wait(DEADLINE), 0, "the status")


@test("what is wrong in the environment is named with its variable; others' variables are left alone")
def _():
    for variables, says in (({"WORKERS": "many"}, "WSECHOD_WORKERS: --workers: 'many' is neither"),
                            ({"MAX_MESSAGE": "1X"}, "WSECHOD_MAX_MESSAGE: option '--max-message' n"),
                            ({"CHECK": "maybe"}, "WSECHOD_CHECK: this is a switch: 1 or 0, not"),
                            ({"ORIGIN": "self nonsense"}, "WSECHOD_ORIGIN: --origin: 'nonsense' is")):
        done = with_environment(**variables).expect(2)
        match(f"^wsechod: {says}", done.err)
    # Kubernetes sets some like these.
    done = with_environment(CHECK="yes", LISTEN="ws://127.0.0.1:0", PORT="tcp://10.0.0.1:443",
                            PORT_443_TCP_ADDR="10.0.0.1", SERVICE_HOST="10.0.0.1", DAEMON="",
                            VERSION="2", NOTHING="").expect(0)
    match("^wsechod: all that can be checked without starting is right\n$", done.err)
    with_environment("--version", WORKERS="many").expect(0)


@test("a variable of no option is named, and the option that may have been meant; not its value")
def _():
    done = with_environment("--check", "--listen", PLAIN[0], MAX_MESAGE="s3cret", BOGUS="s3cret",
                            max_message="1", **{"X" * 300: "1"}).expect(0)
    for name, more in (("MAX_MESAGE", ": did you mean WSECHOD_MAX_MESSAGE?"), ("BOGUS", ""),
                       ("max_message", ": did you mean WSECHOD_MAX_MESSAGE?"), ("X{191}", "")):
        match(rf"(?m)^wsechod: warning: WSECHOD_{name} is ignored: no option has this name"
              + re.escape(more) + "$", done.err)
    equal(done.err.count("\n"), 5, "the number of lines")
    equal("s3cret" in done.err, False, "that a value is shown")


@test("a file that cannot be read is named")
def _():
    for name, reason in (("/no/such/file", "No such file or directory"),
                         (scratch(), "Is a directory")):
        done = run(*command("--config", name)).expect(2)
        match(f"cannot read '{name}': {reason}", done.err)
    path.write_bytes(b"max-message 10\n\0")
    done = run(*command("--config", path)).expect(2)
    match(f"cannot read '{path}': it is no text", done.err)
    path.write_bytes(b"#" * (1 << 20) + b"\n")
    done = run(*command("--config", path)).expect(2)
    match(f"cannot read '{path}': it is larger than 1 MiB", done.err)


@test("an option without its file is refused")
def _():
    done = run(WSECHOD, "--config").expect(2)
    match("option '--config' needs an argument: FILE", done.err)


main()
