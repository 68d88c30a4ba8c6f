# SPDX-License-Identifier: MIT
# Long: two balancers in four arrangements, restarted again and again.
"""HAProxy and nginx in front of two servers, with TLS passed through and terminated, over TCP and Unix
sockets: who the client is, and what becomes of connections when a server is killed, drained, upgraded."""

import contextlib
import json
import os
import signal
import socket
import threading

from others import find, free_port, start, write
from peer import CLOSE, TEXT, Peer, request
from service import stop_by_pid
from support import (DEADLINE, ROOT, Server, Skip, certificates, equal, eventually, main, run,
                     scratch, test)
from takeover import Connecting
from wire import any_certificate

STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
CLIENT = "127.0.0.9"  # whom the servers do not trust
DEPLOY = ROOT / "server/deploy"
CERT, KEY = certificates() / "localhost.pem", certificates() / "localhost.key"


class Backend:
    """A server that is started again at the same address. Its name is the subprotocol it chooses."""

    def __init__(self, name, url, *options):
        self.name, self.options = name, options
        self.delay = 1500  # ms that it goes on to serve after it was told to end
        self.pidfile = scratch() / f"{threading.get_ident()}-{name}.pid"
        self.server = None
        self.start(url)

    def start(self, url):
        self.server = Server("--pidfile", self.pidfile, "--subprotocol", self.name, "--trusted",
                             "127.0.0.1", "--trusted", "unix", "--drain-delay",
                             f"{self.delay}ms", "--drain-timeout", "4s", *self.options, listen=(url,),
                             cert=url.startswith("wss:"))
        self.url = self.server.urls[0]

    def address(self):
        """As a balancer writes it."""
        return self.url.partition("://")[2] or self.url

    def listens(self):
        """Whether it takes connections."""
        host, _, port = self.address().rpartition(":")
        unix = host == "unix"
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as sock:
            return sock.connect_ex(port if unix else (host, int(port))) == 0

    def kill(self):
        """Who is on its way to it is lost, whoever stands before it."""
        self.server.process.kill()
        equal(self.server.wait(), -signal.SIGKILL, "the status")
        self.start(self.url)
        return False

    def upgrade(self):
        """The successor is not our child, and writes to the same log."""
        os.kill(self.server.process.pid, signal.SIGUSR2)
        equal(self.server.process.wait(DEADLINE), 0, "the status")
        return True

    def stop(self):
        if self.server.process.poll() is None:
            self.server.stop()
        else:
            stop_by_pid(int(self.pidfile.read_text()))
            equal(self.server.wait(), 0, "the status")


class Steady(threading.Thread):
    """A connection that sends one message after the other until it is told to end, or has to."""

    def __init__(self, url):
        super().__init__(daemon=True)
        sock = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])),
                                        source_address=(CLIENT, 0))
        self.port = sock.getsockname()[1]
        self.peer = Peer(sock=sock, upgrade=False,
                         context=any_certificate() if url.startswith("wss:") else None)
        self.peer.send(request("Sec-WebSocket-Protocol: one, two", "X-Forwarded-For: 203.0.113.1",
                               "Forwarded: for=203.0.113.2", line="GET /?show=request HTTP/1.1"))
        status, fields = self.peer.read_head()
        equal(status, 101, "the status")
        self.server = fields["sec-websocket-protocol"]
        self.shown = json.loads(self.peer.read_frame().payload)["peer"]
        self.echoes, self.ended, self.wrong = 0, False, None
        self.closed = None  # "1001", or the stream's "end"
        self.start()

    def run(self):
        try:
            while not self.ended and self.closed is None:
                self.once()
        except (OSError, EOFError) as error:
            self.closed = f"end: {error}"
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = repr(error)

    def once(self):
        text = b"%d" % self.echoes
        self.peer.send_frame(TEXT, text)
        came = self.peer.read_frame()
        if came.opcode == CLOSE:
            self.closed = str(int.from_bytes(came.payload[:2], "big"))
            self.peer.send_close(1001)
            self.peer.close()
            return
        equal((came.opcode, came.payload), (TEXT, text), "the echo")
        self.echoes += 1

    def goes_on(self):
        before = self.echoes
        eventually(lambda: self.echoes > before + 3 or self.closed or self.wrong, "more echoes")
        equal((self.closed, self.wrong), (None, None), f"how a connection to {self.server} ended")

    def stop(self):
        self.ended = True
        self.join()
        self.peer.close()


def crowd(url):
    """Connections of which each server has some."""
    everybody = [Steady(url) for _ in range(8)]
    equal({each.server for each in everybody}, {"one", "two"}, "the servers that have some")
    return everybody


