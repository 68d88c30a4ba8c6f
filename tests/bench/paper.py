#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables and the picture that README.md shows, from echo.json.

Usage: tests/bench/paper.py DIRECTORY (it has echo.json, and gets echo.md and echo.svg)

For tests/bench/results it writes the tables into README.md, too.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import picture  # noqa: E402
from rows import FEW, LIMIT, OURS, PIPELINED, ROWS  # noqa: E402

RESULTS = pathlib.Path(__file__).resolve().parent / "results"
README = RESULTS.parents[2] / "README.md"
BEGIN, END = "<!-- tests/bench/results/echo.md -->", "<!-- until here -->"
PERCENTILES = ("p50", "p99", "p99.9")


def figure(value):
    """With three digits that count, and commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(head, lines):
    found = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in found)


def costs(found, scheme):
    """Server CPU of each message, its spread, and as a ratio to limit."""
    titles = [title for title, row in found["rows"].items() if row["scheme"] == scheme]
    names = list(dict.fromkeys(n for title in titles for n in found["rows"][title]["servers"]))
    lines = []
    for name in names:
        line = [name]
        for title in titles:
            one = found["rows"][title]["servers"].get(name)
            if one is None:
                line.append("")
                continue
            spread = "-".join(figure(one[key]) for key in ("cpu_us_low", "cpu_us_high"))
            ratio = one["ratio_to_limit"]
            line.append(f"{figure(one['cpu_us'])} ({spread})" + (f", {ratio:.2f}" if ratio else ""))
        lines.append(line)
    return markdown(["", *(ROWS[title].short for title in titles)], lines) if lines else ""


def rest(found):
    """Latencies at half of capacity, and idle connections."""
    row = found["rows"].get(FEW, {"servers": {}})["servers"]
    lines = []
    for name, one in row.items():
        half, idle = one.get("half_of_capacity"), found["idle"]["servers"].get(name)
        line = [name, f"{half['rate']:,.0f}" if half else ""]
        line += [figure(half[f"{key}_us"]) if half else "" for key in PERCENTILES]
        lines.append(line + [f"{idle['bytes_each']:,.0f}" if idle else ""])
    head = ["", "messages/s", *(f"{key}, µs" for key in PERCENTILES), "bytes per idle connection"]
    return markdown(head, lines) if lines else ""


def where(found):
    """One sentence about the machine."""
    machine = found["machine"]
    return (f"Measured {machine['time'][:10]} on {machine['processor']}, {machine['cores']} cores"
            f"{' of a virtual machine' if machine['virtual'] else ''}, {machine['system']}, Linux "
            f"{machine['kernel']}, {machine['openssl']}; medians of {found['rounds']} rounds; load average "
            f"{machine['load_average'][0]:.1f} before and {machine['load_average_at_end'][0]:.1f} "
            "after.")


def text(found):
    parts = [
        "Server CPU in microseconds for each message, over TLS 1.3: median (spread), and the ratio "
        f"to `{LIMIT}`, which is the median of those within a round:", costs(found, "wss"),
        "The same without TLS:", costs(found, "ws"),
        "With compressed messages of JSON, over TLS, 100 connections; each server has the level of zlib that is "
        "its default (wsechod 3, the others 6):", costs(found, "deflate"),
        "Latency with 128 B and 100 connections, in an open loop at half of what the server could "
        "take, and memory:", rest(found), where(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def drawing(found):
    charts = []
    for title in (FEW, PIPELINED):
        servers = found["rows"].get(title, {"servers": {}})["servers"]
        charts.append((f"Server CPU for each message over TLS, µs: {title}", {
            name: (one["cpu_us_low"], one["cpu_us"], one["cpu_us_high"],
                   {OURS: "own", LIMIT: "limit"}.get(name, "peer"))
            for name, one in servers.items()}))
    return picture.draw(charts)


def show_in(readme, content):
    """README.md has the text between two marks."""
    before, rest_ = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest_.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{content}{END}{after}", encoding="utf-8")


def save(found, directory):
    directory = pathlib.Path(directory)
    (directory / "echo.md").write_text(text(found), encoding="utf-8")
    (directory / "echo.svg").write_text(drawing(found), encoding="utf-8")
    if directory.resolve() == RESULTS:
        show_in(README, text(found))


if __name__ == "__main__":
    place = pathlib.Path(sys.argv[1])
    save(json.loads((place / "echo.json").read_text(encoding="utf-8")), place)
