# SPDX-License-Identifier: MIT
"""SIGHUP: certificates and options as they are now, for connections from now on; those that are open
stay, and what is wrong is refused."""

import contextlib
import shutil
import signal
import ssl

from peer import BINARY, Peer
from service import PLAIN, Manager, Workers, command, make_certificate, openssl
from support import (DEADLINE, Log, Server, certificates, equal, eventually, main, match, run,
                     scratch, started, test)
from wire import any_certificate

COUNTS = ("1", "2")
SECURE = ("wss://127.0.0.1:0",)


def certificate_of(url):
    """The certificate that a new connection is shown."""
    host, port = url.rpartition("/")[2].rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)), timeout=DEADLINE)


@contextlib.contextmanager
def reloadable(*options, name, listen=SECURE, **more):
    """A server whose certificate and configuration are in a folder of their own."""
    folder = scratch() / name
    folder.mkdir(exist_ok=True)
    shutil.copy(certificates() / "localhost.pem", folder / "cert.pem")
    shutil.copy(certificates() / "localhost.key", folder / "key.pem")
    (folder / "config").write_text("")
    with Server("--config", folder / "config", "--cert", folder / "cert.pem", "--key",
                folder / "key.pem", "--drain-timeout", "1s", *options, listen=listen, cert=False,
                **more) as server:
        yield server, folder


def install(source, folder):
    for name in ("cert.pem", "key.pem"):
        shutil.copy(source / name, folder / name)


@test("SIGHUP: a renewed certificate is for new connections, and open ones stay")
def _():
    fresh = scratch() / "fresh"
    make_certificate(fresh, name="fresh")
    wanted = ssl.PEM_cert_to_DER_cert((fresh / "cert.pem").read_text())
    for count in COUNTS:
        with reloadable("--workers", count, name=f"renewed-{count}") as (server, folder), \
                contextlib.ExitStack() as stack:
            open_ones = [stack.enter_context(Peer(server.wss)) for _ in range(8)]
            for peer in open_ones:
                peer.echoes()
            install(fresh, folder)
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded: new connections get what is new")

            def is_new():
                return ssl.PEM_cert_to_DER_cert(certificate_of(server.wss)) == wanted

            # Each worker.
            eventually(is_new, "the new certificate")
            eventually(lambda: all(is_new() for _ in range(20)), "the new certificate, always")
            for peer in open_ones:
                peer.echoes()
            with Peer(server.wss) as peer:
                peer.echoes()


def spoil_unreadable(folder):
    (folder / "cert.pem").unlink()


def spoil_mismatched(folder):
    make_certificate(scratch() / "stranger")
    shutil.copy(scratch() / "stranger/key.pem", folder / "key.pem")


def spoil_encrypted(folder):
    run("openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", certificates() /
        "localhost.key", "-out", folder / "key.pem").expect(0)


def spoil_expired(folder):
    make_certificate(scratch() / "old", "20200101000000Z", "20200201000000Z")
    install(scratch() / "old", folder)


def spoil_garbage(folder):
    (folder / "cert.pem").write_text("rubbish\n")


def spoil_options(folder):
    (folder / "config").write_text("max-message 1M\nmax-memory everything\n")


@test("SIGHUP: a certificate that is unreadable, mismatched, encrypted or expired is refused, and "
      "wrong options are")
def _():
    for count in COUNTS:
        for spoil, says in ((spoil_unreadable, "cannot read '.*cert.pem': No such file"),
                            (spoil_mismatched, "the key in '.*' does not belong to"),
                            (spoil_encrypted, "the key in '.*' is encrypted"),
                            (spoil_expired, "the certificate in '.*' has expired: it is not used"),
                            (spoil_garbage, "there is no certificate in"),
                            (spoil_options, "SIGHUP: .*config:2: option '--max-memory' needs")):
            with reloadable("--workers", count, name=f"{spoil.__name__}-{count}") as (server, folder):
                before = certificate_of(server.wss)
                spoil(folder)
                for times in (1, 2):
                    server.signal(signal.SIGHUP)
                    server.log.wait(says, times)
                    server.log.wait("nothing was reloaded: the server goes on as before", times)
                equal(certificate_of(server.wss), before, "the certificate")
                with Peer(server.wss) as peer:
                    peer.echoes()
                # And what is right again is taken.
                install_right(folder)
                server.signal(signal.SIGHUP)
                server.log.wait("reloaded: ")


