# SPDX-License-Identifier: MIT
"""An echo server that does everything as RFC 6455 and RFC 7692 want it, but for the faults that it
is told to have: by these the suite is tested. Not made for speed.

Usage: reference.py PORT [FAULT...] (port 0: any that is free); it says where on standard error
"""

import asyncio
import base64
import binascii
import codecs
import hashlib
import re
import struct
import sys
import zlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE, PING, PONG = 8, 9, 10
TAIL = b"\0\0\xff\xff"
MOST = 32 << 20  # bytes of a message
FAULTS = set(sys.argv[2:])


class Failure(Exception):
    """Ends a connection with a code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Refusal(Exception):
    """Ends a handshake with a status, and fields."""


# HTTP.


def parse_head(data):
    """(request line's words, fields by small name); Refusal if it is wrong."""
    lines = data.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        found = re.fullmatch(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\0\r\n]*?)[ \t]*", line)
        if not found:
            raise Refusal("400 Bad Request")
        fields.setdefault(found[1].lower(), []).append(found[2])
    words = lines[0].split(" ")
    if len(words) != 3 or not re.fullmatch(r"HTTP/1\.\d", words[2]):
        raise Refusal("400 Bad Request")
    return words, fields


def tokens(fields, name):
    return [token.strip().lower() for token in ",".join(fields.get(name, [])).split(",")]


def is_key(text):
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except binascii.Error:
        return False


def check_request(words, fields):
    """Refusal unless it is a right request for a WebSocket."""
    if words[0] != "GET" and "any-method" not in FAULTS:
        raise Refusal("405 Method Not Allowed", "Allow: GET")
    if words[2] == "HTTP/1.0" and "http-1.0" not in FAULTS:
        raise Refusal("505 HTTP Version Not Supported")
    if len(fields.get("host", [])) != 1:
        raise Refusal("400 Bad Request")
    if "body" not in FAULTS and ("transfer-encoding" in fields or
                                 fields.get("content-length", ["0"]) != ["0"]):
        raise Refusal("400 Bad Request")
    if tokens(fields, "upgrade") != ["websocket"] or "upgrade" not in tokens(fields, "connection"):
        raise Refusal("426 Upgrade Required", "Upgrade: websocket")
    if fields.get("sec-websocket-version") != ["13"] and "any-version" not in FAULTS:
        raise Refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13")
    keys = fields.get("sec-websocket-key", [])
    if len(keys) != 1 or not is_key(keys[0]) and "any-key" not in FAULTS:
        raise Refusal("400 Bad Request")


def accept_of(key):
    if "wrong-accept" in FAULTS:
        key = key.lower()
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


# permessage-deflate.


def offers(fields):
    """Lists of (name, value) of those that are for permessage-deflate."""
    for item in ",".join(fields.get("sec-websocket-extensions", [])).split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name == "permessage-deflate":
            pairs = [part.partition("=") for part in parameters]
            yield [(key.strip(), value.strip().strip('"') if equals else None)
                   for key, equals, value in pairs]


def agree(offer):
    """The parameters of an answer, or None if the offer is declined."""
    names = [name for name, _ in offer]
    agreed = dict(offer)
    strict = "any-parameter" not in FAULTS
    if strict and len(set(names)) < len(names):
        return None
    for name, value in offer:
        if name.endswith("_no_context_takeover"):
            right = value is None
        elif name == "client_max_window_bits" and value is None:
            right = True
        else:
            right = name.endswith("_max_window_bits") and re.fullmatch("[89]|1[0-5]", value or "")
        if strict and not right:
            return None
    if agreed.get("server_max_window_bits") == "8":
        return None  # zlib has no such window
    if agreed.get("client_max_window_bits", "") is None:
        agreed["client_max_window_bits"] = "15"
    return {name: value for name, value in agreed.items() if re.match("(server|client)_", name)}


class Deflate:
    """Both directions of a connection."""

    def __init__(self, agreed):
        self.out_bits = int(agreed.get("server_max_window_bits") or 15)
        self.in_bits = int(agreed.get("client_max_window_bits") or 15)
        self.out_forgets = "server_no_context_takeover" in agreed
        self.in_forgets = "client_no_context_takeover" in agreed
        if "wide-window" in FAULTS:
            self.out_bits = 15
        self.out = self.into = None

    def compress(self, data):
        if self.out is None or self.out_forgets and "remembers" not in FAULTS:
            self.out = zlib.compressobj(6, zlib.DEFLATED, -self.out_bits)
        data = self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)
        return data if "keeps-tail" in FAULTS else data[:-4]

    def begin(self):
        """A message comes."""
        if self.into is None or self.in_forgets or "forgets" in FAULTS:
            self.into = zlib.decompressobj(-15)

    def inflate(self, data):
        pieces = []
        try:
            while data:
                pieces.append(self.into.decompress(data, MOST))
                if self.into.unconsumed_tail:
                    raise Failure(1009)
                data = self.into.unused_data
                if self.into.eof:
                    self.into = zlib.decompressobj(-15)
                    if "one-final" in FAULTS and data != TAIL:
                        data = b""
        except zlib.error:
            raise Failure(1007) from None
        return b"".join(pieces)


