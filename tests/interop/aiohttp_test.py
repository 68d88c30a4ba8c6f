# SPDX-License-Identifier: MIT
"""python3-aiohttp as a client of wsechod."""

import asyncio
import os

from others import asynchronous, localhost, need_module, trusting
from support import Server, equal, main, match, test

aiohttp = need_module("aiohttp")
server = Server(listen=("wss://127.0.0.1:0",))
url = localhost(server.wss)


class EchoWebsocket:
    """A client as simple as one can be: connect, send, receive, close."""

    async def connect(self, where=url, **more):
        self.session = aiohttp.ClientSession()
        self.websocket = await self.session.ws_connect(where, ssl=trusting(), max_msg_size=0,
                                                       **more)

    async def send(self, message):
        if isinstance(message, str):
            await self.websocket.send_str(message)
        else:
            await self.websocket.send_bytes(message)

    async def receive(self):
        return (await self.websocket.receive()).data

    async def close(self):
        await self.websocket.close()
        await self.session.close()


def connected(title, **more):
    """Makes a test of a coroutine function that gets a connection, which is closed afterwards."""

    def declare(function):
        @test(title)
        @asynchronous
        async def _():
            client = EchoWebsocket()
            await client.connect(**more)
            await function(client)
            await client.close()
            equal(client.websocket.close_code, 1000, "the code")

        return function

    return declare


async def echoes(client, message):
    await client.send(message)
    equal(await client.receive(), message, "the reply")


@connected("aiohttp: Hello World!")
async def _(client):
    await client.send("Hello World!")
    equal(await client.receive(), "Hello World!")


@connected("aiohttp: texts and binary messages come back")
async def _(client):
    for message in ("", "äöü€😀", "\0", b"", b"\xff\0\x80", os.urandom(65536), os.urandom(1 << 20),
                    "€" * (1 << 20)):
        await echoes(client, message)


@connected("aiohttp: permessage-deflate is offered and agreed on", compress=15)
async def _(client):
    equal(client.websocket.compress, 15)
    await echoes(client, "compressed " * 1000)


@connected("aiohttp: a ping is answered", autoping=False)
async def _(client):
    for payload in (b"", b"payload", b"\xff" * 125):
        await client.websocket.ping(payload)
        pong = await client.websocket.receive()
        equal((pong.type, bytes(pong.data)), (aiohttp.WSMsgType.PONG, payload))


@connected("aiohttp: the first of the subprotocols that are offered is chosen",
           protocols=("chat", "superchat"))
async def _(client):
    equal(client.websocket.protocol, "chat")
    await echoes(client, "a chat")


@connected("aiohttp: a hundred messages at once come back in order")
async def _(client):
    await asyncio.gather(*(client.send(f"message {i}") for i in range(100)))
    for i in range(100):
        equal(await client.receive(), f"message {i}")


@connected("aiohttp: JSON comes back")
async def _(client):
    await client.websocket.send_json({"list": [1, 2, None], "text": "äöü"})
    equal(await client.websocket.receive_json(), {"list": [1, 2, None], "text": "äöü"})


@test("aiohttp: a Close frame is answered with its code")
@asynchronous
async def _():
    for code in (1000, 1001, 1011, 3000, 4999):
        client = EchoWebsocket()
        await client.connect()
        await client.websocket.close(code=code, message=b"reason")
        equal(client.websocket.close_code, code)
        await client.session.close()


@test("aiohttp: a message over the limit is refused with 1009")
@asynchronous
async def _():
    client = EchoWebsocket()
    await client.connect()
    await client.send(bytes((16 << 20) + 1))
    message = await client.websocket.receive()
    equal((message.type, message.data), (aiohttp.WSMsgType.CLOSE, 1009))
    await client.close()


@test("aiohttp: the certificate is verified")
@asynchronous
async def _():
    async with aiohttp.ClientSession() as session:
        try:
            await session.ws_connect(url)
        except aiohttp.ClientConnectorCertificateError as error:
            match("certificate verify failed", str(error))
        else:
            raise AssertionError("it was accepted")


@test("aiohttp: a page, and the same connection is not used for a second one")
@asynchronous
async def _():
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(url.replace("wss:", "https:"), ssl=trusting()) as response:
                equal(response.status, 200)
                match("^This is wsechod", await response.text())


@test("aiohttp: the server stops with 1001")
@asynchronous
async def _():
    stopping = Server(listen=("wss://127.0.0.1:0",))
    client = EchoWebsocket()
    await client.connect(localhost(stopping.wss))
    await echoes(client, "before")
    stopped = asyncio.create_task(asyncio.to_thread(stopping.stop))
    message = await client.websocket.receive()
    equal((message.type, client.websocket.close_code), (aiohttp.WSMsgType.CLOSE, 1001))
    await client.close()
    await stopped


main(threads=2)
