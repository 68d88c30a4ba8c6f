# SPDX-License-Identifier: MIT
"""As whom wsecho comes: users, tokens, fields, and where their secrets are seen."""

import base64
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import termios

from peer import Script, told
from support import (DEADLINE, Server, client_command, ends, equal, finish, main, match, run,
                     scratch, started, test, wsecho)

server = Server()


def request_of(*words, url="", **more):
    """What the server is asked, of a client with these options, which must succeed."""
    with Script(told) as script:
        wsecho(*words, script.url + url, "x", **more).expect(0, b"x\n")
    return script.result


@test("-u and the URL's user are Basic; --bearer-file, --cookie, --origin and -s are fields")
def _():
    secret = scratch() / "secret"
    secret.write_text("a token\nno more\n")
    basic = "Authorization: Basic " + base64.b64encode(b"joe:a:b").decode()
    for words, field in (
            (["-u", "joe:a:b"], basic), (["--bearer-file", secret], "Authorization: Bearer a token"),
            (["--cookie", "a=b", "--cookie", "c=d"], "Cookie: a=b; c=d"),
            (["-o", "https://a.example"], "Origin: https://a.example")):
        lines = request_of(*words)
        equal(field in lines, True, f"that {field} is in {lines}")
    with Script(told) as script:
        wsecho(script.url.replace("//", "//joe:a%3Ab@"), "x").expect(0, b"x\n")
    equal(basic in script.result, True, f"that {script.result} has the user of the URL")
    ends(wsecho("-u", "a:b", "--bearer-file", secret, server.ws, "x"), 2, "exclude each other")
    ends(wsecho("--bearer-file", "/no/such", server.ws, "x"), 2, "cannot read '/no/such'")
    ends(wsecho("--bearer-file", "/", server.ws, "x"), 2, "cannot read '/': Is a directory")


@test("-s offers subprotocols, and the server's choice is told with -v")
def _():
    with Script(lambda peer: (peer.accept("Sec-WebSocket-Protocol: two"), peer.until_close(),
                              peer.send_close())[0]) as script:
        done = wsecho("-v", "-w", "0", "-s", "one", "-s", "two", script.url, "x")
    done.expect(0)
    equal("Sec-WebSocket-Protocol: one, two" in script.result, True, "that both are offered")
    match(r"(?m)^\* subprotocol two$", done.err)


@test("-H takes fields from a file, and a field without a value; what cannot be one is named")
def _():
    fields = scratch() / "fields"
    fields.write_text("X-A: 1\n# a comment\n\nX-B: 2\r\n")
    lines = request_of("-H", f"@{fields}", "-H", "X-Empty;")
    for field in ("X-A: 1", "X-B: 2", "X-Empty:"):
        equal(field in lines, True, f"that {field} is in {lines}")
    ends(wsecho("-H", "X-T:\abell", server.ws, "x"), 2,
         "the header field 'X-T' has a control character in its value")
    ends(wsecho("-H", "Ünicode: 1", server.ws, "x"), 2, "has a name with other characters")
    ends(wsecho("-H", "@/no/such", server.ws, "x"), 2, "cannot read '/no/such'")
    ends(wsecho("-H", "@/", server.ws, "x"), 2, "cannot read '/': Is a directory")
    fields.write_bytes(b"X-A: 1\n\0X-B: 2\n")
    ends(wsecho("-H", f"@{fields}", server.ws, "x"), 2, f"cannot read '{fields}': it is no text")


@test("what is no field is not shown, for it may be a secret: it is said where it is")
def _():
    for text in ("Authorization Bearer SECRET", "SECRET", "Authorization Bearer SECRET;",
                 "Bearer SECRET: x", "SECRET\t: x"):
        ends(wsecho("-H", "X: 1", "-H", text, server.ws, "x"), 2,
             "^option '--header', number 2: it is not 'Name: value'$")
        fields = scratch() / "no-field"
        fields.write_text(f"# comment\n\nX: 1\n{text}\n")
        ends(wsecho("-H", f"@{fields}", server.ws, "x"), 2,
             f"^cannot read '{fields}': line 4 is not 'Name: value'$")
    ends(wsecho("-H", "SE(CRET: x", server.ws, "x"), 2, "^header field 1 has a name with other")


