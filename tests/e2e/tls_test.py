# SPDX-License-Identifier: MIT
"""TLS: which versions and suites are let in, certificates, and what is no TLS at all."""

import hashlib
import os
import ssl
import subprocess

from peer import PING, PONG, TEXT, Peer, frame, request
from support import Server, certificates, equal, main, match, run, scratch, sentence, test, wsechod
from wire import Wire, any_certificate, connect, versions

server = Server()


def context(version=None, ciphers=None, protocols=None):
    """A client's context that offers just this."""
    made = any_certificate()
    if version:
        versions(made, ssl.TLSVersion.TLSv1, version)
    if ciphers:
        made.set_ciphers(ciphers + ":@SECLEVEL=0")
    if protocols:
        made.set_alpn_protocols(protocols)
    return made


def session(url, made):
    """What was agreed on: version, suite and protocol."""
    with Wire(connect(url), made) as wire:
        return wire.tls.version(), wire.tls.cipher()[0], wire.tls.selected_alpn_protocol()


def refused(url, made, reason):
    """Fails unless the server refuses it, with this alert."""
    try:
        agreed = session(url, made)
    except ssl.SSLError as error:
        match(reason, str(error))
        return
    raise AssertionError(f"the server agreed on {agreed}")


def rsa_server():
    """A server with an RSA certificate: more old suites are possible with one."""
    cert, key = scratch() / "rsa.pem", scratch() / "rsa.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                    "/CN=localhost", "-out", cert, "-keyout", key], check=True,
                   stderr=subprocess.DEVNULL)
    return Server("--cert", cert, "--key", key, cert=False)


@test("TLS 1.3 and TLS 1.2 are spoken")
def _():
    equal(session(server.wss, context())[0], "TLSv1.3")
    equal(session(server.wss, context(ssl.TLSVersion.TLSv1_2))[0], "TLSv1.2")


@test("TLS 1.1 and TLS 1.0 are refused")
def _():
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
        refused(server.wss, context(version), "protocol version")


