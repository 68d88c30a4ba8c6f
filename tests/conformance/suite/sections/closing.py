# SPDX-License-Identifier: MIT
"""Close codes and reasons (sections 5.5.1 and 7.4), and the closing handshake (section 7)."""

from ..case import BOTH, CLIENT, SERVER, Section
from ..frames import (BINARY, CLOSE, PONG, TEXT, Frame, binary, chopped, close, fragments, last,
                      ping, pong, replies, text)
from ..link import END, RESET, close_code, show_close, show_event
from ..verdict import FAILED, INFORMATIONAL, NON_STRICT, Judged

codes = Section("6", "Close codes and reasons")

GOOD = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
REGISTERED = (1012, 1013, 1014)  # with IANA, after the RFC
BAD = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)

# The answer "typically" has the same code.
for code in GOOD + REGISTERED:
    codes.fails(f"a Close with code {code}", "5.5.1, 7.4", close(code), code=(code, 1000),
                roles=(SERVER,) if code == 1010 else BOTH)
for code in (1000, 4000):
    codes.fails(f"a Close with code {code} and a reason", "5.5.1, 7.4", close(code, "Grüße"),
                code=(code, 1000))
for code in BAD:
    codes.fails(f"a Close with code {code}, which must not be sent", "7.4", close(code), code=1002)
codes.fails("a Close without a code", "5.5.1", close(None), code=(None, 1000))
codes.fails("a Close of one byte", "5.5.1", Frame(CLOSE, b"\x03"), code=1002)
codes.fails("a reason of 123 bytes", "5.5.1", close(1000, b"r" * 123), code=1000)
codes.fails("a reason of 124 bytes", "5.5", close(1000, b"r" * 124), code=1002)
codes.fails("a reason of one byte", "5.5.1", close(1000, b"r"), code=1000)
codes.fails("a reason of 30 emoji", "5.5.1", close(1000, "😀" * 30), code=1000)
for name, bad in (("a byte FF", b"\xff"), ("half a character", b"caf\xc3"),
                  ("a surrogate", b"\xed\xa0\x80"), ("an overlong slash", b"\xc0\xaf")):
    codes.fails(f"a reason with {name}", "5.5.1, 8.1", close(1000, b"why " + bad),
                code=(1007, 1002))
codes.fails("a Close, 1 byte at a time", "5.5.1", chopped(1, close(1001, "going")),
            code=(1001, 1000))

handshake = Section("7", "The closing handshake")


def closes(name, rfc, *segments, code=1000, **more):
    """What came before the Close is replied to, if possible; the Close is answered, once; TCP ends,
    by the server, at once."""

    @handshake.scene(name, rfc, f"the replies, Close {code}, the end of TCP by the server", **more)
    def _(session):
        session.sent_close = True
        session.send(*segments)
        messages, pongs = replies(segments)
        lost = wait_close(session, messages, pongs, code)
        session.expect_end()
        if lost:
            raise Judged(NON_STRICT, f"Close {code} and the end, but {lost}")


def wait_close(session, messages, pongs, code):
    """Up to the Close. What is lost of the replies, or None."""
    while (came := session.event()) and came.kind != CLOSE:
        queue = {TEXT: messages, BINARY: messages, PONG: pongs}.get(came.kind)
        if not queue or (came.kind, came.data) != queue[0]:
            raise Judged(FAILED, f"{show_event(came)}, not Close {code}")
        queue.pop(0)
    if came is None:
        raise Judged(FAILED, "no Close frame came")
    if close_code(came.data) != code:
        raise Judged(NON_STRICT, f"{show_close(came.data)}, not {code}")
    gone = len(messages), len(pongs)
    return f"{gone[0]} replies and {gone[1]} pongs were lost" if any(gone) else None


closes("a Close at once after the opening handshake", "7.1.2", close(1000))
closes("a text and a Close in one segment: the reply comes first", "5.5.1, 7.1",
       [text("the last word"), close(1000)])
closes("a text and a Close in two segments at once: the reply comes first", "5.5.1, 7.1",
       text("the last word"), close(1000))
closes("ten texts and a Close in one segment", "5.5.1, 7.1",
       [*(text(f"number {i}") for i in range(10)), close(1000)])
closes("100,000 bytes and a Close", "5.5.1, 7.1", [binary(b"x" * 100000), close(1000)])
closes("1 MiB and a Close", "5.5.1, 7.1", [binary(b"x" * (1 << 20)), close(1000)])
closes("a text in fragments and a Close", "5.5.1, 7.1",
       [*fragments(TEXT, b"the last ", b"word"), close(1000)])
closes("a ping and a Close in one segment", "5.5.1, 5.5.2", [ping(b"p"), close(1000)])
closes("a ping between two texts and a Close", "5.5.1, 5.5.2",
       [text("one"), ping(b"p"), text("two"), close(1000)])
