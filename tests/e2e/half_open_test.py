# SPDX-License-Identifier: MIT
"""Handshakes that come to a halt: each ends within its 10 s, however it does it."""

import ssl

from peer import TEXT, Peer, frame, request
from support import Server, equal, in_parallel, main, test
from wire import Wire, any_certificate, connect

server = Server()


def client_hello():
    """The first bytes that a TLS client sends."""
    sent = ssl.MemoryBIO()
    tls = any_certificate().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


def halted(url, data, tls=True):
    """A connection that has sent this, and sends no more."""
    if tls and url.startswith("wss:"):
        wire = Peer(url, upgrade=False)
        wire.send(data)
    else:
        wire = Wire(connect(url))
        wire.sock.sendall(data)
    return wire


def ended(wire):
    """Waits until the server has given it up."""
    with wire:
        try:
            while wire.receive():
                pass
        except (ConnectionError, ssl.SSLError):
            pass


def dripping(wire):
    """The same, but the peer sends another byte for each half second without an answer."""
    with wire:
        wire.sock.settimeout(0.5)
        while True:
            try:
                if not wire.sock.recv(65536):
                    return
            except TimeoutError:
                wire.sock.sendall(b"x")
            except ConnectionError:
                return


@test("handshakes that stop anywhere, or never come to an end, are ended by the server")
def _():
    half = request()[:100]
    hello = client_hello()
    quiet = [halted(server.ws, b"", False), halted(server.wss, b"", False),
             halted(server.wss, hello[:1], False), halted(server.wss, hello[:100], False),
             halted(server.wss, hello, False), halted(server.wss, b""), halted(server.wss, half),
             halted(server.ws, half), halted(server.ws, b"GET"),
             halted(server.ws, request()[:-1]), halted(server.wss, request()[:-2])]
    drips = [halted(server.ws, half), halted(server.wss, hello[:100], False)]
    with Peer(server.wss) as other:
        other.echoes()
        in_parallel(lambda item: item[0](item[1]), *((ended, wire) for wire in quiet),
                    *((dripping, wire) for wire in drips))
        other.echoes(b"an open connection has all the time in the world")
    server.log.wait("no complete handshake in time", len(quiet) + len(drips))


@test("the end of the stream in the middle of a handshake ends it at once")
def _():
    for url, data in ((server.ws, b""), (server.ws, b"GET / HT"), (server.wss, b""),
                      (server.wss, client_hello()[:100])):
        with halted(url, data, False) as wire:
            wire.half_close()
            equal(wire.sock.recv(1), b"")
    with Peer(server.wss, upgrade=False) as peer:
        peer.send(b"GET / HT")
        peer.close_notify()
        equal(peer.receive(), b"")


@test("a thousand half-open handshakes keep nobody else out")
def _():
    with Server() as own:
        wires = [halted(own.ws if i % 2 else own.wss, b"\x16" if i % 3 else b"", False)
                 for i in range(1000)]
        with Peer(own.wss) as peer:
            peer.echoes()
        for wire in wires:
            wire.close()
        with Peer(own.ws) as peer:
            peer.send(frame(TEXT, b"and now"))
            peer.expect((TEXT, b"and now"))


main(threads=3)