def both_serve(url):
    """Waits until new connections go to each of them, for which a server that was away has to be
    seen again."""

    def names():
        found = set()
        for _ in range(6):
            with contextlib.suppress(OSError, EOFError, AssertionError):
                steady = Steady(url)
                found.add(steady.server)
                steady.stop()
        return found

    eventually(lambda: names() == {"one", "two"}, "both serve")


def survive(url, backends, act, ends):
    """Something happens to the second server: connections to the first go on, those to it end like this.
    Meanwhile new connections come, of which none may be refused if `act` says so, which is the result."""
    everybody = crowd(url)
    newcomers = Connecting(url)
    try:
        for each in everybody:
            each.goes_on()
        smooth = act(backends[1])
        for each in everybody:
            if each.server == "one":
                each.goes_on()
            else:
                eventually(lambda one=each: one.closed or one.wrong, "its end")
                equal((each.closed.partition(":")[0], each.wrong), (ends, None), "how it ended")
        before = newcomers.echoes
        eventually(lambda: newcomers.echoes > before + 5, "new connections")
    finally:
        newcomers.ended = True
        newcomers.join()
        for each in everybody:
            each.stop()
    if smooth:
        equal(newcomers.wrong, [], f"what went wrong in {newcomers.echoes} new connections")
    return smooth


def drained(url, backends, checks, is_out):
    """The second server says at readyz that it ends, serves on, and ends. `checks`: nobody is refused
    for that. If the balancer has to look at readyz before, is_out() tells whether it has; one that
    looks too late, for a busy machine, is given more time the next time."""

    def drain(backend):
        seen = checks
        backend.server.signal(signal.SIGTERM)
        if is_out:
            eventually(lambda: is_out(url), "the balancer sends it nobody any more")
            seen = backend.listens()
        equal(backend.server.wait(), 0, "the status")
        backend.start(backend.url)
        return seen

    while not survive(url, backends, drain, "1001") and is_out:
        backends[1].delay *= 2
        equal(backends[1].delay < 1000 * DEADLINE, True, "that the balancer looked in time")
        backends[1].server.stop()
        backends[1].start(backends[1].url)
        both_serve(url)


def balanced(title, url, options, balancer, shown, checks=True, is_out=None):
    """Tests the balancer, which is a function of the servers' addresses that returns the URL of it."""

    @test(title)
    def _():
        with contextlib.ExitStack() as stack:
            backends = []
            for name in ("one", "two"):
                where = url.format(scratch() / f"{threading.get_ident()}-{name}.sock")
                backends.append(Backend(name, where, *options))
                stack.callback(backends[-1].stop)
            front = balancer(*backends)
            both_serve(front)
            for each in crowd(front):
                equal(each.shown, shown.format(port=each.port), "the client")
                each.stop()
            survive(front, backends, Backend.kill, "end")
            both_serve(front)
            drained(front, backends, checks, is_out)
            both_serve(front)
            survive(front, backends, Backend.upgrade, "1001")


# HAProxy.

# A check whose TLS handshake takes longer than "inter" fails: on a busy machine that may be 100 ms.
FAST = ("inter 2s", "inter 500ms")


def haproxy(config, port):
    """It runs until this script ends. What is given is checked first, as an operator does."""
    config += f"\nglobal\n    stats socket {scratch()}/haproxy-{port}.sock mode 600\n"
    name = write(f"haproxy-{port}.cfg", config)
    run(find("haproxy"), "-c", "-f", name).expect(0)
    return start(port, find("haproxy"), "-f", name)


def haproxy_has_out(url):
    """Whether the second server gets no new connections from it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"{scratch()}/haproxy-{url.rpartition(':')[2]}.sock")
        sock.sendall(b"show servers state\n")
        with sock.makefile() as answer:
            _, names, *servers = answer.read().splitlines()
    rows = [dict(zip(names.lstrip("# ").split(), row.split())) for row in servers if row]
    equal(len(rows), 2, "the number of servers")
    return rows[1]["srv_op_state"] != "2"


def deployed_haproxy(one, two):
    """server/deploy/haproxy.cfg, with these addresses."""
    port = free_port()
    text = (DEPLOY / "haproxy.cfg").read_text()
    for old, new in (("bind *:443", f"bind 127.0.0.1:{port}"), ("    bind [::]:443 v6only\n", ""),
                     ("127.0.0.1:7681\n", f"{one.address()}\n"),
                     ("127.0.0.1:7682\n", f"{two.address()}\n"), FAST):
        equal(text.count(old), 1, f"how often {old!r} is there")
        text = text.replace(old, new)
    return f"wss://127.0.0.1:{haproxy(text, port)}"


def haproxy_of(mode, bind, server):
    """With TLS ended there if `bind` says so."""

    def balancer(one, two):
        port = free_port()
        pem = write(f"haproxy-{port}.pem", CERT.read_text() + KEY.read_text())
        haproxy(f"""