closes("a pong and a Close", "5.5.1", [pong(b"p"), close(1000)])
closes("a Close in the middle of a fragmented message", "5.5.1",
       [text("half", fin=False), close(1000)])
closes("a text and a Close, 1 byte at a time", "5.5.1, 7.1",
       chopped(1, text("slow"), close(1000)))


def ignored(name, rfc, *after, **more):
    """What comes after a Close is not processed (section 1.4: the peer discards it)."""

    @handshake.scene(name, rfc, "Close 1000, and no reply to what came after it; then the end",
                     **more)
    def _(session):
        session.sent_close = True
        session.send([close(1000), *after])
        came = session.event()
        if came and came.kind in (END, RESET):
            raise Judged(NON_STRICT, f"{show_event(came)}, without a Close frame")
        if came is None or came.kind != CLOSE:
            raise Judged(FAILED, f"{session.show(came)}, not Close 1000")
        if close_code(came.data) != 1000:
            raise Judged(NON_STRICT, f"{show_close(came.data)}, not 1000")
        session.expect_end()


ignored("a text after the Close", "1.4, 5.5.1", text("too late"))
ignored("a ping after the Close", "1.4, 5.5.1", ping(b"too late"))
ignored("a second Close after the Close", "1.4, 5.5.1", close(1001))
ignored("a bad frame after the Close", "1.4, 5.5.1", Frame(3, b"x"))
ignored("a text that is not UTF-8 after the Close", "1.4, 5.5.1", text(b"\xff"))
ignored("the rest of a fragmented message after the Close", "1.4, 5.5.1", last(b"rest"))


@handshake.scene("the client waits for the server to end TCP", "7.1.1",
                 "Close 1000, and no end of TCP before the server's", roles=(CLIENT,))
def _(session):
    session.close()
    session.expect_close((1000,))
    came = session.event(session.settings.patience)
    if came is None:
        session.expect_end()
        return
    if came.kind in (END, RESET):
        raise Judged(NON_STRICT, f"the client did not wait: {show_event(came)}")
    raise Judged(FAILED, f"after both Close frames came {show_event(came)}")


@handshake.scene("the server ends TCP, not the client", "5.5.1, 7.1.1",
                 "Close 1000, then the end at once, though we do not end our side",
                 roles=(SERVER,))
def _(session):
    session.close()
    session.expect_close((1000,))
    came = session.expect_end()
    if came.kind == RESET:
        raise Judged(NON_STRICT, "TCP was reset, not ended")
    if session.link.tls and not session.link.wait_fin():
        raise Judged(NON_STRICT, "TLS was ended, TCP was not")


@handshake.scene("TCP ends without a Close frame", "7.1.4, 7.1.5",
                 "the other side ends TCP too, and goes on living")
def _(session):
    session.send(text("before"))
    session.expect((TEXT, b"before"))
    session.link.end_output()
    came = session.event()
    while came and came.kind in (TEXT, CLOSE):
        came = session.event()
    if came is None or came.kind not in (END, RESET):
        raise Judged(FAILED, f"{session.show(came)}, not the end of TCP")


@handshake.scene("TCP ends right behind a text: the reply", "7.1.4",
                 "the RFC does not say whether the reply comes")
def _(session):
    session.send(text("and gone"))
    session.link.end_output()
    came = session.event()
    replied = came and came.kind == TEXT
    raise Judged(INFORMATIONAL, "the reply came" if replied else
                 f"no reply came: {session.show(came)}")


@handshake.scene("TCP ends in the middle of a frame", "7.1.4", "the end of TCP, and no reply")
def _(session):
    session.send(text("half a frame").encode(session.client)[:9])
    session.link.end_output()
    came = session.event()
    while came and came.kind == CLOSE:
        came = session.event()
    if came is None or came.kind not in (END, RESET):
        raise Judged(FAILED, f"{session.show(came)}, not the end of TCP")


@handshake.scene("TCP ends right behind a Close", "7.1", "Close 1000, then the end of TCP")
def _(session):
    session.sent_close = True
    session.send(close(1000))
    session.link.end_output()
    session.expect_close((1000,))
    came = session.quiet() or session.event()
    if came is None or came.kind not in (END, RESET):
        raise Judged(FAILED, f"{session.show(came)}, not the end of TCP")


@handshake.scene("over TLS the stream ends with a close_notify", "7.1.1; RFC 8446 6.1",
                 "Close 1000, close_notify, the end of TCP")
def _(session):
    if not session.link.tls:
        raise Judged(INFORMATIONAL, "this is not TLS")
    session.close()
    session.expect_close((1000,))
    session.expect_end()
    if not session.link.notified:
        raise Judged(NON_STRICT, "TCP ended without a close_notify")
