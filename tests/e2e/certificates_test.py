# SPDX-License-Identifier: MIT
"""Certificates: the server's, of which a name chooses; its clients'; OCSP; and how long they last."""

import datetime
import json
import shutil
import signal
import ssl

from authority import Authority
from peer import Peer
from service import PLAIN, command
from support import (DEADLINE, Server, equal, eventually, main, match, run, scratch, test, wsecho)
from wire import any_certificate, connect

SECURE = ("wss://127.0.0.1:0",)
COUNTS = ("1", "2")
ours = Authority(scratch() / "ours", "ours")
theirs = Authority(scratch() / "theirs", "theirs")
ours.server("localhost", "DNS:localhost, IP:127.0.0.1")
ours.server("named", "DNS:a.example")
ours.server("wild", "DNS:*.b.example")
ours.client("alice")
ours.client("late", begin="20200101000000Z", end="20200201000000Z")
theirs.client("mallory")


def pair(name, authority=ours):
    return "--cert", authority.folder / f"{name}.pem", "--key", authority.folder / f"{name}.key"


def serve(*options, **more):
    return Server(*options, "--admin", "http://127.0.0.1:0", listen=SECURE, cert=False, **more)


def now():
    """Without a zone, as it is compared with what certificates say."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def place(server):
    return server.wss.rpartition("/")[2]


def s_client(server, *words):
    """What openssl s_client says of a session."""
    return run("openssl", "s_client", "-connect", place(server), *words).out.decode(
        errors="backslashreplace")


def shown(server, *words):
    """The subject of the certificate that is shown."""
    return match(r"subject=CN ?= ?(.*)", s_client(server, *words))[1]


def renewed(server, subject, *words):
    """Each worker reloads when it comes to it."""
    eventually(lambda: all(shown(server, *words) == subject for _ in range(5)),
               f"{subject} is shown by all workers")


def identity(name, authority=ours):
    return "--cert", authority.folder / f"{name}.leaf", "--key", authority.folder / f"{name}.key"


def show_tls(server, *words):
    """What the server knows of the session, by a GET."""
    done = run("curl", "-sk", *words, f"https://{place(server)}/?show=tls").expect(0)
    return json.loads(done.out)


def metric(server, name):
    address = server.log.wait("metrics at (.*)/metrics")[0][1]
    text = run("curl", "-s", f"{address}/metrics").expect(0).out.decode()
    return float(match(rf"(?m)^{name} ([\d.]+)$", text)[1])


def refused_clients(server):
    return metric(server, r'wsechod_connections_refused_total{reason="client_certificate"}')


def date(days):
    return (now() + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


# By name.


@test("SNI: the name chooses the certificate, wildcards too; without one it is the first")
def _():
    log = scratch() / "names.log"
    for count in COUNTS:
        log.write_text("")
        with serve(*pair("localhost"), *pair("named"), *pair("wild"), "--workers", count,
                   "--access-log", log, "--log-format", "json") as server:
            for words, subject in ((("-servername", "localhost"), "localhost"),
                                   (("-servername", "a.example"), "named"),
                                   (("-servername", "A.Example"), "named"),
                                   (("-servername", "x.b.example"), "wild"),
                                   (("-servername", "b.example"), "localhost"),
                                   (("-servername", "other.example"), "localhost"),
                                   (("-noservername",), "localhost")):
                for version in ("-tls1_2", "-tls1_3"):
                    equal(shown(server, version, *words), subject, f"who answers to {words}")
            port = place(server).rpartition(":")[2]
            done = run("curl", "-s", "--cacert", ours.ca, "--resolve", f"x.b.example:{port}:127.0.0.1",
                       f"https://x.b.example:{port}/?show=tls").expect(0)
            known = json.loads(done.out)
            equal((known["server_name"], known["version"], known["application"], known["client"]),
                  ("x.b.example", "TLSv1.3", "http/1.1", None))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        equal({line.get("server_name") for line in lines if "path" in line}, {"x.b.example"})


@test("SNI: a reload takes all pairs anew, or none of them")
def _():
    folder = scratch() / "reload"
    folder.mkdir()

    def install(one, two):
        for name, source in (("one", one), ("two", two)):
            for end in ("pem", "key"):
                shutil.copy(ours.folder / f"{source}.{end}", folder / f"{name}.{end}")

    for count in COUNTS:
        install("localhost", "named")
        with serve("--cert", folder / "one.pem", "--key", folder / "one.key", "--cert",
                   folder / "two.pem", "--key", folder / "two.key", "--workers", count) as server:
            equal(shown(server, "-servername", "a.example"), "named")
            install("named", "wild")
            server.signal(signal.SIGHUP)
            renewed(server, "wild", "-servername", "x.b.example")
            equal(shown(server, "-noservername"), "named", "the new first one")
            install("localhost", "named")
            (folder / "two.key").write_text("rubbish")
            server.signal(signal.SIGHUP)
            server.log.wait("two.key")
            server.log.wait("nothing was reloaded")
            equal(shown(server, "-noservername"), "named", "the first one after that")


@test("a certificate that has expired in use keeps others from no reload; a new one that has is refused")
def _():
    folder = scratch() / "expired"
    folder.mkdir()
    ours.server("over", "DNS:over.example", end=date(-1))
    ours.server("over-too", "DNS:over.example", end=date(-2))

    def install(name, source):
        for end in ("pem", "key"):
            shutil.copy(ours.folder / f"{source}.{end}", folder / f"{name}.{end}")

    for count in COUNTS:
        install("one", "localhost")
        install("two", "over")
        config = folder / "conf"
        config.write_text(f"cert {folder}/one.pem\nkey {folder}/one.key\ncert {folder}/two.pem\n"
                          f"key {folder}/two.key\n")
        with serve("--config", config, "--workers", count) as server:
            server.log.wait("the certificate in '.*two.pem' has expired on")
            install("one", "named")
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded: ")
            server.log.wait("the certificate in '.*two.pem' has expired on", 2)
            renewed(server, "named", "-noservername")
            equal(shown(server, "-servername", "over.example"), "over", "the other one")
            install("one", "localhost")
            install("two", "over-too")
            server.signal(signal.SIGHUP)
            server.log.wait("the certificate in '.*two.pem' has expired: it is not used")
            server.log.wait("nothing was reloaded")
            equal(shown(server, "-noservername"), "named", "the first one after that")


@test("certificates and keys come in pairs, and what is wrong with one is named with its place")
def _():
    done = run(*command(*pair("localhost"), "--cert", "/x")).expect(2)
    match("--cert and --key go together: a --key is missing", done.err)
    done = run(*command("--key", "/x")).expect(2)
    match("--cert and --key go together: --cert is missing", done.err)
    config = scratch() / "pairs.conf"
    good = ours.folder / "named"
    for lines, says in (((f"cert {good}.pem", f"key {good}.key", "cert /no/cert", f"key {good}.key"),
                         ":3: cannot read '/no/cert': No such file"),
                        ((f"cert {good}.pem", "key /no/key"), ":2: cannot read '/no/key': No such"),
                        ((f"cert {good}.pem", f"key {ours.folder}/wild.key"),
                         ":2: the key in '.*wild.key' does not belong to"),
                        (("", "client-ca /no/ca"), ":2: cannot read '/no/ca'"),
                        (("tls-ciphers ROT13",), ":1: 'ROT13' has a cipher that OpenSSL does not"),
                        ((f"cert {ours.folder}/localhost.pem", f"key {ours.folder}/localhost.key",
                          "ocsp-file /no/ocsp"), ":3: cannot read '/no/ocsp'")):
        config.write_text("\n".join(lines) + "\n")
        for more in ((), ("--check",)):
            done = run(*command("--config", config, "-l", SECURE[0], *more)).expect(1)
            match(f"{config}{says}", done.err)
    for lines, says in ((("workers 2", "client-verify optional"),
                         ":2: --client-verify goes with a --client-ca"),
                        (("ocsp-file /x",), ":1: --ocsp-file goes with a --cert"),
                        (("cert /x",), ":1: --cert and --key go together: --key is missing")):
        config.write_text("\n".join(lines) + "\n")
        done = run(*command("--config", config)).expect(2)
        match(f"{config}{says}", done.err)


# Clients.


@test("--client-ca: who has a certificate comes in, and nobody else; the log and a metric say why")
def _():
    log = scratch() / "clients.log"
    log.write_text("")
    with serve(*pair("localhost"), "--client-ca", ours.ca, "--access-log", log, "--log-format",
               "json") as server:
        for version in ("1.2", "1.3"):
            equal(show_tls(server, "--tls-max", version, *identity("alice"))["client"], "CN=alice")
        equal(wsecho("--cacert", ours.ca, *identity("alice"), server.wss, "hello").expect(0).out,
              b"hello\n")
        before = refused_clients(server)
        for number, (words, says) in enumerate((
                ((), "TLS: the client has no certificate, and needs one"),
                (identity("late"), r"TLS: the client's certificate \(CN=late\) expired on 2020-02-01"),
                (identity("mallory", theirs),
                 r"TLS: the issuer of the client's certificate \(CN=theirs\) is not trusted"),
                (identity("named"), "TLS: the client's certificate is not meant for clients")), 1):
            for version in ("1.2", "1.3"):
                done = run("curl", "-sk", "--tls-max", version, *words,
                           f"https://{place(server)}/")
                equal((done.status == 0, done.out), (False, b""), "what came of it")
            server.log.wait(says, 2)
            eventually(lambda number=number: refused_clients(server) == before + 2 * number,
                       "the metric")
        # The client learns what is missing.
        done = wsecho("--cacert", ours.ca, server.wss, "hello")
        equal(done.status, 4, "wsecho's status")
        match("certificate", done.err)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    equal({line["client"] for line in lines if "client" in line}, {"CN=alice"})
    equal(sum("expired on" in line.get("why", "") for line in lines), 2, "the lines that say why")


@test("--client-verify optional: who shows none comes in without a name; a bad one stays outside")
def _():
    with serve(*pair("localhost"), "--client-ca", ours.ca, "--client-verify", "optional") as server:
        equal(show_tls(server)["client"], None)
        equal(show_tls(server, *identity("alice"))["client"], "CN=alice")
        done = run("curl", "-sk", *identity("mallory", theirs), f"https://{place(server)}/")
        equal((done.status == 0, done.out), (False, b""), "what came of it")
        server.log.wait("is not trusted")
        # Clients are told which authorities count.
        match(r"Acceptable client certificate CA names\nCN ?= ?ours", s_client(server))


def resumable(*words):
    made = any_certificate()
    for name in words:
        made.load_cert_chain(ours.folder / f"{name}.leaf", ours.folder / f"{name}.key")
    return made


def meet(server, made, session=None):
    """A session over the ticket of another one: it, and what the server knows of it."""
    with connect(server.wss) as sock, made.wrap_socket(sock, session=session) as wire:
        wire.sendall(b"GET /?show=tls HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = b""
        while more := wire.recv(4096):
            text += more
        return wire.session, json.loads(text.partition(b"\r\n\r\n")[2])


@test("--client-ca: a session that resumes is the same client's, at any worker, until the reload")
def _():
    folder = scratch() / "resume"
    folder.mkdir()
    for count in COUNTS:
        shutil.copy(ours.ca, folder / "ca.pem")
        with serve(*pair("localhost"), "--client-ca", folder / "ca.pem", "--workers",
                   count) as server:
            made = resumable("alice")
            session, known = meet(server, made)
            equal((known["resumed"], known["client"]), (False, "CN=alice"))
            for _ in range(6):
                session, known = meet(server, made, session)
                equal((known["resumed"], known["client"]), (True, "CN=alice"))
            # Others are trusted from now on, and a ticket is no way around that.
            shutil.copy(theirs.ca, folder / "ca.pem")
            server.signal(signal.SIGHUP)
            server.log.wait("reloaded")

            def is_refused():
                try:
                    meet(server, made, session)
                except (ssl.SSLError, ConnectionError):
                    return True
                return False

            eventually(lambda: all(is_refused() for _ in range(6)), "that it is refused")


@test("a certificate made at the start stays when a reload changes what else TLS is told")
def _():
    config = scratch() / "made.conf"
    for count in COUNTS:
        config.write_text("")
        with serve("--config", config, "--workers", count) as server:
            before = ssl.get_server_certificate(("127.0.0.1", int(place(server).split(":")[1])))
            config.write_text("tls-min 1.3\n")
            server.signal(signal.SIGHUP)
            eventually(lambda: all(agreed(server, "-tls1_2")[1] == "(NONE)" for _ in range(5)),
                       "that 1.2 is refused")
            equal(ssl.get_server_certificate(("127.0.0.1", int(place(server).split(":")[1]))),
                  before, "the certificate")


# What is spoken.


def agreed(server, *words):
    return match(r"New, (TLSv[\d.]+|\(NONE\)), Cipher is (\S+)", s_client(server, *words)).groups()


@test("--tls-min and --tls-ciphers narrow what is spoken")
def _():
    with serve(*pair("localhost"), "--tls-min", "1.3") as server:
        equal(agreed(server, "-tls1_2")[1], "(NONE)")
        equal(agreed(server, "-tls1_3")[0], "TLSv1.3")
    with serve(*pair("localhost"), "--tls-ciphers",
               "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256") as server:
        equal(agreed(server, "-tls1_2"), ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"))
        equal(agreed(server, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")[1], "(NONE)")
        equal(agreed(server, "-tls1_3"), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"))
        equal(agreed(server, "-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384")[1], "(NONE)")


# OCSP.


@test("--ocsp-file: the response goes with its certificate, and a reload brings a new one")
def _():
    folder = scratch() / "staples"
    folder.mkdir()
    for name in ("localhost", "named"):
        shutil.copy(ours.ocsp(name), folder / name)
    with serve(*pair("localhost"), *pair("named"), "--ocsp-file", folder / "named", "--ocsp-file",
               folder / "localhost") as server:
        for name in ("localhost", "a.example"):
            said = s_client(server, "-status", "-servername", name, "-CAfile", ours.ca)
            match("OCSP Response Status: successful", said)
            match("Cert Status: good", said)
        shutil.copy(ours.ocsp("named", days=30), folder / "named")
        server.signal(signal.SIGHUP)
        server.log.wait("reloaded")
        until = match("Next Update: (.*) GMT",
                      s_client(server, "-status", "-servername", "a.example"))[1]
        left = datetime.datetime.strptime(until, "%b %d %H:%M:%S %Y") - now()
        equal(left.days >= 28, True, "that it is the new one")
        # One that is of no use changes nothing.
        shutil.copy(folder / "localhost", folder / "named")
        (folder / "localhost").write_text("")
        server.signal(signal.SIGHUP)
        server.log.wait("nothing was reloaded")
        match("Cert Status: good", s_client(server, "-status", "-servername", "a.example"))
    with serve(*pair("localhost")) as server:
        match("OCSP response: no response sent", s_client(server, "-status"))


@test("--ocsp-file: what is not for the certificate, revoked or no response is refused")
def _():
    ours.server("gone", "DNS:gone.example")
    ours.revoke("gone")
    garbage = scratch() / "garbage"
    garbage.write_bytes(b"\x30\x03\x0a\x01\x06")
    for name, file, says in (("localhost", ours.ocsp("wild"), "is for another certificate"),
                             ("gone", ours.ocsp("gone"), "says of the certificate: revoked"),
                             ("localhost", garbage, "is only 'unauthorized'"),
                             ("localhost", ours.ca, "is no OCSP response in DER")):
        for more in ((), ("--check",)):
            done = run(*command(*pair(name), "--ocsp-file", file, "-l", SECURE[0], *more)).expect(1)
            match(says, done.err)


# Their time.


@test("a certificate that expires soon is warned of at the start and at a reload; a metric says when")
def _():
    for name, begin, days, warned in (("soon", -80, 10, True), ("short", -1, 5, False),
                                      ("shorter", -5, 1, True), ("long", -10, 80, False)):
        ours.server(name, "DNS:localhost", begin=date(begin), end=date(days))
        for count in COUNTS:
            with serve(*pair("localhost"), *pair(name), "--workers", count) as server:
                expected = ([f"{ours.folder}/{name}.pem"] if warned else [])
                found = server.log.find("the certificate in '(.*)' expires on [0-9-]*: renew it")
                equal([line[1] for line in found], expected, "what is warned of")
                expires = metric(server, "wsechod_certificate_expiry_time_seconds")
                left = expires - datetime.datetime.now().timestamp()
                equal(abs(left - days * 86400) < 3600, True, f"that {left} s are {days} days")
                server.signal(signal.SIGHUP)
                server.log.wait("reloaded")
                if warned:
                    server.log.wait("the certificate in '(.*)' expires on [0-9-]*: renew it", 2)
    with Server("--admin", "http://127.0.0.1:0", listen=PLAIN, cert=False) as server:
        equal(metric(server, "wsechod_certificate_expiry_time_seconds"), 0.0)
        with Peer(server.ws) as peer:
            peer.echoes()


main(threads=2)
