# SPDX-License-Identifier: MIT
"""A server on python3-websockets. What it does with a connection is what the path says.

Usage: CERT=FILE KEY=FILE server_websockets.py; it says where it listens on standard error.
"""

import asyncio
import http
import os
import ssl
import sys

import websockets

HEADERS = {"/extension": {"Sec-WebSocket-Extensions": "permessage-deflate"},
           "/protocol": {"Sec-WebSocket-Protocol": "chat"}}


def say(text):
    print(text, file=sys.stderr, flush=True)


async def act(socket, path, message):
    """Once per message."""
    if path == "/close":
        await socket.close(4321, "schön")
    elif path == "/drop":
        socket.transport.abort()
    elif path == "/header":
        await socket.send(socket.request_headers["X-Interop"])
    elif path == "/subprotocol":
        await socket.send(str(socket.subprotocol))
    elif path == "/ping":
        # It looks its ping up by what the pong carries.
        for payload in (b"ping-1", b"", b"\xff" * 125):
            await (await socket.ping(payload))
        await socket.pong(b"nobody asked")
        await socket.send("ponged")
    elif path == "/fragments":
        await socket.send([message[:2], message[:0], message[2:]])
    else:
        await socket.send(message)


async def serve(socket):
    try:
        async for message in socket:
            await act(socket, socket.path, message)
    except websockets.ConnectionClosed:
        pass
    say(f"{socket.path} closed with {socket.close_code}")


async def refuse(path, _):
    if path.lstrip("/").isdigit():
        status = http.HTTPStatus(int(path[1:]))
        return status, {}, b"no WebSocket for you\n"
    return None


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context, max_size=1 << 21,
                                process_request=refuse, subprotocols=["chat"],
                                extra_headers=lambda path, _: HEADERS.get(path)) as server:
        say(f"listening on wss://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.Future()


asyncio.run(main())
