# SPDX-License-Identifier: MIT
"""What a plain GET gets: the page, a short text, and the files under /-/. What the page does in a
browser is tested in tests/page."""

import json
import re
import ssl
import urllib.request

from peer import Peer
from guest import Guest
from support import DEADLINE, Server, certificates, equal, eventually, main, match, run, scratch, test

server = Server()
context = ssl.create_default_context(cafile=certificates() / "ca.pem")


def get(url, accept="*/*", method="GET"):
    """Status, fields and text."""
    request = urllib.request.Request(url.replace("ws", "http", 1).replace("127.0.0.1", "localhost"), method=method,
                                     headers={"Accept": accept})
    try:
        answer = urllib.request.urlopen(request, timeout=DEADLINE, context=context if url.startswith("wss") else None)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


def figures(own):
    return json.loads(get(own.ws + "/-/status.json")[2])


@test("the page is for those who like HTML, and says that it depends on that")
def _():
    for url in (server.wss, server.ws):
        for accept, kind in (("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
                             ("*/*", "text/plain; charset=utf-8"), ("application/json", "text/plain; charset=utf-8")):
            status, fields, text = get(url + "/", accept)
            equal((status, fields["content-type"], fields["vary"]), (200, kind, "Accept"))
            match("WebSocket echo server", text)
            head = get(url + "/", accept, "HEAD")
            equal((head[1]["content-length"], head[2]), (str(len(text.encode())), ""))


@test("the text tells of behaviours where there are some")
def _():
    match(r"(?m)^    ws://localhost:\d+/\?delay=1s", get(server.ws + "/")[2])
    with Server("--test", "off", listen=("ws://127.0.0.1:0",), cert=False) as own:
        text = get(own.ws + "/")[2]
        equal(re.findall("(?i)behaviour|delay|/-/", text), [], "what it says of behaviours")
        match("In a browser this address is a page to try it with.\n$", text)


@test("the page loads nothing, and has no style or script but with its nonce")
def _():
    _, fields, text = get(server.wss + "/", "text/html")
    nonce = match(r"script-src 'nonce-(\w+)'", fields["content-security-policy"])[1]
    equal(re.findall(r"<(?:script|style)[^>]*>", text), [f"<style nonce={nonce}>", f"<script nonce={nonce}>"])
    equal(re.findall(r"(?:src|href)=[\"']?((?:https?:)?//[^\"'> ]+)", text), [], "the list of addresses elsewhere")
    equal(re.findall(r"<[^>]* (?:style|on\w+)=", text), [], "the list of inline styles and listeners")


@test("the figures of the server count connections and messages, with behaviours and without")
def _():
    with Server(listen=("ws://127.0.0.1:0",), cert=False) as own:
        before = figures(own)
        equal((before["connections"], before["messages"], before["test"]), (0, 0, "safe"))
        with Peer(own.ws) as one, Guest("/?greet=hi", url=own.ws) as other:
            one.echoes(b"a")
            one.echoes(b"b")
            other.read_frame()
            other.echoes(b"c")
            eventually(lambda: figures(own)["messages"] == 3, "three messages were counted")
            now = figures(own)
            equal(now["connections"], 2)
            equal(now["uptime"] > before["uptime"], True, "that the time goes on")
        eventually(lambda: figures(own)["connections"] == 0, "both are gone")


@test("the development authority can be had, and only over TLS is said to be there")
def _():
    _, fields, text = get(server.ws + "/-/ca.pem")
    equal((text, fields["content-type"]), ((certificates() / "ca.pem").read_text(), "application/x-x509-ca-cert"))
    shown = [json.loads(get(url + "/-/status.json")[2]) for url in (server.wss, server.ws)]
    equal([(one["authority"], one["secure"], one["self_signed"]) for one in shown],
          [(True, True, False), (False, False, False)])


@test("a certificate without its authority, or made at start, has none to be had")
def _():
    leaf = scratch() / "leaf.pem"
    leaf.write_text((certificates() / "localhost.pem").read_text().partition("-----END CERTIFICATE-----\n")[0]
                    + "-----END CERTIFICATE-----\n")
    for options in (("--cert", leaf, "--key", certificates() / "localhost.key"), ()):
        with Server(*options, cert=False) as own:
            status, _, text = get(own.ws + "/-/ca.pem")
            equal(status, 404)
            match(r"^404 Not Found: .*no authority", text)
            equal(figures(own)["authority"], False)


@test("/-/page.css is the style of the list; nothing else under /-/ is a file")
def _():
    equal(get(server.ws + "/-/page.css")[1]["content-type"], "text/css; charset=utf-8")
    match('href=page.css', get(server.ws + "/-/", "text/html")[2])
    for name in ("page.js", "page.html", "status.json/", "../Makefile"):
        equal(get(f"{server.ws}/-/{name}")[0], 404, f"the status for {name}")
    for name in ("status.json", "ca.pem", "page.css"):
        status, fields, text = get(f"{server.ws}/-/{name}", method="POST")
        equal((status, fields["allow"], text), (405, "GET, HEAD", "405 Method Not Allowed: use GET or HEAD.\n"))


@test("a WebSocket under the name of a file is none of it")
def _():
    with Guest("/-/status.json", url=server.ws) as peer:
        equal(peer.status, 404)


main(threads=4)
