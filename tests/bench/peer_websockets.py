#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An echo server on python3-websockets, for comparison.

Usage: peer_websockets.py PORT CERTIFICATE KEY [deflate] (port 0: any that is free)

deflate: it compresses, each message by itself.
"""

import asyncio
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass


async def main(port, certificate, key, deflate=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    options = {"ssl": context, "backlog": 16384, "compression": None, "max_size": None}
    if deflate == "deflate":
        options["extensions"] = [ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, client_no_context_takeover=True)]
    async with websockets.serve(echo, "127.0.0.1", int(port), ping_interval=None, **options) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on wss://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
