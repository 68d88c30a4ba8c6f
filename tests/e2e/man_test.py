# SPDX-License-Identifier: MIT
"""The manual pages tell what there is: options as --help prints them, exit statuses, and of the
library each function of the public headers with its parameters. Their example commands work."""

import asyncio
import http.client
import json
import os
import re
import shlex
import ssl
import urllib.parse

from support import (BUILD, DEADLINE, ROOT, Server, certificates, equal, main, match, run, scratch, test)
from tunnel import Tunnel

PAGES = {"wsechod": ROOT / "server/wsechod.8", "wsecho": ROOT / "client/wsecho.1",
         "wsbench": ROOT / "client/bench/wsbench.1"}
LIBRARY = sorted((ROOT / "common/man").glob("*.3"))
HEADERS = sorted((ROOT / "common/await").glob("*.h"))
server = Server(listen=("wss://localhost:0",))


def section(page, title):
    return match(rf"(?ms)^\.Sh {title}$(.*?)(?=^\.Sh |\Z)", page.read_text())[1]


def plain(line):
    """A line of macros as it is printed, more or less: .It Fl l , Fl -listen Ar URL"""
    words = shlex.split(line.replace("\\&", ""))
    text = " ".join(f"-{words[i + 1]}" if word == "Fl" else word
                    for i, word in enumerate(words) if i == 0 or words[i - 1] != "Fl")
    text = re.sub(r"^\.It | ?\b(?:Ar|Cm) ", " ", text)
    return re.sub(r" ?([,|]) ", lambda found: found[1].replace(",", ", "), text).strip()


def options_told(program):
    """From --help all: what an option looks like, to its default or None."""
    told = run(BUILD / program, "--help", "all").expect(0).out.decode()
    items = re.split(r"\n(?=  (?:-\w,|   ) --)", told)[1:]
    options = {}
    for item in items:
        # Behind the last one of a topic comes another topic.
        item = item.partition("\n\n")[0]
        option, _, text = re.sub(r"\s*\n\s*", "  ", item.strip()).partition("  ")
        default = re.search(r"\((\S+)\)$", text)
        options[option] = default and default[1]
    return options


def options_documented(program):
    """From the page: the same, to the text below it."""
    items = re.split(r"(?m)^(?=\.It Fl)", section(PAGES[program], "DESCRIPTION"))[1:]
    return {plain(head): text for head, _, text in (item.partition("\n") for item in items)}


def declare_options(program):
    @test(f"the options in the page of {program} are those of --help all, with their defaults")
    def _():
        told, documented = options_told(program), options_documented(program)
        equal(sorted(documented), sorted(told), "the list of options")
        for option, default in told.items():
            if default:
                match(rf"\bdefault\b(?s:.*)\b{re.escape(default)}\b|"
                      rf"\b{re.escape(default)} ,\nthe default", documented[option])


for name in PAGES:
    declare_options(name)


@test("the behaviours in the page of wsechod are those of the server's table, as it tells them")
def _():
    address = urllib.parse.urlsplit(server.wss)
    link = http.client.HTTPSConnection("localhost", address.port, timeout=DEADLINE,
                                       context=ssl.create_default_context(
                                           cafile=certificates() / "ca.pem"))
    link.request("GET", "/-/", headers={"Accept": "application/json"})
    told = {}
    for row in json.loads(link.getresponse().read()):
        among = re.sub(r"(.*), ", r"\1 or ", row.get("of", "").replace("|", ", "))
        text = f"With {among}: {row['help']}." if among else f"{row['help'][0].upper()}{row['help'][1:]}."
        text += f" Takes {row['takes']}." if row["takes"] else ""
        text += " Needs --test all." if row["level"] == "all" else ""
        told[f"{row['name']}={row['argument']}"] = text
    items = re.findall(r"(?ms)^\.It Li (\S+=\S+)\n(.*?)(?=^\.(?:It|El))",
                       section(PAGES["wsechod"], "DESCRIPTION"))
    equal({name: " ".join(text.replace("\\-", "-").split()) for name, text in items}, told,
          "the list of behaviours")


@test("what the lists of the programs' pages begin with fits into 80 columns")
def _():
    for page in PAGES.values():
        for line in re.findall(r"(?m)^\.It ((?:Li|Fl|Cm) .*)$", page.read_text()):
            equal(len(plain(f".It {line}")) <= 72, True, f"that {line!r} fits")


def declare_statuses(program):
    @test(f"the exit statuses in the page of {program} are those of --help")
    def _():
        told = run(BUILD / program, "--help").expect(0).out.decode()
        told = re.findall(r"\b(\d) ", told[told.index("Exit status:"):])
        equal(re.findall(r"(?m)^\.It (\d+)$", section(PAGES[program], "EXIT STATUS")), told,
              "the list of statuses")


