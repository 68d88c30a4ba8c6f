# SPDX-License-Identifier: MIT
"""Runs cases, many at a time, and keeps what they came to."""

import concurrent.futures
import dataclasses
import time

from .clients import Batch
from .link import Log
from .session import Session
from .targets import Unreachable
from .verdict import FAILED, OK, VERDICTS, Judged


@dataclasses.dataclass
class Result:
    """What one case came to."""

    number: str
    section: str
    name: str
    rfc: str
    expectation: str
    verdict: str
    seen: str
    seconds: float
    log: list


@dataclasses.dataclass
class Run:
    """All results of one target."""

    target: str
    url: str
    role: str
    seconds: float
    results: list

    def counts(self):
        return {verdict: sum(result.verdict == verdict for result in self.results)
                for verdict in VERDICTS}


def play(case, link, target):
    """(verdict, what was seen)."""
    try:
        case.play(Session(link, target))
    except Judged as judged:
        return judged.verdict, judged.seen
    except (OSError, Unreachable) as error:
        return FAILED, f"the connection failed: {error}"
    return OK, "as expected"


def result_of(case, begin, verdict, seen, log):
    return Result(case.number, f"{case.section.number}. {case.section.title}", case.name,
                  case.rfc if case.rfc.startswith("RFC") else f"{case.section.rfc} {case.rfc}",
                  case.expectation, verdict, seen,
                  round(time.monotonic() - begin, 3), log.lines)


def run_on_server(case, target):
    """One case on a connection of its own."""
    log, begin = Log(), time.monotonic()
    try:
        link = target.connect(log)
    except Unreachable as error:
        return result_of(case, begin, FAILED, str(error), log)
    try:
        return result_of(case, begin, *play(case, link, target), log)
    finally:
        link.close()


def run_with_client(cases, target):
    """Cases with a client that serves them in turn."""
    batch = Batch(target, len(cases))
    return [run_one_with_client(case, batch) for case in cases]


def run_one_with_client(case, batch):
    log, begin, link = Log(), time.monotonic(), None
    try:
        link = batch.connect(log)
        found = play(case, link, batch)
    except Unreachable as error:
        found = FAILED, str(error)
    finally:
        if link:
            link.close()
        batch.done(log)
    return result_of(case, begin, *found, log)


def run(cases, target, name):
    """All cases on a server, or with a client."""
    begin = time.monotonic()
    jobs = target.settings.jobs
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        if target.role == "server":
            target.connect(Log()).close()
            results = list(pool.map(lambda case: run_on_server(case, target), cases))
        else:
            step = jobs if target.in_turn else len(cases)
            parts = [cases[start::step] for start in range(min(step, len(cases)))]
            found = pool.map(lambda part: run_with_client(part, target), parts)
            order = {case.number: place for place, case in enumerate(cases)}
            results = sorted((result for part in found for result in part),
                             key=lambda result: order[result.number])
    return Run(name, target.url, target.role, round(time.monotonic() - begin, 1), results)
