# SPDX-License-Identifier: MIT
"""wsecho and servers that mean no good: it ends, says why, and takes neither much memory nor much
processor time, whatever they send."""

import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import zlib

from peer import BINARY, CLOSE, PING, TEXT, Script
from peer import frame as masked_frame
from support import (DEADLINE, SANITIZED, Ended, Server, client_command, equal, main, match, note,
                     once, sentence, test)

MIB = 1024  # KiB
CPU = 30 if SANITIZED else 5  # seconds


def peak_of(pid):
    """How much memory it had at most, in KiB; 0 if it is gone."""
    found = re.search(r"VmHWM:\s*(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


class Measured(Ended):
    """How a run ended, and what it took."""

    def __init__(self, *words):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(client_command(*words), stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err)
            watch = threading.Timer(DEADLINE, process.kill)
            watch.start()
            # That of wait4() would have this script's in it: a child begins with it.
            self.memory = 0
            while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
                self.memory = peak_of(process.pid) or self.memory
                threading.Event().wait(0.002)
            watch.cancel()
            _, status, used = ended
            process.returncode = os.waitstatus_to_exitcode(status)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read())
        super().__init__(process.returncode, *texts)
        self.cpu = used.ru_utime + used.ru_stime


def frame(opcode, payload=b"", **more):
    """As a server sends it."""
    return masked_frame(opcode, payload, mask=None, **more)


@once
def usual():
    """KiB that a run takes with a server that is good."""
    with Server(listen=("ws://127.0.0.1:0",), cert=False) as good:
        return Measured("-w", "100ms", good.ws, "x").expect(0).memory


def flood(peer, *pieces):
    """Sends these again and again, until the client has gone."""
    with contextlib.suppress(OSError):
        while True:
            peer.send(*pieces)


def trickle(peer, data, gap=0.02):
    """... a byte at a time."""
    with contextlib.suppress(OSError):
        while True:
            for i in range(len(data)):
                peer.send(data[i:i + 1])
                threading.Event().wait(gap)


def opened(function, *arguments, fields=()):
    """A server that does this when the connection is open."""

    def serve(peer):
        peer.accept(*fields)
        function(peer, *arguments)
        peer.drain()

    return Script(serve)


def asked(function, *arguments, connections=1):
    """A server that does this when it has read the request."""

    def serve(peer):
        peer.read_request()
        function(peer, *arguments)
        peer.drain()

    return Script(serve, connections=connections)


def survives(title, server, status, says, *words, more=4 * MIB):
    """A test: with this server it ends with the status, says this, and takes so much memory more than
    with a good one. The time that a server has is -t's or -m's, and within DEADLINE it is over."""

    def run_it():
        with server() as script:
            done = Measured(*(word.replace("URL", script.url) for word in words))
        note(f"{title}: status {done.status}, {done.cpu:.2f} s of CPU, "
             f"{(done.memory - usual()) / MIB:.1f} MiB more than usual")
        match(says, sentence(done.expect(status).err) if says else "")
        equal(done.cpu < CPU, True, f"that {done.cpu:.2f} s of CPU are less than {CPU}")
        if not SANITIZED:
            equal(done.memory - usual() < more, True,
                  f"that {done.memory} KiB are {usual()} and less than {more}")

    test(title)(run_it)


OK = b"HTTP/1.1 200 OK\r\n"
survives("a head without end: one line", lambda: asked(flood, b"HTTP/1.1 200 " + b"x" * 60000), 5,
         "more than 16 KiB", "URL", "x")
survives("a head without end: fields", lambda: asked(flood, OK + b"X: y\r\n" * 5000), 5,
         "more than (16 KiB|100 fields)", "URL", "x")
survives("1xx responses without end", lambda: asked(flood, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500), 7,
         "time-out", "-t", "2s", "URL", "x")
survives("a refusal whose body has no end",
         lambda: asked(flood, b"HTTP/1.1 403 No\r\n\r\n" + b"<p>" * 20000), 5, "answered 403 No",
         "-t", "2s", "URL", "x")
survives("a refusal whose chunked body has no end",
         lambda: asked(flood, b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n"
                       + b"5\r\n<p>ab\r\n" * 5000), 5, "answered 403 No", "-t", "2s", "URL", "x")
