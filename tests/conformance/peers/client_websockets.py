# SPDX-License-Identifier: MIT
"""A client on python3-websockets that echoes until the connection is closed, for each URL in turn.

Usage: client_websockets.py URL...
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


for each in sys.argv[1:]:
    asyncio.run(main(each))
