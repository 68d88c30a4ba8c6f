# SPDX-License-Identifier: MIT
"""Finds the places in a C file that can be mutated, and writes the file with mutants in it.

A mutant changes one place of one statement. It is compiled in beside what it replaces:

    if (a < b)    becomes    if ((MUTANT(7) ? (a <= b) : (a < b)))

so that one build has all of them, and a number chooses one when a program runs. No line moves.
"""

import collections
import random
import re

TOKEN = re.compile(r"""
    (?P<skip> //(?:\\\n|[^\n])* | /\*.*?\*/ | \s+ )
    | (?P<directive> ^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])* )
    | (?P<text> "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
              | \.?[0-9](?:[eEpP][+-]|[\w.])*
              | [A-Za-z_]\w*
              | <<= | >>= | \.\.\. | -> | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\|
              | [-+*/%&|^]= | . )
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)
MACRO = re.compile(r"[ \t]*#define[ \t]+([A-Z]\w*)[ \t]+([^\n\\]*[^\s\\])[ \t]*(?:/\*|$)")

Token = collections.namedtuple("Token", "text start end")
# Where something may be chosen at run time: a condition, a statement, a return, a value, a macro.
Site = collections.namedtuple("Site", "kind tokens function")

SWAPS = {"<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"], "==": ["!="], "!=": ["=="],
         "&&": ["||"], "||": ["&&"], "++": ["--"], "--": ["++"], "+=": ["-="], "-=": ["+="],
         "|=": ["&="], "&=": ["|="], "true": ["false"], "false": ["true"], "<<": [">>"],
         ">>": ["<<"], "/": ["*"], "%": ["/"]}
NAMES = {"comparison": ("<", "<=", ">", ">=", "==", "!="), "logic": ("&&", "||"),
         "assignment": ("++", "--", "+=", "-=", "|=", "&="), "truth": ("true", "false"),
         "arithmetic": ("<<", ">>", "/", "%")}
OPERATORS = {token: name for name, tokens in NAMES.items() for token in tokens}
TYPES = {"static", "const", "struct", "enum", "union", "unsigned", "signed", "int", "char", "long",
         "short", "bool", "void", "float", "double", "volatile", "_Atomic", "extern", "typedef",
         "register", "_Static_assert"}
HEADS = {"if", "while", "switch", "for"}
# What ends a value that stands before + or -, which are then binary.
VALUE_END = re.compile(r"[\w)\]\"']$")


def is_name(text):
    return re.match(r"[A-Za-z_]\w*$", text) is not None


def scan(source):
    """The tokens of the source, and the macros that are defined as an expression, as sites."""
    found, macros = [], []
    for match in TOKEN.finditer(source):
        if match["text"]:
            found.append(Token(match["text"], match.start(), match.end()))
        elif match["directive"] and (macro := MACRO.match(match["directive"])):
            start = match.start() + macro.start(2)
            inner = [Token(token.text, token.start + start, token.end + start)
                     for token in scan(macro[2])[0]]
            if inner and re.search(r"\d|\b[A-Z]", macro[2]) and '"' not in macro[2]:
                macros.append(Site("macro", inner, macro[1]))
    return found, macros


class Reader:
    """Reads the statements of a file's functions."""

    def __init__(self, source):
        self.tokens, self.sites = scan(source)
        self.function = ""
        self.read_file()

    def text(self, i):
        return self.tokens[i].text if i < len(self.tokens) else ""

    def closing(self, i):
        """The index of the bracket that closes the one at i."""
        depth = 0
        for j in range(i, len(self.tokens)):
            depth += (self.text(j) in "([{") - (self.text(j) in ")]}")
            if depth == 0:
                return j
        return len(self.tokens)

    def end(self, i, marks):
        """The index of the first of the marks from i on that is in no bracket."""
        while i < len(self.tokens) and self.text(i) not in marks:
            i = self.closing(i) + 1 if self.text(i) in ("(", "[", "{") else i + 1
        return i

    def add(self, kind, first, last):
        if first < last:
            self.sites.append(Site(kind, self.tokens[first:last], self.function))

    def read_file(self):
        i = 0
        while i < len(self.tokens):
            if self.text(i) == "{" and self.text(i - 1) == ")":
                opening = i - 1
                while self.closing(opening) != i - 1 or self.text(opening) != "(":
                    opening -= 1
                self.function = self.text(opening - 1)
                end = self.closing(i)
                self.read_block(i + 1, end)
                i = end
            elif self.text(i) in ("(", "[", "{"):
                i = self.closing(i)
            i += 1

    def read_block(self, i, end):
        while i < end:
            i = self.read_statement(i)

    def read_statement(self, i):
        """Reads what begins at i; returns where the next begins, which may be within."""
        text = self.text(i)
        if text in HEADS:
            close = self.closing(i + 1)
            if text == "for":
                first = self.end(i + 2, (";",)) + 1
                self.add("condition", first, self.end(first, (";",)))
            elif text != "switch":
                self.add("condition", i + 2, close)
            return close + 1 + (self.text(close + 1) == ";")
        if text in ("{", "}", ";", "else", "do"):
            return i + 1
        if text in ("case", "default") or (is_name(text) and self.text(i + 1) == ":"):
            return self.end(i, (":",)) + 1
        end = self.end(i, (";",))
        if text == "return":
            self.add("return", i, end)
        elif text in ("break", "continue"):
            self.add("jump", i, end)
        elif text in ("goto", "__asm__", "asm"):
            pass
        elif text in TYPES or self.declares(i):
            self.read_declaration(i, end)
        elif is_name(text) and self.text(i + 1) == "(" and self.text(self.closing(i + 1) + 1) == "{":
            return self.closing(i + 1) + 1
        else:
            self.add("statement", i, end)
        return end + 1

    def declares(self, i):
        j = self.closing(i + 1) + 1 if self.text(i) == "STACK_OF" else i + 1
        while self.text(j) == "*":
            j += 1
        return is_name(self.text(i)) and is_name(self.text(j))

    def read_declaration(self, i, end):
        if self.text(i) in ("static", "extern", "_Static_assert", "typedef"):
            return
        while (i := self.end(i, ("=", ";"))) < end:
            last = self.end(i + 1, (",", ";"))
            if self.text(i + 1) != "{":
                self.add("value", i + 1, last)
            i = last


class Mutant:
    """A change of the text from start to end in a file, within a site."""

    def __init__(self, path, source, site, operator, start, end, text):
        self.path, self.source, self.site, self.operator = path, source, site, operator
        self.start, self.end, self.text = start, end, text
        self.line = source.count("\n", 0, start) + 1
        begin = source.rfind("\n", 0, start) + 1
        stop = source.find("\n", end)
        self.old = source[begin:stop]
        self.above = source[:begin].rstrip().rpartition("\n")[2].strip()
        self.new = source[begin:start] + text + source[end:stop]
        self.number = 0
        self.compiles = True
        self.result, self.by, self.why, self.said = "not run", "", "", ""
        # Where the compiler may complain: anywhere in the site.
        self.first = source.count("\n", 0, site.tokens[0].start) + 1
        self.last = source.count("\n", 0, site.tokens[-1].end) + 1

    def lines(self):
        return range(self.first, self.last + 1)

    def key(self):
        """What it is known by in the list of equivalent ones, which no moved line changes."""
        return (self.path, " ".join(self.old.split()), " ".join(self.new.split()))

    def diff(self):
        """In the list of equivalent mutants it looks the same."""
        return "\n".join([self.path, f"  {self.above}"] + [f"- {line.strip()}" for line in self.old.splitlines()]
                         + [f"+ {line.strip()}" for line in self.new.splitlines()])


def is_binary(tokens, i):
    """That a + or - at i has a value before it."""
    return i > 0 and VALUE_END.search(tokens[i - 1].text) and tokens[i - 1].text != "return"


def signed(tokens, i):
    """That the number at i has a sign: -1 is a failure here, and no number."""
    return i > 0 and tokens[i - 1].text == "-" and not is_binary(tokens, i - 1)


def unevaluated(tokens):
    """The indices of what stands in sizeof's brackets, which has a type and no value."""
    inside, depth = set(), 0
    for i, token in enumerate(tokens):
        if depth or (token.text == "(" and i > 0 and tokens[i - 1].text == "sizeof"):
            depth += (token.text == "(") - (token.text == ")")
            inside.add(i)
    return inside


def changes(site):
    """What can be done to a site: (operator, start, end, text)."""
    tokens = site.tokens
    first, last = tokens[0], tokens[-1]
    whole = (first.start, last.end)
    if site.kind == "condition":
        yield "condition negated", *whole, None
        yield "condition false", *whole, "false"
    elif site.kind == "jump":
        yield "jump", *whole, "continue" if first.text == "break" else "break"
    elif site.kind == "return" and len(tokens) > 1:
        value = "".join(token.text for token in tokens[1:])
        for other in {"0": ["-1"], "-1": ["0"], "true": [], "false": [], "NULL": []}.get(value, ["0"]):
            yield "returned value", tokens[1].start, last.end, other
    elif site.kind == "statement":
        plain = [token.text for token in tokens]
        if first.text == "va_end":
            pass  # it does nothing on the machines that there are
        elif is_name(first.text) and plain[1] == "(" and plain[-1] == ")":
            yield "call dropped", *whole, ""
        elif "=" in plain or any(text in plain for text in ("++", "--", "+=", "-=", "|=", "&=")):
            yield "assignment dropped", *whole, ""
    skipped = unevaluated(tokens)
    for i, token in enumerate(tokens):
        if i in skipped:
            continue
        for text in SWAPS.get(token.text, ()):
            yield OPERATORS[token.text], token.start, token.end, text
        if token.text in ("+", "-") and is_binary(tokens, i):
            yield "arithmetic", token.start, token.end, "-" if token.text == "+" else "+"
        elif token.text == "!":
            yield "negation dropped", token.start, token.end, ""
        elif re.match(r"[0-9]\w*$", token.text) and not signed(tokens, i):
            yield "constant + 1", token.start, token.end, f"({token.text} + 1)"
            if token.text != "0":
                yield "constant - 1", token.start, token.end, f"({token.text} - 1)"
        elif re.match(r"(E[A-Z]{2,}|[A-Z]+(_[A-Z0-9]+)+)$", token.text) and (
                i + 1 == len(tokens) or tokens[i + 1].text != "("):
            yield "named constant", token.start, token.end, f"({token.text} + 1)"


def mutants_of(path, source):
    result = []
    for site in Reader(source).sites:
        for operator, start, end, text in changes(site):
            if text is None:
                text = f"!({source[start:end]})"
            result.append(Mutant(path, source, site, operator, start, end, text))
    return result


def sample(candidates, count, seed):
    """As many of them, of all operators alike, no two of one line; the same for the same seed."""
    kinds = collections.defaultdict(list)
    for mutant in candidates:
        kinds[mutant.operator].append(mutant)
    chance = random.Random(seed)
    for kind in sorted(kinds):
        chance.shuffle(kinds[kind])
    chosen, lines = [], set()
    while kinds and len(chosen) < count:
        for kind in sorted(kinds):
            mutant = kinds[kind].pop()
            if not kinds[kind]:
                del kinds[kind]
            if (mutant.path, mutant.line) not in lines and len(chosen) < count:
                lines.add((mutant.path, mutant.line))
                chosen.append(mutant)
    return chosen


def flat(text):
    """On one line, without comments."""
    return " ".join(re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL).split())


def alternative(source, site, group):
    """The text of a site in which each mutant of the group can be chosen."""
    first, last = site.tokens[0].start, site.tokens[-1].end
    original = source[first:last]
    changed = [(mutant.number, flat(source[first:mutant.start] + mutant.text
                                    + source[mutant.end:last])) for mutant in group]
    if site.kind in ("condition", "value", "macro"):
        return "(" + "".join(f"MUTANT({number}) ? ({text}) : "
                             for number, text in changed) + f"({original}))"
    return "{ " + "".join(f"if (MUTANT({number})) {{ {text}; }} else "
                          for number, text in changed) + "{ " + original + "; } }"


def with_mutants(source, mutants):
    """The source with all of these in it."""
    groups = collections.defaultdict(list)
    for mutant in mutants:
        groups[mutant.site.tokens[0].start].append(mutant)
    for start in sorted(groups, reverse=True):
        site = groups[start][0].site
        end = site.tokens[-1].end
        # The semicolon of a statement has gone into the block.
        rest = source[end:]
        if site.kind in ("statement", "return", "jump"):
            rest = re.sub(r"\A\s*;", lambda found: "\n" * found[0].count("\n"), rest)
        source = source[:start] + alternative(source, site, groups[start]) + rest
    return source
