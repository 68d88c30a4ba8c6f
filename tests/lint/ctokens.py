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


# Words that may stand before a bracket, and are no function's name.
NO_FUNCTION = {"__attribute__", "_Static_assert", "__typeof__", "typeof", "sizeof", "_Alignas", "alignas",
               "void", "int", "unsigned", "long", "char", "bool", "short", "const", "double", "float"}


class Function:
    """A function as it is declared, or defined, at the top level of a file."""

    def __init__(self, name, head, defined):
        self.name, self.head, self.defined = name, head, defined
        self.static = "static" in head


def function_of(head, defined):
    """The function that these tokens, which end before a ';' or a '{', declare; or None."""
    i = 0
    while i + 1 < len(head) and "typedef" not in head:
        if head[i] == "=":
            return None
        if head[i + 1] == "(" and is_name(head[i]) and head[i] not in NO_FUNCTION:
            return Function(head[i], head, defined)
        if head[i] == "(":
            i = closing(head, i)
        i += 1
    return None


def functions(found):
    """All functions that the tokens of a file declare or define, in their order."""
    result, start, i = [], 0, 0
    while i < len(found):
        if found[i] == "(":
            i = closing(found, i)
        elif found[i] == "{" and found[start:i] == ["extern", '"C"']:
            start = i + 1
        elif found[i] == "{":
            function = function_of(found[start:i], True)
            i = closing(found, i)
            if function:
                result.append(function)
                start = i + 1
        elif found[i] in (";", "}"):
            function = function_of(found[start:i], False)
            if function:
                result.append(function)
            start = i + 1
        i += 1
    return result
