# SPDX-License-Identifier: MIT
"""`openssl s_client` as a client of wsechod: the bytes as they are, under each version of TLS."""

from others import localhost, need_program
from peer import ACCEPT, BINARY, CLOSE, TEXT, close_payload, frame, request
from support import Server, certificates, equal, main, match, run, test

OPENSSL = need_program("openssl")
server = Server(listen=("wss://127.0.0.1:0",))
CONVERSATION = (request() + frame(TEXT, b"Hello World!") + frame(BINARY, bytes(range(256)) * 100) +
                frame(CLOSE, close_payload(1000)))


def s_client(*words, given=CONVERSATION, trust=True):
    address = localhost(server.wss).partition("//")[2]
    trusted = ["-CAfile", certificates() / "ca.pem"] if trust else []
    return run(OPENSSL, "s_client", "-connect", address, "-servername", "localhost",
               "-verify_hostname", "localhost", "-verify_return_error", *trusted, *words,
               given=given)


def declare_version(option, name):
    @test(f"a conversation over {name}, byte for byte")
    def _():
        # -quiet leaves only what the server sent, and goes on reading at the end of the input.
        done = s_client("-quiet", option, "-alpn", "http/1.1").expect(0)
        head, _, rest = done.out.partition(b"\r\n\r\n")
        match(f"Sec-WebSocket-Accept: {match('.*=', ACCEPT)[0]}".replace("+", r"\+"), head.decode())
        equal(rest, frame(TEXT, b"Hello World!", mask=None) +
              frame(BINARY, bytes(range(256)) * 100, mask=None) +
              frame(CLOSE, close_payload(1000), mask=None), "what came after the head")


declare_version("-tls1_2", "TLS 1.2")
declare_version("-tls1_3", "TLS 1.3")


@test("the certificate is verified, with the host's name")
def _():
    done = s_client("-brief", given=b"").expect(0)
    match("Verification: OK", done.err)
    match("Verified peername: localhost", done.err)
    if s_client("-brief", given=b"", trust=False).status == 0:
        raise AssertionError("an authority that is not trusted was accepted")


@test("http/1.1 is agreed on, also among others, and nothing else")
def _():
    match("ALPN protocol: http/1.1", s_client("-alpn", "h2,http/1.1", given=b"").out.decode())
    done = s_client("-alpn", "h2", given=b"")
    match("no application protocol", done.err)


main(threads=4)