# Frames.


class Connection:
    """One connection, from its head to its end."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.data = bytearray()
        self.deflate = None
        self.opcode = None  # of the message that comes, whose pieces these are
        self.pieces = []
        self.squeezed = False
        self.decoder = None
        self.pings = 0  # answered in this turn
        self.queue = []
        self.closed = False  # a Close was sent

    async def fill(self):
        """More bytes; EOFError at the end."""
        piece = await self.reader.read(65536)
        if not piece:
            raise EOFError
        self.data += piece

    async def serve(self):
        try:
            await asyncio.wait_for(self.handshake(), 10)
            await self.echo()
        except (EOFError, ConnectionError, asyncio.TimeoutError):
            pass
        if "tcp-stays" in FAULTS and self.closed:
            await asyncio.sleep(3)
        self.writer.close()

    async def handshake(self):
        while True:
            while self.data.startswith(b"\r\n"):
                del self.data[:2]
            if b"\r\n\r\n" in self.data:
                break
            if len(self.data) > 32768:
                self.refuse("431 Request Header Fields Too Large")
                raise EOFError
            await self.fill()
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        self.data[:] = rest
        try:
            words, fields = parse_head(head)
            check_request(words, fields)
        except Refusal as refusal:
            self.refuse(*refusal.args)
            raise EOFError from None
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Accept: {accept_of(fields['sec-websocket-key'][0])}"]
        offered = ",".join(fields.get("sec-websocket-protocol", [])).split(",")[0].strip()
        if re.fullmatch(r"[\w.-]+", offered):
            lines.append(f"Sec-WebSocket-Protocol: {offered}")
        if "protocol" in FAULTS:
            lines.append("Sec-WebSocket-Protocol: unasked")
        for offer in offers(fields):
            agreed = agree(offer)
            if agreed is not None:
                self.deflate = Deflate(agreed)
                lines.append("Sec-WebSocket-Extensions: " + "; ".join(
                    ["permessage-deflate", *(name if value is None else f"{name}={value}"
                                             for name, value in agreed.items())]))
                break
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def refuse(self, status, *fields):
        lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *fields, "", ""]
        self.writer.write("\r\n".join(lines).encode())

    async def echo(self):
        """Up to the peer's Close, or its failure."""
        while True:
            try:
                closing = self.take_frames()
            except Failure as failure:
                self.flush()
                self.send(CLOSE, struct.pack(">H", failure.code))
                await self.drain()
                return
            if closing is not None and "lost-echo" in FAULTS:
                self.queue.clear()
            self.flush()
            if closing is not None:
                self.send(CLOSE, closing)
                if "after-close" in FAULTS:
                    self.take_frames()
                    self.flush()
                return
            await self.writer.drain()
            self.pings = 0
            await self.fill()

    def flush(self):
        for opcode, payload in self.queue:
            self.send(opcode, payload)
        self.queue.clear()

    async def drain(self):
        """After a failure: reads on to the peer's end, for a while."""
        await self.writer.drain()
        try:
            async with asyncio.timeout(2):
                while b"\x88" not in self.data:
                    self.data.clear()
                    await self.fill()
        except (TimeoutError, EOFError):
            pass

    def send(self, opcode, payload):
        rsv = 0
        if opcode < CLOSE and self.deflate:
            payload, rsv = self.deflate.compress(payload), 4
        self.closed = self.closed or opcode == CLOSE
        length = len(payload)
        masked = 128 if "masks" in FAULTS else 0
        head = bytes([128 | rsv << 4 | opcode])
        if length < 126 and "long-lengths" not in FAULTS:
            head += bytes([masked | length])
        elif length < 65536:
            head += bytes([masked | 126]) + struct.pack(">H", length)
        else:
            head += bytes([masked | 127]) + struct.pack(">Q", length)
        self.writer.write(head + (bytes(4) if masked else b"") + payload)

    def take_frames(self):
        """All that have come; the payload of the answer if one is a Close, else None."""
        while header := self.header():
            fin, rsv, opcode, mask, start, length = header
            have = len(self.data) - start
            if opcode >= CLOSE:
                if have < length:
                    return None
                payload = self.unmask(mask, start, length)
                if (answer := self.control(opcode, payload)) is not None:
                    return answer
                continue
            if have < length:
                self.look_ahead(header)
                return None
            self.message(fin, rsv, opcode, self.unmask(mask, start, length))
        return None

    def header(self):
        """(fin, rsv, opcode, mask, where the payload starts, its length), or None; checked."""
        data = self.data
        if len(data) < 2:
            return None
        fin, rsv, opcode = bool(data[0] & 128), data[0] >> 4 & 7, data[0] & 15
        short = data[1] & 127
        size = {126: 2, 127: 8}.get(short, 0)
        masked = bool(data[1] & 128)
        self.check(fin, rsv, opcode, masked, short)
        start = 2 + size + 4 * masked
        if len(data) < start:
            return None
        length = int.from_bytes(data[2:2 + size], "big") if size else short
        if size and length < {2: 126, 8: 65536}[size] and "nonminimal" not in FAULTS:
            raise Failure(1002)
        if length >> 63:
            raise Failure(1002)
        if length > MOST:
            raise Failure(1009)
        return fin, rsv, opcode, bytes(data[start - 4:start]) if masked else bytes(4), start, length

    def check(self, fin, rsv, opcode, masked, short):
        """The first two bytes of a frame."""
        wrong = {
            "unmasked": not masked,
            "opcodes": opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15),
            "rsv": rsv & 3 or rsv & 4 and not (self.deflate and opcode in (1, 2)),
            "long-control": opcode >= CLOSE and short > 125,
            "fragmented-control": opcode >= CLOSE and not fin,
            "orphans": opcode == 0 and self.opcode is None,
            "interleaved": opcode in (1, 2) and self.opcode is not None,
        }
        if any(broken and name not in FAULTS for name, broken in wrong.items()):
            raise Failure(1002)

    def unmask(self, mask, start, length):
        payload = bytes(self.data[start:start + length])
        del self.data[:start + length]
        key = (mask * (length // 4 + 1))[:length]
        number = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
        return number.to_bytes(length, "big")

    def look_ahead(self, header):
        """A part of a text frame is looked at, on a copy of the decoder's state."""
        _, _, opcode, mask, start, _ = header
        if self.deflate or (opcode or self.opcode) != 1 or {"late", "no-utf8"} & FAULTS:
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        if opcode == 0:
            decoder.setstate(self.decoder.getstate())
        have = len(self.data) - start
        kept = bytes(self.data)
        part = self.unmask(mask, start, have)
        self.data[:] = kept
        decode(decoder, part, False)

    def message(self, fin, rsv, opcode, payload):
        """A frame of data."""
        if opcode or self.opcode is None:
            self.opcode, self.pieces = opcode or 2, []
            self.squeezed = bool(rsv & 4 and self.deflate)
            self.decoder = codecs.getincrementaldecoder("utf-8")()
            if self.squeezed:
                self.deflate.begin()
        if self.squeezed:
            payload = self.deflate.inflate(payload + (TAIL if fin else b""))
        self.pieces.append(payload)
        if sum(map(len, self.pieces[-9:])) > MOST:
            raise Failure(1009)
        if self.opcode == 1 and "no-utf8" not in FAULTS:
            if "late" not in FAULTS:
                decode(self.decoder, payload, fin)
            elif fin:
                decode(self.decoder, b"".join(self.pieces), True)
        if fin:
            kind = 2 if "all-binary" in FAULTS else self.opcode
            self.queue.append((kind, b"".join(self.pieces)))
            self.opcode = None

    def control(self, opcode, payload):
        """A control frame; the answer's payload if it is a Close."""
        if opcode == PING:
            self.pings += 1
            if self.pings == 1 or "one-pong" not in FAULTS:
                self.queue.append((PONG, b"" if "empty-pongs" in FAULTS else payload))
        elif opcode == PONG:
            if "answers-pongs" in FAULTS:
                self.queue.append((PONG, payload))
        elif opcode == CLOSE and "close-codes" in FAULTS:
            return payload[:2]
        elif opcode == CLOSE:
            return close_answer(payload)
        return None


def close_answer(payload):
    """What answers a Close."""
    if not payload:
        return b""
    code = int.from_bytes(payload[:2], "big")
    sendable = 1000 <= code <= 1014 and code not in (1004, 1005, 1006) or 3000 <= code <= 4999
    if len(payload) == 1 or not sendable:
        raise Failure(1002)
    decode(codecs.getincrementaldecoder("utf-8")(), payload[2:], True)
    return payload[:2]


def decode(decoder, payload, final):
    try:
        decoder.decode(payload, final)
    except UnicodeDecodeError:
        raise Failure(1007) from None
    # Python waits for the third byte of a surrogate.
    if re.match(rb"\xed[\xa0-\xbf]", decoder.getstate()[0]):
        raise Failure(1007)


async def main(port):
    async def serve(reader, writer):
        await Connection(reader, writer).serve()

    server = await asyncio.start_server(serve, "127.0.0.1", int(port), limit=1 << 20)
    print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", file=sys.stderr,
          flush=True)
    await asyncio.Future()


asyncio.run(main(sys.argv[1]))
