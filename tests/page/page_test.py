# SPDX-License-Identifier: MIT
"""The page in a real browser, over wss, with the development authority imported. What it shows is
photographed into $BUILD/page: look at that.

With --picture FILE it does nothing but make the picture that opens the README.
"""

import contextlib
import json
import os
import pathlib
import re
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("e2e", "interop")]

# pylint: disable=wrong-import-position
from browser import CERTUTIL, CHROMIUM, Browser, Page  # noqa: E402
from guest import Guest  # noqa: E402
from others import NODE, PACKAGES, skip_all  # noqa: E402
from support import BUILD, Server, Skip, certificates, equal, eventually, main, match, once, run, scratch, test  # noqa: E402

if not CHROMIUM or not CERTUTIL:
    skip_all("there is no chromium, or no certutil")

PICTURES = BUILD / "page"
PHONE = {"width": 390, "height": 844, "phone": True}
browser = once(Browser)


@once
def server():
    return Server("--test", "all", listen=("wss://localhost:0", "ws://127.0.0.1:0"))


def address(url=None):
    """Of the page: the certificate is for localhost, and the list of URLs has addresses."""
    url = url or server().wss
    return re.sub(r"//.*:(\d+)$", r"//localhost:\1/", url) if url.startswith("wss:") else url + "/"


@contextlib.contextmanager
def page(url=None, path="", complains=(), **look):
    """A tab with the page, ready; at the end nothing may have been complained of but this."""
    with Page(browser(), address(url).replace("ws", "http", 1) + path, **look) as tab:
        tab.until("document.body.dataset.ready", "the page is ready")
        yield tab
        for said in tab.complaints():
            equal(any(re.search(pattern, said) for pattern in complains), True, f"that {said!r} is expected")


LOG = """[...document.querySelectorAll("#log > li")].map((item) => {
    const of = (name) => item.querySelector(name)?.textContent;
    return {way: of(".way"), kind: of(".kind"), much: of(".much"), what: of(".what") ?? of("span:last-child"),
            trip: of(".trip")};
})"""


def log(tab):
    return tab.script(LOG)


def connect(tab):
    """The server may close again at once, so it is not the state that is waited for."""
    count = tab.script(f"({LOG}).filter(({{what}}) => what.startsWith('Open')).length")
    tab.click("#connect")
    tab.until(f"({LOG}).filter(({{what}}) => what.startsWith('Open')).length > {count}", "it is connected")


def say(tab, text):
    tab.fill("#text", text)
    tab.click("#send-text")


def shows(tab, what):
    """Waits for an entry of the log with this text."""
    tab.until(f"({LOG}).some(({{what}}) => what.includes({json.dumps(what)}))", f"the log shows {what!r}")


def received(tab, count):
    tab.until(f"document.querySelectorAll('#log .received').length >= {count}", f"{count} messages came")
    return [entry for entry in log(tab) if entry["way"] == "↓"]


def pick(tab, name, value=None):
    """Ticks a behaviour, and gives it a value."""
    tab.click(f"#row-{name}")
    if value is None:
        return
    tab.script(f"""(() => {{
        const field = document.querySelector("#row-{name} ~ input, #row-{name} ~ select");
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("input"));
    }})()""")


# The page.


@test("the page is all there is: one answer, no outside resource, a policy that allows nothing else")
def _():
    with page() as tab:
        requests = [event["request"]["url"] for event in tab.events("Network.requestWillBeSent")]
        equal({re.sub(r"^data:.*", "data:", url[len(address()) + 2:] if url.startswith("https") else url)
               for url in requests} <= {"", "-/", "-/status.json", "data:"}, True, f"that {requests} are its own")
        head = next(event["response"]["headers"] for event in tab.events("Network.responseReceived")
                    if event["type"] == "Document")
        policy = head["Content-Security-Policy"]
        match("default-src 'none'; script-src 'nonce-[0-9a-f]{32}'; style-src 'nonce-[0-9a-f]{32}'", policy)
        equal("unsafe" in policy, False, "that the policy has a hole")
        tab.script("document.body.append(Object.assign(document.createElement('p'), {id: 'p'}));"
                   "document.querySelector('#p').setAttribute('style', 'color: red')")
        equal(tab.script("getComputedStyle(document.querySelector('#p')).color") == "rgb(255, 0, 0)", False,
              "that a style without the nonce counts")
        equal(len(tab.complaints()), 1, "the number of violations that this was")
        tab.browser.events.clear()


