# SPDX-License-Identifier: MIT
"""curl as a client of wsechod: pages, and a WebSocket by hand, byte for byte."""

import re

from others import localhost, need_program
from peer import ACCEPT, CLOSE, KEY, PING, PONG, TEXT, close_payload, frame
from support import (DEADLINE, Log, Server, certificates, equal, main, match, run, scratch,
                     started, test)

CURL = need_program("curl")
server = Server()
https = localhost(server.wss).replace("wss:", "https:") + "/"
UPGRADE = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
           "-H", f"Sec-WebSocket-Key: {KEY}"]


def curl(*words, status=0):
    """What curl prints, and its complaints; the certificate is verified."""
    done = run(CURL, "-sS", "--cacert", certificates() / "ca.pem", *words).expect(status)
    return done.out.decode(), done.err


def log_of(process):
    """What it says on standard error, which the log closes at the end."""
    log = Log(process.stderr)
    process.stderr = None
    return log


@test("curl gets a page that says what this is")
def _():
    for url in (https, server.ws.replace("ws:", "http:")):
        out, _ = curl("-f", "-w", "%{http_code} %{http_version} %{content_type}", url)
        match("^This is wsechod, a WebSocket echo server", out)
        match("200 1.1 text/plain; charset=utf-8$", out)


@test("curl asks for HTTP/2 and gets HTTP/1.1")
def _():
    out, _ = curl("--http2", "-w", "%{http_version}", "-o", "/dev/null", https)
    equal(out, "1.1")


@test("HEAD has the head of the same page and no body")
def _():
    head, _ = curl("-I", https)
    match(r"^HTTP/1.1 200 OK\r\n", head)
    page, _ = curl(https)
    match(rf"\r\nContent-Length: {len(page.encode())}\r\n", head)


@test("another method is refused with 405")
def _():
    equal(curl("-X", "DELETE", "-o", "/dev/null", "-w", "%{http_code}", https)[0], "405")


@test("curl verifies the certificate")
def _():
    done = run(CURL, "-sS", "--cacert", "/etc/ssl/certs/ca-certificates.crt", https).expect(60)
    match("certificate", done.err)
    # Also the name: this one resolves to the server, and is not in the certificate.
    port = https.rpartition(":")[2].rstrip("/")
    _, complaint = curl("--resolve", f"other.test:{port}:127.0.0.1", f"https://other.test:{port}/",
                        status=60)
    match("other.test", complaint)


@test("a WebSocket by hand, byte for byte: the answer, frames, the end")
def _():
    # What would be the body of the request are frames here: without Content-Length it has none.
    frames = scratch() / "frames"
    frames.write_bytes(frame(TEXT, b"Hello World!") + frame(PING, b"are you there") +
                       frame(TEXT, "äöü".encode()) + frame(CLOSE, close_payload(1000, b"bye")))
    for url in (https, server.ws.replace("ws:", "http:")):
        done = run(CURL, "-sS", "-i", "-N", "--http1.1", "--cacert", certificates() / "ca.pem",
                   *UPGRADE, "-H", "Sec-WebSocket-Version: 13", "-X", "GET", "-H", "Expect:",
                   "-H", "Content-Length:", "--data-binary", f"@{frames}", url).expect(0)
        head, _, rest = done.out.partition(b"\r\n\r\n")
        equal(head.decode().split("\r\n"),
              ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
               f"Sec-WebSocket-Accept: {ACCEPT}"])
        equal(rest, frame(TEXT, b"Hello World!", mask=None) +
              frame(PONG, b"are you there", mask=None) + frame(TEXT, "äöü".encode(), mask=None) +
              frame(CLOSE, close_payload(1000), mask=None), "what came after the head")


@test("a handshake with a body is refused with 400, and one that expects 100 is no other")
def _():
    for fields in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
        head, _ = curl("-i", "--http1.1", *UPGRADE, "-H", "Sec-WebSocket-Version: 13", "-X", "GET",
                       "--data-binary", "some bytes", *fields, https)
        match(r"^HTTP/1.1 400 Bad Request\r\n", head)
        match("no body", head)


@test("plain HTTP on the port for TLS is answered with 400 in plain text")
def _():
    out, _ = curl("-w", "%{http_code}", https.replace("https:", "http:"))
    equal(out, "400 Bad Request: this is a port for TLS: use https:// or wss://\n400")


@test("another version of WebSocket is refused with 426 and the right one")
def _():
    head, _ = curl("-i", "--http1.1", *UPGRADE, "-H", "Sec-WebSocket-Version: 8", https)
    match(r"^HTTP/1.1 426 Upgrade Required\r\n", head)
    match(r"\r\nSec-WebSocket-Version: 13\r\n", head)


@test("a handshake without a key is refused with 400")
def _():
    head, _ = curl("-i", "--http1.1", *UPGRADE[:4], "-H", "Sec-WebSocket-Version: 13", https)
    match(r"^HTTP/1.1 400 Bad Request\r\n", head)


if b" wss" in run(CURL, "--version").out:
    @test("curl's own WebSocket gets its handshake")
    def _():
        # Nothing comes after the handshake, which is all there is to see.
        with started(CURL, "-sv", "-N", "-m", str(DEADLINE), "--cacert", certificates() / "ca.pem",
                     https.replace("https:", "wss:")) as process:
            log_of(process).wait("^< HTTP/1.1 101")


@test("curl's upgrade gets 101 and the right answer to its key while the connection stays open")
def _():
    for version in ("1.2", "1.3"):
        with started(CURL, "-sv", "-N", "--http1.1", "-m", str(DEADLINE), "--tls-max", version,
                     "--cacert", certificates() / "ca.pem", *UPGRADE,
                     "-H", "Sec-WebSocket-Version: 13", https) as process:
            log = log_of(process)
            log.wait(rf"SSL connection using TLSv{version} ")
            log.wait("^< HTTP/1.1 101")
            log.wait("^< Sec-WebSocket-Accept: " + re.escape(ACCEPT) + r"\s*$")
            equal(process.poll(), None, "that curl has ended")


main(threads=4)
