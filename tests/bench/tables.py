# SPDX-License-Identifier: MIT
"""What `make bench` shows of its figures, and the files that it writes."""

import json
import math
import os
import statistics

import paper
from processes import CPUS
from rows import JSON_1K, JSON_16K, LIMIT, LWS, OTHER, OURS, PIPELINED, WS

PERCENTILES = ("p50_us", "p99_us", "p99.9_us")


def ratio(value, to):
    return f"{value / to:.2f}" if value is not None and to else "-"


def table(title, columns, rows, first="server"):
    """Names to the left, figures to the right."""
    print(f"\n{title}")
    rows = [[first, *columns], *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join([row[0].ljust(widths[0]), *cells]))


def middle(results, key):
    return statistics.median(result[key] for result in results)


def median_interval(values):
    """The ends of the interval that holds the true median in 19 of 20 cases, whatever the
    distribution; all of the values if they are fewer than six."""
    values, count, chance, rank = sorted(values), len(values), 0, 0
    while (chance := chance + math.comb(count, rank) / 2**count) <= 0.025:
        rank += 1
    rank = max(rank - 1, 0)
    return values[rank], values[-1 - rank]


def measured(bench, row):
    """Of the servers that were measured in a row: the names."""
    return [name for name in bench.peers if bench.results[name][row]]


def show_row(bench, title):
    columns = ["CPU µs each", "from", "to", "× limit", "× wsechod", "per second", "p50 µs", "p99 µs",
               "p99.9 µs", "busy", "load busy"]
    calls = bench.rows[title].calls and bench.counter
    lines = []
    for name in measured(bench, title):
        results, own = bench.results[name][title], bench.cost(name, title)
        line = [name, f"{own:.2f}"]
        line += [f"{end:.2f}" for end in median_interval(bench.costs(name, title))]
        line += [ratio(bench.ratio(name, to, title), 1) for to in (LIMIT, OURS)]
        line += [f"{middle(results, 'rate'):,.0f}"]
        line += [f"{middle(results, key):,.0f}" for key in PERCENTILES]
        line += [f"{middle(results, key):.0%}" for key in ("busy", "own_busy")]
        if calls:
            count = bench.calls[name].get(title)
            line.append("-" if count is None else f"{count:.2f}")
        lines.append(line)
    table(title, columns + (["system calls"] if calls else []), lines)


def show_half(bench, title):
    columns = ["rate", "busy", "p50 µs", "p99 µs", "p99.9 µs", "p99.9 × limit"]
    limit = bench.halves.get(LIMIT, {}).get(title)
    lines = []
    for name in bench.peers:
        if results := bench.halves[name][title]:
            line = [name, f"{middle(results, 'rate'):,.0f}", f"{middle(results, 'busy'):.0%}"]
            line += [f"{middle(results, key):,.0f}" for key in PERCENTILES]
            line.append(ratio(middle(results, "p99.9_us"), limit and middle(limit, "p99.9_us")))
            lines.append(line)
    table(f"{title}: latency, from when a message was due, at half of capacity", columns, lines)


def show_idle(bench):
    columns = ["alone, CPU µs each", "among the idle", "ratio", "bytes per idle", "× wsechod"]
    ours = bench.idle.get(OURS, (None, None, None))[2]
    lines = []
    for name, (alone, among, each) in bench.idle.items():
        line = [name, f"{alone:.2f}", f"{among:.2f}", ratio(among, alone), f"{each:,.0f}"]
        lines.append(line + [ratio(each, ours)])
    title = f"128 B, 10 connections, 1 in flight, alone and among {bench.idle_count:,} idle ones"
    table(title, columns, lines)


