# SPDX-License-Identifier: MIT
"""Where wsecho connects to, and what it makes of the handshake."""


from peer import Script, never_answered, told
from support import Server, ends, equal, main, match, scratch, test, wsecho

SOCKET = scratch() / "server.sock"
server = Server("--test", "all", listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0", "ws://[::1]:0",
                                         f"unix:{SOCKET}"))
PORT, WSS_PORT = (url.rpartition(":")[2] for url in (server.ws, server.wss))
V6_PORT = server.urls[2].rpartition(":")[2]


# Where to.


@test("http: is ws:, https: is wss:, and without a scheme it is ws://, as in wscat")
def _():
    for url in (f"localhost:{PORT}", f"http://localhost:{PORT}", f"HTTP://localhost:{PORT}/x",
                f"https://localhost:{WSS_PORT}", f"127.0.0.1:{PORT}/path?query"):
        wsecho(url, "hello").expect(0, b"hello\n")


@test("a name may end in a dot, which is no part of the one that TLS asks for and verifies")
def _():
    wsecho(f"ws://localhost.:{PORT}", "x").expect(0, b"x\n")
    for words in ((), ("--resolve", f"localhost.:{WSS_PORT}:127.0.0.1")):
        wsecho(*words, f"wss://LocalHost.:{WSS_PORT}", "x").expect(0, b"x\n")


@test("-c URL is the URL, and then all operands are messages")
def _():
    wsecho("-c", server.ws, "one", "two").expect(0, b"one\ntwo\n")
    wsecho("--connect", server.ws, given=b"line\n").expect(0, b"line\n")


@test("--resolve gives a name its address, for a port, and TLS asks for the name")
def _():
    for words in (["--resolve", f"localhost:{WSS_PORT}:127.0.0.1"],
                  ["--resolve", f"*:{WSS_PORT}:127.0.0.9,[127.0.0.1]"]):
        done = wsecho("-v", *words, f"wss://localhost:{WSS_PORT}", "x").expect(0, b"x\n")
        match(rf"connected to 127.0.0.1:{WSS_PORT}", done.err)
    done = wsecho("--resolve", f"example.invalid:{WSS_PORT}:127.0.0.1",
                  f"wss://example.invalid:{WSS_PORT}", "x")
    ends(done, 4, 'not for "example.invalid": use --servername$')
    ends(wsecho("--resolve", f"localhost:1:127.0.0.1", "--resolve", "nonsense", server.ws, "x"), 2,
         "'nonsense' is not of the form HOST:PORT:ADDRESS")
    ends(wsecho("--resolve", f"127.0.0.1:{PORT}:name", server.ws, "x"), 2, "is not of the form")


@test("--connect-to goes elsewhere, and changes neither the name for TLS nor Host")
def _():
    wsecho("--connect-to", f"localhost:443:127.0.0.1:{WSS_PORT}", "wss://localhost", "x").expect(
        0, b"x\n")
    with Script(told) as script:
        wsecho("--connect-to", f"::127.0.0.1:{script.port}", "ws://example.invalid:99", "x").expect(
            0, b"x\n")
    equal("Host: example.invalid:99" in script.result, True, f"that {script.result} has the Host")
    ends(wsecho("--connect-to", "a:b", server.ws, "x"), 2, "is not of the form HOST1:PORT1")
    ends(wsecho("--connect-to", f"other:{PORT}:h:1", f"ws://127.0.0.1:1", "x"), 3, "127.0.0.1:1")


@test("-4 and -6 take addresses of that family only")
def _():
    both = "--resolve", f"both.invalid:{PORT}:::1,127.0.0.1"
    wsecho("-4", *both, f"ws://both.invalid:{PORT}", "x").expect(0, b"x\n")
    ends(wsecho("-6", *both, f"ws://both.invalid:{PORT}", "x"), 3, "cannot connect to both.invalid")
    wsecho("-6", f"ws://[::1]:{V6_PORT}", "x").expect(0, b"x\n")
    ends(wsecho("-6", server.ws, "x"), 3, "127.0.0.1 has no IPv6 address")
    ends(wsecho("-4", "-6", server.ws, "x"), 2, "'-4' and '-6' exclude each other")


@test("--interface is an address of ours, or a device")
def _():
    with Script(lambda peer: (peer.sock.getpeername()[0], told(peer))[0]) as script:
        wsecho("--interface", "127.0.0.9", script.url, "x").expect(0, b"x\n")
    equal(script.result, "127.0.0.9", "where it came from")
    wsecho("--interface", "lo", server.ws, "x").expect(0, b"x\n")
    ends(wsecho("--interface", "192.0.2.1", server.ws, "x"), 3,
         "cannot connect to .* from 192.0.2.1: Cannot assign")
    ends(wsecho("--interface", "nosuch0", server.ws, "x"), 3, "from nosuch0: No such device")


@test("--unix-socket goes to a socket, with the URL's host, path and TLS")
def _():
    wsecho("--unix-socket", SOCKET, "ws://example.invalid/?delay=1ms", "x").expect(0, b"x\n")
    ends(wsecho("--unix-socket", "/no/such", "ws://h", "x"), 3, "cannot connect to /no/such: No")
    ends(wsecho("--unix-socket", SOCKET, "-x", "localhost:1", "ws://h", "x"), 2,
         "'--unix-socket' and '--proxy' exclude each other")


@test("an international name is looked for in its ASCII form, and an IPv6 address has its zone")
def _():
    ends(wsecho("--resolve", f"xn--bcher-kva.invalid:{PORT}:127.0.0.1", "-t", "5s",
                f"ws://bücher.invalid:{PORT}/?delay=1ms", "x").expect(0) and
         wsecho("ws://☃-.invalid/", "x"), 2, "international name")
    wsecho(f"ws://[::1%25lo]:{V6_PORT}", "x").expect(0, b"x\n")
    done = wsecho(f"ws://[fe80::1%nosuch0]:{V6_PORT}", "x")
    equal(done.status, 3, "the status of an unknown zone")


@test("--connect-timeout bounds the way to a connection, not what comes after")
def _():
    ends(never_answered(lambda port, patience: wsecho("--connect-timeout", patience,
                                                      f"ws://127.0.0.1:{port}", "x")), 7,
         "time-out while waiting for the hand")
    wsecho("--connect-timeout", "15s", "-t", "0", server.ws + "/?delay=100ms", "x").expect(
        0, b"x\n")


# Faults of the handshake.


@test("faults of the handshake that open a connection are warned of, by name")
def _():
    for word, says in (("twice", "more than one field Upgrade"), ("lf", "ends in LF, not in CR LF"),
                       ("h10", "answers with HTTP/1.0")):
        done = wsecho(f"{server.ws}/?handshake={word}", "x").expect(0, b"x\n")
        match(f"^wsecho: warning: .*{says}", done.err)
        equal(wsecho("-q", f"{server.ws}/?handshake={word}", "x").expect(0).err, "", "with -q")
        match('"faults":\\["', wsecho("-j", f"{server.ws}/?handshake={word}", "x").expect(0).out.decode())
    equal('"faults"' in wsecho("-j", server.ws, "x").expect(0).out.decode(), False,
          "that a good one has faults")
    for word, says in (("no-upgrade", "lacks Upgrade: websocket"),
                       ("unasked-extension", 'not offered: "x-unasked"'),
                       ("wrong-accept", "is not the right one")):
        ends(wsecho(f"{server.ws}/?handshake={word}", "x"), 5, says)


main(threads=6)
