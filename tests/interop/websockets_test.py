# SPDX-License-Identifier: MIT
"""python3-websockets as a client of wsechod."""

import asyncio
import os
import ssl

from others import asynchronous, localhost, need_module, trusting
from authority import Authority
from support import Server, equal, main, scratch, test

websockets = need_module("websockets")
server = Server(listen=("wss://127.0.0.1:0",))
url = localhost(server.wss)


def connect(**more):
    return websockets.connect(url, **({"ssl": trusting(), "max_size": None} | more))


def connected(title, **more):
    """Makes a test of a coroutine function that gets a connection, which is closed afterwards."""

    def declare(function):
        @test(title)
        @asynchronous
        async def _():
            async with connect(**more) as ws:
                await function(ws)
            equal((ws.close_code, ws.close_reason), (1000, ""), "the end")

        return function

    return declare


async def echoes(ws, message):
    await ws.send(message)
    equal(await ws.recv(), message, "the reply")


@connected("websockets: texts and binary messages come back")
async def _(ws):
    for message in ("Hello World!", "", "äöü€😀", "\0", b"", b"\xff\0\x80", os.urandom(65536)):
        await echoes(ws, message)


@connected("websockets: messages of megabytes come back")
async def _(ws):
    await echoes(ws, os.urandom(1 << 20))
    await echoes(ws, "€" * (1 << 20))
    await echoes(ws, os.urandom(10_000_000))


@connected("websockets: fragments come back as one message")
async def _(ws):
    await ws.send(["in ", "", "several ", "pieces"])
    equal(await ws.recv(), "in several pieces")
    await ws.send([b"\xff" * 70000, b"", b"\0" * 70000])
    equal(await ws.recv(), b"\xff" * 70000 + b"\0" * 70000)


@connected("websockets: pings are answered, each with its own payload")
async def _(ws):
    pongs = [await ws.ping(payload) for payload in ("", "text", b"\xff\0", "x" * 125)]
    for pong in pongs:
        await pong
    await (await ws.ping())


@connected("websockets: a hundred messages at once come back in order")
async def _(ws):
    await asyncio.gather(*(ws.send(f"message {i}") for i in range(100)))
    for i in range(100):
        equal(await ws.recv(), f"message {i}")


@connected("websockets: permessage-deflate is offered and agreed on", compression="deflate")
async def _(ws):
    # websockets has a new interface from 13 on.
    protocol = getattr(ws, "protocol", ws)
    headers = ws.request.headers if hasattr(ws, "request") else ws.request_headers
    equal([extension.name for extension in protocol.extensions], ["permessage-deflate"])
    if "permessage-deflate" not in headers["Sec-WebSocket-Extensions"]:
        raise AssertionError("it was not offered")
    await echoes(ws, "compressed " * 1000)


@connected("websockets: a subprotocol that is offered is chosen",
           subprotocols=["chat"])
async def _(ws):
    equal(ws.subprotocol, "chat")
    await echoes(ws, "a chat")


@test("websockets: sending and receiving at once, far more than fits in between")
@asynchronous
async def _():
    async with connect() as ws:
        message = os.urandom(100_000)

        async def send():
            for _ in range(200):
                await ws.send(message)

        sender = asyncio.create_task(send())
        for _ in range(200):
            equal(await ws.recv(), message)
        await sender


@test("websockets: a Close frame is answered with its code")
@asynchronous
async def _():
    for code in (1000, 1001, 1003, 1011, 3000, 4999):
        ws = await connect()
        await ws.close(code, "reason")
        equal(ws.close_code, code)


@test("websockets: fifty connections at once")
@asynchronous
async def _():
    async def one(number):
        async with connect() as ws:
            await echoes(ws, f"client {number}")

    await asyncio.gather(*(one(number) for number in range(50)))


@test("websockets: a message over the limit is refused with 1009")
@asynchronous
async def _():
    async with connect() as ws:
        try:
            await ws.send(bytes((16 << 20) + 1))
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            equal(closed.rcvd.code, 1009)
        else:
            raise AssertionError("it was not refused")


@test("websockets: the certificate is verified, and the host's name")
@asynchronous
async def _():
    for context, name in ((ssl.create_default_context(), "localhost"), (trusting(), "other.test")):
        try:
            await websockets.connect(url, ssl=context, server_hostname=name)
        except ssl.SSLCertVerificationError:
            continue
        raise AssertionError(f"{name} was accepted")


async def status_of(address, **more):
    """Of a handshake: 101, or what it is refused with."""
    try:
        async with websockets.connect(address, **more) as ws:
            await echoes(ws, "hello")
    except websockets.exceptions.InvalidHandshake as refusal:
        # Its newer versions have a response in it. Without any there is no status.
        response = getattr(refusal, "response", None)
        return getattr(refusal, "status_code", None) or (response and response.status_code)
    except (ssl.SSLError, OSError, EOFError):
        return None
    return 101


@test("websockets: a password, an origin and a certificate let it in, and their lack keeps it out")
@asynchronous
async def _():
    authority = Authority(scratch() / "authority")
    authority.server("localhost", "DNS:localhost")
    authority.client("alice")
    users = scratch() / "users"
    users.write_text("alice:$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.\n")
    folder = authority.folder
    with Server("--cert", folder / "localhost.pem", "--key", folder / "localhost.key", "--client-ca",
                authority.ca, "--basic-auth", users, "--origin", "https://a.example",
                listen=("wss://127.0.0.1:0",), cert=False) as guarded:
        address = localhost(guarded.wss)
        known = address.replace("wss://", "wss://alice:secret@")
        nobody = ssl.create_default_context(cafile=authority.ca)
        somebody = ssl.create_default_context(cafile=authority.ca)
        somebody.load_cert_chain(folder / "alice.leaf", folder / "alice.key")
        equal(await status_of(known, ssl=somebody), 101)
        equal(await status_of(known, ssl=somebody, origin="https://a.example"), 101)
        equal(await status_of(known, ssl=somebody, origin="https://b.example"), 403)
        equal(await status_of(address, ssl=somebody), 401)
        equal(await status_of(known.replace("secret", "wrong"), ssl=somebody), 401)
        equal(await status_of(known, ssl=nobody), None)
        guarded.log.wait("the client has no certificate, and needs one")


@test("websockets: the server stops with 1001, after replying to what it has")
@asynchronous
async def _():
    stopping = Server(listen=("wss://127.0.0.1:0",))
    async with websockets.connect(localhost(stopping.wss), ssl=trusting()) as ws:
        await echoes(ws, "before")
        await asyncio.to_thread(stopping.stop)
        try:
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            equal(closed.rcvd.code, 1001)
        else:
            raise AssertionError("it was not closed")


main(threads=2)
