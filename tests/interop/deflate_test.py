# SPDX-License-Identifier: MIT
# Long: servers and clients in three languages, with each parameter.
"""Compression (permessage-deflate, RFC 7692) between ours and npm's ws, python3-websockets and
aiohttp, in both roles, with each parameter."""

import contextlib
import json
import os
import subprocess
import sys

from others import HERE, NODE, PACKAGES, asynchronous, localhost, node, node_environment, trusting
from support import Log, Server, Skip, equal, main, match, once, run, test, wsecho

TEXT = "compressed, and compressed again; " * 3000
DATA = bytes(range(250)) * 3000
SIZES = (0, 1, 125, 255, 256, 16384, 65536)


@once
def server():
    """Both ways of compressing; a path chooses."""
    return Server(listen=("wss://127.0.0.1:0",))


def url(path=""):
    return localhost(server().wss) + path


CONTEXT = "/?deflate=context"
SMALL = "/?deflate=context&bits=10"
BOTH = "server_no_context_takeover; client_no_context_takeover"


def needs(name):
    """Skips a test whose library is not here."""
    if name == "ws":
        if not NODE or not (PACKAGES / "ws").is_dir():
            raise Skip("there is no npm package ws")
    elif run(sys.executable, "-c", f"import {name}").status != 0:
        raise Skip(f"there is no Python module {name}")


# Their clients.


def ws_agrees(title, path, options, wanted):
    @test(f"ws, to {path or '/'}: {title}")
    def _():
        needs("ws")
        node("ws_client.js", "deflate", url(path), json.dumps(options), wanted).expect(0)


ws_agrees("what browsers offer", "", {}, f"^permessage-deflate; {BOTH}$")
ws_agrees("what browsers offer", CONTEXT, {}, "^permessage-deflate; client_max_window_bits=15$")
ws_agrees("what browsers offer", SMALL, {}, "client_max_window_bits=10$")
for PATH in ("", CONTEXT, SMALL):
    ws_agrees("server_no_context_takeover", PATH, {"serverNoContextTakeover": True},
              "; server_no_context_takeover")
    ws_agrees("client_no_context_takeover", PATH, {"clientNoContextTakeover": True},
              "; client_no_context_takeover")
    for BITS in (8, 9, 10, 15):
        ws_agrees(f"server_max_window_bits={BITS}", PATH, {"serverMaxWindowBits": BITS},
                  f"; server_max_window_bits={min(BITS, 10 if PATH == SMALL else 15)}")
    ws_agrees("client_max_window_bits=9", PATH, {"clientMaxWindowBits": 9},
              "; client_max_window_bits=9" if PATH else BOTH)
ws_agrees("nothing is agreed on", "/?deflate=off", {}, "^$")


def websockets_agrees(title, path, **options):
    @test(f"websockets, to {path or '/'}: {title}")
    @asynchronous
    async def _():
        needs("websockets")
        import websockets  # pylint: disable=import-outside-toplevel
        from websockets.extensions.permessage_deflate import \
            ClientPerMessageDeflateFactory  # pylint: disable=import-outside-toplevel
        offer = ClientPerMessageDeflateFactory(**options)
        async with websockets.connect(url(path), ssl=trusting(), max_size=None, compression=None,
                                      extensions=[offer]) as ws:
            agreed = getattr(ws, "protocol", ws).extensions
            equal([extension.name for extension in agreed], ["permessage-deflate"])
            for size in SIZES:
                for message in (TEXT[:size], DATA[:size], os.urandom(size)) * 2:
                    await ws.send(message)
                    equal(await ws.recv(), message, f"the reply of {size} bytes")
            await ws.send([TEXT[:10], TEXT[10:5000], TEXT[5000:]])
            equal(await ws.recv(), TEXT, "the reply to fragments")


for PATH in ("", CONTEXT, SMALL):
    websockets_agrees("its own offer", PATH, client_max_window_bits=True)
    websockets_agrees("no parameters", PATH)
    websockets_agrees("server_no_context_takeover", PATH, server_no_context_takeover=True)
    websockets_agrees("client_no_context_takeover", PATH, client_no_context_takeover=True)
    websockets_agrees("windows of 9 and 12 bits", PATH, server_max_window_bits=9,
                      client_max_window_bits=12)


