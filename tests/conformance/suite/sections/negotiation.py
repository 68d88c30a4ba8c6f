# SPDX-License-Identifier: MIT
"""permessage-deflate is agreed on (RFC 7692 sections 5 and 7.1)."""

from .. import http
from ..case import CLIENT, SERVER, Section
from ..deflate import BITS, FLAGS, NAME, Deflate, Squeezed, fault_of
from ..frames import BINARY, TEXT, text
from ..link import END, RESET
from ..verdict import FAILED, INFORMATIONAL, NON_STRICT, OK, UNIMPLEMENTED, Judged

section = Section("13", "permessage-deflate: negotiation", rfc="RFC 7692")
SF, CF = FLAGS
SB, CB = BITS

# 40 KB, of which each part comes again at a distance that needs a window of 32 KiB, and at shorter
# ones: who uses more of the past than was agreed on is found out.
BLOCK = b"".join(b"%08x" % (number * 2654435761 & 0xffffffff) for number in range(512))
DATA = (BLOCK[:300] * 3 + BLOCK[:1500] * 3 + BLOCK + BLOCK) * 2


def exchange(session):
    """Messages that need the past, in both directions, twice."""
    messages = [Squeezed(TEXT, b"Hello, hello, hello! " * 20), Squeezed(BINARY, DATA),
                Squeezed(TEXT, b"Hello, hello, hello! " * 20), Squeezed(BINARY, DATA)]
    for message in messages:
        session.send(message)
        session.expect_replies([message])
    session.finish()


def agrees(name, rfc, offer, may_decline=False):
    """An offer that a server which knows the extension can accept; then data go by its answer."""

    @section.scene(name, rfc, f"an answer that fits the offer ({offer}), and data by that answer",
                   roles=(SERVER,), opens=False)
    def _(session):
        try:
            session.open(Deflate(offer))
        except Judged as judged:
            if judged.verdict == UNIMPLEMENTED and session.target.compresses():
                raise Judged(OK if may_decline else INFORMATIONAL, judged.seen) from None
            raise
        exchange(session)
        answer = session.answer.get("Sec-WebSocket-Extensions")
        if f"{SB}=15" in offer and SB not in answer:
            raise Judged(NON_STRICT, f"{SB}=15 is not repeated, which says the same: {answer}")
        raise Judged(OK, answer)


def declines(name, rfc, parameters, otherwise=FAILED):
    """An offer that is not right: this offer is declined, and the connection opens without it."""

    @section.scene(name, rfc, f"{NAME}; {parameters} is declined, 101 all the same",
                   roles=(SERVER,), opens=False)
    def _(session):
        key = http.new_key()
        fields = http.request_fields(session.target.host, key, f"{NAME}; {parameters}")
        session.request(http.encode(f"GET {session.target.path} HTTP/1.1", fields))
        if session.answer.status != 101:
            raise Judged(NON_STRICT, f"the connection was refused: {session.answer.line!r}")
        answer = session.answer.get("Sec-WebSocket-Extensions")
        if answer is not None:
            raise Judged(otherwise, f"it was accepted: {answer}")
        session.send(text("plain"))
        session.expect((TEXT, b"plain"))
        session.finish()
        if not session.target.compresses():
            raise Judged(UNIMPLEMENTED, "the server declines all offers")


agrees("no parameters", "7.1", NAME)
agrees("client_max_window_bits, as browsers offer it", "7.1.2.2", f"{NAME}; {CB}")
for bits in range(8, 16):
    agrees(f"client_max_window_bits={bits}", "7.1.2.2", f"{NAME}; {CB}={bits}",
           may_decline=bits == 8)
    agrees(f"server_max_window_bits={bits}", "7.1.2.1", f"{NAME}; {SB}={bits}",
           may_decline=True)
agrees("server_no_context_takeover", "7.1.1.1", f"{NAME}; {SF}")
agrees("client_no_context_takeover", "7.1.1.2", f"{NAME}; {CF}")
agrees("both no_context_takeover", "7.1.1", f"{NAME}; {SF}; {CF}")
agrees("all parameters", "7.1", f"{NAME}; {SF}; {CF}; {SB}=12; {CB}=11", may_decline=True)
agrees("all parameters, in another order", "7.1", f"{NAME}; {CB}; {SB}=15; {CF}; {SF}")
agrees("a value in quotes", "5.2; RFC 6455 9.1", f'{NAME}; {SB}="10"', may_decline=True)
agrees("no spaces", "5.2; RFC 6455 9.1", f"{NAME};{SF};{CB}")
agrees("several offers, the first with a small window", "5.1, 7.1.3",
       f"{NAME}; {SB}=9, {NAME}; {SB}=12; {SF}, {NAME}")
agrees("a right offer behind one with an unknown parameter", "5.1, 7.1",
       f"{NAME}; x_unknown=1, {NAME}")
agrees("a right offer behind one with a bad value", "5.1, 7.1", f"{NAME}; {SB}=16, {NAME}; {CB}")
agrees("a right offer behind an unknown extension", "5.1", f"x-unknown; a=b, {NAME}; {CB}")
agrees("two right offers that are the same", "5.1", f"{NAME}, {NAME}")

