# SPDX-License-Identifier: MIT
# Long: five proxies and servers of others.
"""wsecho on its way through software that others wrote: tinyproxy, squid, microsocks and dante as
proxies, HAProxy as a proxy with TLS, nginx that redirects, asks for passwords and certificates, openssl
s_server."""

import atexit
import os
import socket
import subprocess

from others import NODE, PACKAGES, find, free_port, node_environment, start, write
from support import (DEADLINE, Log, Server, Skip, certificates, client_command, ends, equal, finish,
                     main, match, once, run, scratch, started, test, wsecho)

server = Server(listen=("wss://127.0.0.1:0", "ws://127.0.0.1:0"))
PORT, WSS_PORT = (url.rpartition(":")[2] for url in (server.ws, server.wss))


@once
def tinyproxy():
    port = free_port()
    return start(port, find("tinyproxy"), "-d", "-c", write(
        "tinyproxy.conf", f"Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n"
        "BasicAuth joe secret\n"))


@once
def squid():
    """With a user. Where root starts it, it goes on as another user, who has to find its files."""
    port, place = free_port(), scratch() / "squid"
    place.mkdir()
    for folder in (place, scratch(), scratch().parent):
        if folder.owner() == place.owner() and folder.stat().st_mode & 0o5 != 0o5:
            folder.chmod(0o755)
    secret = run("openssl", "passwd", "-apr1", "secret").expect(0).out.decode()
    (place / "users").write_text(f"joe:{secret}")
    (place / "squid.conf").write_text(f"""
http_port 127.0.0.1:{port}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {place}/users
auth_param basic realm squid
acl known proxy_auth REQUIRED
http_access deny !known
http_access allow all
access_log none
cache_log /dev/null
cache deny all
pid_filename none
netdb_filename none
coredump_dir {place}
visible_hostname localhost
shutdown_lifetime 0
""")
    return start(port, find("squid"), "-N", "-f", place / "squid.conf")