for name in ("wsecho", "wsbench"):
    declare_statuses(name)


# The library.


def squeeze(text):
    return re.sub(r"\s*([*(),])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


def parameters(text):
    """Divided at the commas that are not in parentheses."""
    return [squeeze(part) for part in re.split(r",(?![^()]*\))", text)]


def declarations():
    """From the headers: each function, to its value and parameters."""
    text = "\n".join(header.read_text() for header in HEADERS)
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = text.replace("aw_async", "async")
    found = re.findall(r"\bAW_API ([^;]*?)\b((?:aw|ws)_\w+)\((.*?)\)(?: __attribute__.*?)?;",
                       re.sub(r"\s+", " ", text))
    return {name: (squeeze(value), parameters(given)) for value, name, given in found}


def synopses():
    """From the pages: the same."""
    found = {}
    for page in LIBRARY:
        lines = section(page, "SYNOPSIS").splitlines()
        for i, line in enumerate(lines):
            words = shlex.split(line)
            if not re.match(r"\.F[no] (aw|ws)_", line) or not lines[i - 1].startswith(".Ft "):
                continue
            given = words[2:]
            if words[0] == ".Fo":
                rest = lines[i + 1:lines.index(".Fc", i)]
                given = [word for more in rest for word in shlex.split(more)[1:]]
            found[words[1]] = (squeeze(lines[i - 1][4:]), [squeeze(word) for word in given])
    return found


@test("each function of the public headers has its synopsis in a page, and no other has one")
def _():
    declared, shown = declarations(), synopses()
    shown = {name: what for name, what in shown.items() if not what[0].startswith("typedef")}
    equal(len(declared) > 80, True, "that functions were found")
    equal(set(shown) ^ set(declared), set(), "the set of functions that only one of them has")
    for name, what in declared.items():
        equal(shown[name], what, name)


def without_comments(header):
    return re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)


def option_fields(text):
    """Of each structure of options: its name, and those of its members."""
    for name, body in re.findall(r"(?m)^struct ((?:aw|ws)_\w*options) \{$(.*?)^\};", text, re.DOTALL):
        for member in body.split(";")[:-1]:
            pointer = re.search(r"\(\*(\w+)\)", member)
            for part in [pointer[1]] if pointer else member.split(","):
                yield name, re.search(r"(\w+)(?:\[\w*\])?(?: : \d+)?\s*$", part)[1]


@test("each field of a structure of options, and each constant, stands in a page")
def _():
    texts = [without_comments(header) for header in HEADERS]
    words = set(re.findall(r"\w+", "\n".join(page.read_text() for page in LIBRARY)))
    fields = {pair for text in texts for pair in option_fields(text)}
    constants = {name for text in texts for name in re.findall(
        r"(?m)^#define ((?:AW|WS)_[A-Z0-9_]+)(?= [^ ])|^\s+((?:AW|WS)_[A-Z0-9_]+)(?=,| =|$)", text)
                 for name in name if name}
    equal(len(fields) > 80 and len(constants) > 80, True,
          f"that of {len(fields)} fields and {len(constants)} constants enough were found")
    # A field stands in a page that names its structure, where it is not taken for another's.
    pages = [page.read_text() for page in LIBRARY]
    missing = {pair for pair in fields if not any(
        re.search(rf"\b{pair[0]}\b", page) and re.search(rf"\b{pair[1]}\b", page) for page in pages)}
    equal(missing, set(), "the set of fields left out")
    equal(constants - {"AW_API"} - words, set(), "the set of constants left out")


@test("each page names the functions of its synopsis, and describes them")
def _():
    for page in LIBRARY:
        shown = {name for name in re.findall(r"(?m)^\.F[no] ((?:aw|ws)_\w+)",
                                             section(page, "SYNOPSIS"))
                 if not name.endswith("_function")}
        named = set(re.findall(r"(?m)^\.Nm ((?:aw|ws)_\w+)", section(page, "NAME")))
        equal(named, shown, f"the set of names of {page.name}")
        described = set(re.findall(r"(?m)^\.Fn (\w+)", section(page, "DESCRIPTION")))
        equal(shown - described, set(), f"the set of functions not described in {page.name}")


@test("what await(3) and await_migrate(3) name in their tables exists")
def _():
    equal(LIBRARY[0].name, "await.3", "the first page")
    for page in LIBRARY[0], ROOT / "common/man/await_migrate.3":
        names = set(re.findall(r"\b((?:aw|ws)_\w+)\(\)", section(page, "DESCRIPTION")))
        equal(len(names) > 20, True, "that functions were found")
        equal(names - set(declarations()), set(), f"the set of unknown functions in {page.name}")