@test("each answer has another nonce")
def _():
    nonces = set()
    for _ in range(3):
        out = run("curl", "-s", "--cacert", certificates() / "ca.pem", "-H", "Accept: text/html",
                  address().replace("wss", "https")).expect(0).out.decode()
        nonces |= set(re.findall(r"nonce=([0-9a-f]{32})>", out))
    equal(len(nonces), 3, "the number of nonces")


@test("it is served at any path, over TLS and without, and finds its files")
def _():
    for url in (server().wss, server().ws):
        for path in ("", "chat", "a/b/c?x=y"):
            with page(url, path) as tab:
                equal(tab.script("document.querySelector('#url').value"), address(url))
                connect(tab)
                say(tab, "hello")
                equal([entry["what"] for entry in received(tab, 1)], ["hello"])


# Messages.


@test("a text is echoed: direction, time, type, size, the same bytes, and in hexadecimal")
def _():
    with page() as tab:
        connect(tab)
        say(tab, "Grüße")
        came = received(tab, 1)[0]
        equal((came["kind"], came["much"], came["what"]), ("text", "7 B", "Grüße"))
        match(r"^= [\d.]+ ms$", came["trip"])
        equal([entry["way"] for entry in log(tab)], ["•", "↑", "↓"])
        match(r"^\d\d:\d\d:\d\d\.\d{3}$", tab.script("document.querySelector('#log .when').textContent"))
        tab.click("#log .received")
        tab.until("document.querySelector('.hex')")
        equal(tab.script("document.querySelector('.hex').textContent").split(None, 1)[1].split("  ")[0],
              "47 72 c3 bc c3 9f 65")


@test("a file of 10 MB is echoed, byte for byte")
def _():
    path = scratch() / "ten-megabytes.bin"
    path.write_bytes(os.urandom(10_000_000))
    with page() as tab:
        connect(tab)
        tab.choose_file("#file", path)
        came = received(tab, 1)[0]
        equal((came["kind"], came["much"]), ("binary", "9.5 MiB"))
        match(r"^= ", came["trip"])
        equal(log(tab)[1]["what"], "ten-megabytes.bin")


@test("an empty file, and one that is too large, are dealt with")
def _():
    for size, says in ((0, None), ((16 << 20) + 1, "Closed with 1009 (message too large)")):
        path = scratch() / "a-file.bin"
        path.write_bytes(bytes(size))
        with page() as tab:
            connect(tab)
            tab.choose_file("#file", path)
            if says:
                shows(tab, "is longer than the 16.0 MiB that this server takes")
                shows(tab, says)
            else:
                equal(received(tab, 1)[0]["much"], "0 B")


@test("codes of the close are shown, ours and the server's")
def _():
    with page() as tab:
        connect(tab)
        tab.click("#connect")
        shows(tab, "Closed with 1000 (normal)")
        connect(tab)
        tab.fill("#code", "4001")
        tab.fill("#reason", "enough")
        tab.click("#close-button")
        shows(tab, "Closed with 4001")
        connect(tab)
        tab.fill("#code", "999")
        tab.click("#close-button")
        shows(tab, "999")
        tab.until("wire.state === 'open'", "it is still connected")


# Behaviours: what is ticked, the address, and what comes of it.


def declare_behaviour(picks, query, check, complains=()):
    @test(f"picked from the table: {query}")
    def _():
        with page(complains=complains) as tab:
            for name, value in picks:
                pick(tab, name, value)
            equal(tab.script("document.querySelector('#url').value"), f"{address()}?{query}")
            tab.script("document.querySelector('[value=chain]').click()")
            chain = query.replace("=", "/").replace("&", "/")
            equal(tab.script("document.querySelector('#url').value"), f"{address()}-/{chain}")
            connect(tab)
            check(tab)


