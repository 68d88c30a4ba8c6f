# SPDX-License-Identifier: MIT
"""What --admin shows: metrics that add up, the tasks, the connections, and health."""

import json
import re
import signal
import socket

from peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, Peer, close_payload, frame, request
from support import BUILD, DEADLINE, ROOT, equal, eventually, main, match, run, scratch, test, wsechod
from watched import PORT, Watched

watched = Watched("--test", "all")


@test("messages and bytes add up, to the byte, with what wsbench says that it sent")
def _():
    with Watched() as server:
        sent = {"text": [0, 0], "binary": [0, 0]}
        for url in (server.wss, server.ws):
            for kind, option in (("text", ()), ("binary", ("--binary",))):
                told = json.loads(run(BUILD / "wsbench", "--json", "-k", "-n600", "-c7", "-p4", "-s",
                                      "50%:0-200,50%:1-40K", "--warm-up=0", *option, url).expect(0).out)["total"]
                equal(told["sent"], told["received"], "what came back")
                sent[kind][0] += told["sent"]
                sent[kind][1] += told["bytes_sent"]
        server.counts({
            f'wsechod_{name}{{direction="{direction}",type="{kind}"}}': sent[kind][index]
            for index, name in enumerate(("messages_total", "message_bytes_total"))
            for direction in ("received", "sent") for kind in sent})
        samples = server.metrics()
        equal(samples["wsechod_connections_opened_total"], 28, "the connections that were opened")
        equal(samples["wsechod_handshake_seconds_count"], 28, "the handshakes")
        equal(samples['wsechod_handshake_seconds_bucket{le="+Inf"}'], 28, "all that were timed")
        equal(samples["wsechod_echo_seconds_count"] >= 28, True, "that echoes are timed")
        equal(samples["wsechod_echo_seconds_count"] <= sent["text"][0] + sent["binary"][0], True,
              "that not more are than came")


@test("a connection is counted as long as it is open, and then its Close frames by side and code")
def _():
    with Watched() as server:
        with Peer(server.ws) as peer:
            server.counts({"wsechod_connections_open": 1, "wsechod_connections_shaking": 0,
                           "wsechod_connections_accepted_total": 1, "wsechod_tasks": 6})
            peer.send(frame(PING, b"x"))
            equal(peer.read_frame(), Frame(PONG, b"x"), "the Pong")
            peer.send(frame(CLOSE, close_payload(4711)))
            equal(peer.read_frame(), Frame(CLOSE, close_payload(4711)), "the Close frame")
        with Peer(server.ws) as peer:
            peer.send(frame(CLOSE))
            equal(peer.read_frame(), Frame(CLOSE), "the Close frame")
        with Peer(server.ws) as peer:
            peer.send(frame(TEXT, b"unmasked", mask=None))
            equal(peer.read_frame().opcode, CLOSE, "the frame")
        server.counts({
            "wsechod_connections_open": 0,
            'wsechod_close_frames_total{side="client",code="4000-4999"}': 1,
            'wsechod_close_frames_total{side="server",code="4000-4999"}': 1,
            'wsechod_close_frames_total{side="client",code="1005"}': 1,
            'wsechod_close_frames_total{side="server",code="1005"}': 1,
            'wsechod_close_frames_total{side="client",code="1006"}': 1,
            'wsechod_close_frames_total{side="server",code="1002"}': 1,
            'wsechod_control_frames_total{direction="received",type="ping"}': 1,
            'wsechod_control_frames_total{direction="sent",type="pong"}': 1,
            "wsechod_connection_seconds_count": 3})


