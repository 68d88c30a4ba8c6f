# SPDX-License-Identifier: MIT
# Long: the suite again for each of the faults.
"""The conformance suite itself: a server that does everything right passes all of it, and each
fault that the server is told to have is found, by the cases that are about it."""

import contextlib
import pathlib
import shlex
import socket
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/conformance")]

# pylint: disable=wrong-import-position
from suite import catalogue, html, http, report, runner  # noqa: E402
from suite.spawn import Spawned, SpawnedTarget  # noqa: E402
from suite.targets import ServerTarget, Settings, Unreachable  # noqa: E402
from support import (BUILD, Ended, Server, certificates, equal, main, match, scratch,  # noqa: E402
                     started, test)

REFERENCE = ROOT / "tests/conformance/peers/reference.py"
RUN = ROOT / "tests/conformance/run"
PYTHON = sys.executable


def results(faults, cases, deadline, patience):
    """{name: result} of the reference server with these faults."""
    with Spawned([PYTHON, str(REFERENCE), "{port}", *faults]) as server:
        target = SpawnedTarget(server, Settings(deadline, patience))
        return {result.name: result for result in runner.run(cases, target, "reference").results}


def judge(*words):
    """Runs tests/conformance/run to its end. All that it waits for has a deadline; how long Python takes
    to begin is up to the machine."""
    with started(PYTHON, RUN, *words) as process:
        out, err = process.communicate()
    return Ended(process.returncode, out, err)


@test("a server that does everything right passes all cases")
def _():
    found = results((), catalogue.cases("server"), deadline=45, patience=2)
    wrong = [f"{one.number} {one.name}: {one.verdict}, {one.seen}" for one in found.values()
             if one.verdict not in ("OK", "INFORMATIONAL")]
    equal(wrong, [], "what is not right")
    if sum(one.verdict == "OK" for one in found.values()) < 600:
        raise AssertionError("too few cases are OK")


def finds(fault, sections, *wrong):
    """A test that a fault makes these cases FAILED or NON-STRICT: (verdict, name)."""

    @test(f"a server made to have the fault '{fault}' is found out")
    def _():
        names = [name for _, name in wrong]
        cases = [case for case in catalogue.cases("server", sections.split(","))
                 if case.name in names]
        found = results((fault,), cases, deadline=5, patience=1)
        for verdict, name in wrong:
            equal(found[name].verdict, verdict, f"{name} ({found[name].seen})")


F, N, I = "FAILED", "NON-STRICT", "INFORMATIONAL"
finds("unmasked", "9", (F, "a text without a mask from a client"),
      (F, "a ping without a mask from a client"), (N, "a Close without a mask from a client"),
      (F, "a continuation without a mask"))
finds("nonminimal", "1", (I, "a binary frame of 125 bytes whose length takes 2 bytes"),
      (I, "a binary frame of 65535 bytes whose length takes 8 bytes"))
finds("long-lengths", "1", (F, "a binary message of 1 bytes"))
finds("masks", "1", (F, "a binary message of 1 bytes"), (F, "a text of 65536 bytes"))
finds("all-binary", "1,4", (F, "a text of 1 bytes"),
      (F, "text and binary messages keep their types"))
finds("rsv", "3", (F, "a text with RSV 010"), (F, "a ping with RSV 100"),
      (N, "a Close with RSV 001"), (F, "a continuation with RSV 100"))
finds("opcodes", "3", (F, "an empty frame of opcode 3"),
      (F, "a frame of opcode 7 between fragments"))
finds("long-control", "4", (F, "a ping of 126 bytes"), (F, "a pong of 65,536 bytes"))
finds("fragmented-control", "4", (F, "a ping that is not final"),
      (F, "an empty pong that is not final"))
finds("orphans", "2", (F, "a continuation of nothing"), (F, "a continuation after a whole message"))
finds("interleaved", "2", (F, "a text within the fragments of another message"))
finds("late", "5", (N, "failing fast, in a fragment: a byte FF"),
      (N, "failing fast, within a frame: a byte FF"), ("OK", "invalid: a byte FF"),
      (N, "failing fast, in the third fragment"))
finds("no-utf8", "5", (F, "invalid: a byte FF"), (F, "invalid: U+D800, a surrogate"),
      (F, "failing fast, in a fragment: C0"),
      (F, "half a character in a text, the other half in the next"))