def replies(*wanted):
    def check(tab):
        say(tab, "Hello")
        equal([(entry["kind"], entry["what"]) for entry in received(tab, len(wanted))], list(wanted))
    return check


def says(*wanted):
    def check(tab):
        say(tab, "Hello")
        for what in wanted:
            shows(tab, what)
    return check


def takes_at_least(ms):
    def check(tab):
        say(tab, "Hello")
        equal(float(received(tab, 1)[0]["trip"].split()[1]) >= ms, True, f"that it took {ms} ms")
    return check


declare_behaviour([("delay", "200ms")], "delay=200ms", takes_at_least(200))
declare_behaviour([("delay", "50ms"), ("jitter", "50ms"), ("fragment", "2")],
                  "delay=50ms&jitter=50ms&fragment=2", takes_at_least(50))
declare_behaviour([("greet", "good day")], "greet=good%20day", replies(("text", "good day"), ("text", "Hello")))
declare_behaviour([("echo", "upper")], "echo=upper", replies(("text", "HELLO")))
declare_behaviour([("echo", "sha256")], "echo=sha256",
                  replies(("text", "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969")))
declare_behaviour([("close", "4000"), ("reason", "bye"), ("after", "1")], "close=4000&reason=bye&after=1",
                  says("Closed with 4000: bye"))
declare_behaviour([("drop", "fin"), ("after", "1")], "drop=fin&after=1", says("Closed with 1006 (lost"))
declare_behaviour([("send", "10"), ("type", "text"), ("count", "3")], "send=10&type=text&count=3",
                  lambda tab: equal({entry["much"] for entry in received(tab, 3)}, {"10 B"}))
declare_behaviour([("max-message", "4")], "max-message=4", says("Closed with 1009 (message too large)"))
declare_behaviour([("show", None)], "show=request", says('"tls": "TLSv1.3'))
declare_behaviour([("time", None)], "time=1", says('"received"', "Hello"))
declare_behaviour([("ping", "20ms"), ("pong", "none"), ("slice", "1"), ("rate", "1K")],
                  "ping=20ms&pong=none&slice=1&rate=1K", replies(("text", "Hello")))
declare_behaviour([("fault", "rsv")], "fault=rsv", says("Closed with 1006 (lost"),
                  complains=("Invalid frame header|reserved",))


@test("an address that is written by hand ticks what it asks for, and details go with their behaviour")
def _():
    with page() as tab:
        tab.fill("#url", address() + "chat?token=1&delay=5ms&jitter=1ms")
        equal(tab.script("builder.picked.map(({name, value}) => name + '=' + value).join()"), "delay=5ms,jitter=1ms")
        pick(tab, "greet", "a&b")
        equal(tab.script("document.querySelector('#url').value"),
              address() + "chat?token=1&delay=5ms&jitter=1ms&greet=a%26b")
        tab.click("#row-delay")
        equal(tab.script("document.querySelector('#url').value"), address() + "chat?token=1&greet=a%26b")
        tab.fill("#search", "credentials")
        equal(tab.script("[...document.querySelectorAll('.row')].filter((row) => row.offsetParent)"
                         ".map((row) => row.querySelector('code').textContent).join()"), "basic,greet")


@test("why a handshake was refused is said")
def _():
    failed = ("WebSocket connection to .* failed", "Failed to load resource")
    for query, says_so in (("delay=x", "400 Bad Request: delay takes TIME up to 60s, not 'x'"),
                           ("status=503", "503, as asked for by status=503")):
        with page(complains=failed) as tab:
            tab.fill("#url", f"{address()}?{query}")
            tab.click("#connect")
            shows(tab, says_so)
            match(re.escape(says_so), tab.script("document.querySelector('#state').textContent"))
    with page(complains=failed) as tab:
        tab.fill("#url", "ftp://localhost/")
        tab.click("#connect")
        tab.until("document.querySelector('#state').dataset.state === 'failed'")


# Round trips.