@test("TLS handshakes are counted by version and resumption")
def _():
    with Watched() as server:
        address = match(r"wss://(.*)", server.wss)[1]
        for version in ("1_2", "1_3"):
            session = scratch() / f"session-{version}"
            for way in ("-sess_out", "-sess_in"):
                # -quiet: up to the end of the response, which a ticket of TLS 1.3 comes before.
                run("openssl", "s_client", "-quiet", "-connect", address,
                    f"-tls{version}", way, session,
                    given=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        server.counts({f'wsechod_tls_handshakes_total{{version="{version}",resumed="{resumed}"}}': 1
                       for version in ("1.2", "1.3") for resumed in ("true", "false")})


@test("connections that are refused are counted by reason, and pages are not")
def _():
    with Watched("--test", "all") as server:
        def asks(data, url=None, read=True):
            with Peer(url or server.ws, upgrade=False, context=False) as peer:
                peer.send(data)
                if read:
                    peer.read_head()

        def plain(port):
            return f"ws:{port.partition(':')[2]}"

        asks(b"nonsense\r\n\r\n")
        asks(request(line="GET /?status=401 HTTP/1.1"))
        asks(request(line="GET /?status=403 HTTP/1.1"))
        asks(request(line="GET /-/nonsense HTTP/1.1"))
        asks(request(line="POST / HTTP/1.1", drop=("Upgrade", "Connection", "Sec-WebSocket-Key",
                                                   "Sec-WebSocket-Version")))
        asks(request("Sec-WebSocket-Version: 7"))
        asks(request(f"X: {'x' * 20000}"))
        asks(request(line="GET /?status=503 HTTP/1.1"))
        asks(request(line="GET /?status=500 HTTP/1.1"))
        asks(request(line="GET / HTTP/1.1", drop=("Upgrade", "Connection", "Sec-WebSocket-Key",
                                                  "Sec-WebSocket-Version")))
        asks(b"GET", read=False)
        asks(b"\x16\x03\x01\x00\x01\x00" + b"x" * 20, plain(server.wss), read=False)
        reasons = ("bad_request", "login", "forbidden", "not_found", "method", "upgrade_required",
                   "too_large", "busy", "other", "gone", "tls")
        server.counts({**{f'wsechod_connections_refused_total{{reason="{reason}"}}': 1
                          for reason in reasons},
                       'wsechod_http_responses_total{code="2xx"}': 1,
                       'wsechod_http_responses_total{code="4xx"}': 7,
                       'wsechod_http_responses_total{code="5xx"}': 2,
                       "wsechod_connections_accepted_total": 12,
                       "wsechod_connections_opened_total": 0, "wsechod_connections_shaking": 0})


@test("memory, tasks, the log's losses and the process are told of")
def _():
    with Watched() as server, Peer(server.ws) as peer:
        before = server.metrics()
        peer.send(frame(BINARY, bytes(3 << 20))[:2 << 20])
        eventually(lambda: server.metrics()['wsechod_memory_bytes{use="messages"}'] > 1 << 20,
                   "the half message takes memory")
        # The admin's own connection is one; the one before it may not have been seen to its end.
        eventually(lambda: server.metrics()['wsechod_memory_bytes{use="connections"}'] ==
                   2 * (40 << 10), "the connections' memory is that of two")
        after = server.metrics()
        equal(after["wsechod_stack_space_bytes"] >= 6 << 18, True, "that stacks take their space")
        equal(after["process_resident_memory_bytes"] > 1 << 20, True, "that memory is resident")
        equal(after["process_start_time_seconds"], before["process_start_time_seconds"], "the start")
        equal(after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"], True,
              "that time goes on")
        for log in ("standard_error", "access"):
            equal(after[f'wsechod_log_lines_lost_total{{log="{log}"}}'], 0, "what was lost")
        version = run(BUILD / "wsechod", "--version").out.decode().split()[1]
        equal([name for name in after if f'version="{version}"' in name and "build_info" in name] != [],
              True, "that the version is there")
        eventually(lambda: server.metrics()["wsechod_loop_lag_seconds_count"] > 0, "a lag is measured")


@test("a task that keeps the loop is counted")
def _():
    with Watched("--slow-task", "1us") as server:
        with Peer(server.ws) as peer:
            peer.echoes()
        eventually(lambda: server.metrics()["wsechod_slow_tasks_total"] > 0, "a task was slow")


@test("who wants a WebSocket of --admin is refused with 400, and told where they are")
def _():
    with Peer(watched.admin.replace("http:", "ws:").removesuffix("/metrics"), upgrade=False) as peer:
        peer.send(request())
        equal(peer.read_head()[0], 400, "the status")
        match("WebSockets are served at --listen", peer.read_until(b"\n"))
    watched.log.wait("refused with 400")


@test("/tasks shows the tree as SIGUSR1 does")
def _():
    with Peer(watched.ws) as peer:
        peer.echoes()
        response, text = watched.ask("/tasks")
        equal(response.status, 200, "the status")
        match(r"(?m)^main \(", text)
        match(r"(?m)^    127\.0\.0\.1:\d+ \(.* at server/echo\.c:\d+: ws_receive", text)


@test("/connections tells of each what it does and what it awaits, escaped")
def _():
    # Of its own: on the other one a test beside this one has connections to "/" as well.
    with Watched() as server, Peer(server.wss) as plain, \
            Peer(server.ws, upgrade=False) as other, Peer(server.ws, upgrade=False) as early:
        plain.echoes()
        early.send(b"GET")
        other.send(request("User-Agent: an \xe9 \"agent\"", "Sec-WebSocket-Protocol: chat",
                           line="GET /a?delay=1m&x=%22 HTTP/1.1"))
        equal(other.read_head()[0], 101, "the status")
        other.send(frame(TEXT, b"hello"))

        def listed():
            found = {one.get("path", one["state"]): one for one in server.connections()["connections"]}
            return found if {"/", "/a?delay=1m&x=%22", "handshake"} <= set(found) and \
                found["/a?delay=1m&x=%22"]["received_messages"] == 1 else None

        eventually(listed, "all are listed")
        found = listed()
        echo, slow, new = (found[name] for name in ("/", "/a?delay=1m&x=%22", "handshake"))
        equal((echo["state"], echo["tls"], echo["resumed"]), ("open", "TLSv1.3", False), "the echo")
        equal((echo["received_messages"], echo["sent_messages"]), (1, 1), "its messages")
        equal(echo["received_bytes"], echo["sent_bytes"], "its bytes")
        match(r"^server/echo\.c:\d+: ws_receive\(", echo["awaits"])
        equal((slow["behaviour"], slow["subprotocol"]), ("delay=1m", "chat"), "the slow one")
        equal(slow["agent"], 'an \\xe9 "agent"', "its agent")
        equal((slow["received_bytes"], slow["sent_bytes"]), (5, 0), "its bytes")
        match(r"^server/behave/", slow["awaits"])
        equal(new["status"] if "status" in new else 0, 0, "the status of one in its handshake")
        for one in found.values():
            equal(one["seconds"] >= 0 and one["queued"] >= 0 and one["unread"] >= 0, True, "it")


@test("/connections lists 1,000 of a worker at most, and says how many it leaves out")
def _():
    with Watched(listen=("ws://127.0.0.1:0",), cert=False) as server:
        port = int(server.ws.rpartition(":")[2])
        peers = [socket.create_connection(("127.0.0.1", port), DEADLINE) for _ in range(1010)]
        eventually(lambda: server.metrics()["wsechod_connections_shaking"] == 1010, "all are there")
        told = server.connections()
        equal((len(told["connections"]), told["left_out"]), (1000, 10), "what is listed")
        for peer in peers:
            peer.close()


@test("it answers health, a list, and refuses what it has not")
def _():
    for path, status, says in (("/", 200, "/connections"), ("/-/healthz", 200, "^ok\n$"),
                               ("/-/readyz", 200, "^ready\n$"), ("/nonsense", 404, "404"),
                               ("/metrics?x=1", 200, "wsechod_connections_open")):
        response, text = watched.ask(path)
        equal((path, response.status), (path, status), "the status")
        match(says, text)
    response, text = watched.ask("/metrics", "HEAD")
    equal((response.status, text), (200, ""), "the answer to HEAD")
    response, _ = watched.ask("/metrics", "POST")
    equal((response.status, response.headers["Allow"]), (405, "GET, HEAD"), "the answer to POST")
    host = match(r"http://([^/]+)/", watched.admin)[1]
    with Peer(f"ws://{host}", upgrade=False) as peer:
        peer.send(request(line="GET /x HTTP/1.1"))
        equal(peer.read_head()[0], 404, "the answer to a WebSocket")


@test("while the server drains, readyz says 503 and the metrics are still there")
def _():
    server = Watched("--test", "all")
    with Peer(server.ws, upgrade=False) as peer:
        peer.send(request(line="GET /?close-reply=none HTTP/1.1"))
        equal(peer.read_head()[0], 101, "the status")
        server.signal(signal.SIGTERM)
        server.log.wait("stopping")
        eventually(lambda: server.ask("/-/readyz")[0].status == 503, "it is not ready")
        equal(server.ask("/-/readyz")[1], "draining\n", "the answer")
        equal(server.ask("/-/healthz")[0].status, 200, "the health")
        equal(server.metrics()["wsechod_connections_open"], 1, "the connections")
    equal(server.wait(), 0, "the status")


@test("--admin takes a Unix socket, and its own connections are not counted")
def _():
    path = scratch() / "admin.sock"
    with Watched(admin=f"unix:{path}") as server:
        equal(server.admin, f"unix:{path}", "where it is")
        server.metrics()
        samples = server.metrics()
        equal((samples["wsechod_connections_accepted_total"], samples["wsechod_connections_shaking"]),
              (0, 0), "the counts")
    equal(path.exists(), False, "that the socket is left")


@test("a URL for --admin that makes no sense, or is taken, is refused with one sentence")
def _():
    for url in ("https://localhost:1", "127.0.0.1:9464", "unix:relative", "http:", ""):
        refused = wsechod("--admin", url).expect(2)
        match(r"--admin: '.*' is neither http://HOST:PORT nor unix:/PATH", refused.err)
    refused = wsechod("--admin", "http://127.0.0.1:1/path", "--listen", "ws://127.0.0.1:0").expect(2)
    match("--admin: ", refused.err)
    port = match(r"http://([^/]+)/", watched.admin)[1]
    refused = wsechod("--admin", f"http://{port}", "--listen", "ws://127.0.0.1:0").expect(1)
    match(r"--admin: cannot listen on .*Address already in use", refused.err)


@test("each metric that the dashboard names is one of /metrics, and the other way round")
def _():
    dashboard = json.loads((ROOT / "server/deploy/grafana.json").read_text())
    names = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names |= set(re.findall(r"\b(?:wsechod|process)_\w+", target["expr"]))
    _, text = watched.ask("/metrics")
    told = set(re.findall(r"(?m)^# TYPE (\w+) ", text))
    series = {match(r"^\w+", name)[0] for name in watched.metrics()}
    equal(names - series, set(), "the set of those that are not told")
    equal(told - {re.sub("_bucket$", "", name) for name in names}, set(),
          "the set of those that are not shown")
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    equal(len(set(places)), len(places), "the number of places")


main(threads=2)
