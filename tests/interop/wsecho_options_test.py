# SPDX-License-Identifier: MIT
"""wsecho's options with servers that others wrote: who we are, where, and how."""

import base64

from served import with_each
from support import certificates, ends, main, match, run, scratch, wsecho


def port_of(url):
    return match(r":(\d+)(/|$)", url)[1]


# Who we are.


@with_each("-o, -u, --bearer-file and --cookie arrive as fields")
def _(peer):
    token = scratch() / "token"
    token.write_text("a.token\n")
    basic = "Basic " + base64.b64encode(b"joe:secret").decode()
    for words, field, value in ((("-o", "https://a.example"), "Origin", "https://a.example"),
                                (("-u", "joe:secret"), "Authorization", basic),
                                (("--bearer-file", token), "Authorization", "Bearer a.token"),
                                (("--cookie", "a=b", "--cookie", "c=d"), "Cookie", "a=b; c=d"),
                                (("-H", "User-Agent: me"), "User-Agent", "me")):
        wsecho(*words, peer.url(f"/field/{field}"), "x").expect(0, value.encode() + b"\n")


@with_each("-s offers subprotocols, and -v tells which one the server chose")
def _(peer):
    done = wsecho("-v", "-s", "chat", "-s", "other", peer.url("/subprotocol"), "x")
    done.expect(0, b"chat\n")
    match(r"(?m)^\* subprotocol chat$", done.err)


@with_each("-L goes where it is sent; without it the place is told")
def _(peer):
    wsecho("-L", peer.url("/to/messages"), "x").expect(0, b"x\n")
    ends(wsecho(peer.url("/to/messages"), "x"), 5, "answered 302 Found, Location: /messages: use -L$")


# Where, and how.


@with_each("--resolve, --connect-to and --servername reach it by other names")
def _(peer):
    port = port_of(peer.url())
    wsecho("--resolve", f"localhost:{port}:127.0.0.1", f"wss://localhost:{port}", "x").expect(0, b"x\n")
    wsecho("--connect-to", f"localhost:443:127.0.0.1:{port}", "wss://localhost", "x").expect(0, b"x\n")
    wsecho("--resolve", f"a.example:{port}:127.0.0.1", "--servername", "localhost",
           f"wss://a.example:{port}", "x").expect(0, b"x\n")
    ends(wsecho("--resolve", f"a.example:{port}:127.0.0.1", f"wss://a.example:{port}", "x"), 4,
         'is for .*, not for "a.example": use --servername$')


@with_each("--fingerprint, --pinnedpubkey, --tls-min and --tls-max: right ones and wrong ones")
def _(peer):
    pem = certificates() / "localhost.pem"
    print_ = run("openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha256").expect(0).out.decode()
    wsecho("--fingerprint", print_.strip().partition("=")[2], peer.url(), "x").expect(0, b"x\n")
    ends(wsecho("--fingerprint", "00" * 32, peer.url(), "x"), 4, "another fingerprint")
    ends(wsecho("--pinnedpubkey", "sha256//" + base64.b64encode(bytes(32)).decode(), peer.url(), "x"), 4,
         "another key than the pinned one")
    for version in ("1.2", "1.3"):
        done = wsecho("-v", "--tls-min", version, "--tls-max", version, peer.url(), "x")
        match(rf"(?m)^\* TLSv{version}", done.expect(0, b"x\n").err)


main(threads=4)
