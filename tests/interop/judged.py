# SPDX-License-Identifier: MIT
"""Connects to a URL with websockets or aiohttp, prints "open" or "refused", and stays until the
connection ends, unless it is told to leave: judged.py MODULE URL [leave]"""

import asyncio
import sys


async def with_websockets(url, leave):
    import websockets  # pylint: disable=import-outside-toplevel
    try:
        ws = await websockets.connect(url, open_timeout=20, close_timeout=2)
    except Exception:  # pylint: disable=broad-except
        print("refused")
        return
    print("open", flush=True)
    try:
        while not leave:
            await ws.recv()
    except websockets.exceptions.ConnectionClosed:
        pass


async def with_aiohttp(url, leave):
    import aiohttp  # pylint: disable=import-outside-toplevel
    async with aiohttp.ClientSession() as session:
        try:
            ws = await session.ws_connect(url)
        except Exception:  # pylint: disable=broad-except
            print("refused")
            return
        print("open", flush=True)
        while not leave and not ws.closed:
            await ws.receive()


asyncio.run({"websockets": with_websockets, "aiohttp": with_aiohttp}[sys.argv[1]](
    sys.argv[2], sys.argv[3:] == ["leave"]))
