# SPDX-License-Identifier: MIT
"""One attack: attack.py KIND WSS-URL WS-URL COUNT. Says "ready" once it is under way, and goes on
until its standard input ends."""

import asyncio
import contextlib
import os
import random
import resource
import ssl
import subprocess
import sys
import threading

import crowd
from crowd import LOST, Crowd, Link
from peer import BINARY, PING, frame, request

KIND, WSS, WS, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def client_hello():
    """The first bytes that a TLS client sends."""
    sent = ssl.MemoryBIO()
    tls = crowd.any_certificate().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return sent.read()


HELLO = client_hello()


async def raw(url):
    """A connection and nothing more."""
    parts = crowd.urllib.parse.urlsplit(url)
    return Link(url, *await asyncio.open_connection(parts.hostname, parts.port))


async def slow_handshakes(_):
    """A byte now and then, of TLS or of HTTP, for as long as the server waits."""
    url, data = random.choice(((WSS, HELLO), (WS, request())))
    link = await raw(url)
    yield
    try:
        for byte in data[:-1]:
            await link.send(bytes([byte]))
            await asyncio.sleep(1)
        await link.reader.read()
    finally:
        link.drop()


async def silent(attackers):
    """Open, and silent: not even a Ping is answered."""
    async with attackers.link(WS) as link:
        yield
        await link.reader.read()


async def never_reading(attackers):
    """It sends as much as is taken."""
    async with attackers.link(random.choice((WSS, WS)), read_buffer=1024) as link:
        yield
        data = frame(BINARY, bytes(16_000))
        while True:
            await link.send(data)


def flooding(data, first=b""):
    async def flood(attackers):
        """The same again and again, as fast as it is taken; what comes back is read."""
        async with attackers.link(WS) as link:
            await link.send(first)
            yield
            reading = asyncio.create_task(link.reader.read())
            try:
                while not reading.done():
                    await link.send(data)
                    await asyncio.sleep(0)
            finally:
                reading.cancel()

    return flood


async def header_floods(_):
    """Fields without end, each in a segment of its own."""
    link = await raw(WS)
    yield
    try:
        await link.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        reading = asyncio.create_task(link.reader.read())
        while not reading.done():
            await link.send(b"X-Field: " + bytes([120]) * 20 + b"\r\n")
            await asyncio.sleep(0)
    finally:
        link.drop()


async def resets(_):
    """Connected, and reset at once."""
    link = await raw(random.choice((WSS, WS)))
    yield
    link.drop(reset=True)


def renegotiate():
    """TLS 1.2 clients that ask for a new handshake: Python's ssl cannot."""
    address = WSS.partition("//")[2]
    while True:
        with subprocess.Popen(("openssl", "s_client", "-tls1_2", "-connect", address),
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as client:
            client.stdin.write(b"R\n")
            client.stdin.flush()
            client.wait(30)


KINDS = {"slow-handshakes": slow_handshakes, "silent": silent, "never-reading": never_reading,
         "pings": flooding(frame(PING, b"flood") * 500),
         "fragments": flooding(frame(0, fin=False) * 2000, frame(BINARY, fin=False)),
         "headers": header_floods, "resets": resets}


class Attack:
    """So many at once, each again as soon as it has ended."""

    def __init__(self):
        self.attackers = Crowd([WSS, WS])
        self.under_way = 0
        self.told = False

    async def one(self, kind):
        while True:
            begun = False
            try:
                async for _ in kind(self.attackers):
                    if not begun:
                        begun = True
                        self.begin()
            except LOST:
                await asyncio.sleep(random.random())

    def begin(self):
        self.under_way += 1
        if self.under_way >= COUNT and not self.told:
            self.told = True
            print("ready", flush=True)

    async def run(self):
        tasks = []
        for number in range(COUNT):
            tasks.append(asyncio.create_task(self.one(KINDS[KIND])))
            # The accept queue has an end.
            if number % 100 == 99:
                await asyncio.sleep(0.05)
        await asyncio.gather(*tasks)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    # What the attackers take of the processors is not what the server is to be measured by.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    threading.Thread(target=end_with_input, daemon=True).start()
    if KIND == "renegotiations":
        threads = [threading.Thread(target=renegotiate, daemon=True) for _ in range(COUNT)]
        for thread in threads:
            thread.start()
        print("ready", flush=True)
        for thread in threads:
            thread.join()
    asyncio.run(Attack().run())


main()
