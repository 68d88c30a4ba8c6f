# SPDX-License-Identifier: MIT
"""An echo server that compresses, on python3-websockets or aiohttp.

Usage: deflate_python.py websockets OPTIONS (of ServerPerMessageDeflateFactory, in JSON), or aiohttp
"""

import asyncio
import json
import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


async def serve_websockets(options):
    import websockets  # pylint: disable=import-outside-toplevel
    from websockets.extensions import permessage_deflate  # pylint: disable=import-outside-toplevel

    async def echo(socket):
        extensions = getattr(socket, "protocol", socket).extensions
        say(f"agreed on: {', '.join(map(repr, extensions))}")
        try:
            async for message in socket:
                await socket.send(message)
        except websockets.ConnectionClosed:
            pass

    factory = permessage_deflate.ServerPerMessageDeflateFactory(**options)
    server = await websockets.serve(echo, "127.0.0.1", 0, extensions=[factory], compression=None,
                                    max_size=None)
    return server.sockets[0].getsockname()[1]


async def serve_aiohttp(_options):
    from aiohttp import WSMsgType, web  # pylint: disable=import-outside-toplevel

    async def echo(request):
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        say(f"agreed on: {socket.headers.get('Sec-WebSocket-Extensions')}")
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type == WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1]


async def main(library, options="{}"):
    serve = {"websockets": serve_websockets, "aiohttp": serve_aiohttp}[library]
    port = await serve(json.loads(options))
    say(f"listening on ws://127.0.0.1:{port}")
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