finds("close-codes", "6", (N, "a Close with code 1005, which must not be sent"),
      (N, "a Close with code 5000, which must not be sent"), (N, "a Close of one byte"),
      (N, "a reason with a byte FF"), ("OK", "a Close with code 1011"))
finds("lost-echo", "7", (N, "a text and a Close in one segment: the reply comes first"),
      (N, "ten texts and a Close in one segment"),
      ("OK", "a Close at once after the opening handshake"))
finds("tcp-stays", "7", (N, "the server ends TCP, not the client"))
finds("after-close", "7", (F, "a text after the Close"), (F, "a ping after the Close"))
finds("one-pong", "8", (F, "ten pings in one segment"), ("OK", "a ping that carries nothing"),
      ("OK", "ten pings, each after the pong to the one before"))
finds("empty-pongs", "8", (F, "a ping that carries a text"), ("OK", "a ping that carries nothing"))
finds("answers-pongs", "8", (F, "a pong that carries one byte is not answered"))
finds("wrong-accept", "10", (F, "a right request"), (F, "20 answers to 20 random keys"))
finds("any-method", "10", (F, "POST"), (F, "HEAD"))
finds("any-version", "10", (F, "Sec-WebSocket-Version: 14"), (F, "no Sec-WebSocket-Version"))
finds("any-key", "10", (N, "a key of 15 bytes"), (N, "a key that is not base64"))
finds("http-1.0", "10", (N, "HTTP/1.0"), ("OK", "HTTP/2.0"))
finds("body", "10", (N, "a body of 8 bytes that is a frame"), (N, "a chunked body"))
finds("protocol", "10,12", (F, "the answer's fields"), (F, "one is offered"),
      (F, "none is offered"))
finds("any-parameter", "13", (F, "server_no_context_takeover with a value"),
      (F, "client_max_window_bits=16"))
finds("wide-window", "13", (F, "server_max_window_bits=9"), ("OK", "no parameters"))
finds("remembers", "13", (F, "server_no_context_takeover"), ("OK", "no parameters"))
finds("forgets", "14", (F, "the RFC's example: the window is shared"),
      (F, "the same message ten times"))
finds("keeps-tail", "14", (F, "a message after one with a final block"))
finds("one-final", "14", (F, "blocks after a final block in the same message"),
      ("OK", "the RFC's example: a final block"))


@test("the README says how many cases there are, at least 450 for either role")
def _():
    counts = [len(catalogue.cases(role)) for role in ("server", "client")]
    match(f"{counts[0]} cases for a server and {counts[1]} for a client",
          (ROOT / "README.md").read_text())
    if min(counts) < 450:
        raise AssertionError(f"there are {counts}")


@test("run: a text, JSON and one page of HTML; the status says whether a case failed")
def _():
    files = [scratch() / name for name in ("results.json", "report.html")]
    options = ["--cases", "9,12.1", "--json", files[0], "--html", files[1]]
    for fault, status in (((), 0), (("unmasked",), 1)):
        with Spawned([PYTHON, str(REFERENCE), "{port}", *fault]) as server:
            done = judge(server.url, "--deadline", "5", *options).expect(status)
    match(r"(?m)^  FAILED        9\.\d+ a text without a mask from a client", done.out.decode())
    match(r"expected: the connection is failed with 1002", done.out.decode())
    [loaded] = report.load(files[0])
    equal(loaded.results[0].number, "9.1", "the first case in JSON")
    if not loaded.results[0].log:
        raise AssertionError("there is no wire log")
    page = files[1].read_text()
    equal(page, html.page([loaded]), "the page")
    match("a text without a mask from a client", page)
    if "http://" in page or "https://" in page or "src=" in page:
        raise AssertionError("the page needs something else")


def refuses(status, says, *words):
    """It tells why it tests nothing, in one sentence."""
    done = judge(*words).expect(status, b"")
    match(says, done.err)
    if status == 3:
        equal(len(done.err.splitlines()), 1, f"lines of {done.err}")


def unreachable(says, url, cacert=None):
    """The same without a process: why there is nothing to test."""
    try:
        ServerTarget(url, Settings(2, 1), cacert).probe()
    except Unreachable as error:
        match(says, str(error))
    else:
        raise AssertionError(f"{url} can be tested")


