# SPDX-License-Identifier: MIT
"""Many clients in one process, each a task of asyncio: they behave well, or badly, in several ways.

A client that behaves well counts: each of its messages is echoed once, in order, or its connection
is seen to end. What is in between is an error, and so is silence.
"""

import asyncio
import collections
import contextlib
import logging
import pathlib
import random
import socket
import ssl
import struct
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame, header, request  # noqa: E402
from wire import any_certificate  # noqa: E402

PATIENCE = 60  # seconds without the echo that is due
LARGE = 1 << 20
NOISE = random.Random(1).randbytes(LARGE)


class Ended(Exception):
    """The connection has, as far as the client can see."""


class Wrong(Exception):
    """The server did what it must not."""


LOST = (Ended, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError, OSError)


class Link:
    """One connection."""

    def __init__(self, url, reader, writer):
        self.url, self.reader, self.writer = url, reader, writer
        self.talk = None  # a Conversation
        self.half_closed = False
        self.code = 0

    @classmethod
    async def open(cls, url, upgrade=True, context=None, read_buffer=1 << 16):
        parts = urllib.parse.urlsplit(url)
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, limit=read_buffer,
            ssl=context if parts.scheme == "wss" else None)
        link = cls(url, reader, writer)
        if upgrade:
            try:
                await link.upgrade()
            except BaseException:
                link.drop()
                raise
        return link

    async def upgrade(self):
        self.writer.write(request())
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Ended(head[:40])

    def write(self, data):
        self.writer.write(data)

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def answer(self, data):
        if not self.half_closed:
            self.writer.write(data)

    def half_close(self):
        self.half_closed = True
        self.writer.write_eof()

    async def read_frame(self):
        """Opcode and payload; Ended after a Close frame."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7f
        if second & 0x80:
            raise Wrong("a masked frame from the server")
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        payload = await self.reader.readexactly(length)
        if first == 0x80 | PING:
            self.answer(frame(PONG, payload))
        elif first == 0x80 | CLOSE:
            self.code = int.from_bytes(payload[:2], "big")
            self.answer(frame(CLOSE, payload))
            raise Ended(f"Close {self.code}")
        return first & 15, payload

    async def read_message(self):
        while True:
            opcode, payload = await asyncio.wait_for(self.read_frame(), PATIENCE)
            if opcode not in (PING, PONG):
                return opcode, payload

    def drop(self, reset=False):
        sock = self.writer.get_extra_info("socket")
        if reset and sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self):
        """Closes as it should be done."""
        await self.send(frame(CLOSE, close_payload(1000)))
        with contextlib.suppress(Ended):
            while True:
                await asyncio.wait_for(self.read_frame(), PATIENCE)
        self.drop()


class Conversation:
    """The messages of one well-behaved connection."""

    def __init__(self, crowd, link):
        self.crowd, self.link = crowd, link
        self.waiting = collections.deque()
        self.number = 0
        link.talk = self

    def next(self, size):
        """A message that no other one is like, of about this size."""
        self.number += 1
        body = struct.pack(">IQ", id(self) & 0xffffffff, self.number) + NOISE[:size]
        message = (BINARY, body) if self.number % 2 else (TEXT, body.hex()[:size + 24].encode())
        self.waiting.append(message)
        self.crowd.counts["sent"] += 1
        return frame(*message)

    async def echo(self):
        """Takes the next one, which must be the one that is due."""
        try:
            came = await self.link.read_message()
        except TimeoutError:
            raise Wrong(f"no echo for {PATIENCE} s, and no end either") from None
        if not self.waiting or came != self.waiting.popleft():
            raise Wrong(f"an echo that is not due: {came!r:.80}")
        self.crowd.counts["echoed"] += 1

    async def echoes(self):
        while self.waiting:
            await self.echo()


class Crowd:
    """The clients of a server. Each behaviour is a coroutine that is called again and again."""

    def __init__(self, urls, max_message=LARGE):
        self.urls = urls
        self.max_message = max_message
        self.counts = collections.Counter()
        self.errors = []
        self.context = any_certificate()
        self.tasks = []
        self.open = 0
        self.stopping = False
        # It logs each write to a connection that is lost, which is what many of these are.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def url(self):
        return random.choice(self.urls)

    def plain(self):
        return next(url for url in self.urls if url.startswith("ws:"))

    async def client(self, behaviour):
        await asyncio.sleep(random.random() * 5)
        while not self.stopping:
            try:
                await behaviour(self)
                self.counts[behaviour.__name__] += 1
            except Wrong as wrong:
                self.errors.append(f"{behaviour.__name__}: {wrong}")
            except LOST as lost:
                self.counts["ended"] += 1
                self.counts[f"  {behaviour.__name__}: {type(lost).__name__} {lost!s:.30}"] += 1
                await asyncio.sleep(random.random() * 2)
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(f"{behaviour.__name__}: {error!r}")

    def start(self, behaviour, count):
        self.tasks += [asyncio.create_task(self.client(behaviour)) for _ in range(count)]

    async def stop(self):
        """Each finishes what it is at, if that does not take too long."""
        self.stopping = True
        _, late = await asyncio.wait(self.tasks, timeout=15)
        for task in late:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def link(self, url=None, **more):
        link = await Link.open(url or self.url(), context=self.context, **more)
        self.open += 1
        self.counts["open at once"] = max(self.counts["open at once"], self.open)
        try:
            yield link
        finally:
            self.open -= 1
            link.drop()
            if link.talk:
                self.counts["lost with their connections"] += len(link.talk.waiting)


async def fast(crowd):
    """Several messages in flight, of many sizes, again and again."""
    async with crowd.link() as link:
        talk = Conversation(crowd, link)
        for _ in range(20):
            for _ in range(random.randrange(1, 8)):
                link.write(talk.next(random.choice((0, 5, 100, 100, 1000, 5000))))
            await link.writer.drain()
            await talk.echoes()
            await asyncio.sleep(random.random() * 4)
        await link.close()


async def slow(crowd):
    """A message now and then, which comes in pieces."""
    async with crowd.link() as link:
        talk = Conversation(crowd, link)
        for _ in range(5):
            data = talk.next(random.choice((10, 200, 2000)))
            for start in range(0, len(data), len(data) // 3 + 1):
                await link.send(data[start:start + len(data) // 3 + 1])
                await asyncio.sleep(random.random() * 4)
            await talk.echoes()
        await link.close()


async def stalled(crowd):
    """Much is sent and nothing read for a while; then all of it, or it goes without a word."""
    async with crowd.link() as link:
        talk = Conversation(crowd, link)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.random() * 8):
                for _ in range(30):
                    await link.send(talk.next(16_000))
                await asyncio.sleep(10)
        if random.random() < 0.7:
            await talk.echoes()
            await link.close()
        await asyncio.sleep(random.random() * 5)


async def resetting(crowd):
    """It breaks off with a reset: anywhere in the handshake, a frame, or an echo."""
    async with crowd.link(upgrade=random.random() < 0.8) as link:
        await link.send(random.choice((b"", b"GET / HTT", frame(TEXT, b"hello") * 20,
                                       header(BINARY, 50_000) + bytes(20_000))))
        await asyncio.sleep(random.random() * 5)
        link.drop(reset=True)


async def oversize(crowd):
    """More than --max-message is 1009."""
    async with crowd.link() as link:
        await link.send(header(BINARY, crowd.max_message + 1) + bytes(1000))
        try:
            await link.read_message()
        except Ended:
            # A worker that drains has said 1001 before.
            if link.code == 1009:
                crowd.counts["1009"] += 1
            else:
                raise
        await asyncio.sleep(random.random() * 5)


async def garbage(crowd):
    """What is no WebSocket, or no frame, is the end."""
    upgrade = random.random() < 0.5
    async with crowd.link(upgrade=upgrade) as link:
        # No valid frame begins with reserved bits.
        await link.send((b"\xff" if upgrade else b"") + random.randbytes(200) + b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            while await link.reader.read(65536):
                pass
        crowd.counts["refused garbage"] += 1
    await asyncio.sleep(random.random() * 5)


async def half_closing(crowd):
    """It sends, ends its stream, and gets all echoes before the other one ends."""
    async with crowd.link(crowd.plain()) as link:
        talk = Conversation(crowd, link)
        for _ in range(random.randrange(1, 10)):
            link.write(talk.next(random.choice((10, 1000, 20_000))))
        link.half_close()
        await talk.echoes()
        try:
            await link.read_message()
        except (Ended, asyncio.IncompleteReadError):
            crowd.counts["half-closed whole"] += 1
        else:
            raise Wrong("more echoes than messages")
    await asyncio.sleep(random.random() * 5)


def now():
    return time.monotonic()