defaults
  mode {mode}
  option redispatch
  timeout connect 5s
  timeout check 5s
  timeout client 1h
  timeout server 1h
  {'option forwardfor' if mode == 'http' else ''}
frontend front
  bind 127.0.0.1:{port} {bind.format(pem=pem)}
  default_backend back
backend back
  balance roundrobin
  option httpchk GET /-/readyz
  default-server check {server} {FAST[1]} fall 2 rise 2
  server one {one.address().replace('unix:', 'unix@')}
  server two {two.address().replace('unix:', 'unix@')}
""", port)
        return f"{'wss' if bind else 'ws'}://127.0.0.1:{port}"

    return balancer


PROXY = ("--proxy-protocol",)
balanced("HAProxy as server/deploy/ has it: TLS passed through, PROXY 2", "wss://127.0.0.1:0", PROXY,
         deployed_haproxy, CLIENT + ":{port}",
         is_out=haproxy_has_out)
balanced("HAProxy ends TLS, and speaks TCP with PROXY 1", "ws://127.0.0.1:0", PROXY,
         haproxy_of("tcp", "ssl crt {pem}", "send-proxy"), CLIENT + ":{port}",
         is_out=haproxy_has_out)
balanced("HAProxy ends TLS, and speaks HTTP with X-Forwarded-For to Unix sockets", "unix:{}", (),
         haproxy_of("http", "ssl crt {pem}", ""), CLIENT,
         is_out=haproxy_has_out)
balanced("HAProxy speaks TCP with PROXY 2 to Unix sockets", "unix:{}", PROXY,
         haproxy_of("tcp", "", "send-proxy-v2"), CLIENT + ":{port}",
         is_out=haproxy_has_out)


# nginx.


def nginx(config, port):
    base = scratch() / f"nginx-{port}"
    base.mkdir()
    temporary = "".join(f"{kind}_temp_path {base}/{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = config.replace("http {", f"http {{ access_log off; {temporary}")
    name = write(f"nginx-{port}.conf", f"pid {base}/pid; daemon off; error_log stderr;\n" + config)
    run(find("nginx"), "-t", "-p", base, "-c", name).expect(0)
    return start(port, find("nginx"), "-p", base, "-c", name)


def deployed_nginx(one, two):
    """server/deploy/nginx.conf, with these addresses."""
    port = free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in (("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
                     ("        listen [::]:443 ssl;\n", ""), ("worker_processes auto", "worker_processes 1"),
                     ("worker_rlimit_nofile 40000;\n", ""), ("worker_connections 20000",
                                                             "worker_connections 500"),
                     ("/etc/wsechod/fullchain.pem", str(CERT)), ("/etc/wsechod/privkey.pem", str(KEY)),
                     ("server 127.0.0.1:7681 ", f"server {one.address()} "),
                     ("server 127.0.0.1:7682 ", f"server {two.address()} ")):
        equal(text.count(old), 1, f"how often {old!r} is there")
        text = text.replace(old, new)
    # A server that was away is tried again soon.
    text = text.replace("fail_timeout=5s", "fail_timeout=1s")
    return f"wss://127.0.0.1:{nginx(text, port)}"


def nginx_http(one, two):
    """HTTP to Unix sockets, with the field Forwarded."""
    port = free_port()
    # Its workers would be of another user, who may not come to the sockets.
    nginx(f"""
master_process off;
events {{ }}
http {{
  upstream back {{ server {one.address()} fail_timeout=1s; server {two.address()} fail_timeout=1s; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://back;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header Forwarded '$http_forwarded, for="$remote_addr:$remote_port"';
    }}
  }}
}}
""", port)
    return f"ws://127.0.0.1:{port}"


def nginx_stream(one, two):
    """TLS passed through, with PROXY 1."""
    if not os.path.exists(STREAM):
        raise Skip("there is no stream module of nginx: libnginx-mod-stream")
    port = free_port()
    nginx(f"""
load_module {STREAM};
events {{ }}
stream {{
  upstream back {{ server {one.address()} fail_timeout=1s; server {two.address()} fail_timeout=1s; }}
  server {{ listen 127.0.0.1:{port}; proxy_pass back; proxy_protocol on; proxy_timeout 1h; }}
}}
""", port)
    return f"wss://127.0.0.1:{port}"


balanced("nginx as server/deploy/ has it: it ends TLS, X-Forwarded-For", "ws://127.0.0.1:0", (),
         deployed_nginx, CLIENT)
balanced("nginx speaks HTTP with Forwarded to Unix sockets", "unix:{}", ("--forwarded", "forwarded"),
         nginx_http, CLIENT + ":{port}")
# It learns of a server's end by being refused, and TLS that has begun goes nowhere else.
balanced("nginx as a stream: TLS passed through, PROXY 1", "wss://127.0.0.1:0", PROXY, nginx_stream,
         CLIENT + ":{port}", checks=False)


main(threads=4)