@test("run: nothing to test is status 3, wrong usage 2")
def _():
    nobody = "ws://127.0.0.1:1/"
    refuses(3, "cannot connect to ws://127.0.0.1:1/: Connection refused$", nobody)
    unreachable("cannot connect to .*: (Name or service|Temporary failure|No address)",
                "ws://no-such-name.invalid/")
    unreachable("not a URL like", "http://127.0.0.1:1/")
    unreachable("not a URL: Port out of range", "ws://127.0.0.1:99999/")
    unreachable("not a URL: ", "ws://[::1")
    unreachable("cannot take certificates from /nowhere: No such file",
                nobody.replace("ws", "wss"), "/nowhere")
    refuses(3, "no case 5.999 for a server", nobody, "--cases", "5.999")
    refuses(2, "/nowhere/x: No such file", nobody, "--json", "/nowhere/x")
    refuses(2, "0 is not above 0", nobody, "--jobs", "0")
    refuses(2, "no URL")


@contextlib.contextmanager
def does(*replies):
    """The URL of a server that answers what comes with these, one after the other, and then is
    silent; None ends the connection."""
    def serve():
        while True:
            try:
                held.append(listener.accept()[0])
            except OSError:
                return
            for reply in replies:
                came = held[-1].recv(65536)
                if reply is None:
                    held[-1].close()
                    break
                held[-1].sendall(reply(came) if callable(reply) else reply)

    held = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        for sock in held:
            sock.close()


def accepting(request):
    """The right answer to a handshake."""
    key = http.Head(request.decode().split("\r\n")).get("Sec-WebSocket-Key")
    return http.encode("HTTP/1.1 101 Switching Protocols", [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", http.accept_of(key))])


def is_no_server(says, *replies):
    with does(*replies) as url:
        unreachable(f"{url} {says}", url)


@test("run: what is no WebSocket server, or does not echo, is told once and not once for each case")
def _():
    is_no_server("is no WebSocket server: no answer to the handshake: nothing came in 2 s$")
    is_no_server("is no WebSocket server: no answer to the handshake: the connection ended$", None)
    is_no_server("is no WebSocket server: the opening handshake failed: the answer is "
                 "'HTTP/1.1 404 Not Found'$", b"HTTP/1.1 404 Not Found\r\n\r\n")
    is_no_server(r"is no WebSocket server: no answer to the handshake: '220 mail\\r\\n', and then "
                 "nothing came in 2 s$", b"220 mail\r\n")
    is_no_server("does not echo: a text is answered with nothing in 2 s$", accepting)
    is_no_server("does not echo: a text is answered with the end of the TCP connection$", accepting,
                 None)
    is_no_server("does not echo: a text is answered with Text of 7 bytes 'welcome'$", accepting,
                 b"\x81\x07welcome")
    with does() as url:
        unreachable("no TLS with .*: the TLS handshake takes too long$", url.replace("ws", "wss"))


@test("run: a certificate that is not trusted is told, with the cure")
def _():
    pair = [certificates() / name for name in ("localhost.pem", "localhost.key")]
    with Server(listen=("wss://127.0.0.1:0",)) as server:
        refuses(3, "no TLS with .*: its certificate is not trusted: .*; --cacert FILE trusts an "
                "authority, --insecure any certificate$", server.wss)
        judge(server.wss, "--insecure", "--cases", "1.1").expect(0)
    refuses(3, "cannot use the certificate /nowhere: No such file", "--client", "true {url}",
            "--cert", "/nowhere", "--key", pair[1])


@test("run: what is no client is told once, with what it says itself")
def _():
    refuses(3, "true {url}: the client does not connect$", "--client", "true {url}")
    refuses(3, "cannot run no-such-client: No such file", "--client", "no-such-client {url}")
    refuses(3, r"there is no \{url\} in 'true'", "--client", "true")
    complains = shlex.join([PYTHON, "-c", "import sys; sys.exit('I know no WebSocket')", "{url}"])
    refuses(3, "the client does not connect; it says: I know no WebSocket$", "--client", complains)
    talks = shlex.join([PYTHON, "-c", "import socket, sys; h = sys.argv[1].split('/')[2].split(':');"
                        "socket.create_connection(h).close()", "{url}"])
    refuses(3, "no request came: the connection ended$", "--client", talks)


@test("run: what a client says is in the wire log")
def _():
    results_json = scratch() / "says.json"
    judge("--client", f"'{BUILD}/wsecho' --echo -v {{url}}", "--cases", "1.1", "--json",
        results_json).expect(0)
    log = report.load(results_json)[0].results[0].log
    match("the client says: ", "\n".join(words for _, _, words in log))


# They wait, most of the time.
main(threads=8)