@test("await_migrate(3) names all that asyncio exports, and all that its classes can do")
def _():
    classes = (asyncio.AbstractEventLoop, asyncio.Task, asyncio.Future, asyncio.Handle,
               asyncio.BoundedSemaphore, asyncio.Queue, asyncio.StreamReader,
               asyncio.StreamWriter, asyncio.Event, asyncio.Lock, asyncio.Condition,
               asyncio.Semaphore, asyncio.Barrier, asyncio.Timeout, asyncio.TaskGroup,
               asyncio.Runner, asyncio.Server, asyncio.TimerHandle, asyncio.subprocess.Process)
    page = ROOT / "common/man/await_migrate.3"
    named = set(re.findall(r"\w+", section(page, "DESCRIPTION")))
    equal(set(asyncio.__all__) - named, set(), "the set of names that it leaves out")
    for kind in classes:
        methods = {name for name in dir(kind) if not name.startswith("_")}
        equal(methods - named, set(), f"the set of what it leaves out of {kind.__name__}")


@test("each awaitable takes a deadline, or its contract says how it gets one")
def _():
    text = "\n".join(header.read_text() for header in HEADERS)
    awaitables = re.findall(r"(?:/\*((?:(?!\*/).)*)\*/\s*)?^AW_API aw_async [^;(]*?\b(\w+)\(([^;]*)\);",
                            text, re.DOTALL | re.MULTILINE)
    equal(len(awaitables) >= 40, True, f"that of the awaitables {len(awaitables)} were found")
    for comment, name, given in awaitables:
        if "aw_time " not in given:
            match(r"(?i)\bdeadlines?\b", f"{name}(): {comment}")


@test("pages refer to pages that exist")
def _():
    pages = [*PAGES.values(), *LIBRARY]
    ours = {page.name for page in pages}
    for page in pages:
        for name, number in re.findall(r"(?m)^\.Xr (\S+) (\d)", page.read_text()):
            if re.match("await|ws", name):
                equal(f"{name}.{number}" in ours, True, f"that there is {name}({number})")


# Commands.


def shell(script):
    """Runs what a page shows, with this build, these certificates and this server."""
    port = match(r":(\d+)$", server.wss)[1]
    script = script.replace("certs/", f"{shlex.quote(str(certificates()))}/")
    script = script.replace("localhost:7681", f"localhost:{port}").replace("\\e", "\\")
    path = f"{BUILD}:{os.environ['PATH']}"
    return run("sh", "-c", script, cwd=scratch(), env=dict(os.environ, PATH=path)).expect(0).out


def examples(program):
    """The blocks of a page's examples."""
    text = section(PAGES[program], "EXAMPLES")
    found = re.findall(r"(?ms)^\.Bd .*?\n(.*?)^\.Ed$|^\.Dl (.*?)$", text)
    return [block or line for block, line in found]


@test("the examples in the page of wsecho do what it says")
def _():
    shown = examples("wsecho")
    (scratch() / "requests").write_text("one\ntwo\n")
    equal(len(shown) >= 25, True, "that there are many")
    for example in shown:
        command, _, reply = example.partition("\n")
        if "localhost:3128" in command:
            tunnel = Tunnel()
            with tunnel.script:
                printed = shell(command[2:].replace("localhost:3128", tunnel.place))
        elif command.startswith("$ "):
            printed = shell(command[2:])
        else:
            printed, reply = shell(example), "up\n"
        equal(printed.decode(), reply, f"what is printed by {command}")
    equal((scratch() / "copy").read_text(), "one\ntwo\n", "the copy")


@test("the page of wsecho has an example for each need of the README's table, in its order")
def _():
    table = match(r"(?ms)^\| need \|.*?\n\n", (ROOT / "README.md").read_text())[0].split("\n")[2:-2]
    needs = [row.split("|")[1].strip() for row in table]
    items = section(PAGES["wsecho"], "EXAMPLES").partition(".Bl -enum")[2].partition(".El")[0]
    told = re.findall(r"(?m)^\.It\n(.*)", items)
    equal((len(needs), len(told)), (20, 20), "how many there are")
    for need, title in zip(needs, told):
        word = re.findall(r"[a-z]{4,}", need)[-1]
        if not need.startswith("at a terminal"):
            match(word, title.lower())


@test("the examples in the page of wsbench work")
def _():
    shown = [line.removeprefix("$ ") for line in examples("wsbench")]
    equal(len(shown), 6, "the number of examples")
    for script in shown:
        script = script.replace("-z 10s", "-z 100ms --warm-up 0").replace("-c 1000", "-c 10")
        shell(script.replace("$(pidof -s wsechod)", str(server.process.pid)))
    match("<svg", (scratch() / "report.html").read_text())


main()
