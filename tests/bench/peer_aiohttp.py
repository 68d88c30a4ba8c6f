#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An echo server on aiohttp, for comparison.

Usage: peer_aiohttp.py PORT CERTIFICATE KEY (port 0: any that is free)
"""

import asyncio
import ssl
import sys

from aiohttp import WSMsgType, web


async def echo(request):
    socket = web.WebSocketResponse(compress=False, max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def main(port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", int(port), ssl_context=context, backlog=16384)
    await site.start()
    port = runner.addresses[0][1]
    print(f"listening on wss://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
