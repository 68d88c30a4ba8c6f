# SPDX-License-Identifier: MIT
"""All sections, in order."""

import fnmatch
import importlib

MODULES = ("framing", "fragmentation", "reserved", "control", "utf8", "closing", "pings", "masking",
           "opening", "answers", "negotiation", "compression")


def sections():
    """The tables of all modules."""
    from .case import Section  # pylint: disable=import-outside-toplevel

    found = []
    for name in MODULES:
        module = importlib.import_module(f"{__package__}.sections.{name}")
        found += [value for value in vars(module).values() if isinstance(value, Section)]
    return sorted(found, key=lambda section: int(section.number))


def cases(role, patterns=()):
    """The cases for a role whose numbers match one of the patterns: "5", "5.3", "10.*"."""
    return [case for section in sections() for case in section.cases
            if role in case.roles and (not patterns or matches(case, patterns))]


def matches(case, patterns):
    return any(fnmatch.fnmatch(case.number, pattern) or case.section.number == pattern
               for pattern in patterns)