@test("round trips are plotted as they come, with p50 and p99")
def _():
    with page() as tab:
        connect(tab)
        tab.click("#keep")
        tab.until("document.querySelectorAll('#plot .dot').length >= 15", "fifteen were plotted")
        equal(tab.script("['p50', 'p99'].map((name) => document.querySelectorAll(`#plot line.${name}`).length).join()"), "1,1")
        match(r"^the last \d+: p50 [\d.]+ ms, p99 [\d.]+ ms$",
              tab.script("document.querySelector('#plot-figures').textContent"))
        equal([entry["way"] for entry in log(tab)], ["•"])
        tab.until("Number(document.querySelector('#rate').textContent) > 0", "messages a second are shown")
        equal(sorted(tab.script("document.querySelector('#server div').innerText").split()), ["1", "connection"])
        with Guest("/", url=server().ws):
            tab.until("document.querySelector('#connections').textContent === '2'", "the other connection is counted")
            equal(tab.script("document.querySelector('#connections-noun').textContent"), "connections")


@test("a thousand echoes have a histogram")
def _():
    with page() as tab:
        connect(tab)
        tab.fill("#size", "1000")
        tab.click("#run")
        tab.until("document.querySelector('#run-result').textContent", "the run came to an end")
        match(r"^1,000 in [\d.]+ s, one after the other$", tab.script("document.querySelector('#run-result').textContent"))
        match(r"^1,000: p50 [\d.]+ ms, p99 [\d.]+ ms$",
              tab.script("document.querySelector('#histogram-figures').textContent"))
        tab.until("document.querySelectorAll('#histogram .bar').length >= 3", "the histogram is drawn")
        equal(tab.script("[histogram.values.length, Math.min(...histogram.values) > 0].join()"), "1000,true")


@test("a run that the server ends says so")
def _():
    with page(path="") as tab:
        tab.fill("#url", f"{address()}?close=4000&after=10")
        connect(tab)
        tab.click("#run")
        tab.until("document.querySelector('#run-result').textContent", "the run came to an end")
        match(r"^Stopped after (9|10): the connection was closed\.$",
              tab.script("document.querySelector('#run-result').textContent"))


@test("percentiles are those of the definition")
def _():
    with page() as tab:
        equal(tab.script("[0.5, 0.99, 1].map((part) => percentile([...Array(200).keys()].map((i) => i + 1), part)).join()"),
              "100,198,200")
        equal(tab.script("[percentile([7], 0.5), percentile([7], 0.99)].join()"), "7,7")


# Lines to copy.


def copied(tab, client):
    tab.script(f"document.querySelector('[value={client}]').click()")
    return tab.script("document.querySelector('#client-lines').textContent")


def in_shell(folder, line, status=0):
    environment = dict(os.environ, PATH=f"{BUILD}:{PACKAGES}/.bin:{os.environ['PATH']}",
                       NODE_OPTIONS="--dns-result-order=ipv4first")
    # At a terminal the input stays open, too: wscat ends with it.
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w"):
        return run("sh", "-c", line, cwd=folder, env=environment, stdin=reading).expect(status).out.decode()


@test("the lines to copy do what they say, with the authority that is downloaded first")
def _():
    folder = scratch() / "lines"
    folder.mkdir()
    with page() as tab:
        tab.fill("#text", "It's \"me\"")
        pick(tab, "delay", "5ms")
        in_shell(folder, tab.script("document.querySelector('#authority-line').textContent"))
        equal((folder / "ca.pem").read_text(), (certificates() / "ca.pem").read_text())
        equal(in_shell(folder, copied(tab, "wsecho")), 'It\'s "me"\n')
        match("(?s)^HTTP/1.1 101 .*\r\nX-Wsechod: delay=5ms\r\n", in_shell(folder, copied(tab, "curl"), 28))
        (folder / "lines.py").write_text(copied(tab, "Python"))
        equal(in_shell(folder, "/usr/bin/python3 lines.py"), 'It\'s "me"\n')
        if NODE and (PACKAGES / "wscat").is_dir():
            match('"me"', in_shell(folder, copied(tab, "wscat") + " -w 1"))
        pick(tab, "close", "4000")
        pick(tab, "after", "1")
        lines = copied(tab, "JavaScript")
        told = tab.script(f"new Promise((resolve) => {{ const told = [], console = {{log: (...words) => told.push(words.join(' ')) }};"
                          f"{lines}\nws.addEventListener('close', () => resolve(told)); }})")
        equal([word.strip() for word in told], ['It\'s "me"', "4000"])


