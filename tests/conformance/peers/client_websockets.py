# SPDX-License-Identifier: MIT
"""A client on python3-websockets that echoes until the connection is closed.

Usage: client_websockets.py URL
"""

import asyncio
import sys

import websockets


async def main(url):
    try:
        async with websockets.connect(url, max_size=1 << 24) as socket:
            async for message in socket:
                await socket.send(message)
    except (OSError, EOFError, websockets.WebSocketException) as error:
        print(repr(error), file=sys.stderr)


asyncio.run(main(*sys.argv[1:]))
