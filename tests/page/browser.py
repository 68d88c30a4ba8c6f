# SPDX-License-Identifier: MIT
"""Chromium without a screen, driven by its DevTools protocol over a pair of pipes.

It trusts the certificates' authority, which is put into a database of its own, and nothing else is
relaxed; but for its sandbox, which root cannot have.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import threading
import zlib

from support import DEADLINE, ROOT, certificates, match, run, scratch

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CERTUTIL = shutil.which("certutil")
OPTIONS = ("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
           "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--no-default-browser-check",
           "--force-color-profile=srgb")


class Failure(Exception):
    """What the browser, or the page in it, says went wrong."""


def home_that_trusts():
    """A home directory whose database of certificates has the authority, by the command that
    make-certs tells."""
    home = scratch() / "home"
    (home / ".pki/nssdb").mkdir(parents=True)
    told = run(ROOT / "certs/make-certs", certificates(), "localhost").expect(0).out.decode()
    run("sh", "-c", match(r"(?m)^  Chromium +(certutil .*)$", told)[1], env={**os.environ, "HOME": str(home)}).expect(0)
    return home


class Browser:
    """One process. Messages are JSON, each with a NUL behind it."""

    def __init__(self):
        home = home_that_trusts()
        to_browser, self.writer = os.pipe()
        reader, from_browser = os.pipe()
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []

        def wire():
            # The browser reads from 3 and writes to 4.
            os.dup2(to_browser, 100)
            os.dup2(from_browser, 101)
            os.dup2(100, 3)
            os.dup2(101, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, *sandbox, f"--user-data-dir={home}/profile", "about:blank"],
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/data"},
            preexec_fn=wire, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(scratch() / "chromium.log").open("wb"))
        os.close(to_browser)
        os.close(from_browser)
        self.changed = threading.Condition()
        self.answers, self.events, self.last, self.ended = {}, [], 0, False
        threading.Thread(target=self.read, args=(reader,), daemon=True).start()

    def read(self, reader):
        buffer = b""
        while data := os.read(reader, 1 << 20):
            *messages, buffer = (buffer + data).split(b"\0")
            with self.changed:
                for message in map(json.loads, messages):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        os.close(reader)

    def call(self, method, session=None, **parameters):
        """Sends a command; returns what it results in."""
        with self.changed:
            self.last += 1
            number = self.last
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writer, data):]
        with self.changed:
            # A script that waits in the page gives up before.
            self.changed.wait_for(lambda: self.ended or number in self.answers, 2 * DEADLINE)
            answer = self.answers.pop(number, None)
        if answer is None:
            raise Failure(f"no answer to {method}: {(scratch() / 'chromium.log').read_text()[-2000:]}")
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']}")
        return answer["result"]

    def stop(self):
        with contextlib.suppress(Failure):
            self.call("Browser.close")
        self.process.wait(DEADLINE)
        os.close(self.writer)


def squeezed(png):
    """The same picture: the browser is in a hurry when it compresses one."""
    chunks, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at:at + 4], "big")
        chunks.append((png[at + 4:at + 8], png[at + 8:at + 8 + length]))
        at += 12 + length
    pixels = zlib.compress(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), 9)
    out = png[:8]
    for kind, data in (chunks[0], (b"IDAT", pixels), (b"IEND", b"")):
        out += len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return out


class Page:
    """A tab, from `with`. Its complaints are what the console and the log of the browser got."""

    def __init__(self, browser, url, width=1280, height=900, dark=False, scale=1, phone=False):
        self.browser, self.url = browser, url
        self.metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self.dark = dark

    def __enter__(self):
        self.target = self.browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", **self.metrics)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if self.dark else "light"}])
        self.call("Page.navigate", url=self.url)
        return self

    def __exit__(self, *_):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def script(self, expression):
        """The value of JavaScript, or of its promise."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
                           userGesture=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression, what=None):
        """Waits until the JavaScript is true."""
        found = self.script(f"""new Promise((resolve) => {{
            const end = performance.now() + {DEADLINE * 1000};
            (function look() {{
                let value = false;
                try {{ value = ({expression}) ? true : false; }} catch {{ }}
                if (value || performance.now() > end) resolve(value); else setTimeout(look, 10);
            }})();
        }})""")
        if not found:
            raise Failure(f"never came true: {what or expression}; the page says:\n" + self.script("document.body.innerText"))

    def click(self, selector):
        """With the mouse, where the middle of the element is; it must be what is on top there."""
        where = self.script(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
            const top = document.elementFromPoint(x, y);
            return {{x, y, hit: element.contains(top) || top.contains(element)}};
        }})()""")
        if not where["hit"]:
            raise Failure(f"something lies over {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=where["x"], y=where["y"], button="left", clickCount=1)

    def press(self, key, code=None, text=None, shift=False):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, modifiers=8 if shift else 0,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}.get(key, 0),
                      **({"text": text} if text and kind == "keyDown" else {}))

    def fill(self, selector, text):
        """Replaces what is in a field, as somebody who types."""
        self.script(f"document.querySelector({json.dumps(selector)}).focus(); document.activeElement.select()")
        self.call("Input.insertText", text=text)

    def choose_file(self, selector, path):
        document = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def events(self, *methods):
        with self.browser.changed:
            return [event["params"] for event in self.browser.events
                    if event.get("sessionId") == self.session and event["method"] in methods]

    def complaints(self):
        """Whatever the console, the browser's log or an exception says; a CSP violation, too."""
        # Everything said before this answer has come.
        self.script("new Promise((resolve) => setTimeout(resolve))")
        said = []
        for event in self.events("Runtime.consoleAPICalled"):
            said.append(" ".join(str(word.get("value", word.get("description"))) for word in event["args"]))
        said += [event["entry"]["text"] + " " + event["entry"].get("url", "") for event in self.events("Log.entryAdded")]
        said += [str(event["exceptionDetails"]) for event in self.events("Runtime.exceptionThrown")]
        return said

    def picture(self, path, whole=True):
        """A screenshot, of the whole page or of what is seen."""
        parameters = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            parameters = {"captureBeyondViewport": True,
                          "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}
        data = self.call("Page.captureScreenshot", format="png", **parameters)["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(squeezed(base64.b64decode(data)))
