# SPDX-License-Identifier: MIT
"""C as a list of tokens, as far as the checks beside this file need it."""

import re

# Comments and directives are read, to be left out.
TOKEN = re.compile(r"""
    (?P<skip> //(?:\\\n|[^\n])*
            | /\*.*?\*/
            | ^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*
            | \s+ )
    | (?P<text> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
              | \.?[0-9](?:[eEpP][+-]|[\w.])*
              | [A-Za-z_]\w*
              | -> | \.\.\. | . )
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)


class Token(str):
    """The text of a token, which also knows its line."""

    line = 0


def tokens(source):
    found, line, last = [], 1, 0
    for match in TOKEN.finditer(source):
        line += source.count("\n", last, match.start())
        last = match.start()
        if match["text"]:
            token = Token(match["text"])
            token.line = line
            found.append(token)
    return found


def is_name(token):
    return re.match(r"[A-Za-z_]\w*$", token) is not None


def closing(found, opening):
    """The index of the bracket that closes the one at `opening`, or the end."""
    depth = 0
    for i in range(opening, len(found)):
        depth += (found[i] in ("(", "[", "{")) - (found[i] in (")", "]", "}"))
        if depth == 0:
            return i
    return len(found)
