# SPDX-License-Identifier: MIT
"""What wsecho trusts, and what it speaks over TLS."""

import base64

from peer import Script, told
from support import (Server, certificates, client_command, ends, equal, main, match, run, scratch,
                     test, wsecho)
from wire import server_context

server = Server()


def logged_fingerprint():
    """What a server with a certificate of its own making logs, and its URL."""
    own = Server(listen=("wss://127.0.0.1:0",), cert=False)
    return own.wss, own.log.wait("fingerprint,? ?([0-9A-F:]{95})|SHA-256 ([0-9A-F:]{95})")[0]


@test("--fingerprint takes the one that wsechod logs, and no other")
def _():
    url, found = logged_fingerprint()
    text = found[1] or found[2]
    run(client_command()[0], "--fingerprint", text, url, "x").expect(0, b"x\n")
    run(client_command()[0], "--fingerprint", text.lower().replace(":", ""), url, "x").expect(
        0, b"x\n")
    ends(run(client_command()[0], "--fingerprint", text[:-2] + ("00" if text[-2:] != "00" else "11"),
             url, "x"), 4, "certificate has another fingerprint")
    ends(wsecho("--fingerprint", "12", url, "x"), 2, "'12' is no SHA-256 fingerprint")


@test("-E with a file that has no key names the option for the key")
def _():
    ends(run(client_command()[0], "-E", certificates() / "ca.pem", server.wss, "x"), 2,
         "there is no usable private key in '.*': --key FILE, if it is elsewhere$")


@test("--pinnedpubkey is the pin that openssl makes, and comes on top of trust")
def _():
    pin = run("sh", "-c", f"openssl x509 -in '{certificates()}/localhost.pem' -pubkey -noout | "
              "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64"
              ).expect(0).out.decode().strip()
    wsecho("--pinnedpubkey", f"sha256//{pin}", server.wss, "x").expect(0, b"x\n")
    wrong = "sha256//" + base64.b64encode(bytes(32)).decode()
    wsecho("--pinnedpubkey", f"{wrong};sha256//{pin}", server.wss, "x").expect(0, b"x\n")
    ends(wsecho("--pinnedpubkey", wrong, server.wss, "x"), 4, "another key than the pinned one")
    ends(run(client_command()[0], "--pinnedpubkey", f"sha256//{pin}", server.wss, "x"), 4,
         "is not trusted")
    ends(wsecho("--pinnedpubkey", "md5//x", server.wss, "x"), 2, "is no pin of a key")


@test("--servername is asked for and verified instead of the URL's host")
def _():
    names = []
    context = server_context()
    context.sni_callback = lambda sock, name, _: names.append(name)
    with Script(told, tls=True) as script:
        script.context = context
        wsecho("--servername", "localhost", script.url, "x").expect(0, b"x\n")
    equal(names, ["localhost"], "the names that were asked for")
    ends(wsecho("--servername", "example.org", server.wss, "x"), 4,
         'not for "example.org": give --servername a name that it is for$')


@test("--tls-min, --tls-max and --ciphers choose what is spoken; --capath trusts a directory")
def _():
    for words, spoken in ((["--tls-max", "1.2"], "TLSv1.2"), (["--tls-min", "1.3"], "TLSv1.3"),
                          (["--ciphers", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20"),
                          (["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"],
                           "AES256-GCM")):
        match(spoken, wsecho("-v", *words, server.wss, "x").expect(0, b"x\n").err)
    ends(wsecho("--tls-min", "1.3", "--tls-max", "1.2", server.wss, "x"), 2, "no version of TLS is")
    ends(wsecho("--tls-max", "1.2", "--ciphers", "AES128-SHA", server.wss, "x"), 4,
         "none of our versions, ciphers")
    ends(wsecho("--ciphers", "nonsense", server.wss, "x"), 2, "a cipher that OpenSSL does not know")
    directory = scratch() / "authorities"
    directory.mkdir()
    (directory / "ca.pem").write_bytes((certificates() / "ca.pem").read_bytes())
    run("openssl", "rehash", directory).expect(0)
    run(client_command()[0], "--capath", directory, server.wss, "x").expect(0, b"x\n")
    (scratch() / "none").mkdir()
    ends(run(client_command()[0], "--capath", scratch() / "none", server.wss, "x"), 4, "not trusted")
    for path, why in ((scratch() / "no such", "No such file or directory"),
                      (directory / "ca.pem", "Not a directory")):
        ends(run(client_command()[0], "--capath", path, server.wss, "x"), 2,
             f"cannot read '{path}': {why}$")


@test("-v does not speak of names of hosts where a certificate has none")
def _():
    done = wsecho("-v", server.wss, "x").expect(0, b"x\n")
    match(r"(?m)^\* certificate 1: CN=[^;]*; by CN=", done.err)


main(threads=6)
