# SPDX-License-Identifier: MIT
"""An authority of a test's own, by the openssl command: certificates for servers and clients, and what
OCSP says of them."""

import functools
import pathlib
import threading

from support import run

CONFIG = """
[ca]
default_ca = here
[here]
database = index
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
{names}
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
"""


def alone(method):
    """Its files are for one at a time; tests may be in several threads."""

    @functools.wraps(method)
    def call(self, *arguments, **more):
        with self.lock:
            return method(self, *arguments, **more)

    return call


class Authority:
    """In a folder: ca.pem, and for each name NAME.pem, with the authority behind it, and NAME.key."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.lock = threading.Lock()
        self.ca = self.folder / "ca.pem"
        (self.folder / "index").write_text("")
        self.configure("")
        self.openssl("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                     "-subj", f"/CN={name}", "-config", "config", "-extensions", "authority")

    def configure(self, names, more=""):
        alternative = "subjectAltName = " + names if names else ""
        (self.folder / "config").write_text(
            CONFIG.format(names=f"{alternative}\n{more}") +
            "[req]\ndistinguished_name = name\n[name]\n")

    def openssl(self, *words, status=0):
        return run("openssl", *words, cwd=self.folder).expect(status)

    @alone
    def make(self, file, kind, names="", begin="20200101000000Z", end="20491231000000Z", more="",
             key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), subject=None):
        """The paths of a new certificate and its key."""
        self.configure(names, more)
        self.openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", f"{file}.key", "-out",
                     f"{file}.request", "-subj", f"/CN={subject or file}", "-config", "config")
        self.openssl("ca", "-batch", "-config", "config", "-extensions", kind, "-in",
                     f"{file}.request", "-out", f"{file}.leaf", "-notext", "-startdate", begin,
                     "-enddate", end)
        (self.folder / f"{file}.pem").write_text((self.folder / f"{file}.leaf").read_text() +
                                                 self.ca.read_text())
        return self.folder / f"{file}.pem", self.folder / f"{file}.key"

    def server(self, file, names, **more):
        return self.make(file, "server", names, **more)

    def client(self, file, **more):
        return self.make(file, "client", **more)

    @alone
    def revoke(self, file):
        self.openssl("ca", "-config", "config", "-revoke", f"{file}.leaf")

    @alone
    def ocsp(self, file, days=7):
        """The path of a response about that certificate."""
        self.openssl("ocsp", "-issuer", "ca.pem", "-cert", f"{file}.leaf", "-reqout", "question")
        self.openssl("ocsp", "-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey",
                     "ca.key", "-reqin", "question", "-respout", f"{file}.ocsp", "-ndays", str(days))
        return self.folder / f"{file}.ocsp"
