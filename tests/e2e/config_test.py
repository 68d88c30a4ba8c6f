# SPDX-License-Identifier: MIT
"""--config: the long options from a file; what is wrong is named with its file and line."""

from peer import BINARY, Peer
from service import PLAIN, command
from support import WSECHOD, Server, certificates, equal, main, match, run, scratch, test

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


@test("what is wrong with the options together is said as of the command line")
def _():
    refused("cert /some/cert\n", "--cert and --key go together: --key is missing")
    refused("workers many\n", "--workers: 'many' is neither auto nor from 1 to 1024")


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