def install_right(folder):
    shutil.copy(certificates() / "localhost.pem", folder / "cert.pem")
    shutil.copy(certificates() / "localhost.key", folder / "key.pem")
    (folder / "config").write_text("")


@test("SIGHUP: limits of the file are those of new connections")
def _():
    for count in COUNTS:
        with reloadable("--workers", count, name=f"limits-{count}", listen=PLAIN) as (server, folder):
            with Peer(server.ws) as before:
                before.echoes()
                (folder / "config").write_text("max-message 10\n")
                server.signal(signal.SIGHUP)

                def is_limited():
                    with Peer(server.ws) as after:
                        after.send_frame(BINARY, bytes(11))
                        return after.read_frame().opcode == 8

                eventually(lambda: all(is_limited() for _ in range(10)), "the new limit")
                before.send_frame(BINARY, bytes(11))
                before.expect((BINARY, bytes(11)))


@test("SIGHUP: test behaviours can be switched off")
def _():
    with reloadable(name="behaviours", listen=PLAIN) as (server, folder):
        done = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                   f"http{server.ws[2:]}/?status=418")
        equal(done.out, b"418", "before")
        (folder / "config").write_text("test off\n")
        server.signal(signal.SIGHUP)
        server.log.wait("reloaded")
        done = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                   f"http{server.ws[2:]}/?status=418")
        equal(done.out, b"200", "after")


@test("SIGHUP: files that the configuration names are the server's after it as before")
def _():
    for count in COUNTS:
        folder = scratch() / f"files-{count}"
        folder.mkdir()
        text = f"pidfile {folder}/pid\naccess-log {folder}/log\n"
        (folder / "config").write_text(text)
        with Server("--config", folder / "config", "--workers", count, listen=PLAIN,
                    cert=False) as server:
            for times in (1, 2, 3):
                # Elsewhere in the memory that was the last one's.
                (folder / "config").write_text("# " + "x" * 1000 * times + "\n" + text)
                (folder / "log").rename(folder / f"log-{times}")
                server.signal(signal.SIGHUP)
                server.log.wait("reloaded: ", times)
                server.log.wait(f"reopened the access log {folder}/log$", times)
                with Peer(server.ws) as peer:
                    peer.echoes()
            equal(int((folder / "pid").read_text()), server.process.pid, "the number")
        equal((folder / "pid").exists(), False, "that the file is there")


@test("SIGHUP: what holds until the end is warned of, once")
def _():
    for count in COUNTS:
        with reloadable(name=f"fixed-{count}", listen=PLAIN) as (server, folder):
            (folder / "config").write_text("workers 3\nuser nobody\npidfile /tmp/x\nloop poll\n")
            if server.process.args.count("--loop"):
                (folder / "config").write_text("workers 3\nuser nobody\npidfile /tmp/x\n")
            server.signal(signal.SIGHUP)
            for name in ("workers", "user", "pidfile"):
                server.log.wait(f"warning: --{name} has changed: that takes a restart, or SIGUSR2")
            server.log.wait("reloaded")
            equal(len(server.log.find("--workers has changed")), 1, "the number of warnings")
            with Peer(server.ws) as peer:
                peer.echoes()