def show_comparison(bench):
    """The ratios of costs within a round: their medians, and how sure these are."""
    pairs = [(OURS, OTHER), (OURS, LIMIT), (OTHER, LIMIT)]
    columns = [text for name, to in pairs for text in (f"{name} / {to}", "95 %", "rounds")]
    lines = []
    for title in bench.rows:
        line = [title]
        for name, to in pairs:
            found = bench.ratios(name, to, title)
            line.append(f"{statistics.median(found):.3f}" if found else "-")
            line.append("{:.2f}-{:.2f}".format(*median_interval(found)) if found else "-")
            line.append(str(len(found)))
        lines.append(line)
    title = f"Ratios of server CPU per message within a round; other is {bench.against}/wsechod"
    table(title, columns, lines, "row")


def aims(bench):
    """(sentence, value or None, at most, format)."""
    def within(one, other, row):
        return bench.ratio(one, other, row) if row in bench.rows else None

    alone, among, each = bench.idle.get(OURS, (None, None, None))
    return [
        (f"{PIPELINED}: CPU at most 1/8 of conventional lws", within(OURS, LWS, PIPELINED), 1 / 8,
         "{:.3f}"),
        (f"with {bench.idle_count:,} idle connections: CPU at most 1.1 × that without them",
         among / alone if alone else None, 1.1, "{:.2f}"),
        ("at most 28 KiB per idle TLS connection", each, 28 * 1024, "{:,.0f}"),
        *((f"{row}: CPU at most half of ws", within(OURS, WS, row), 0.5, "{:.2f}")
          for row in (JSON_1K, JSON_16K)),
    ]  # fmt: skip


def show_aims(bench):
    print("\nAims for wsechod")
    for aim, value, most, form in aims(bench):
        word = "not measured" if value is None else "met" if value <= most else "NOT MET"
        print(f"  {aim}: {'-' if value is None else form.format(value)}, {word}")


def show(bench):
    print(f"wsechod, one worker, TLS 1.3 on loopback; medians of {bench.rounds} rounds", end="")
    print("" if len(CPUS) > 1 else "; server and load share one processor", flush=True)
    for title in bench.rows:
        show_row(bench, title)
    if bench.against:
        show_comparison(bench)
    else:
        for title, row in bench.rows.items():
            if row.half:
                show_half(bench, title)
    show_idle(bench)
    if bench.counter is None:
        print("\nSystem calls were not counted: neither perf nor strace is there and permitted.")
    for name, failures in bench.failures.items():
        for failure in failures:
            print(f"\n{name}: {failure}")
    if not bench.against:
        show_aims(bench)


# Files.


def as_json(bench, where):
    def summary(results):
        found = {key: middle(results, key) for key in results[0]
                 if key not in ("round", "compressed")}
        low, high = median_interval([result["cpu_us"] for result in results])
        return found | {"cpu_us_low": low, "cpu_us_high": high, "rounds": results}

    rows = {}
    for title, row in bench.rows.items():
        servers = {}
        for name in measured(bench, title):
            servers[name] = summary(bench.results[name][title])
            servers[name]["ratio_to_limit"] = bench.ratio(name, LIMIT, title)
            servers[name]["system_calls"] = bench.calls[name].get(title)
            if bench.halves[name][title]:
                servers[name]["half_of_capacity"] = summary(bench.halves[name][title])
        rows[title] = {"scheme": row.scheme, "options": row.options, "each": row.each,
                       "servers": servers}
    names = ("alone_cpu_us", "among_cpu_us", "bytes_each")
    return {"machine": where, "rounds": bench.rounds, "times": bench.times, "rows": rows,
            "idle": {"connections": bench.idle_count,
                     "servers": {n: dict(zip(names, values)) for n, values in bench.idle.items()}},
            "failures": {name: texts for name, texts in bench.failures.items() if texts}}


def save(bench, where, directory):
    os.makedirs(directory, exist_ok=True)
    found = as_json(bench, where)
    with open(f"{directory}/echo.json", "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1, ensure_ascii=False)
        file.write("\n")
    paper.save(found, directory)
    print(f"\n{directory}/echo.json, echo.md and echo.svg have the same")
