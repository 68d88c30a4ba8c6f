# SPDX-License-Identifier: MIT
"""Cases, and the ways in which they are declared: one line for what is sent, and one for what is
expected. The tables are in sections/."""

from .frames import Part, replies
from .session import ENDLESS, show_codes, show_pair
from .verdict import FAILED, INFORMATIONAL, NON_STRICT, OK, Judged

SERVER, CLIENT = "server", "client"  # what is tested
BOTH = (SERVER, CLIENT)


class Section:
    """A table of cases."""

    def __init__(self, number, title, rfc="RFC 6455"):
        self.number = number
        self.title = title
        self.rfc = rfc
        self.cases = []

    def add(self, case):
        case.section = self
        case.number = f"{self.number}.{len(self.cases) + 1}"
        if any(other.name == case.name for other in self.cases):
            raise ValueError(f"two cases are called {case.name!r}")
        self.cases.append(case)
        return case

    # Declarations. `segments` are sent one by one; a list is one segment of several frames.

    def echoes(self, name, rfc, *segments, **more):
        """The messages come back, pings are answered, and the connection can be closed."""
        return self.add(Echoes(name, rfc, segments, **more))

    def fails(self, name, rfc, *segments, code=1002, after=(), **more):
        """The connection is failed with the code. What an echo replies to `after`, which goes out
        first, in the same segment, comes before that."""
        return self.add(Fails(name, rfc, segments, code, after, **more))

    def lax(self, name, rfc, *segments, code=1002, **more):
        """The same, but the RFC binds only the sender: to take it is INFORMATIONAL."""
        return self.add(Lax(name, rfc, segments, code, (), **more))

    def fast(self, name, rfc, first, rest, code=1007, **more):
        """The connection is failed with the code when `first` was sent, before `rest` is."""
        return self.add(Fast(name, rfc, first, rest, code, **more))

    def scene(self, name, rfc, expectation, **more):
        """A case that is a function of the session, which raises Judged or is OK."""

        def declare(function):
            self.add(Scene(name, rfc, expectation, function, **more))
            return function

        return declare


class Case:
    """One connection, and what is expected of the other side."""

    def __init__(self, name, rfc, roles=BOTH, deflate=None, opens=True):
        self.name = name
        self.rfc = rfc
        self.roles = roles
        self.deflate = deflate
        self.opens = opens
        self.section = None
        self.number = None

    def play(self, session):
        """Raises Judged, or returns: OK."""
        if self.opens:
            session.open(self.deflate)
        self.talk(session)

    def talk(self, session):
        raise NotImplementedError

    @property
    def expectation(self):
        raise NotImplementedError


class Echoes(Case):
    def __init__(self, name, rfc, segments, expect=None, **more):
        super().__init__(name, rfc, **more)
        self.segments = segments
        self.expect = expect or segments  # an echo of these

    def talk(self, session):
        session.send(*self.segments)
        session.expect_replies(self.expect)
        session.finish()

    @property
    def expectation(self):
        messages, pongs = replies(self.expect)
        shown = [show_pair(*pair) for pair in messages + pongs]
        if len(shown) > 4:
            shown[3:] = [f"{len(shown) - 3} more"]
        return ", ".join(shown or ["nothing"]) + "; then Close 1000 is answered"


class Fails(Case):
    def __init__(self, name, rfc, segments, code, after, endless=False, **more):
        super().__init__(name, rfc, **more)
        self.endless = endless  # the last frame is one that we cannot end
        self.codes = code if isinstance(code, tuple) else (code,)
        self.after = list(after)
        if self.after:
            first = segments[0] if isinstance(segments[0], list) else [segments[0]]
            segments = ([*self.after, *first], *segments[1:])
        self.segments = segments

    def talk(self, session):
        session.send(*self.segments)
        session.unsent = ENDLESS if self.endless else None
        messages, pongs = replies([self.after])
        session.failed(self.codes, messages + pongs)

    @property
    def expectation(self):
        before = "the replies to what came before; " if self.after else ""
        return f"{before}the connection is failed with {show_codes(self.codes)}"


class Lax(Fails):
    """A fault of the sender's, which the RFC does not tell the receiver to look for."""

    def talk(self, session):
        session.send(*self.segments)
        messages, pongs = replies(self.segments)
        try:
            session.failed(self.codes)
        except Judged as judged:
            first = session.last_event
            if judged.verdict == FAILED and first and (first.kind, first.data) in messages + pongs:
                raise Judged(INFORMATIONAL, f"taken as if it were right: {judged.seen}") from None
            if judged.verdict == FAILED and first is None and not messages + pongs:
                raise Judged(INFORMATIONAL, "taken as if it were right") from None
            raise


class Fast(Case):
    def __init__(self, name, rfc, first, rest, code, **more):
        super().__init__(name, rfc, **more)
        self.first = first
        self.rest = rest
        self.codes = (code,)

    def talk(self, session):
        session.send(self.first)
        session.unsent = self.rest if isinstance(self.first, Part) else None
        if session.link.ended or self.is_noticed(session):
            session.failed(self.codes)
        session.link.log.note("nothing came; now the rest")
        session.unsent = None
        session.send(self.rest)
        try:
            session.failed(self.codes)
        except Judged as judged:
            late = judged.verdict == OK
            raise Judged(NON_STRICT if late else judged.verdict,
                         judged.seen + (", only when the message was complete" if late else "")
                         ) from None

    @staticmethod
    def is_noticed(session):
        """True if something has come, which is left for failed()."""
        came = session.quiet()
        if came is None:
            return False
        session.link.unread.append(came)
        return True

    @property
    def expectation(self):
        return (f"the connection is failed with {show_codes(self.codes)} "
                "before the rest of the message is sent")


class Scene(Case):
    def __init__(self, name, rfc, expectation, function, **more):
        super().__init__(name, rfc, **more)
        self.words = expectation
        self.function = function

    def talk(self, session):
        self.function(session)

    @property
    def expectation(self):
        return self.words


__all__ = ["Section", "Case", "SERVER", "CLIENT", "BOTH", "FAILED", "INFORMATIONAL", "NON_STRICT",
           "OK", "Judged"]
