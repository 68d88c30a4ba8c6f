# SPDX-License-Identifier: MIT
"""permessage-deflate (RFC 7692), our side: what was agreed on, and compressing by it."""

import dataclasses
import zlib

from . import http
from .frames import CONTINUATION, Frame
from .verdict import FAILED, UNIMPLEMENTED, Judged

NAME = "permessage-deflate"
TAIL = b"\0\0\xff\xff"
FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
BITS = ("server_max_window_bits", "client_max_window_bits")


def fault_of(parameters, offer):
    """What is wrong with a parameter list: one offered, or one that answers `offer`; or None."""
    names = [name for name, _ in parameters]
    for name, value in parameters:
        if names.count(name) > 1:
            return f"{name} comes twice"
        if name in FLAGS:
            if value is not None:
                return f"{name} has a value"
        elif name in BITS:
            bare = name == BITS[1] and offer is None and value is None
            if not bare and value not in ("8", "9", "10", "11", "12", "13", "14", "15"):
                return f"{name}={value}"
        else:
            return f"{name} is no parameter"
    return answer_fault(dict(parameters), dict(offer)) if offer is not None else None


def answer_fault(answer, offer):
    """Where the answer goes beyond the offer."""
    if "server_no_context_takeover" in offer and "server_no_context_takeover" not in answer:
        return "server_no_context_takeover was asked for and not agreed to"
    if BITS[0] in offer and int(answer.get(BITS[0]) or 15) > int(offer[BITS[0]]):
        return f"server_max_window_bits={offer[BITS[0]]} was asked for and not agreed to"
    if BITS[1] in answer and BITS[1] not in offer:
        return "client_max_window_bits was not offered"
    if BITS[1] in answer and int(answer[BITS[1]]) > int(offer[BITS[1]] or 15):
        return "client_max_window_bits is larger than what was offered"
    return None


class Agreed:
    """Both directions of a connection, by the parameters of the answer."""

    def __init__(self, parameters, client):
        agreed = dict(parameters)
        sides = ("client", "server") if client else ("server", "client")
        own, other = ((int(agreed.get(f"{side}_max_window_bits") or 15),
                       f"{side}_no_context_takeover" in agreed) for side in sides)
        self.bits, self.forgets = own
        self.other_bits, self.other_forgets = other
        self.compressor = None
        self.decompressor = None

    def deflate(self, payload, level=6, strategy=zlib.Z_DEFAULT_STRATEGY):
        """A message's payload, compressed. zlib has no raw window of 256 bytes; a stored block
        needs none."""
        if self.bits == 8 or level == 0:
            return stored(payload)
        if self.compressor is None or self.forgets or strategy or level != 6:
            self.compressor = zlib.compressobj(level, zlib.DEFLATED, -self.bits, 9, strategy)
        data = self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4]

    def inflate(self, data):
        """In small pieces, so that the window is not larger than what was agreed on. Raises
        ValueError."""
        if self.decompressor is None or self.other_forgets:
            self.decompressor = zlib.decompressobj(-self.other_bits)
        step = 1 << 16 if self.other_bits == 15 else 64
        pieces, data = [], data + TAIL
        try:
            while data:
                pieces.append(self.decompressor.decompress(data, step))
                data = self.decompressor.unconsumed_tail
                if self.decompressor.eof:  # a final block, after which others may come
                    data = self.decompressor.unused_data
                    self.decompressor = zlib.decompressobj(-self.other_bits)
                    data = b"" if data == TAIL else data
            while piece := self.decompressor.decompress(b"", step):
                pieces.append(piece)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        return b"".join(pieces)


def stored(payload):
    """In blocks without compression."""
    blocks = []
    for start in range(0, len(payload), 65535):
        piece = payload[start:start + 65535]
        blocks.append(b"\0" + len(piece).to_bytes(2, "little") +
                      (len(piece) ^ 0xffff).to_bytes(2, "little") + piece)
    return b"".join(blocks) + b"\0"


class Deflate:
    """How a case negotiates. `offer` is what we offer to a server; `answer` what we answer a
    client, which must have offered the parameters in `needs`."""

    def __init__(self, offer=f"{NAME}; client_max_window_bits", answer=NAME, needs=()):
        self.offer = offer
        self.answer = answer
        self.needs = needs

    def agreed(self, link, head):
        """The server has answered."""
        answers = http.parse_extensions(head.get("Sec-WebSocket-Extensions"))
        if not answers:
            raise Judged(UNIMPLEMENTED, f"the server declined {self.offer}")
        parameters = self.check_answer(answers)
        link.deflate = Agreed(parameters, client=True)

    def check_answer(self, answers):
        """The parameters; FAILED unless they answer one of our offers."""
        if len(answers) > 1 or answers[0][0] != NAME:
            raise Judged(FAILED, f"the answer has the extensions {answers}")
        parameters = answers[0][1]
        faults = []
        for name, offer in http.parse_extensions(self.offer):
            if name == NAME and fault_of(offer, None) is None:
                faults.append(fault_of(parameters, offer))
                if faults[-1] is None:
                    return parameters
        raise Judged(FAILED, f"the answer is {show(parameters)}: "
                     f"{faults[0] if faults else 'no such offer was right'}")

    def respond(self, link, request):
        """The fields of our answer to the client's request."""
        offers = http.parse_extensions(request.get("Sec-WebSocket-Extensions"))
        for name, parameters in offers:
            if name == NAME and fault_of(parameters, None) is None and all(
                    need in dict(parameters) for need in self.needs):
                wanted = http.parse_extensions(self.answer)[0][1]
                have = dict(wanted)
                wanted += [(key, value) for key, value in parameters
                           if key in ("server_no_context_takeover", BITS[0]) and key not in have]
                fault = fault_of(wanted, parameters)
                if fault:
                    continue
                link.deflate = Agreed(wanted, client=False)
                return [("Sec-WebSocket-Extensions", show(wanted))]
        asked = f" with {', '.join(self.needs)}" if self.needs else ""
        raise Judged(UNIMPLEMENTED, f"the client does not offer {NAME}{asked}")


def show(parameters):
    return "; ".join([NAME, *(name if value is None else f"{name}={value}"
                              for name, value in parameters)])


@dataclasses.dataclass(frozen=True)
class Squeezed:
    """A message that is compressed when it is sent. `raw` is taken for its compressed payload;
    `cuts` are where its fragments end."""

    opcode: int
    payload: bytes
    raw: bytes = None
    cuts: tuple = ()
    between: tuple = ()  # frames after each fragment but the last
    level: int = 6
    strategy: int = 0
    rsv: tuple = (4, 0)  # of the first frame, and of the others

    def frames(self, link):
        data = self.raw
        if data is None:
            data = link.deflate.deflate(self.payload, self.level, self.strategy)
        edges = [0, *(min(cut, len(data)) for cut in self.cuts), len(data)]
        for number, (start, stop) in enumerate(zip(edges, edges[1:])):
            final = number == len(edges) - 2
            yield Frame(CONTINUATION if number else self.opcode, data[start:stop], fin=final,
                        rsv=self.rsv[bool(number)])
            if not final:
                yield from self.between

    def plain(self):
        """What it says, for frames.replies()."""
        return [Frame(self.opcode, self.payload), *self.between * len(self.cuts)]

    def encode_for(self, link):
        return b"".join(frame.encode(link.client) for frame in self.frames(link))

    def __str__(self):
        return f"{self.opcode and 'compressed'} {Frame(self.opcode, self.payload)}"
