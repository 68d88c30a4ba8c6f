# SPDX-License-Identifier: MIT
import asyncio, ssl, sys


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def talk(name, ours, address):
    reader, writer = await asyncio.open_connection(
        *address, ssl=ours, server_hostname=ours and "localhost")
    writer.write(b"Hello World!\n")
    print(f"{name}: {(await reader.readline()).decode()}", end="")
    writer.close()
    await writer.wait_closed()


async def main():
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(*sys.argv[1:3])
    ours = ssl.create_default_context(cafile=sys.argv[3])
    for name, server_tls, client_tls in ("plain", None, None), ("TLS", theirs, ours):
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_tls)
        await talk(name, client_tls, server.sockets[0].getsockname())
        server.close()
        await server.wait_closed()

asyncio.run(main())
