# SPDX-License-Identifier: MIT
"""wsecho's options with servers that others wrote: what is sent and printed, and when it ends."""

import json
import os
import time

from served import with_each
from support import client_command, ends, equal, finish, main, match, scratch, started, wsecho


# What is sent.


@with_each("-f sends a file in fragments, which are one message; -d, --hex, --base64, -0 and --repeat")
def _(peer):
    file = scratch() / f"file-{peer.name}"
    file.write_bytes(os.urandom(1 << 20))
    wsecho("-b", "--raw", "-f", file, peer.url()).expect(0, file.read_bytes())
    wsecho("-d", "a\nb", "-d", f"@{os.devnull}", peer.url(), "c").expect(0, b"a\nb\n\nc\n")
    wsecho("--hex", peer.url(), "00 ff").expect(0, b"00ff\n")
    wsecho("--base64", peer.url(), "AP8=").expect(0, b"AP8=\n")
    wsecho("-0", peer.url(), given=b"a\nb\0c\0").expect(0, b"a\nb\0c\0")
    wsecho("--repeat", "3", "--interval", "1ms", peer.url(), "x").expect(0, b"x\nx\nx\n")
    wsecho("-b", "--raw", peer.url(), given=file.read_bytes()).expect(0, file.read_bytes())


# What is printed.


@with_each("-j tells of all that happens, and the end is last; -T, -P and -vv")
def _(peer):
    done = wsecho("-j", peer.url("/ping"), "x").expect(0)
    events = [json.loads(line) for line in done.out.splitlines()]
    names = [event["event"] for event in events]
    equal((names[0], names[-1], names.count("message"), names.count("ping") >= 3),
          ("open", "end", 1, True), f"the events {names}")
    equal((events[0]["status"], events[-1]["exit"], events[-1]["received"]), (101, 0, 1), "what they say")
    match(r"^\d\d:\d\d:\d\d\.\d{3} x\n$", wsecho("-T", peer.url(), "x").expect(0).out.decode())
    told = wsecho("-P", peer.url("/ping"), "x").expect(0).err
    match(r"(?m)^< ping: ping-1$", told)
    match(r"(?m)^> pong: ping-1$", told)
    match(r"(?s)> text, 1 bytes.*< text, 1 bytes.*> close 1000", wsecho("-vv", peer.url(), "x").expect(0).err)


# When it ends.


@with_each("-1, --count, --skip, --expect and --reject")
def _(peer):
    wsecho("-1", peer.url(), "a", "b").expect(0, b"a\n")
    wsecho("--count", "2", peer.url(), "a", "b", "c").expect(0, b"a\nb\n")
    wsecho("--skip", "1", "--count", "1", peer.url(), "a", "b", "c").expect(0, b"a\nb\n")
    wsecho("--expect", "^b", peer.url(), "a", "bc").expect(0, b"a\nbc\n")
    ends(wsecho("--reject", "^b", peer.url(), "a", "bc"), 8, "a message matches '\\^b'", b"a\nbc\n")
    ends(wsecho("--expect", "^z", "-t", "1s", peer.url(), "a"), 8, "no message matched", b"a\n")


@with_each("--close says a code and a reason, and --close-ok takes one")
def _(peer):
    wsecho("--close", "4001:bye", peer.url("/messages"), "x").expect(0, b"x\n")
    peer.log.wait("^/messages closed with 4001$")
    wsecho("--close-ok", "4321", peer.url("/close"), "x").expect(0)


@with_each("-w goes on for a while, and listens; -m ends it in any case, with 7")
def _(peer):
    begin = time.monotonic()
    wsecho("-w", "300ms", peer.url(), "x").expect(0, b"x\n")
    equal(time.monotonic() - begin >= 0.3, True, "that it waited")
    ends(wsecho("-m", "200ms", "-N", peer.url()), 7, "--max-time is over")


@with_each("--ping-interval keeps a connection to a server that answers")
def _(peer):
    with started(*client_command("-P", "--ping-interval", "20ms", "--ping-timeout", "20s", "-N",
                                 peer.url())) as client:
        # Servers send Pings of their own, too.
        for says in (b"> ping: 1\n", b"< pong: 1\n", b"> ping: 2\n", b"< pong: 2\n"):
            equal(says in client.stderr, True, f"that it tells {says}")


@with_each("--reconnect comes back after each time that it was dropped")
def _(peer):
    with started(*client_command("--reconnect=20ms", peer.url("/drop"))) as client:
        for _ in range(2):
            client.stdin.write(b"x\n")
            match("lost .1006., with 1 message not replied to: trying again", client.stderr.readline().decode())
            match("connected again", client.stderr.readline().decode())
        ends(finish(client), 6, "^2 of 2 messages were not replied to: a connection was lost$", b"")


main(threads=4)
