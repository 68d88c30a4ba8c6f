# SPDX-License-Identifier: MIT
"""A server on python3-aiohttp. What it does with a connection is what the path says.

Usage: CERT=FILE KEY=FILE server_aiohttp.py; it says where it listens on standard error.
"""

import asyncio
import os
import ssl
import sys

from aiohttp import WSMsgType, web

HEADERS = {"/extension": {"Sec-WebSocket-Extensions": "permessage-deflate"},
           "/protocol": {"Sec-WebSocket-Protocol": "chat"}}


def say(text):
    print(text, file=sys.stderr, flush=True)


async def ping(socket, payload):
    """Fails unless the next thing that comes is the pong."""
    await socket.ping(payload)
    came = await socket.receive()
    if (came.type, bytes(came.data)) != (WSMsgType.PONG, payload):
        raise web.HTTPInternalServerError(text=f"{came} is not the pong")


async def act(request, socket, message):
    """Once per message."""
    if request.path == "/close":
        await socket.close(code=4321, message="schön".encode())
    elif request.path == "/drop":
        request.transport.abort()
    elif request.path == "/header":
        await socket.send_str(request.headers["X-Interop"])
    elif request.path.startswith("/field/"):
        await socket.send_str(request.headers[request.path.removeprefix("/field/")])
    elif request.path == "/subprotocol":
        await socket.send_str(str(socket.ws_protocol))
    elif request.path == "/ping":
        for payload in (b"ping-1", b"", b"\xff" * 125):
            await ping(socket, payload)
        await socket.pong(b"nobody asked")
        await socket.send_str("ponged")
    elif message.type == WSMsgType.TEXT:
        await socket.send_str(message.data)
    else:
        await socket.send_bytes(message.data)


async def serve(request):
    if request.path.startswith("/to/"):
        raise web.HTTPFound(request.path.removeprefix("/to"))
    if request.path[1:].isdigit():
        return web.Response(status=int(request.path[1:]), text="no WebSocket for you\n")
    # Without autoping pongs are seen, and pings are ours to answer.
    socket = web.WebSocketResponse(max_msg_size=1 << 21, autoping=False, protocols=("chat",))
    socket.headers.update(HEADERS.get(request.path, {}))
    await socket.prepare(request)
    while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING):
        if message.type == WSMsgType.PING:
            await socket.pong(message.data)
        else:
            await act(request, socket, message)
    # It takes a Close that it could not answer any more for 1006.
    code = message.data if message.type == WSMsgType.CLOSE else socket.close_code
    say(f"{request.path} closed with {code}")
    return socket


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    application = web.Application()
    application.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    say(f"listening on wss://127.0.0.1:{runner.addresses[0][1]}")
    await asyncio.Future()


asyncio.run(main())
