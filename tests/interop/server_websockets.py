# SPDX-License-Identifier: MIT
"""A server on python3-websockets. What it does with a connection is what the path says.

Usage: CERT=FILE KEY=FILE server_websockets.py; it says where it listens on standard error.
"""

import asyncio
import http
import importlib.util
import os
import ssl
import sys

import websockets

HEADERS = {"/extension": {"Sec-WebSocket-Extensions": "permessage-deflate"},
           "/protocol": {"Sec-WebSocket-Protocol": "chat"}}


def say(text):
    print(text, file=sys.stderr, flush=True)


def request_of(socket):
    """Path and header fields, by either interface."""
    if request := getattr(socket, "request", None):
        return request.path, request.headers
    return socket.path, socket.request_headers


async def act(socket, message):
    """Once per message."""
    path, headers = request_of(socket)
    if path == "/close":
        await socket.close(4321, "schön")
    elif path == "/drop":
        socket.transport.abort()
    elif path == "/header":
        await socket.send(headers["X-Interop"])
    elif path.startswith("/field/"):
        await socket.send(headers[path.removeprefix("/field/")])
    elif path == "/subprotocol":
        await socket.send(str(socket.subprotocol))
    elif path == "/ping":
        # It looks its ping up by what the pong carries.
        for payload in (b"ping-1", b"", b"\xff" * 125):
            await (await socket.ping(payload))
        await socket.pong(b"nobody asked")
        await socket.send("ponged")
    elif path == "/fragments":
        await socket.send([message[:2], message[:0], message[2:]])
    else:
        await socket.send(message)


async def serve(socket):
    try:
        async for message in socket:
            await act(socket, message)
    except websockets.ConnectionClosed:
        pass
    say(f"{request_of(socket)[0]} closed with {socket.close_code}")


def refusal(path):
    """The status that the path asks for, or 302."""
    digits = path.lstrip("/")
    if path.startswith("/to/"):
        return http.HTTPStatus.FOUND
    return http.HTTPStatus(int(digits)) if digits.isdigit() else None


def location(path):
    """The field that says where to go."""
    return {"Location": path.removeprefix("/to")} if path.startswith("/to/") else {}


REFUSED = "no WebSocket for you\n"


async def refuse_old(path, _):
    return (refusal(path), location(path), REFUSED.encode()) if refusal(path) else None


def refuse(socket, request):
    if not refusal(request.path):
        return None
    response = socket.respond(refusal(request.path), REFUSED)
    response.headers.update(location(request.path))
    return response


def add_headers(_, request, response):
    response.headers.update(HEADERS.get(request.path, {}))


def choose(_, offered):
    return "chat" if "chat" in offered else None


# websockets has a new interface from 13 on.
if importlib.util.find_spec("websockets.asyncio"):
    INTERFACE = {"process_request": refuse, "process_response": add_headers,
                 "subprotocols": ["chat"], "select_subprotocol": choose}
else:
    INTERFACE = {"process_request": refuse_old, "subprotocols": ["chat"],
                 "extra_headers": lambda path, _: HEADERS.get(path)}


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context, max_size=1 << 21,
                                **INTERFACE) as server:
        say(f"listening on wss://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.Future()


asyncio.run(main())