survives("a head that comes a byte at a time", lambda: asked(trickle, b"HTTP/1.1 101 " + b"x" * 5000), 7,
         "time-out", "-t", "1s", "URL", "x")
survives("redirects in a circle",
         lambda: asked(lambda peer: peer.send(b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
                       connections=11), 5, "more than 10 redirects", "-L", "URL", "x")
survives("500,000 fragments of one byte, which are one message",
         lambda: opened(lambda peer: peer.send(frame(TEXT, b"x", fin=False)
                                               + frame(0, b"x", fin=False) * 499_998 + frame(0, b"x"))),
         0, "", "-1", "-N", "URL")
survives("empty fragments without end",
         lambda: opened(lambda peer: (peer.send(frame(TEXT, b"", fin=False)),
                                      flood(peer, frame(0, b"", fin=False) * 5000))),
         7, "time-out", "-t", "1s", "URL", "x")
survives("a flood of Pings, whose Pongs nobody reads",
         lambda: opened(flood, frame(PING, b"x" * 125) * 500), 7, "time-out", "-t", "1s", "URL", "x")
survives("a flood of Pongs", lambda: opened(flood, frame(10, b"x" * 125) * 500), 7, "time-out", "-t", "1s",
         "URL", "x")
survives("a frame of 2^63-1 bytes is announced",
         lambda: opened(lambda peer: flood(peer, b"\x82\x7f\x7f" + b"\xff" * 7, bytes(60000))), 6,
         "over the limit: raise it with --max-message", "URL", "x")
survives("a frame of 1 GiB is announced and does not come",
         lambda: opened(lambda peer: peer.send(b"\x82\x7f\0\0\0\0\x40\0\0\0abc")), 7, "time-out",
         "--max-message", "1G", "-t", "1s", "URL", "x")
survives("a frame of 1 GiB comes, and 1 MiB is allowed",
         lambda: opened(lambda peer: (peer.send(b"\x82\x7f\0\0\0\0\x40\0\0\0"), flood(peer, bytes(1 << 18)))),
         6, "over the limit", "--max-message", "1M", "URL", "x", more=6 * MIB)
survives("fragments without end, and 1 MiB is allowed",
         lambda: opened(lambda peer: (peer.send(frame(BINARY, b"", fin=False)),
                                      flood(peer, frame(0, bytes(4096), fin=False) * 20))),
         6, "over the limit", "--max-message", "1M", "URL", "x", more=6 * MIB)


def bomb(size):
    """A frame that inflates to so many bytes."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(size >> 20))
    data += deflate.flush(zlib.Z_SYNC_FLUSH)
    return frame(BINARY, data[:-4], rsv=4)


survives("a small message that inflates to 256 MiB",
         lambda: opened(lambda peer, data=bomb(256 << 20): peer.send(data),
                        fields=["Sec-WebSocket-Extensions: permessage-deflate"]),
         6, "over the limit", "--compress", "URL", "x", more=40 * MIB)
survives("a message that comes a byte at a time, without end: -m bounds it",
         lambda: opened(lambda peer: (peer.send(b"\x82\x7f\0\0\0\0\0\x10\0\0"), trickle(peer, b"x"))), 7,
         "--max-time is over", "-t", "1s", "-m", "2s", "URL", "x")
survives("our Close is not answered", lambda: opened(lambda peer: peer.send(frame(TEXT, b"x"))), 6,
         "did not answer the Close within 1s", "-t", "1s", "URL", "x")
survives("our Close is answered with messages without end",
         lambda: opened(flood, frame(TEXT, b"x" * 100) * 500), 6, "did not answer the Close within 1s",
         "-t", "1s", "URL", "x")


def never_ends_tcp(peer):
    """Answers the Close, and leaves TCP open."""
    came = peer.read_frame()
    while came.opcode != CLOSE:
        peer.send_frame(came.opcode, came.payload)
        came = peer.read_frame()
    peer.send_frame(CLOSE, came.payload)


survives("TCP stays open when both have closed", lambda: opened(never_ends_tcp), 0, "", "URL", "x")

main(threads=2)
