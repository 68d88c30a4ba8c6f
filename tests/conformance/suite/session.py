# SPDX-License-Identifier: MIT
"""What a case does with a connection: open it, wait, let it close, see it fail."""

import contextlib

from . import http
from .frames import CLOSE, PING, PONG, close, replies, shorten
from .link import END, FAULT, RESET, close_code, show_close, show_event
from .verdict import FAILED, NON_STRICT, OK, UNIMPLEMENTED, Judged


ENDLESS = object()


class Session:
    """A link to the target, in the role that the suite takes: `client` if a server is tested."""

    def __init__(self, link, target):
        self.link = link
        self.target = target
        self.client = link.client
        self.settings = link.settings
        self.send = link.send
        self.last_event = None
        self.answer = None  # the target's head: a response, or a request
        self.sent_close = False
        self.unsent = None  # what ends the frame that we are in; ENDLESS if nothing can

    # The opening handshake.

    def open(self, deflate=None):
        """Opens the connection as it should be done. `deflate` negotiates, see deflate.py."""
        if self.client:
            key = http.new_key()
            fields = http.request_fields(self.target.host, key, deflate and deflate.offer)
            self.request(http.encode(f"GET {self.target.path} HTTP/1.1", fields))
            fault = http.response_fault(self.answer, key)
            if fault:
                raise Judged(FAILED, f"the opening handshake failed: {fault}")
            if deflate:
                deflate.agreed(self.link, self.answer)
        else:
            self.read_request()
            fields = deflate.respond(self.link, self.answer) if deflate else []
            self.respond(*fields)

    def request(self, data):
        """Sends a head (and what may follow it), and reads the answer's."""
        self.link.send(data)
        self.read_response()

    def read_response(self):
        lines = self.link.head()
        if lines is None:
            raise Judged(FAILED, f"no answer to the handshake: {self.end_in_words()}")
        self.answer = http.Head(lines)

    def read_request(self):
        lines = self.link.head()
        if lines is None:
            raise Judged(FAILED, f"no request came: {self.end_in_words()}")
        self.answer = http.Head(lines)
        self.target.note_key(self.answer.get("Sec-WebSocket-Key"))

    def respond(self, *more):
        """The right answer, with these fields too."""
        key = self.answer.get("Sec-WebSocket-Key") or ""
        self.link.send(http.encode("HTTP/1.1 101 Switching Protocols",
                                   [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                    ("Sec-WebSocket-Accept", http.accept_of(key)), *more]))

    def end_in_words(self):
        came = f"{shorten(self.link.received)}, and then " if self.link.received else ""
        return came + {END: "the connection ended", RESET: "the connection was reset",
                       None: f"nothing came in {self.settings.deadline:g} s"}[self.link.ended]

    @contextlib.contextmanager
    def another(self):
        """A second connection to a server, for the time of a block."""
        link = self.target.connect(self.link.log)
        try:
            yield Session(link, self.target)
        finally:
            link.close()

    # Waiting.

    def event(self, seconds=None):
        """The next event; None if none comes within this time (the deadline)."""
        self.last_event = self.link.event(seconds)
        return self.last_event

    def quiet(self):
        """None if nothing comes. Silence is believed when it has lasted, and when the target has
        served another connection meanwhile: a machine that is busy is not silent."""
        return self.event(self.settings.patience) or self.target.barrier() or self.event(0)

    def expect(self, *wanted, verdict=FAILED):
        """Fails unless these events come next, in this order."""
        for kind, data in wanted:
            came = self.event()
            if came is None or (came.kind, came.data) != (kind, data):
                raise Judged(verdict, f"{show_event(came)}, not {show_pair(kind, data)}")

    def expect_replies(self, segments):
        """Waits for what an echo sends back; messages in order, and pongs in order."""
        messages, pongs = replies(segments)
        while messages or pongs:
            came = self.event()
            queue = pongs if came and came.kind == PONG else messages
            if not queue or came is None or (came.kind, came.data) != queue[0]:
                wanted = show_pair(*queue[0]) if queue else show_pair(*(messages or pongs)[0])
                raise Judged(FAILED, f"{self.show(came)}, not {wanted}")
            queue.pop(0)

    def show(self, event):
        if event is None:
            return f"nothing in {self.settings.deadline:g} s"
        return show_event(event)

    # Ends.

    def close(self, code=1000, reason=b""):
        """Sends a Close frame."""
        self.sent_close = True
        self.link.send(close(code, reason))

    def expect_close(self, codes, verdict=NON_STRICT):
        """Waits for a Close frame: FAILED if none comes, `verdict` if its code is another one."""
        came = self.event()
        if came is None or came.kind != CLOSE:
            raise Judged(FAILED, f"{self.show(came)}, not a Close frame")
        if close_code(came.data) not in codes:
            raise Judged(verdict, f"{show_close(came.data)}, not {show_codes(codes)}")
        return came

    def expect_end(self):
        """After both Close frames: the server ends TCP at once (sections 5.5.1 and 7.1.1)."""
        if not self.client:
            self.link.end_output()
        came = self.quiet()
        if came is None:
            came = self.event()
            what = "late" if came and came.kind in (END, RESET) else "not at all"
            raise Judged(NON_STRICT if what == "late" else FAILED, f"TCP was ended {what}")
        if came.kind not in (END, RESET):
            raise Judged(FAILED, f"after both Close frames came {show_event(came)}")
        return came

    def finish(self):
        """A closing handshake begun by us; what is wrong with it is NON-STRICT here, because the
        cases of the closing handshake judge it."""
        try:
            self.close()
            self.expect_close((1000,))
            self.expect_end()
        except Judged as judged:
            seen = f"right, but in the closing handshake: {judged.seen}"
            raise Judged(NON_STRICT, seen) from None

    def failed(self, codes, expected=()):
        """Sees the target fail the connection (section 7.1.7): with a Close of the right code, then
        the end. Before that, the messages and pongs `expected` may come."""
        left = list(expected)
        while True:
            came = self.event()
            if came and left and (came.kind, came.data) == left[0]:
                left.pop(0)
            elif came and came.kind == PING:
                continue
            else:
                break
        if came is None:
            raise Judged(FAILED, "the connection was not failed: " + self.show(came))
        if came.kind == FAULT:
            raise Judged(FAILED, came.data)
        if came.kind in (END, RESET):
            raise Judged(NON_STRICT, f"{show_event(came)}, without a Close frame")
        if came.kind != CLOSE:
            raise Judged(FAILED, f"the connection was not failed: {show_event(came)}")
        self.after_failure(came)
        if close_code(came.data) not in codes:
            raise Judged(NON_STRICT, f"{show_close(came.data)}, not {show_codes(codes)}")
        if left:
            raise Judged(NON_STRICT,
                         f"{show_close(came.data)}, but before it {show_pair(*left[0])} was lost")
        raise Judged(OK, show_close(came.data))

    def after_failure(self, came):
        """The target's Close is answered, behind the end of the frame that we are in, or else by the
        end of TCP; then the target ends TCP too."""
        if self.unsent is ENDLESS:
            self.link.end_output()
        elif not self.sent_close and not self.link.ended:
            self.send(*[self.unsent] if self.unsent else [])
            self.close(close_code(came.data) or 1000)
        self.expect_end()


def show_pair(kind, data):
    return show_event(type("Wanted", (), {"kind": kind, "data": data}))


def show_codes(codes):
    return " or ".join("no code" if code is None else str(code) for code in codes)


def unimplemented(what):
    raise Judged(UNIMPLEMENTED, what)