@once
def dante():
    port = free_port()
    return start(port, find("danted"), "-N", "1", "-p", scratch() / "danted.pid", "-f", write(
        "danted.conf", f"""
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""))


@once
def microsocks():
    port = free_port()
    return start(port, find("microsocks"), "-i", "127.0.0.1", "-p", str(port))


@once
def strict_microsocks():
    port = free_port()
    return start(port, find("microsocks"), "-i", "127.0.0.1", "-p", str(port), "-u", "joe", "-P",
                 "secret")


@once
def pair():
    """The certificate and its key in one file."""
    return write("pair.pem", "".join((certificates() / name).read_text()
                                     for name in ("localhost.pem", "localhost.key")))


@once
def haproxy():
    """TLS in front of tinyproxy."""
    port = free_port()
    return start(port, find("haproxy"), "-f", write("haproxy.cfg", f"""
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen proxy
  bind 127.0.0.1:{port} ssl crt {pair()}
  server proxy 127.0.0.1:{tinyproxy()}
"""))


both = [server.ws, server.wss.replace("127.0.0.1", "localhost")]
LARGE = b"x" * 1_000_000 + b"\nnext\n"


@test("tinyproxy: CONNECT with a user, for ws and wss, messages of 1 MB")
def _():
    for url in both:
        wsecho("-x", f"http://joe:secret@127.0.0.1:{tinyproxy()}", url, given=LARGE).expect(0, LARGE)
    wsecho("-x", f"joe:secret@localhost:{tinyproxy()}", server.ws, "x").expect(0, b"x\n")


@test("tinyproxy: without a user, with a wrong one, and to a port where nobody listens: status 3")
def _():
    proxy = f"127.0.0.1:{tinyproxy()}"
    ends(wsecho("-x", proxy, server.ws, "x"), 3, f"the proxy {proxy} wants a user and a password")
    ends(wsecho("-x", f"joe:wrong@{proxy}", server.ws, "x"), 3, "does not take the user or the pass")
    ends(wsecho("-x", f"joe:secret@{proxy}", "ws://127.0.0.1:1", "x"), 3,
         f"the proxy {proxy} does not connect to 127.0.0.1:1: it answered 5")


@test("tinyproxy: the environment's https_proxy, and its no_proxy")
def _():
    env = dict(os.environ, https_proxy=f"http://joe:secret@127.0.0.1:{tinyproxy()}")
    done = wsecho("-v", server.wss, "x", env=env).expect(0, b"x\n")
    match(rf"connected to 127.0.0.1:{tinyproxy()}", done.err)
    done = wsecho("-v", server.wss, "x", env=dict(env, no_proxy="127.0.0.1")).expect(0, b"x\n")
    match(rf"connected to 127.0.0.1:{WSS_PORT}", done.err)


@test("squid: CONNECT with a user, for ws and wss, messages of 1 MB; without one, or a wrong one: 3")
def _():
    proxy = f"127.0.0.1:{squid()}"
    for url in both:
        wsecho("-x", f"http://joe:secret@{proxy}", url, given=LARGE).expect(0, LARGE)
    ends(wsecho("-x", proxy, server.ws, "x"), 3, f"the proxy {proxy} wants a user and a password")
    ends(wsecho("-x", f"joe:wrong@{proxy}", server.ws, "x"), 3, "does not take the user or the pass")
    ends(wsecho("-x", f"joe:secret@{proxy}", "ws://127.0.0.1:1", "x"), 3,
         f"the proxy {proxy} does not connect to 127.0.0.1:1: it answered 503")


@test("dante: socks5 and socks5h, for ws and wss, messages of 1 MB; nobody who listens: status 3")
def _():
    proxy = f"127.0.0.1:{dante()}"
    for kind in ("socks5", "socks5h"):
        for url in both:
            wsecho("-x", f"{kind}://{proxy}", url, given=LARGE).expect(0, LARGE)
    ends(wsecho("-x", f"socks5://{proxy}", "ws://127.0.0.1:1", "x"), 3,
         f"the proxy {proxy} does not connect to 127.0.0.1:1: connection refused")
    ends(wsecho("-x", f"socks5h://{proxy}", "ws://no-such-host.invalid", "x"), 3,
         f"the proxy {proxy} does not connect to no-such-host.invalid")


@test("HAProxy: a proxy with TLS, ws and wss through it, messages of 1 MB")
def _():
    for url in both:
        wsecho("-x", f"https://joe:secret@localhost:{haproxy()}", url, given=LARGE).expect(0, LARGE)
    ends(run(client_command()[0], "-x", f"https://joe:secret@localhost:{haproxy()}", server.ws, "x"),
         4, "is not trusted")


@test("microsocks: socks5 and socks5h, with and without a user")
def _():
    for kind in ("socks5", "socks5h"):
        for url in both:
            wsecho("-x", f"{kind}://127.0.0.1:{microsocks()}", url, given=LARGE).expect(0, LARGE)
        wsecho("-x", f"{kind}://joe:secret@127.0.0.1:{strict_microsocks()}", server.ws, "x").expect(
            0, b"x\n")


@test("microsocks: a wrong user, none, a name that nobody knows, nobody who listens: status 3")
def _():
    strict, free = f"127.0.0.1:{strict_microsocks()}", f"127.0.0.1:{microsocks()}"
    ends(wsecho("-x", f"socks5://joe:no@{strict}", server.ws, "x"), 3, "does not take the user")
    ends(wsecho("-x", f"socks5://{strict}", server.ws, "x"), 3, "wants a user and a password")
    ends(wsecho("-x", f"socks5://{free}", "ws://127.0.0.1:1", "x"), 3,
         "does not connect to 127.0.0.1:1: connection refused")
    ends(wsecho("-x", f"socks5h://{free}", "ws://no-such-host.invalid", "x"), 3,
         f"the proxy {free} does not connect to no-such-host.invalid")


# nginx.


@once
def client_identity():
    """A certificate of ours, and its key, encrypted; who signed it."""
    directory = scratch() / "client"
    directory.mkdir()
    for command in (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            "-subj /CN=authority -keyout ca.key -out ca.pem",
            "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -passout pass:sesame -subj "
            "/CN=client -keyout client.key -out client.csr",
            "openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -out client.pem"):
        run(*command.split(), cwd=directory).expect(0)
    (directory / "pass").write_text("sesame\n")
    return directory


@once
def nginx():
    """The ports: plain, TLS, and TLS with a client's certificate."""
    ports = [free_port() for _ in range(3)]
    directory, base = client_identity(), scratch()
    hashed = run("openssl", "passwd", "-apr1", "secret").expect(0).out.decode().strip()
    users = write("users", f"joe:{hashed}\n")
    back = f"""proxy_pass http://127.0.0.1:{PORT}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";"""
    tls = (f"ssl_certificate {certificates()}/localhost.pem;"
           f"ssl_certificate_key {certificates()}/localhost.key;")
    temporary = "".join(f"{kind}_temp_path {base}/nginx-{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    name = write("nginx.conf", f"""
daemon off; master_process off; pid {base}/nginx.pid; error_log stderr;
events {{ }}
http {{
  access_log off; {temporary}
  server {{ listen 127.0.0.1:{ports[0]};
    location / {{ {back} }}
    location /moved {{ return 301 /here; }}
    location /tls {{ return 302 wss://localhost:{ports[1]}/; }}
    location /loop {{ return 307 /loop; }}
    location /forbidden {{ default_type text/plain; return 403 "the token has expired"; }}
    location /page {{ default_type text/html; return 200 "<html>a page</html>"; }}
    location /private {{ auth_basic "a realm"; auth_basic_user_file {users}; {back} }} }}
  server {{ listen 127.0.0.1:{ports[1]} ssl; {tls} location / {{ {back} }} }}
  server {{ listen 127.0.0.1:{ports[2]} ssl; {tls} ssl_client_certificate {directory}/ca.pem;
    ssl_verify_client on; location / {{ {back} }} }}
}}
""")
    start(ports[0], find("nginx"), "-p", base, "-c", name, others=ports[1:])
    return ports


def plain(path=""):
    return f"ws://localhost:{nginx()[0]}{path}"


@test("nginx: -L follows its redirects, also from ws to wss; without it the place is told")
def _():
    for path in ("/moved", "/tls"):
        wsecho("-L", plain(path), "x").expect(0, b"x\n")
    ends(wsecho(plain("/moved"), "x"), 5, "answered 301 Moved Permanently, Location: http.*/here: use -L$")
    ends(wsecho("-L", plain("/loop"), "x"), 5, "more than 10 redirects")


@test("nginx: -u is who may come in; the realm, the body of a 403, and a page are told of")
def _():
    wsecho("-u", "joe:secret", plain("/private"), "x").expect(0, b"x\n")
    wsecho(plain("/private").replace("//", "//joe:secret@"), "x").expect(0, b"x\n")
    for words, cure in (([], "--user NAME"),
                        (["-u", "joe:wrong"], "the credentials that were given are refused")):
        ends(wsecho(*words, plain("/private"), "x"), 5,
             f'answered 401 Unauthorized, WWW-Authenticate: Basic realm="a realm": {cure}')
    ends(wsecho(plain("/forbidden"), "x"), 5,
         'answered 403 Forbidden; it says "the token has expired"$')
    ends(wsecho(plain("/page"), "x"), 5, "answered 200 OK: not a WebSocket server at this path.$")


@test("nginx: wss:// to its plain port and ws:// to its TLS port: what to try")
def _():
    ends(wsecho(plain().replace("ws:", "wss:"), "x"), 4, "does not speak TLS: try ws://$")
    ends(wsecho(f"ws://localhost:{nginx()[1]}", "x"), 5,
         "answered 400 Bad Request; it says .*plain HTTP request was sent to HTTPS port")


@test("nginx: a client's certificate, with an encrypted key; without one it says what it wants")
def _():
    url, directory = f"wss://localhost:{nginx()[2]}", client_identity()
    words = ["-E", directory / "client.pem", "--key", directory / "client.key"]
    wsecho(*words, "--pass-file", directory / "pass", url, "x").expect(0, b"x\n")
    ends(wsecho(url, "x"), 5, "answered 400 Bad Request; it says .*No required SSL certificate")
    ends(wsecho(*words, url, "x"), 2, "client.key' is encrypted: --pass-file FILE$")


# openssl s_server, in front of nothing: it only has to shake hands.


def s_server(*options):
    port = free_port()
    return start(port, find("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                 certificates() / "localhost.pem", "-key", certificates() / "localhost.key", "-quiet",
                 "-www", *options)


@test("openssl s_server: a certificate that is demanded, with TLS 1.2 and 1.3: shown, or status 4")
def _():
    directory = client_identity()
    for version in ("-tls1_2", "-tls1_3"):
        port = s_server("-Verify", "1", "-verify_return_error", "-CAfile", directory / "ca.pem", version)
        ends(wsecho(f"wss://localhost:{port}", "x"), 4,
             rf"localhost:{port}: the peer wants a certificate of ours: --cert FILE, --key FILE$")
        done = wsecho("-E", directory / "client.pem", "--key", directory / "client.key",
                      "--pass-file", directory / "pass", f"wss://localhost:{port}", "x")
        ends(done, 5, "answered 200")


@test("openssl s_server: CBC suites alone need --ciphers, and ALPN without http/1.1 is said")
def _():
    port = s_server("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA")
    ends(wsecho(f"wss://localhost:{port}", "x"), 4,
         "none of our versions, ciphers and key exchanges .*: --ciphers DEFAULT takes older")
    ends(wsecho("--ciphers", "DEFAULT", f"wss://localhost:{port}", "x"), 5, "answered 200")
    ends(wsecho(f"wss://localhost:{s_server('-alpn', 'h2')}", "x"), 4,
         "does not speak http/1.1 .ALPN.")


# npm ws, which is what people reconnect to.


@test("npm ws: --reconnect goes on when the server has come back")
def _():
    if not NODE or not (PACKAGES / "ws").is_dir():
        raise Skip("there is no npm package ws")
    script = write("again.js", """
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) });
server.on('connection', (socket) => socket.on('message', (data) => {
  socket.send(String(data));
  if (String(data) === 'die') setTimeout(() => process.exit(), 100);
}));
server.on('listening', () => console.error('listening'));
""")
    port = free_port()

    def node():
        process = subprocess.Popen([NODE, script, str(port)], stderr=subprocess.PIPE,
                                   env=node_environment())
        atexit.register(process.kill)
        Log(process.stderr).wait("listening")
        return process

    first = node()
    with started(*client_command("--reconnect=200ms", f"ws://127.0.0.1:{port}")) as client:
        client.stdin.write(b"die\n")
        equal(client.stdout.readline(), b"die\n", "the first reply")
        first.wait(DEADLINE)
        match("trying again", client.stderr.readline().decode())
        client.stdin.write(b"kept\n")
        second = node()
        equal(client.stdout.readline(), b"kept\n", "the second reply")
        finish(client).expect(0)
        second.kill()


main(threads=4)