declines("an unknown parameter", "7.1", "x_unknown")
declines("an unknown parameter with a value", "7.1", "x_unknown=1")
declines("server_no_context_takeover twice", "7.1", f"{SF}; {SF}")
declines("client_max_window_bits twice", "7.1", f"{CB}; {CB}=10")
declines("server_max_window_bits twice", "7.1", f"{SB}=10; {SB}=11")
declines("server_no_context_takeover with a value", "7.1.1.1", f"{SF}=1")
declines("client_no_context_takeover with a value", "7.1.1.2", f"{CF}=true")
declines("server_max_window_bits without a value", "7.1.2.1", SB)
for value in ("7", "16", "0", "010", "-10", "1000", "abc", "10.5"):
    declines(f"server_max_window_bits={value}", "7.1.2.1", f"{SB}={value}",
             otherwise=NON_STRICT if value == "010" else FAILED)
for value in ("7", "16", "08", "abc"):
    declines(f"client_max_window_bits={value}", "7.1.2.2", f"{CB}={value}",
             otherwise=NON_STRICT if value == "08" else FAILED)


@section.scene("two fields Sec-WebSocket-Extensions", "5.1; RFC 6455 11.3.2",
               "they are one list", roles=(SERVER,), opens=False)
def _(session):
    key = http.new_key()
    fields = http.request_fields(session.target.host, key, "x-unknown")
    fields.append(("Sec-WebSocket-Extensions", f"{NAME}; {CB}"))
    session.request(http.encode(f"GET {session.target.path} HTTP/1.1", fields))
    fault = http.response_fault(session.answer, key)
    if fault:
        raise Judged(FAILED, fault)
    Deflate().agreed(session.link, session.answer)
    exchange(session)


# A client: what it offers, and answers to that.


@section.scene("the client's offers", "5.2, 7.1", "right ones", roles=(CLIENT,), opens=False)
def _(session):
    session.read_request()
    offers = http.parse_extensions(session.answer.get("Sec-WebSocket-Extensions"))
    ours = [parameters for name, parameters in offers if name == NAME]
    session.respond()
    session.finish()
    if not ours:
        raise Judged(UNIMPLEMENTED, f"the client does not offer {NAME}")
    faults = [fault for parameters in ours if (fault := fault_of(parameters, None))]
    if faults:
        raise Judged(FAILED, "; ".join(faults))
    raise Judged(OK, session.answer.get("Sec-WebSocket-Extensions"))


def answered(name, rfc, parameters="", needs=()):
    """An answer that a client must take; then data go by it."""
    answer = "; ".join(filter(None, [NAME, parameters]))

    @section.scene(name, rfc, f"the client takes {answer}, and data go by it", roles=(CLIENT,),
                   opens=False)
    def _(session):
        session.open(Deflate(answer=answer, needs=needs))
        exchange(session)


answered("an answer without parameters", "7.1")
answered("an answer with server_no_context_takeover", "7.1.1.1", SF)
answered("an answer with client_no_context_takeover", "7.1.1.2", CF)
answered("an answer with both no_context_takeover", "7.1.1", f"{SF}; {CF}")
for bits in (8, 9, 10, 12, 15):
    answered(f"an answer with server_max_window_bits={bits}", "7.1.2.1", f"{SB}={bits}")
for bits in (9, 10, 12, 15):
    answered(f"an answer with client_max_window_bits={bits}", "7.1.2.2", f"{CB}={bits}",
             needs=(CB,))
answered("an answer with all parameters", "7.1", f"{SF}; {CF}; {SB}=11; {CB}=12", needs=(CB,))


def wrong_answer(name, rfc, extensions, unless=None, otherwise=FAILED):
    """An answer that must make the client fail the connection."""

    @section.scene(name, rfc, f"the client fails the connection at {extensions}",
                   roles=(CLIENT,), opens=False)
    def _(session):
        session.read_request()
        offers = dict(http.parse_extensions(session.answer.get("Sec-WebSocket-Extensions")))
        if NAME not in offers:
            raise Judged(UNIMPLEMENTED, f"the client does not offer {NAME}")
        if unless in dict(offers[NAME]):
            raise Judged(INFORMATIONAL, f"the client offers {unless}, so this is right")
        session.respond(("Sec-WebSocket-Extensions", extensions))
        session.send(text("open"))
        came = session.event()
        while came and came.kind not in (END, RESET, TEXT):
            came = session.event()
        if came is None or came.kind == TEXT:
            raise Judged(otherwise, "the client took the answer")


wrong_answer("an answer with an unknown parameter", "7.1", f"{NAME}; x_unknown")
wrong_answer("an answer with a parameter twice", "7.1", f"{NAME}; {SF}; {SF}")
wrong_answer("an answer with server_no_context_takeover=1", "7.1.1.1", f"{NAME}; {SF}=1")
for value in ("7", "16", "010", "abc"):
    wrong_answer(f"an answer with server_max_window_bits={value}", "7.1.2.1",
                 f"{NAME}; {SB}={value}",
                 otherwise=NON_STRICT if value == "010" else FAILED)
wrong_answer("an answer with server_max_window_bits without a value", "7.1.2.1", f"{NAME}; {SB}")
wrong_answer("an answer with client_max_window_bits without a value", "7.1.2.2", f"{NAME}; {CB}")
wrong_answer("an answer with client_max_window_bits, not offered", "7.1.2.2", f"{NAME}; {CB}=10",
             unless=CB)
wrong_answer("an answer with the extension twice", "5.1", f"{NAME}, {NAME}")
