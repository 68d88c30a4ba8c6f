# SPDX-License-Identifier: MIT
"""wsecho where the server sends it."""

import contextlib
import json
import socket
import threading

from peer import TEXT, Peer, Script, told
from screen import PROMPT, Talker, at_terminal, leave, ready
from support import Server, ends, equal, main, scratch, test, wsecho

server = Server()


def sends_to(place, status="302 Found"):
    """A server that sends everybody there; its result is what it was asked."""

    def answer(peer):
        lines = peer.read_request()
        peer.send(f"HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())
        peer.drain()
        return lines

    return Script(answer)


@test("-L goes where it is sent; without it the place is told")
def _():
    for place in (server.ws, server.ws.replace("ws:", "http:"), server.ws + "/a/../b?c",
                  server.ws.replace("ws:", "")):
        with sends_to(place) as script:
            wsecho("-L", script.url, "x").expect(0, b"x\n")
    with sends_to(server.ws) as script:
        ends(wsecho(script.url, "x"), 5, rf"answered 302 Found, Location: {server.ws}: use -L$")


@contextlib.contextmanager
def socket_sends_to(path, place, *then):
    """A server on a Unix socket that sends the first one there, and does this with the others."""

    def redirect(peer):
        peer.read_request()
        peer.send(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())

    seen = []

    def serve():
        for action in (redirect, *then):
            with Peer(sock=listener.accept()[0], server=True) as peer:
                seen.append(action(peer))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield seen
        thread.join()
    path.unlink()


@test("who is connected to a Unix socket is sent nowhere else, least of all to another socket")
def _():
    path, other = scratch() / "sent-nowhere", scratch() / "elsewhere"
    for url in (f"unix:{path}", f"unix://{path}", f"ws+unix:{path}:/x"):
        places = (f"unix:{other}", f"unix://{other}", server.ws, server.ws.partition(":")[2])
        for place in places if url.startswith("ws") else (*places, str(other), "?q"):
            with socket_sends_to(path, place):
                ends(wsecho("-L", url, "x"), 5, "sends us to '.*', where we cannot go")


@test("a path is followed within a Unix socket, with all that is for its server")
def _():
    def reply(peer):
        lines = peer.accept()
        peer.send_frame(TEXT, peer.read_frame().payload)
        peer.until_close()
        peer.send_close()
        return lines

    path = scratch() / "sent-on"
    for place, target in (("/next", "/next"), ("next?q", "/a/next?q"), ("..", "/"), ("?q", "/a/b?q")):
        with socket_sends_to(path, place, reply) as seen:
            wsecho("-L", "-u", "joe:x", f"ws+unix:{path}:/a/b", "x").expect(0, b"x\n")
        equal(seen[1][0], f"GET {target} HTTP/1.1", "the second request")
        equal(any(line.startswith("Authorization:") for line in seen[1]), True, f"that {seen[1]}")


@test("-L resolves what is relative, goes so far, and not from wss to ws")
def _():
    def twice(peer):
        lines = peer.read_request()
        if " /a/b " in lines[0]:
            peer.send(b"HTTP/1.1 307 T\r\nLocation: ../c?d#e\r\nContent-Length: 0\r\n\r\n")
            peer.drain()
            return None
        equal(lines[0], "GET /c?d HTTP/1.1", "the second request")
        peer.buffer = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return told(peer)

    with Script(twice, connections=2) as script:
        wsecho("-L", script.url + "/a/b", "x").expect(0, b"x\n")
    with Script(lambda peer: (peer.read_request(), peer.send(
            b"HTTP/1.1 301 M\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), peer.drain()),
                connections=5) as script:
        ends(wsecho("-L", "--max-redirs", "2", script.url, "x"), 5,
             "more than 2 redirects: raise that with --max-redirs$")
        ends(wsecho("-L", "--max-redirs", "1", script.url, "x"), 5,
             "more than 1 redirect: raise that with --max-redirs$")
    with sends_to("ftp://h/") as script:
        ends(wsecho("-L", script.url, "x"), 5, "'ftp://h/', whose scheme we cannot follow$")
    with sends_to("javascript:x") as script:
        ends(wsecho("-L", script.url, "x"), 5, "'javascript:x', whose scheme we cannot follow$")
    with Script(lambda peer: (peer.read_request(), peer.send(
            f"HTTP/1.1 301 M\r\nLocation: {server.ws}\r\nContent-Length: 0\r\n\r\n".encode()),
            peer.drain()), tls=True) as script:
        ends(wsecho("-L", script.url, "x"), 5, "which is not encrypted")


@test("a Location that is no URL for us is the server's fault, and no wrong use of ours")
def _():
    for place, says in (
            ("ws://h:99999/", "'ws://h:99999/': the port is not a number"),
            ("/a b", "/a b': a URL has no spaces"), ("ws:///x", "'ws:///x': the URL names no host"),
            ("http://[::1/", "the bracket before the IPv6 address is not closed"),
            ("ws://joe:SEC/RET@h/", r"'ws://\.\.\.@h/': the port"),
            ("http://j:%zz@h/", r"'http://\.\.\.@h/', whose user or password has a wrong '%'"),
            ("/é", "what is not ASCII must be percent-encoded"),
            ("/" + "x" * 8000, "path and query are longer than 8,000 bytes")):
        with sends_to(place) as script:
            ends(wsecho("-L", script.url, "x"), 5, f"^the server sends us to .*{says}")
    with sends_to("ws://h:99999/") as script:
        lines = wsecho("-L", "-j", script.url, "x").expect(5).out.decode().splitlines()
    equal(json.loads(lines[0])["stage"], "handshake", "the stage")


@test("blanks around a Location are none of it")
def _():
    with sends_to(f" \t{server.ws}/there \t ") as script:
        wsecho("-L", script.url, "x").expect(0, b"x\n")


@test("a redirect that does not say where to says so, with and without -L")
def _():
    for words in ((), ("-L",)):
        with Script(lambda peer: (peer.read_request(), peer.send(
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), peer.drain())) as script:
            ends(wsecho(*words, script.url, "x"), 5,
                 "answered 302 Found, without a Location: it does not say where to go$")


@test("-L: JSON shows where it led to, and no URL shows a password")
def _():
    def url_of(*words):
        line = wsecho("-j", *words, "x").expect(0).out.decode().splitlines()[0]
        return json.loads(line)["url"]

    with sends_to(server.ws + "/there") as script:
        equal(url_of("-L", script.url), server.ws + "/there", "the URL")
    equal(url_of(server.ws), server.ws, "the URL")
    equal(url_of(server.ws.replace("//", "//joe:secret@")), server.ws, "the URL")


@test("401: who gave credentials is told that they are refused, also behind a redirect")
def _():
    def refuse(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        peer.drain()

    token = scratch() / "refused-token"
    token.write_text("token\n")
    for words in (("-u", "joe:x"), ("--bearer-file", token), ("-H", "authorization: Basic eA==")):
        with Script(refuse) as script:
            ends(wsecho(*words, script.url, "x"), 5,
                 "answered 401 No: the credentials that were given are refused$")
    with Script(refuse) as script, sends_to(script.url) as first:
        ends(wsecho("-L", "-u", "joe:x", first.url, "x"), 5,
             "answered 401 No: --user NAME, or --bearer-file FILE$")


@test("-L takes no secret to another host or port, but Origin and subprotocols")
def _():
    words = ["-L", "-u", "joe:secret", "-H", "X-Key: secret", "--cookie", "secret=1", "-o", "http://o"]
    with Script(told) as target, sends_to(target.url) as script:
        wsecho(*words, script.url, "x").expect(0, b"x\n")
    equal(any("secret" in line or "Basic" in line for line in target.result), False,
          f"that there is a secret in {target.result}")
    equal("Origin: http://o" in target.result, True, f"that {target.result} has the Origin")


@test("-L takes secrets along on the same host and port")
def _():
    def serve(peer):
        lines = peer.read_request()
        if " / " in lines[0]:
            peer.send(b"HTTP/1.1 308 P\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
            peer.drain()
            return None
        peer.buffer = ("\r\n".join(lines) + "\r\n\r\n").encode()
        return told(peer)

    with Script(serve, connections=2) as script:
        wsecho("-L", "-H", "X-Key: mine", script.url, "x").expect(0, b"x\n")
    equal("X-Key: mine" in script.result, True, f"that {script.result} has the field")


@test("-L at a terminal: it is connected to where it was sent, and lines go there")
def _():
    with Talker() as talker, sends_to(talker.url + "/there") as script:
        with at_terminal("-L", script.url) as terminal:
            ready(terminal)
            terminal.shows(f"connected to {talker.url}/there (plain). Ctrl-D closes, Ctrl-C quits.",
                           PROMPT)
            terminal.type("hello\r")
            talker.hears("hello")
            talker.says("welcome")
            terminal.shows("> hello", "< welcome", PROMPT)
            leave(terminal, talker)


@test("a redirect at a terminal without -L: the sentence, status 5, and no prompt")
def _():
    with sends_to("ws://h/") as script, at_terminal(script.url, columns=200) as terminal:
        terminal.expect(5)
        terminal.shows(f"wsecho: {script.url[5:]} answered 302 Found, Location: ws://h/: use -L")
        equal(len(terminal.lines()), 1, "the lines on the screen")


main(threads=6)