@test("of a server with a certificate made at start, the lines verify nothing, and say so")
def _():
    with Server(listen=("wss://localhost:0",), cert=False) as own:
        with Page(browser(), "about:blank") as tab:
            tab.call("Security.setIgnoreCertificateErrors", ignore=True)
            tab.call("Page.navigate", url=address(own.wss).replace("wss", "https"))
            tab.until("document.body.dataset.ready", "the page is ready")
            match("^wsecho --insecure wss://", copied(tab, "wsecho"))
            equal(tab.script("document.querySelector('#authority').hidden"), True)
            connect(tab)
            tab.click("#connect")
            tab.until("wire.state === 'closed'")


@test("with --test off the page says that there are no behaviours")
def _():
    with Server("--test", "off", listen=("ws://127.0.0.1:0",), cert=False) as own:
        with page(own.ws) as tab:
            match("--test off", tab.script("document.querySelector('#rows').textContent"))
            equal(tab.script("document.querySelector('.behaviours .intro').checkVisibility()"), False,
                  "that there is an invitation to tick something")
            connect(tab)
            say(tab, "hello")
            received(tab, 1)
            tab.click("#connect")
            tab.until("wire.state === 'closed'")
    with Server(listen=("ws://127.0.0.1:0",), cert=False) as own:
        with page(own.ws) as tab:
            equal(tab.script("document.querySelector('#row-fault').disabled"), True)
            match("Needs --test all", tab.script("document.querySelector('#row-fault-help').textContent"))


# For everybody.


@test("everything can be done by keyboard")
def _():
    with page() as tab:
        focused = "document.activeElement.id"
        tab.script("document.querySelector('#url').focus()")
        tab.press("Enter", text="\r")
        tab.until("wire.state === 'open'", "Enter connected")
        for wanted in ("protocols", "connect", "clear-log", "text"):
            tab.press("Tab")
            equal(tab.script(focused), wanted)
        tab.press("Enter", text="\r")
        received(tab, 1)
        tab.script("document.querySelector('#log .received').focus()")
        tab.press("Enter", text="\r")
        tab.until("document.querySelector('.hex')", "Enter opened the message")
        tab.script("document.querySelector('#row-delay').focus()")
        tab.press(" ", "Space", text=" ")
        match(r"\?delay=1s$", tab.script("document.querySelector('#url').value"))
        tab.press("Tab")
        equal(tab.script("document.activeElement.ariaLabel"), "Value of delay")
        tab.script("document.querySelector('[value=wsecho]').focus()")
        tab.press("ArrowRight")
        match("^wscat", tab.script("document.querySelector('#client-lines').textContent"))
        # Each control has a name.
        equal(tab.script("""[...document.querySelectorAll("input, select, textarea, button")].filter((control) =>
            !control.ariaLabel && !control.labels?.length && !control.textContent.trim()).length"""), 0)


@test("without JavaScript it says so, and what there is; nothing that would not work is shown")
def _():
    with Page(browser(), "about:blank") as tab:
        tab.call("Emulation.setScriptExecutionDisabled", value=True)
        tab.call("Page.navigate", url=address().replace("wss", "https"))
        # No timer runs in it, so it is asked from here.
        eventually(lambda: tab.script("document.readyState === 'complete' && !!document.querySelector('noscript')"),
                   "the page is there")
        equal(tab.script("document.querySelector('noscript').checkVisibility()"), True, "that the note is shown")
        equal(tab.script("document.querySelector('noscript a').href"), address().replace("wss", "https") + "-/")
        equal(tab.script("""[...document.querySelectorAll("input, button, textarea, #server")].filter((element) =>
            element.checkVisibility()).length"""), 0, "the number of controls")