@test("SIGHUP: the form of both logs is the new one, there and back")
def _():
    for count in COUNTS:
        path = scratch() / f"formed-{count}.log"
        with reloadable("--access-log", path, "--workers", count, name=f"formed-{count}",
                        listen=PLAIN) as (server, folder):

            def last_line():
                seen = len(path.read_text().splitlines())
                with Peer(server.ws) as peer:
                    peer.echoes()
                eventually(lambda: len(path.read_text().splitlines()) > seen, "a line")
                return path.read_text().splitlines()[-1]

            for number, (form, begin) in enumerate((("json", "{"), ("text", "2"), ("json", "{")), 1):
                (folder / "config").write_text(f"log-format {form}\n")
                server.signal(signal.SIGHUP)
                server.log.wait("reloaded: new connections", number)
                eventually(lambda wanted=begin: all(last_line()[0] == wanted for _ in range(10)),
                           f"lines of the access log in {form}")
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded: new connections", 4)
            # What is reloaded holds from the line after this one.
            lines = [line for line in server.log.raw if "reloaded: new connections" in line]
            equal([line[0] for line in lines], ["2", "{", "2", "{"], "how the log's lines begin")


@test("SIGHUP: keys of tickets change as often as the new options say")
def _():
    for count in COUNTS:
        with reloadable("--workers", count, name=f"rotated-{count}") as (server, folder):
            session = scratch() / f"rotated-{count}.session"
            openssl(server, "-tls1_2", "-sess_out", session)
            (folder / "config").write_text("ticket-rotation 1s\n")
            server.signal(signal.SIGHUP)
            eventually(lambda: "New, TLS" in openssl(server, "-tls1_2", "-sess_in", session),
                       "a ticket that is too old")


@test("SIGHUP: a certificate made at the start stays")
def _():
    for count in COUNTS:
        with Server("--workers", count, listen=SECURE, cert=False) as server:
            before = certificate_of(server.wss)
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded")
            for _ in range(10):
                equal(certificate_of(server.wss), before, "the certificate")


@test("SIGHUP, many times over, under load, loses no connection and no echo")
def _():
    for count in COUNTS:
        with reloadable("--workers", count, name=f"load-{count}") as (server, _), \
                contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(server.wss)) for _ in range(8)]
            for _ in range(10):
                server.signal(signal.SIGHUP)
                for peer in peers:
                    peer.send_frame(BINARY, bytes(50_000))
                with Peer(server.wss) as newcomer:
                    newcomer.echoes()
                for peer in peers:
                    peer.expect((BINARY, bytes(50_000)))
            server.log.wait("reloaded")


@test("SIGHUP and SIGUSR2 while the server ends change nothing")
def _():
    for count in COUNTS:
        with Server("--workers", count, listen=PLAIN, cert=False) as server, \
                Peer(server.ws) as peer:
            peer.echoes()
            server.signal(signal.SIGTERM)
            peer.expect_close(1001)
            for number in (signal.SIGHUP, signal.SIGUSR2):
                server.signal(number)
            peer.send_close(1001)
            equal(server.wait(), 0, "the status")
            equal(server.log.find("started|reloaded"), [], "what it says")


@test("the service manager is told when a reload begins and when it is done, also of one in vain")
def _():
    for count in COUNTS:
        config = scratch() / f"told-{count}.conf"
        config.write_text("")
        with Manager() as manager, \
                started(*command("--workers", count, "--config", config, "-l", *PLAIN),
                        env=manager.environment()) as process:
            log = Log(process.stderr)
            manager.wait("READY", "1")
            last = 0
            for text in ("", "max-message 10\n", "bogus\n"):
                config.write_text(text)
                process.send_signal(signal.SIGHUP)
                message = manager.wait("RELOADING", "1")
                equal(int(message["MONOTONIC_USEC"]) > last, True, "that time goes on")
                last = int(message["MONOTONIC_USEC"])
                manager.wait("READY", "1")
            process.terminate()
            manager.wait("STOPPING", "1")
            equal(process.wait(DEADLINE), 0, "the status")
            log.text()


main(threads=4)
