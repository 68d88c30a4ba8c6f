# SPDX-License-Identifier: MIT
"""What wsbench tells of a run: the table, the files, the first failure, and comparisons."""

import csv
import datetime
import io
import json
import os
import pathlib
import re
import signal
import sys
import time

from bench import command, result, wsbench
from faulty import Faulty
from support import (WSECHOD, Server, equal, eventually, finish, main, match, scratch, sentence,
                     started, test)

server = Server(listen=("ws://127.0.0.1:0",))

# One that a test may kill.
LONE = WSECHOD, "--listen", "ws://127.0.0.1:0"


def seconds_of(pid):
    """The processor time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test("the table, JSON, CSV, HdrHistogram's text and the page tell the same")
def _():
    files = {name: scratch() / f"result.{name}" for name in ("csv", "hdr", "html")}
    told = result("-c", 4, "-z", "2500ms", "--warm-up", 0, "--csv", files["csv"], "--hdr",
                  files["hdr"], "--report", files["html"], server.ws)
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    equal(len(rows), 3, "the number of rows")
    equal(sum(int(row["messages"]) for row in rows) <= told["total"]["received"], True,
          "that the rows hold no more than there was")
    equal(len(told["by_second"]), 3, "the number of seconds")
    hdr = files["hdr"].read_text()
    match(r"^ +Value +Percentile TotalCount 1/\(1-Percentile\)\n\n", hdr)
    equal(int(match(r"Total count +=\s+(\d+)\]", hdr)[1]), told["latency_ms"]["count"])
    equal(f"{told['latency_ms']['max']:.3f}", match(r"Max +=\s+([\d.]+),", hdr)[1], "the maximum")
    median = next(line.split()[0] for line in hdr.splitlines() if " 0.500000000000 " in line)
    equal(median, f"{told['latency_ms']['p50']:.3f}", "the median")
    page = files["html"].read_text()
    equal(page.count("<svg"), 4, "the number of plots")
    equal(re.findall(r"(?:src|href)=|@import|url\(", page), [], "what it would load")
    match(re.escape(f"{told['measured']['sent']:,} sent"), page)


@test("the rows of --csv and of the JSON add up to what there was, and to its time")
def _():
    file = scratch() / "rows.csv"
    for words, query in ((("-n", 10, "-p", 4), "?delay=100"),
                         (("-n", 100, "-T", 3, "-p", 100), ""),
                         (("-n", 101, "-R", 1000, "-T", 2), "?delay=50"),
                         (("-n", 15, "-R", 10), "?delay=100"),
                         (("-n", 10, "-t", "300ms"), "?lose=10"),
                         (("-n", 10, "--churn", "-t", "300ms"), "?lose=10"),
                         (("-n", 100000, "-z", "200ms"), "?delay=30"),
                         (("-z", "1100ms", "-p", 8), ""),
                         (("-z", "1h", "-p", 8), "?die=1000"),
                         (("-z", "300ms", "-t", "300ms"), "?lose=10")):
        with Faulty() as faulty:
            words = "-c", 3, *words, "--warm-up", 0
            told = json.loads(wsbench("--json", "--csv", file, *words, faulty.url + query).out)
        rows = [{name: sum(second[name] for second in told["by_second"])
                 for name in ("received", "bytes_received", "errors", "seconds")}]
        table = list(csv.DictReader(io.StringIO(file.read_text())))
        rows += [{"received": sum(int(row["messages"]) for row in table),
                  "bytes_received": sum(int(row["bytes"]) for row in table),
                  "errors": sum(int(row["errors"]) for row in table),
                  "seconds": sum(float(row["seconds"]) for row in table)}]
        total = told["total"]
        # What comes after the end of a time has no row, and counts in no rate.
        in_time = total["received"] if "-z" not in words else round(told["bytes_per_second"] * told["seconds"] / 128)
        for sums in rows:
            equal((sums["received"], sums["bytes_received"], sums["errors"], abs(sums["seconds"] - told["seconds"]) < 0.01),
                  (in_time, in_time * 128, sum(total[name] for name in ("wrong", "doubled", "late", "unasked", "lost")), True),
                  f"messages, bytes, errors and time of {words} in rows of {sums['seconds']} and {told['seconds']} s")


@test("the table shows what was done and what came of it")
def _():
    out = wsbench("-n", 1000, "--server-pid", server.process.pid, server.ws).expect(0).out.decode()
    match(r"^10 connections to ws://\S+ \(plain\), 128 bytes, 1 in flight, [\d.]+ [mu]?s\n", out)
    match(r"\nconnections   10 open after [\d.]+ [mu]?s \([\d,]+/s\), 0 refused, 0 cut\n", out)
    match(r"\nmessages      1,000 sent: 1,000 echoed, 0 wrong, 0 lost; 0 doubled, 0 late\n", out)
    match(r"\nround trip    min \S+  mean \S+  p50 \S+  p90 \S+  p99 \S+  p99.9 \S+  max \S+ ms\n", out)
    match(r"\nserver        [\d.]+ us of a core for each message", out)
    match(r"\nthis side     \d+ % of one core", out)
    shares = [float(share) for share in re.findall(r" ([\d.]+) %\n", out)]
    equal(99 < sum(shares) < 101, True, f"that the histogram's shares {shares} are all")


@test("sizes and times are as people write them")
def _():
    for size, says in (("0-0", "0 bytes"), ("1", "1 byte"), ("64K", "65,536 bytes"),
                       ("100%:1-5", "1-5 bytes"), ("64-4096", "64-4,096 bytes"),
                       ("99.5%:128,0.5%:1K-2K", "99.5 % 128, 0.5 % 1,024-2,048 bytes")):
        out = wsbench("-s", size, "-z", "100ms", "--warm-up", 0, server.ws).expect(0).out.decode()
        match(rf"\(plain\), {says}, 1 in flight, 100 ms\n", out)
    match(", 1 byte, 1 in flight, 1 s\n",
          wsbench("-m", "x", "-z", 1, "--warm-up", 0, server.ws).expect(0).out.decode())


@test("a file that cannot be written is told before anything is sent, with status 1")
def _():
    for option in ("--csv", "--hdr", "--report"):
        with Faulty() as faulty:
            said = wsbench("-n", 10, option, "/no/such/dir/file", faulty.url).expect(1).err
            match("/no/such/dir/file: No such file", sentence(said, "wsbench"))
            equal(faulty.connections, 0, "the number of connections")
    with open("/dev/full", "w") as full:
        said = wsbench("-n", 10, server.ws, stdout=full).expect(1).err
    match("standard output: No space", said)
    match("/dev/full: No space", wsbench("-n", 10, "--csv", "/dev/full", server.ws).expect(1).err)


@test("a file keeps what is in it if there is no result, and nothing of it beside one")
def _():
    file = scratch() / "kept.csv"
    file.write_text("x" * 100000)
    wsbench("-n", 10, "--csv", file, "ws://127.0.0.1:1/").expect(3)
    equal(len(file.read_text()), 100000, "the length of what was there")
    wsbench("-n", 10, "--csv", file, server.ws).expect(0)
    match(r"^second,.*\n[\d.,]+\n$", file.read_text())


@test("two results never go into one file, by whatever name, and what is in it stays")
def _():
    new, old, link = (scratch() / name for name in ("new", "old", "link"))
    link.symlink_to(new)
    for one, other in (("-", "-"), (new, scratch() / "." / new.name), (new, f"{scratch()}//new"), (new, link), (old, old)):
        for names in (("--csv", "--hdr"), ("--csv", "--report"), ("--hdr", "--report")):
            new.unlink(missing_ok=True)
            old.write_text("before")
            with Faulty() as faulty:
                said = wsbench("-n", 1, names[0], one, names[1], other, faulty.url).expect(2).err
                match("cannot share a file", sentence(said, "wsbench"))
                equal((old.read_text(), faulty.connections), ("before", 0), "what is in it, and the connections")
    for name, mode in (("--csv", "a"), ("--hdr", "a"), ("--report", "r+")):
        old.write_text("before")
        with old.open(mode) as out:
            said = wsbench("-n", 1, name, "/dev/stdout", "--json", server.ws, stdout=out).expect(2).err
        match("nor write into that of standard output", sentence(said, "wsbench"))
        equal(old.read_text(), "before")


@test("results can follow each other into a pipe or a device, and one into standard output's file")
def _():
    file = scratch() / "all"
    for path in ("-", "/dev/stdout"):
        match(r"^10 connections(?s:.*)\nsecond,", wsbench("-n", 10, "--csv", path, server.ws).expect(0).out.decode())
    wsbench("-n", 10, "--csv", "/dev/null", "--hdr", "/dev/null", server.ws).expect(0)
    with file.open("w") as out:
        wsbench("-n", 10, "--csv", "-", server.ws, stdout=out).expect(0)
    match(r"^10 connections(?s:.*)\nsecond,", file.read_text())


@test("an output that cannot be written is told, once, and all others are written")
def _():
    csv_file, page = scratch() / "beside.csv", scratch() / "beside.html"
    for words in ((), ("--json",), ("--hdr", "-"), ("--hdr", "/dev/full")):
        for file in (csv_file, page):
            file.unlink(missing_ok=True)
        with open("/dev/full", "w") as full:
            said = wsbench("-n", 10, *words, "--csv", csv_file, "--report", page, server.ws, stdout=full).expect(1).err
        equal(said.splitlines(), [f"wsbench: {name}: No space left on device" for name in
                                  ("standard output", *words[1:]) if name != "-"])
        match(r"^second,.*\n[\d.,]+\n$", csv_file.read_text())
        match(r"</html>\n$", page.read_text())
    done = wsbench("-n", 10, "--csv", "/dev/full", "--hdr", "-", server.ws).expect(1)
    match("/dev/full: No space", sentence(done.err, "wsbench"))
    match(r"^10 connections(?s:.*)#\[Max ", done.out.decode())


@test("a process that is not there is wrong usage, and told")
def _():
    for words in (("999999999",), (server.process.pid, "--server-pid", "x"), ("0",)):
        said = wsbench("-n", 1, "--server-pid", *words, server.ws).expect(2).err
        match(f"'--server-pid' needs the number of a process .*not '{words[-1]}'", said)


BURNER = """
import os, sys
while True:
    child = os.fork()
    if child == 0:
        while True:
            pass
    print(child, flush=True)
    os.waitpid(child, 0)