# The contrast of each text with what is behind it (WCAG 2.2, 1.4.3): those below 4.5, large ones below 3.
CONTRAST = """(() => {
    const parse = (color) => { const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number); return {r, g, b, a}; };
    const light = ({r, g, b}) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const color = parse(getComputedStyle(element).backgroundColor);
            if (color.a === 1) return color;
        }
        return {r: 255, g: 255, b: 255};
    };
    const poor = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest("noscript, script, style")) continue;
        const style = getComputedStyle(element);
        const front = parse(element instanceof SVGElement ? style.fill : style.color);
        const [a, b] = [light(front), light(behind(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) poor.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
    }
    return poor;
})()"""

# What reaches over the edge of the window, unless it is within something that scrolls.
OVER_THE_EDGE = """[...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
    && !element.closest(".hidden, .hex, pre, #log") && element.getBoundingClientRect().right > innerWidth + 0.5)
    .map((element) => element.outerHTML.slice(0, 80))"""


def use(tab):
    """Something of everything, to be seen."""
    for name, value in (("greet", "good day"), ("close", "4000"), ("reason", "bye"), ("after", "3")):
        pick(tab, name, value)
    connect(tab)
    shows(tab, "good day")
    say(tab, "Hello World!")
    tab.choose_file("#file", certificates() / "ca.pem")
    received(tab, 3)
    tab.click("#send-text")
    shows(tab, "Closed with 4000: bye")
    tab.click("#clear-picked")
    connect(tab)
    tab.click("#run")
    tab.until("document.querySelector('#run-result').textContent", "the run came to an end")
    tab.script("refreshStatus().then(() => 1)")
    tab.click("#connect")
    shows(tab, "Closed with 1000")
    pick(tab, "delay", "5ms")
    pick(tab, "jitter", "20ms")
    connect(tab)
    tab.script("(async () => { for (let i = 0; i < 40; i++) await wire.echo(payload()); })()")
    say(tab, "Grüße, Welt")
    tab.until("document.querySelectorAll('#log .received').length === 5", "five came")
    tab.script("document.querySelector('#log li:last-child details').open = true; document.activeElement.blur();"
               "document.querySelector('#row-delay').scrollIntoView({block: 'center'}); scrollTo(0, 0)")
    tab.until("document.querySelector('.hex')", "it is opened")
    tab.script("document.querySelector('#log').scrollTop = 1e6")
    # Two pictures on the screen later all of it is drawn.
    tab.script("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => 1)")


def declare_look(name, **look):
    @test(f"it can be read: {name}; nothing is over the edge, and every text has contrast")
    def _():
        with page(**look) as tab:
            use(tab)
            equal(tab.script(CONTRAST), [], "the list of texts with too little contrast")
            equal(tab.script(OVER_THE_EDGE), [], "the list of what is over the edge")
            equal(tab.script("document.documentElement.scrollWidth <= innerWidth"), True, "that it is not scrolled sideways")
            tab.picture(PICTURES / f"{name}.png")
        with Page(browser(), address().replace("wss", "https") + "-/", **look) as tab:
            tab.until("document.querySelectorAll('tr').length > 40", "the list is there")
            equal(tab.script(CONTRAST) + tab.script(OVER_THE_EDGE) + tab.complaints(), [])
            tab.picture(PICTURES / f"list-{name}.png")


declare_look("desktop-light")
declare_look("desktop-dark", dark=True)
declare_look("phone-light", **PHONE)
declare_look("phone-dark", dark=True, **PHONE)


@test("the browser ends")
def _():
    browser().stop()


def make_picture(path):
    """What opens the README."""
    with Server(listen=("wss://localhost:7681",)) as own:
        with page(own.wss, width=1000, height=1200) as tab:
            use(tab)
            tab.picture(path, whole=False)
            tab.click("#connect")
            tab.until("wire.state === 'closed'")
    browser().stop()
    equal(path.stat().st_size < 200_000, True, f"that {path} has less than 200 kB")


if "--picture" in sys.argv:
    make_picture(pathlib.Path(sys.argv[2]).absolute())
else:
    main()
