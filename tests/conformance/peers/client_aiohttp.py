# SPDX-License-Identifier: MIT
"""A client on python3-aiohttp that echoes until the connection is closed, for each URL in turn.

Usage: client_aiohttp.py URL...
"""

import asyncio
import sys

import aiohttp


async def main(url):
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, compress=15, max_msg_size=1 << 24) as socket:
                async for message in socket:
                    if message.type == aiohttp.WSMsgType.TEXT:
                        await socket.send_str(message.data)
                    elif message.type == aiohttp.WSMsgType.BINARY:
                        await socket.send_bytes(message.data)
        except (aiohttp.ClientError, OSError) as error:
            print(repr(error), file=sys.stderr)


for each in sys.argv[1:]:
    asyncio.run(main(each))
