# SPDX-License-Identifier: MIT
"""An echo server that does wrong on purpose, at messages that are known, and counts.

The query of a connection's URL says what is wrong; N is the number of a message, from 1, in all of
the server's connections together:

    corrupt=N     one bit of it is flipped        lose=N     it does not come back
    double=N      it comes back twice             swap=N     it comes back after the next one
    retype=N      it comes back binary if it was text, and the other way round
    stale=N       it comes back as the one before it did, but for its first 12 bytes
    cut=N         its connection is dropped       close=N    its connection is closed with 1011
    reason=TEXT   with close: what it says of that
    stall=N:S     the whole server sleeps for S seconds before it goes on
    delay=MS      each message comes back after this time
    greet=TEXT    a message that nobody asked for comes first
    die=N         all connections are dropped
    refuse=N      from the N-th connection on, the handshake is refused with 503
    gather=N      no handshake is answered before N connections have asked for it
    end=N         the N-th connection is dropped right after the handshake; all if N is 0
    deaf=N        of the N-th connection nothing is read after the handshake; of all if N is 0
    many=N        each message comes back N times
"""

import asyncio
import base64
import hashlib
import struct
import threading
import time
import urllib.parse


def accept_of(key):
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest)


def unmask(data, mask):
    key = mask * (len(data) // 4 + 1)
    number = int.from_bytes(data, "big") ^ int.from_bytes(key[:len(data)], "big")
    return number.to_bytes(len(data), "big")


def frame(opcode, payload):
    length = len(payload)
    if length < 126:
        return bytes([0x80 | opcode, length]) + payload
    if length < 65536:
        return bytes([0x80 | opcode, 126]) + struct.pack(">H", length) + payload
    return bytes([0x80 | opcode, 127]) + struct.pack(">Q", length) + payload


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.buffer, self.open = server, b"", False
        self.held, self.before, self.faults = [], b"", {}

    def connection_made(self, transport):
        self.transport = transport
        self.server.transports.add(transport)

    def connection_lost(self, error):
        self.server.transports.discard(self.transport)

    def data_received(self, data):
        self.buffer += data
        if not self.open and not self.upgrade():
            return
        at = 0
        while (end := self.take(at)) is not None:
            at = end
        self.buffer = self.buffer[at:]

    def upgrade(self):
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return False
        lines = head.split(b"\r\n")
        query = urllib.parse.urlsplit(lines[0].split()[1].decode()).query
        self.faults = dict(urllib.parse.parse_qsl(query))
        self.server.connections += 1
        self.server.peers.append(self.transport.get_extra_info("peername")[0])
        self.server.heads.append(head.decode())
        if self.server.connections >= int(self.faults.get("refuse", 1 << 62)):
            self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
            return False
        self.buffer = rest
        self.server.gathered.append((self, lines, self.server.connections))
        if len(self.server.gathered) < int(self.faults.get("gather", 1)):
            return False
        for other, asked, number in self.server.gathered:
            other.accept(asked, number)
        self.server.gathered = []
        return True

    def accept(self, lines, number):
        key = next(line.split(b": ")[1] for line in lines
                   if line.lower().startswith(b"sec-websocket-key"))
        self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept_of(key) +
                             b"\r\n\r\n")
        self.open = True
        if "greet" in self.faults:
            self.transport.write(frame(1, self.faults["greet"].encode()))
        if self.faults.get("end") in ("0", str(number)):
            self.transport.close()
        if self.faults.get("deaf") in ("0", str(number)):
            self.transport.pause_reading()

    def take(self, at):
        """Handles the frame at this place, if it is complete; returns where it ends."""
        buffer = self.buffer
        if len(buffer) < at + 6:
            return None
        length, size = buffer[at + 1] & 127, 2
        if length == 126:
            length, size = struct.unpack_from(">H", buffer, at + 2)[0], 4
        elif length == 127:
            if len(buffer) < at + 10:
                return None
            length, size = struct.unpack_from(">Q", buffer, at + 2)[0], 10
        begin, end = at + size + 4, at + size + 4 + length
        if len(buffer) < end:
            return None
        self.handle(buffer[at] & 15, unmask(buffer[begin:end], buffer[at + size:begin]))
        return end

    def handle(self, opcode, payload):
        if opcode == 9:
            self.transport.write(frame(10, payload))
        elif opcode == 8:
            self.transport.write(frame(8, payload))
            self.transport.close()
        elif opcode in (1, 2):
            self.server.messages += 1
            self.server.bytes += len(payload)
            self.echo(opcode, payload, self.server.messages)

    def at(self, fault, number):
        return self.faults.get(fault, "").partition(":")[0] == str(number)

    def echo(self, opcode, payload, number):
        replies = [payload] * int(self.faults.get("many", 1))
        if self.at("stall", number):
            time.sleep(float(self.faults["stall"].partition(":")[2]))
        if self.at("corrupt", number):
            place = len(payload) // 2
            replies = [payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1:]]
        elif self.at("stale", number):
            replies = [payload[:12] + self.before[12:]]
        elif self.at("lose", number):
            replies = []
        elif self.at("double", number):
            replies = [payload, payload]
        elif self.at("swap", number):
            self.held, replies = [payload], []
        elif self.held:
            replies, self.held = [payload, *self.held], []
        elif self.at("cut", number):
            self.transport.abort()
            return
        elif self.at("die", number):
            for transport in self.server.transports:
                transport.abort()
            return
        elif self.at("close", number):
            self.transport.write(frame(8, struct.pack(">H", 1011) + self.faults.get("reason", "told to").encode()))
            self.transport.close()
            return
        elif self.at("retype", number):
            opcode = 3 - opcode
        self.before = payload
        data = b"".join(frame(opcode, reply) for reply in replies)
        if "delay" in self.faults:
            delay = float(self.faults["delay"]) / 1000
            asyncio.get_running_loop().call_later(delay, self.transport.write, data)
        else:
            self.transport.write(data)


class Faulty:
    """The server, in a thread of its own, as a context. `url` ends in a slash."""

    def __enter__(self):
        self.connections = self.messages = self.bytes = 0
        self.peers, self.gathered = [], []
        self.heads, self.transports = [], set()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.ready.wait()
        return self

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.begin())
        self.loop.run_forever()

    async def begin(self):
        self.server = await self.loop.create_server(lambda: Connection(self), "127.0.0.1", 0,
                                                    backlog=1024)
        self.url = "ws://127.0.0.1:%d/" % self.server.sockets[0].getsockname()[1]
        self.ready.set()

    def end(self):
        self.server.close()
        for transport in self.transports:
            transport.abort()
        self.loop.call_soon(self.loop.stop)

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.end)
        self.thread.join()
        self.loop.close()
