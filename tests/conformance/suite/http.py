# SPDX-License-Identifier: MIT
"""Heads of HTTP messages: making those of the opening handshake, and reading them."""

import base64
import hashlib
import os

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def accept_of(key):
    """The Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def encode(line, fields, end="\r\n"):
    """A head, from pairs or from lines that are taken as they are."""
    lines = [field if isinstance(field, str) else f"{field[0]}: {field[1]}" for field in fields]
    return end.join([line, *lines, "", ""]).encode("latin-1")


class Head:
    """A head that came."""

    def __init__(self, lines):
        self.line = lines[0]
        self.fields = [(name.strip().lower(), value.strip())
                       for name, _, value in (line.partition(":") for line in lines[1:])]

    def all(self, name):
        """The values of all fields of this name."""
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name):
        """The values as one list, or None."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def tokens(self, name):
        """The members of a list, in small letters."""
        return [token.strip().lower() for token in (self.get(name) or "").split(",")]

    @property
    def status(self):
        """Of a response; 0 if there is none."""
        words = self.line.split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def request_fields(host, key, extensions=None, protocols=None):
    """The fields of a right request."""
    fields = [("Host", host), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
              ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13")]
    if extensions:
        fields.append(("Sec-WebSocket-Extensions", extensions))
    if protocols:
        fields.append(("Sec-WebSocket-Protocol", protocols))
    return fields


def change(fields, replace=None, drop=(), add=()):
    """The fields with some replaced, left out or added."""
    replace = replace or {}
    kept = [(name, replace.get(name, value)) for name, value in fields if name not in drop]
    return [*kept, *add]


def response_fault(head, key):
    """What is wrong with a server's answer, for a key; None if nothing is."""
    if head.status != 101:
        return f"the answer is {head.line!r}"
    if not head.line.startswith("HTTP/1.1 "):
        return f"the answer's version is wrong: {head.line!r}"
    if (head.get("Upgrade") or "").lower() != "websocket":
        return f"the answer's Upgrade is {head.get('Upgrade')!r}"
    if "upgrade" not in head.tokens("Connection"):
        return f"the answer's Connection is {head.get('Connection')!r}"
    if head.get("Sec-WebSocket-Accept") != accept_of(key):
        return f"Sec-WebSocket-Accept is {head.get('Sec-WebSocket-Accept')!r}"
    return None


def parse_extensions(text):
    """A list of (name, [(parameter, value or None)])."""
    found = []
    for item in (text or "").split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        pairs = []
        for parameter in parameters:
            key, equals, value = parameter.partition("=")
            pairs.append((key.strip(), value.strip().strip('"') if equals else None))
        if name:
            found.append((name, pairs))
    return found