def aiohttp_agrees(path, bits):
    @test(f"aiohttp, to {path or '/'}: compress={bits}")
    @asynchronous
    async def _():
        needs("aiohttp")
        import aiohttp  # pylint: disable=import-outside-toplevel
        async with aiohttp.ClientSession() as session:
            ws = await session.ws_connect(url(path), ssl=trusting(), max_msg_size=0, compress=bits)
            equal(ws.compress > 0, True, "that it was agreed on")
            for size in SIZES:
                await ws.send_str(TEXT[:size])
                equal((await ws.receive()).data, TEXT[:size], f"the reply of {size} bytes")
                await ws.send_bytes(DATA[:size])
                equal((await ws.receive()).data, DATA[:size], f"the reply of {size} bytes")
            await ws.close()


for PATH in ("", CONTEXT, SMALL):
    for BITS in (9, 12, 15):
        aiohttp_agrees(PATH, BITS)


# Their servers.


@contextlib.contextmanager
def peer(library, options):
    """One of the echo servers, as its URL and what it says."""
    needs(library)
    command = [NODE, HERE / "deflate_ws.js"] if library == "ws" else \
        [sys.executable, HERE / "deflate_python.py", library]
    with subprocess.Popen([*command, json.dumps(options)], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=node_environment()) as process:
        try:
            log = Log(process.stderr)
            yield log.wait("listening on (.*)")[0][1], log
        finally:
            process.kill()


def lines():
    return ["", "x", "short " * 9, TEXT, TEXT, TEXT[:1000], "ä" * 70000]


def wsecho_agrees(library, title, options, mode, wanted):
    @test(f"wsecho --compress-mode {mode} with {library}: {title}")
    def _():
        with peer(library, options) as (where, log):
            done = wsecho("-v", "--compress-mode", mode, where,
                          given="".join(f"{line}\n" for line in lines()).encode())
            done.expect(0, "".join(f"{line}\n" for line in lines()).encode())
            match(rf"(?m)^\* extension permessage-deflate{wanted}$", done.err)
            match(r"\* compressed: [3-9] sent, \d+ to \d+ bytes; [3-9] received", done.err)
            wsecho("--compress-mode", mode, "--binary", where, given=DATA).expect(0, DATA)
            log.wait("agreed on: ")


ANY = {"threshold": 0}
for MODE in ("context", "context:9", "context:12", "shared"):
    for NAME, MORE in (("as it comes", {}), ("serverNoContextTakeover", {"serverNoContextTakeover": True}),
                       ("clientNoContextTakeover", {"clientNoContextTakeover": True}),
                       ("windows of 9 and 11 bits", {"serverMaxWindowBits": 9,
                                                     "clientMaxWindowBits": 11})):
        # It refuses what is larger than it was told, and so do we.
        if MODE == "context:9" and "clientMaxWindowBits" in MORE:
            continue
        wsecho_agrees("ws", NAME, ANY | MORE, MODE, ".*")
    for NAME, MORE in (("as it comes", {}), ("server_no_context_takeover",
                                             {"server_no_context_takeover": True}),
                       ("client_no_context_takeover", {"client_no_context_takeover": True}),
                       ("windows of 9 and 11 bits", {"server_max_window_bits": 9,
                                                     "client_max_window_bits": 11})):
        wsecho_agrees("websockets", NAME, MORE, MODE, ".*")
    # It knows no window for a client.
    wsecho_agrees("aiohttp", "as it comes", {}, MODE, ".*")


@test("wsecho --compress is agreed to by ws with all parameters, and -v shows the answer")
def _():
    options = ANY | {"serverNoContextTakeover": True, "clientNoContextTakeover": True,
                     "serverMaxWindowBits": 12, "clientMaxWindowBits": 11}
    with peer("ws", options) as (where, log):
        done = wsecho("-v", "--compress", where, TEXT).expect(0, f"{TEXT}\n".encode())
        match(r"(?m)^> Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits$",
              done.err)
        answer = match(r"(?m)^\* extension permessage-deflate; (.*)$", done.err)[1]
        equal(sorted(answer.split("; ")), ["client_max_window_bits=11", "client_no_context_takeover",
                                           "server_max_window_bits=12",
                                           "server_no_context_takeover"], "the parameters")
        log.wait("agreed on: permessage-deflate")


@test("wsecho --compress with a server that declines goes on without")
def _():
    done = wsecho("-v", "--compress", url("/?deflate=off"), TEXT).expect(0, f"{TEXT}\n".encode())
    equal("* extension" in done.err or "* compressed" in done.err, False, "that it compressed")


main(threads=2)
