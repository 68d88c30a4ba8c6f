# SPDX-License-Identifier: MIT
"""How wsecho ends when a connection does not go as it should: closed early (6), no answer in time
(7); and what it sends on the way there: header fields, keys, masks, to which address."""

import contextlib
import socket
import subprocess

from peer import (BINARY, CLOSE, PING, PONG, Peer, Script, after_accept, close_payload, header,
                  never_answered, patient_script)
from support import (DEADLINE, Server, Skip, client_command, ends, equal, finish, main, match, run,
                     scratch, sentence, started, test, wsecho)

server = Server()


# 6: closed early.


def send(*data):
    return lambda peer: peer.send(*data)


@test("6: a server that closes, with its code and its reason")
def _():
    for payload, says in ((close_payload(1000), "closed with 1000"), (b"", "closed with 1005"),
                          (close_payload(1001, b"restart at noon"), "closed with 1001: restart at"),
                          (close_payload(4321, "schön".encode()), "closed with 4321: schön")):
        with after_accept(lambda peer, payload=payload: peer.send_frame(CLOSE, payload)) as script:
            ends(wsecho(script.url, "x"), 6, says)
        equal(script.result.payload, payload[:2], "the client's own Close")


@test("6: after some replies, which are printed")
def _():
    def two(peer):
        peer.accept()
        for _ in range(2):
            peer.send_frame(*peer.read_frame()[:2])
        peer.send_close(1011, b"tired")
        peer.until_close()

    for words, given in ((("one", "two", "three"), b""), ((), b"one\ntwo\nthree\n")):
        with Script(two) as script:
            ends(wsecho(script.url, *words, given=given), 6, "1011: tired", b"one\ntwo\n")


@test("0 or 6: while standard input is still open, by the code if all was replied to")
def _():
    def one(peer):
        peer.accept()
        peer.send_frame(*peer.read_frame()[:2])
        peer.send_close(code, b"over")
        peer.until_close()

    for code, status in ((1000, 0), (1001, 0), (1011, 6), (4000, 6)):
        with Script(one) as script, started(*client_command(script.url)) as client:
            client.stdin.write(b"one\n")
            equal(client.wait(DEADLINE), status, "the status")
            done = finish(client).expect(status, b"one\n")
            equal(done.err, "" if status == 0 else f"wsecho: {done.err[8:]}", "what it says")
            if status:
                match(f"{code}: over", sentence(done.err))


@test("6: a connection that is lost, by a reset or the end of the stream")
def _():
    for way in (Peer.reset, Peer.close):
        with Script(lambda peer, way=way: (peer.accept(), peer.read_frame(), way(peer))) as script:
            ends(wsecho(script.url, "x"), 6, r"lost \(1006\)")
    with Script(lambda peer: (peer.accept(), peer.read_frame(), peer.send(b"\x81\x7e"))) as script:
        ends(wsecho(script.url, "x"), 6, r"lost \(1006\)")


def breaks(title, code, says, data, *words):
    """A test that the client closes with this code and ends with status 6."""

    @test(title)
    def _():
        for more, given in ((("x",), b""), ((), b"x\n")):
            with after_accept(send(data)) as script:
                ends(wsecho(*words, script.url, *more, given=given), 6, says)
            equal(script.result.payload[:2], close_payload(code), "the client's own Close")
            equal(script.result.masked, True, "that it is masked")


BROKE = "broke the WebSocket protocol"
breaks("6: a frame with a mask, which servers do not use", 1002, BROKE, b"\x81\x81maskx")
breaks("6: reserved bits or opcodes", 1002, BROKE, b"\xc1\x00")
breaks("6: a continuation of nothing", 1002, BROKE, b"\x80\x00")
breaks("6: a Close with a code that cannot be sent", 1002, BROKE, b"\x88\x02\x03\xed")
breaks("6: a text that is not UTF-8", 1007, BROKE, b"\x81\x02\xc3\x28")
breaks("6: a message over the limit of 16 MiB, by its header alone", 1009, "over the limit",
       header(BINARY, (16 << 20) + 1, mask=None))
breaks("6: a message over --max-message", 1009, "over the limit",
       b"\x81\x0b" + b"x" * 11, "--max-message", "10")


@test("0: a server that vanishes when all is replied to")
def _():
    def vanish(peer):
        peer.accept()
        peer.send_frame(*peer.read_frame()[:2])
        peer.until_close()

    for words, given in ((("one",), b""), ((), b"one\n")):
        with Script(vanish) as script:
            wsecho(script.url, *words, given=given).expect(0, b"one\n")


@test("6: a message of ours over the server's limit")
def _():
    with Server("--max-message", "1K") as own:
        ends(wsecho(own.ws, "x" * 1025), 6, "closed with 1009")
        ends(wsecho(own.wss, given=b"x" * 1025 + b"\n"), 6, "closed with 1009")


@test("pings of the server are answered while the client waits, pongs are ignored")
def _():
    def pings(peer):
        peer.accept()
        first = peer.read_frame()
        for i in range(3):
            peer.send_frame(PING, b"%d" % i)
            peer.send_frame(PONG, b"%d" % i)
            came = peer.read_frame()
            equal((came.opcode, came.payload, came.masked), (PONG, b"%d" % i, True))
        peer.send_frame(first.opcode, first.payload)
        peer.read_frame()

    with Script(pings) as script:
        wsecho(script.url, "hello").expect(0, b"hello\n")


