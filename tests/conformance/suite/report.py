# SPDX-License-Identifier: MIT
"""Results as text and as JSON; html.py has the page."""

import dataclasses
import json

from .runner import Result, Run
from .verdict import INFORMATIONAL, OK, UNIMPLEMENTED, VERDICTS


def by_section(results):
    """{section: [results]}, in order."""
    found = {}
    for result in results:
        found.setdefault(result.section, []).append(result)
    return found


def text(run, verbose=False):
    """A line for each case that is not OK, and counts for each section."""
    lines = [f"{run.target} ({run.role}, {run.url})"]
    quiet = (OK,) if verbose else (OK, INFORMATIONAL, UNIMPLEMENTED)
    for section, results in by_section(run.results).items():
        right = sum(result.verdict == OK for result in results)
        lines.append(f"{section}: {right} of {len(results)} OK")
        for result in results:
            if result.verdict not in quiet:
                lines += case_lines(result, verbose)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in run.counts().items())
    lines.append(f"{len(run.results)} cases in {run.seconds:.1f} s: {counts}")
    return "\n".join(lines)


def case_lines(result, verbose):
    """What a reader needs to know about a case."""
    yield f"  {result.verdict:13} {result.number} {result.name} ({result.rfc})"
    yield f"                expected: {result.expectation}"
    yield f"                seen:     {result.seen}"
    if verbose:
        for seconds, direction, words in result.log:
            yield f"                {seconds:7.3f} {direction} {words}"


def save(runs, path):
    """As JSON, which load() reads."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump([dataclasses.asdict(run) | {"counts": run.counts()} for run in runs], file,
                  indent=1)
        file.write("\n")


def load(path):
    with open(path, encoding="utf-8") as file:
        runs = json.load(file)
    for run in runs:
        del run["counts"]
        run["results"] = [Result(**result) for result in run["results"]]
    return [Run(**run) for run in runs]


def markdown(runs):
    """The table for a README: a row for each target."""
    lines = ["| | " + " | ".join(VERDICTS) + " |", "|---" * (len(VERDICTS) + 1) + "|"]
    for run in runs:
        lines.append(f"| {run.target} | " + " | ".join(map(str, run.counts().values())) + " |")
    return "\n".join(lines)