@test("in TLS 1.2 only suites with ECDHE and AEAD are let in")
def _():
    with rsa_server() as rsa:
        for ciphers in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                        "ECDHE-RSA-CHACHA20-POLY1305"):
            equal(session(rsa.wss, context(ssl.TLSVersion.TLSv1_2, ciphers))[1], ciphers)
        for ciphers in ("AES128-GCM-SHA256", "AES256-SHA256", "DHE-RSA-AES128-GCM-SHA256",
                        "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "aNULL"):
            refused(rsa.wss, context(ssl.TLSVersion.TLSv1_2, ciphers), "handshake failure")
    for ciphers in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-CCM8"):
        refused(server.wss, context(ssl.TLSVersion.TLSv1_2, ciphers), "handshake failure")


@test("ALPN: http/1.1 is chosen, wherever it stands in the offer")
def _():
    for offer in (["http/1.1"], ["h2", "http/1.1"], ["http/1.0", "http/1.1", "h2"]):
        equal(session(server.wss, context(protocols=offer))[2], "http/1.1")
    equal(session(server.wss, context())[2], None)


@test("ALPN: a client that offers only h2 is refused")
def _():
    refused(server.wss, context(protocols=["h2"]), "no application protocol")


@test("the certificate of make-certs is good for localhost, 127.0.0.1 and ::1, and for no one else")
def _():
    for name, good in (("localhost", True), ("127.0.0.1", True), ("::1", True),
                       ("example.org", False), ("127.0.0.2", False)):
        made = ssl.create_default_context(cafile=str(certificates() / "ca.pem"))
        with connect(server.wss) as sock:
            try:
                made.wrap_socket(sock, server_hostname=name).close()
                verified = True
            except ssl.SSLCertVerificationError:
                verified = False
        equal(verified, good, f"that {name} is verified")


@test("without --cert the server makes a certificate, and logs its real SHA-256 fingerprint")
def _():
    with Server(cert=False) as own, Wire(connect(own.wss), any_certificate()) as wire:
        der = wire.tls.getpeercert(binary_form=True)
        actual = hashlib.sha256(der).hexdigest().upper()
        logged = own.log.wait("SHA-256 fingerprint (.*)$")[0][1]
        equal(logged, ":".join(actual[i:i + 2] for i in range(0, 64, 2)), "the fingerprint")
        pem = scratch() / "made.pem"
        pem.write_text(ssl.DER_cert_to_PEM_cert(der))
        made = ssl.create_default_context(cafile=str(pem))
        made.check_hostname = True
        with connect(own.wss) as sock:
            made.wrap_socket(sock, server_hostname="localhost").close()


@test("each server makes a certificate of its own")
def _():
    with Server(cert=False) as one, Server(cert=False) as other:
        pattern = "SHA-256 fingerprint (.*)$"
        equal(one.log.wait(pattern)[0][1] != other.log.wait(pattern)[0][1], True)


# Certificates that cannot be used.


def unusable(title, cert, key, says):
    """A test that the server does not start with these, and says why in one sentence."""

    @test(title)
    def _():
        done = wsechod("--listen", "wss://127.0.0.1:0", "--cert", cert(), "--key", key())
        done.expect(1, b"")
        match(says, sentence(done.err, "wsechod"))


def good(name):
    return lambda: certificates() / name


def made(name, content):
    def make():
        path = scratch() / name
        path.write_text(content)
        return path

    return make


def directory():
    return scratch()


def other_key(*more, name="other.key"):
    def make():
        path = scratch() / name
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-out", path, *more).expect(0)
        return path

    return make


GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
unusable("a certificate file that does not exist is named", lambda: "/nonexistent.pem",
         good("localhost.key"), r"'/nonexistent\.pem'.*No such file")
unusable("a key file that does not exist is named", good("localhost.pem"),
         lambda: "/nonexistent.key", r"'/nonexistent\.key'.*No such file")
unusable("a directory for a certificate is refused", directory, good("localhost.key"), "directory")
unusable("an empty certificate file is refused", made("empty.pem", ""), good("localhost.key"),
         "no certificate")
unusable("a damaged certificate is refused", made("bad.pem", GARBAGE), good("localhost.key"),
         "damaged")
unusable("a file that holds no key is refused", good("localhost.pem"), made("no.key", "x" * 1000),
         "no usable private key")
unusable("a key that is not the certificate's is refused", good("localhost.pem"), other_key(),
         "does not belong")
unusable("an encrypted key is refused, and nobody is asked for the passphrase",
         good("localhost.pem"), other_key("-aes256", "-pass", "pass:secret", name="secret.key"),
         "encrypted")


# What is no TLS.


def broken_off(title, says, first, over_tls=()):
    """A test that a connection which sends this (after `over_tls`, if that is given) is ended by
    the server, with one line in its log, and that nobody else notices."""

    @test(title)
    def _():
        with Server() as own, Peer(own.wss) as other:
            other.echoes()
            wire = Peer(own.wss) if over_tls else Wire(connect(own.wss))
            with wire:
                if over_tls:
                    wire.echoes()
                    wire.send(*over_tls)
                wire.sock.sendall(first)
                try:
                    while wire.sock.recv(65536):
                        pass
                except ConnectionError:
                    pass
            other.finish()
            own.log.wait(f"127.0.0.1:[0-9]+: TLS: .*{says}")
            own.stop()
            equal(own.log.text().count("\n"), 4, f"the number of lines in {own.log.lines}")


broken_off("garbage in place of TLS ends the connection, and one line says so", "not TLS",
           b"\x9a\x07\xe1\x05" * 4000)
broken_off("plain HTTP on the TLS port ends the connection, and one line says so",
           "plain HTTP request", request())
broken_off("the preface of HTTP/2 on the TLS port ends the connection", "not TLS",
           b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
broken_off("an SSH client on the TLS port is shown the door", "not TLS", b"SSH-2.0-OpenSSH_9.2\r\n")
broken_off("garbage in the middle of a TLS session ends it, and one line says so", "not TLS",
           b"garbage" * 1000, (frame(PING),))
broken_off("a damaged TLS record ends the session, and one line says so", "damaged or forged",
           b"\x17\x03\x03\x00\x20" + bytes(32), (frame(PING),))
broken_off("a TLS record over 16 KiB ends the session", "not TLS|long",
           b"\x17\x03\x03\xff\xff" + bytes(65535), (frame(PING),))


@test("TLS on the port without TLS is refused with 400")
def _():
    with Wire(connect(server.ws)) as wire:
        try:
            Wire.__init__(wire, wire.sock, any_certificate())
        except ssl.SSLError as error:
            match("WRONG_VERSION|HTTP_REQUEST|UNKNOWN_PROTOCOL|WRONG_SSL", error.reason)
        else:
            raise AssertionError("TLS was spoken")


@test("messages that were echoed before the TLS session broke arrive, then an alert")
def _():
    with Peer(server.wss) as peer:
        peer.send(frame(TEXT, b"one") + frame(PING, b"two"))
        peer.expect((TEXT, b"one"), (PONG, b"two"))
        peer.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        try:
            peer.receive()
            raise AssertionError("there was no alert")
        except ssl.SSLError as error:
            match("ALERT_BAD_RECORD_MAC", error.reason)


main(threads=4)
