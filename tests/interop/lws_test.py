# SPDX-License-Identifier: MIT
"""libwebsockets' own ws role, both ways: lws_client as a client of wsechod, and lws_echo as a
server for wsecho. The faults of the role are tests/conformance's affair."""

import atexit
import os
import subprocess

from others import certificates, localhost, run
from support import (BUILD, Log, Server, Skip, client_command, equal, finish, main, match, once,
                     sentence, started, test, wsecho)

CLIENT, SERVER = BUILD / "bench/lws_client", BUILD / "bench/lws_echo"
server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"))
HUNDRED = [f"message {i}" for i in range(100)]


def need(program):
    if not program.exists():
        raise Skip(f"there is no {program.name}: make {program.relative_to(BUILD.parent)}")
    return program


def lws_client(url, *messages, cacert=None):
    cacert = cacert or certificates() / "ca.pem"
    return run(need(CLIENT), "--cacert", cacert, localhost(url), *messages)


def lines(messages):
    return "".join(f"{message}\n" for message in messages).encode()


@test("lws_client: texts come back over TLS and without, and it closes")
def _():
    for url in (server.wss, server.ws):
        for messages in (["Hello World!"], ["", "Grüße 😀", "\n"], HUNDRED):
            lws_client(url, *messages).expect(0, lines(messages))


@test("lws_client: a text of 100,000 bytes comes back whole")
def _():
    for url in (server.wss, server.ws):
        lws_client(url, "x" * 100_000, "after").expect(0, b"x" * 100_000 + b"\nafter\n")


@test("lws_client: the certificate is verified")
def _():
    done = lws_client(server.wss, "x", cacert="/etc/ssl/certs/ca-certificates.crt")
    match("certificate|SSL", done.expect(1, b"").err)


@test("lws_client: a server that stops closes it with 1001")
def _():
    with Server(listen=("ws://127.0.0.1:0",)) as stopping:
        with started(need(CLIENT), "--echo", stopping.ws) as client:
            equal(client.stderr.readline(), b"lws_client: open\n")
            stopping.stop()
            equal(finish(client).expect(0, b"").err, "lws_client: closed with 1001\n")


@once
def lws_echo():
    """The URL of a server."""
    pair = [certificates() / name for name in ("localhost.pem", "localhost.key")]
    process = subprocess.Popen([need(SERVER), "0", *pair], stdin=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    atexit.register(process.wait)
    atexit.register(process.kill)
    return localhost(Log(process.stderr).wait("listening on (.*)")[0][1])


@test("lws_echo: messages come back to wsecho")
def _():
    done = wsecho(lws_echo(), "Hello World!", "", "Grüße 😀")
    equal(done.expect(0, "Hello World!\n\nGrüße 😀\n".encode()).err, "", "what it says")


@test("lws_echo: lines of standard input come back to wsecho, also one of 1 MB")
def _():
    for given in (b"one\n\nthree\n", b"x" * 1_000_000 + b"\nnext\n", lines(range(2000))):
        wsecho(lws_echo(), given=given).expect(0, given)


@test("lws_echo: binary messages of any bytes come back to wsecho")
def _():
    data = os.urandom(500_000).replace(b"\n", b"").rstrip(b"\r") + b"\n"
    wsecho("--binary", lws_echo(), given=data).expect(0, data)


@test("lws_echo: a line is replied to while the input is still open")
def _():
    with started(*client_command(lws_echo())) as client:
        for line in (b"one\n", b"two\n"):
            client.stdin.write(line)
            equal(client.stdout.readline(), line, "the reply")
        finish(client).expect(0, b"")


@test("lws_echo: wsecho refuses its certificate if it does not know who signed it")
def _():
    done = wsecho("--cacert", "/etc/ssl/certs/ca-certificates.crt", lws_echo(), "x")
    match("certificate", sentence(done.expect(4, b"").err))


main(threads=2)
