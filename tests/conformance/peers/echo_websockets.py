# SPDX-License-Identifier: MIT
"""An echo server on python3-websockets, as its documentation has it; permessage-deflate is its
default.

Usage: echo_websockets.py PORT (port 0: any that is free); it says where on standard error
"""

import asyncio
import logging
import sys

import websockets


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main(port):
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    async with websockets.serve(echo, "127.0.0.1", int(port), max_size=1 << 24) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