"""


@test("a process of the server that ends keeps what it was seen to use, and the one in its place counts, too")
def _():
    with Faulty() as faulty, started(sys.executable, "-c", BURNER) as burner:
        child = int(burner.stdout.readline())
        eventually(lambda: seconds_of(child) > 0.2, "the first child has used some time before")
        with started(*command("--json", "-c", 1, "-z", "4s", "--warm-up", 0, "--server-pid",
                              burner.pid, faulty.url)) as process:
            # Measuring begins with the first message; the first look comes a second later.
            eventually(lambda: faulty.messages > 0, "messages come")
            before = seconds_of(child)
            later = time.monotonic() + 1.5
            eventually(lambda: time.monotonic() > later, "it was looked at")
            os.kill(child, signal.SIGKILL)
            told = json.loads(finish(process).expect(0).out)["server"]
        second = int(burner.stdout.readline())
        os.kill(burner.pid, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
    equal((told["processes"], told["ended"]), (3, 1), "the processes, and those that ended")
    equal(0 < told["cpu_seconds"] < 4.5, True, f"that {told['cpu_seconds']} is what they can use")
    equal(before > 0, True, "that the first child used time before")


@test("the table tells of a process that has ended")
def _():
    with Faulty() as faulty, started("sleep", "60") as other, \
            started(*command("-z", "1s", "--warm-up", 0, "--server-pid", os.getpid(), "--server-pid",
                             other.pid, faulty.url)) as process:
        eventually(lambda: faulty.messages > 0, "messages come")
        other.kill()
        out = finish(process).expect(0).out.decode()
    match(r"\nserver        .*\d % of one core.*, 1 of its processes ended meanwhile\n", out)


@test("a server that is killed leaves a figure that is not negative")
def _():
    with started(*LONE) as lone:
        url = match("listening on (ws://\\S+)", lone.stderr.readline().decode())[1]
        wsbench("-n", 20000, "-p", 16, url).expect(0)
        with started(*command("--server-pid", lone.pid, "--warm-up", 0, "-z", "1h", url)) as process:
            eventually(lambda: seconds_of(lone.pid) > 0.2, "it is at work")
            lone.kill()
            out = finish(process).expect(6).out.decode()
    match(r"\nserver        .*\d % of one core", out)
    equal(re.findall(r"-\d", out.partition("\nserver")[2].partition("\n")[0]), [], "negative figures")


@test("what may be done about a refusal is something that wsbench can do")
def _():
    for query, says in (("redirect=2", "Location: \\S+: give that URL$"),
                        ("status=401", "401 Unauthorized: --header 'Authorization: ...'$")):
        match(says, sentence(wsbench("-n", 1, f"{server.ws}?{query}").expect(5).err, "wsbench"))


@test("what the table counts adds up, the warm-up apart from the rest")
def _():
    with Faulty() as faulty:
        out = wsbench("-c", 2, "-p", 4, "-z", "300ms", "--warm-up", "200ms", "-t", "500ms",
                      faulty.url + "?lose=5&corrupt=9").expect(6).out.decode()
        total = 0
        for title in ("messages    ", "not measured"):
            found = match(rf"\n{title}  ([\d,]+) sent: ([\d,]+) echoed, (\d+) wrong, (\d+) lost; "
                          r"0 doubled, 0 late\n", out)
            sent, *parts = (int(group.replace(",", "")) for group in found.groups())
            equal(sent, sum(parts), f"the sum of {title}")
            total += sent
        equal(total, faulty.messages, "the number of messages that the server got")


@test("the first failure of an echo is told: which message, and what of it")
def _():
    for query, says in (
            ("corrupt=50", r"connection 1, message 50: its echo is wrong, 128 bytes came for 128, "
                           r"the first \d+ as sent"),
            ("retype=50", r"connection 1, message 50: its echo is wrong, 128 bytes \(binary, not "
                          "text\\) came for 128, the first 128 as sent"),
            ("lose=50", "connection 1, message 50: lost, no echo in time"),
            ("double=50", "connection 1, an echo of 128 bytes came a second time"),
            ("greet=hello", "connection 1, a message came that nobody asked for"),
            ("cut=50", r"lost \(1006\)")):
        with Faulty() as faulty:
            words = ("-c", 1, "-n", 100, "-t", "300ms", f"{faulty.url}?{query}")
            match(f"\nfirst failure .*{says}", wsbench(*words).expect(6).out.decode())


@test("a run that ends in the warm-up measured nothing, and says so")
def _():
    for words in ((), ("-R", 1000), ("-n", 1000)):
        with Faulty() as faulty:
            words = ("-c", 2, *words, "--warm-up", "1h", faulty.url + "?die=100")
            out = wsbench(*words).expect(6).out.decode()
        match(r"^2 connections .*, ended before measuring began\n", out)
        equal(re.findall(r"-\d|nan|inf", out), [], "negative figures, and none at all")
        match(r"\nmessages      0 sent: 0 echoed, 0 wrong, 0 lost", out)
    with Faulty() as faulty:
        told = result(*words[:-1], faulty.url + "?die=100", status=6)
        equal((told["seconds"], told["rate"], told["latency_ms"]), (0, 0, None), "what was measured")


@test("a condition of what was not measured fails, and says so")
def _():
    with Faulty() as faulty:
        said = wsbench("-c", 1, "--warm-up", "1h", "--fail-if", "p99>10s", "--fail-if", "rate<1", "--fail-if", "lost>1",
                       faulty.url + "?die=10").expect(8).err
    equal(said.splitlines(), [f"wsbench: failed: {text}: it was not measured" for text in ("p99>10s", "rate<1")])


@test("connections that are only there have no latencies, in each form")
def _():
    files = {name: scratch() / f"idle.{name}" for name in ("csv", "html")}
    words = ("--idle", "-c", 5, "-z", "1100ms", "--server-pid", server.process.pid)
    out = wsbench(*words, "--csv", files["csv"], "--report", files["html"],
                  server.ws).expect(0).out.decode()
    match(r"\nmessages      none: --idle sends nothing", out)
    equal(re.findall(r"0\.00 us|us of a core", out), [], "costs of messages")
    match(r"\nserver        \d+ % of one core", out)
    for row in csv.DictReader(io.StringIO(files["csv"].read_text())):
        equal((row["p50_ms"], row["p99_ms"], row["max_ms"]), ("", "", ""), "latencies of a second")
    equal(files["html"].read_text().count("<dd>none</dd>"), 5, "latencies that there are not")
    told = result(*words, server.ws)
    equal((told["latency_ms"], told["server"]["cpu_us_per_message"], told["by_second"][0]["p50"]),
          (None, None, None), "what each message took")


@test("the time of the beginning is RFC 3339's, to the millisecond")
def _():
    begin = result("-n", 10, server.ws)["begin"]
    match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", begin)
    then = datetime.datetime.fromisoformat(begin.replace("Z", "+00:00")).timestamp()
    equal(abs(time.time() - then) < 60, True, f"that {begin} is now")


@test("a server without an echo, or with one, has no errors with --no-echo, alone and in a comparison")
def _():
    words = "--no-echo", "-n", 100, "--fail-if", "errors>0"
    with Faulty() as faulty:
        wsbench("-c", 2, *words, faulty.url).expect(0)
        wsbench("-c", 1, *words, faulty.url + "?many=0").expect(0)
    with Faulty() as faulty:
        told = json.loads(wsbench("--compare", "--rounds", 3, "--json", *words[:3], faulty.url, faulty.url).expect(0).out)
        equal(told["errors"], [0, 0])


@test("--compare takes turns, and a ratio lies within its interval")
def _():
    with Faulty() as faulty:
        told = json.loads(wsbench("--compare", "--rounds", 4, "-n", 200, "--json",
                                  faulty.url + "?delay=3", faulty.url).expect(0).out)
        equal(faulty.messages, 2 * 4 * 200, "the number of messages")
        equal(told["rounds"], 4)
        for name, ratio in told["ratios"].items():
            equal(ratio["low"] <= ratio["ratio"] <= ratio["high"], True, f"that {name} is within")
        equal([name for name in told["ratios"] if name.startswith("p")], ["p50", "p90"],
              "the percentiles that ten messages of 200 exceed")
        equal(told["ratios"]["p50"]["high"] < 1, True, "that the server without a delay is faster")


main()