# 7: time-out.


@test("7: a server that accepts and never answers, over TCP and over TLS")
def _():
    for scheme, says in (("ws", "time-out while waiting for the handshake of"),
                         ("wss", "time-out while waiting for the TLS handshake of")):
        ends(never_answered(lambda port, patience, scheme=scheme: wsecho(
            "--timeout", patience, f"{scheme}://127.0.0.1:{port}", "x")), 7, says)
    _, done = patient_script(lambda: Script(Peer.drain, tls=True),
                             lambda url, patience: wsecho("-t", patience, url, "x"),
                             lambda done: "connecting" in done.err or "TLS" in done.err)
    ends(done, 7, "time-out while waiting for the handshake")


@test("7: half an HTTP answer")
def _():
    def half(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
        peer.drain()

    _, done = patient_script(lambda: Script(half),
                             lambda url, patience: wsecho("-t", patience, url, "x"),
                             lambda done: "connecting" in done.err)
    ends(done, 7, "time-out while waiting for the handshake")


@test("7: a server that does not reply, which gets a Close all the same")
def _():
    for words, given in ((("x",), b""), ((), b"x\ny\n")):
        script, done = patient_script(
            after_accept, lambda url, patience, words=words, given=given: wsecho(
                "-t", patience, url, *words, given=given))
        ends(done, 7, "time-out")
        equal(script.result, (CLOSE, close_payload(1000), True, 0, True), "the last frame")


@test("7: a connection that is never accepted, because the queue at the door is full")
def _():
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill(listener, stack)
        ends(wsecho("-t", "300ms", f"ws://127.0.0.1:{listener.getsockname()[1]}", "x"), 7,
             "time-out while connecting")


def fill(listener, stack):
    """Connects until nobody else can: from then on, the kernel does not answer."""
    while True:
        sock = stack.enter_context(socket.socket(listener.family))
        sock.settimeout(0.3)
        try:
            sock.connect(listener.getsockname())
        except TimeoutError:
            return


@test("a time-out does not hit a client whose replies come, however many they are")
def _():
    lines = "".join(f"{i}\n" for i in range(50_000)).encode()
    wsecho("-t", "2s", server.wss, given=lines).expect(0, lines)


# Header fields, and addresses side by side.


@test("-H sends the field as it is, as often as it is given, after the client's own")
def _():
    fields = ["X-One: 1", "authorization:Bearer  a:b", "X-Empty:", "Cookie: ä=\"ö\"", "X-One: 2"]
    with Script(Peer.accept) as script:
        words = [word for field in fields for word in ("-H", field)]
        wsecho(*words, f"{script.url}/path?query=1", "x").expect(6)
    line, *own = script.result[:-len(fields)]
    equal(line, "GET /path?query=1 HTTP/1.1")
    equal(sorted(field.partition(":")[0] for field in own),
          ["Connection", "Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade"])
    equal(script.result[-len(fields):], [field.encode().decode("latin-1") for field in fields])


@test("each connection has another key and each frame another mask")
def _():
    def look(peer):
        key = next(line for line in peer.accept() if line.startswith("Sec-WebSocket-Key"))
        data = [peer.take(6 + 5)[2:6] for _ in range(3)]
        return key, *data

    seen = []
    for _ in range(2):
        with Script(look) as script:
            wsecho(script.url, given=b"hello\nhello\nhello\n").expect(6)
        seen += script.result
    equal(len(set(seen)), 8, f"the number of different ones in {seen}")


def with_hosts(lines, *command):
    """The command, where a name has the addresses that the lines of a hosts file give it."""
    hosts = scratch() / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + lines)
    script = f'mount --bind {hosts} /etc/hosts && exec "$0" "$@"'
    for namespace in (["unshare", "-m"], ["unshare", "-rm"]):
        probe = [*namespace, "sh", "-c", script]
        with contextlib.suppress(OSError):
            if subprocess.run([*probe, "true"], check=False, stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL).returncode == 0:
                return run(*probe, *command)
    raise Skip("no mount namespace can be had, and so no name with two addresses")


TWO = "::1 two-addresses\n127.0.0.1 two-addresses\n"


@test("of a name's addresses that refuse, or are silent, the next one is tried")
def _():
    port = server.ws.rpartition(":")[2]
    words = client_command(f"ws://two-addresses:{port}", "hello")
    with_hosts(TWO, *words).expect(0, b"hello\n")
    with socket.socket(socket.AF_INET6) as silent, contextlib.ExitStack() as stack:
        try:
            silent.bind(("::1", int(port)))
        except OSError as error:
            raise Skip(f"no IPv6: {error}") from error
        silent.listen(0)
        fill(silent, stack)
        with_hosts(TWO, *words).expect(0, b"hello\n")


@test("a name of which no address answers is refused with one sentence")
def _():
    # A port that nobody else can have meanwhile: taken, but not listened on.
    with socket.socket() as taken, socket.socket(socket.AF_INET6) as other:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with contextlib.suppress(OSError):
            other.bind(("::1", port))
        ends(with_hosts(TWO, *client_command(f"ws://two-addresses:{port}", "x")), 3,
             "cannot connect to two-addresses:.*refused")


main(threads=6)