@test("a field that may be there once is not sent twice, whichever options say it")
def _():
    equal("Host: a" in request_of("-H", "Host: a"), True, "that Host is ours to say")
    equal([line for line in request_of("-H", "X: 1", "-H", "X: 2") if line[:2] == "X:"],
          ["X: 1", "X: 2"], "others")
    for words, name in ((["-H", "Host: a", "-H", "host:b"], "host"),
                        (["-u", "a:b", "-H", "Authorization: c"], "Authorization"),
                        (["-o", "https://a", "-H", "Origin: b"], "Origin"),
                        (["--cookie", "a=b", "-H", "Cookie: c=d"], "Cookie")):
        ends(wsecho(*words, server.ws, "x"), 2, f"the header field '{name}' is there twice")


@test("what is no subprotocol, and no cookie, is not sent")
def _():
    for words in (["-s", ""], ["-s", "a b"], ["-s", "a", "-s", "a"], ["-s", "a,b", "-s", "b"],
                  ["-s", "a/b"]):
        ends(wsecho(*words, server.ws, "x"), 2, "'Sec-WebSocket-Protocol' is no list of different")
    equal("Sec-WebSocket-Protocol: a,b, A" in request_of("-s", "a,b", "-s", "A"), True, "a list")
    done = wsecho("--cookie", "secret", server.ws, "x").expect(2)
    match("option '--cookie' must be NAME=VALUE", done.err)
    equal("secret" in done.err, False, "that it is printed")


@test("secrets of the command line are gone from the list of processes, and -v does not print them")
def _():
    for first, url in ((["-u", "joe:secret1"], server.ws.replace("//", "//u:secret5@")),
                       (["-H", "Authorization: secret2"], server.ws)):
        words = [*first, "--cookie", "secret3=x", "--proxy=joe:secret4@127.0.0.1:1", "--noproxy", "*"]
        with started(*client_command("-v", *words, url)) as client:
            client.stdin.write(b"one\n")
            equal(client.stdout.readline(), b"one\n", "the reply")
            shown = pathlib.Path(f"/proc/{client.pid}/cmdline").read_bytes()
            equal(b"secret" in shown, False, f"that there is a secret in {shown}")
            done = finish(client).expect(0)
        equal("secret" in done.err or base64.b64encode(b"joe:secret1").decode() in done.err, False,
              f"that there is a secret in {done.err}")


@test("a URL that cannot be read does not show its password, whatever is in that")
def _():
    for password in ("SEC/RET", "SEC#RET", "SEC?RET", "SEC/R@ET", "SEC/R ET"):
        for url in (f"ws://joe:{password}@h:7/", f"joe:{password}@h:7/", f"ftp://joe:{password}@h:7/"):
            scheme = url[:url.find("joe")] or "ws://"
            ends(wsecho(url, "x"), 2, f"^'{scheme}...@h:7/': ")
            done = wsecho("-j", url, "x").expect(2)
            equal(b"SEC" in done.out or "SEC" in done.err, False, f"that {done.out} shows it")


@test("-u NAME asks for the password on the terminal, which does not show it")
def _():
    for user, asked in (("joe", "joe"), ("j\x1boe", "j\\x1boe")):
        with Script(told) as script:
            terminal, theirs = pty.openpty()
            with started(*client_command("-u", user, script.url, "x"), stdin=theirs, stdout=theirs,
                         stderr=theirs, start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as client:
                os.close(theirs)
                seen = b""
                with contextlib.suppress(OSError):
                    while data := os.read(terminal, 4096):
                        if b"password" in seen + data and b"password" not in seen:
                            os.write(terminal, b"open sesame\n")
                        seen += data
                equal(client.wait(DEADLINE), 0, "the status")
            os.close(terminal)
        match(rf"^wsecho: password for {re.escape(asked)}: \s*x", seen.decode())
        equal(b"sesame" in seen, False, f"that {seen} shows it")
        basic = base64.b64encode(user.encode() + b":open sesame").decode()
        equal(f"Authorization: Basic {basic}" in script.result, True, "that it is sent")


@test("-u NAME without a terminal has status 2")
def _():
    done = run("setsid", "-w", *client_command("-u", "joe", server.ws, "x"))
    ends(done, 2, "there is no terminal to ask for the password of 'joe'")


main(threads=6)
