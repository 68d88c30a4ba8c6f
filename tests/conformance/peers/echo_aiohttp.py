# SPDX-License-Identifier: MIT
"""An echo server on python3-aiohttp, as its documentation has it; permessage-deflate is its
default.

Usage: echo_aiohttp.py PORT (port 0: any that is free); it says where on standard error
"""

import asyncio
import logging
import sys

from aiohttp import WSMsgType, web


async def echo(request):
    socket = web.WebSocketResponse(max_msg_size=1 << 24)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def main(port):
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    application = web.Application()
    application.router.add_get("/{path:.*}", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    port = runner.addresses[0][1]
    print(f"listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
