# SPDX-License-Identifier: MIT
"""What is in server/deploy/ is right, as far as the tools can tell that it is for."""

import os
import re
import shutil

from support import (BUILD, ROOT, Skip, certificates, equal, main, match, run, scratch, test,
                     wsechod)

UNITS = ("wsechod.service", "wsechod.socket")


def find(name):
    """Where an administrator's program is."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise Skip(f"{name} is not installed")
    return found


def units():
    """A folder with the units, which start our program."""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    folder = scratch() / "units"
    folder.mkdir(exist_ok=True)
    for name in UNITS:
        text = (ROOT / "server/deploy" / name).read_text()
        (folder / name).write_text(text.replace("/usr/local/bin/wsechod", str(BUILD / "wsechod")))
    return folder


@test("systemd finds nothing wrong with the units")
def _():
    folder = units()
    done = run("systemd-analyze", "verify", "--man=no", *(folder / name for name in UNITS)).expect(0)
    equal((done.out, done.err), (b"", ""), "what it says")


@test("the service is exposed to 2.0 at most, as systemd counts")
def _():
    folder = units()
    # A threshold is ten times what is shown.
    done = run("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20",
               folder / "wsechod.service")
    done.expect(0)
    match(r"exposure level for wsechod.service: [01]\.\d|: 2\.0", done.out.decode())


@test("the server finds nothing wrong with its configuration, nor with what stands there in comments")
def _():
    text = (ROOT / "server/deploy/wsechod.conf").read_text()
    for old, new in (("/etc/wsechod/fullchain.pem", str(certificates() / "localhost.pem")),
                     ("/etc/wsechod/privkey.pem", str(certificates() / "localhost.key"))):
        equal(text.count(old), 1, f"how often {old!r} is there")
        text = text.replace(old, new)
    config = scratch() / "wsechod.conf"
    for each in (text, re.sub("(?m)^#(?=[a-z-]+ )", "", text)):
        config.write_text(each)
        match("all that can be checked without starting is right",
              wsechod("--config", config, "--check").expect(0).err)
    equal(len(re.findall("(?m)^[a-z]", each)), 9, "the options")


@test("HAProxy finds nothing wrong with its configuration")
def _():
    # -dW: a warning is one as well.
    done = run(find("haproxy"), "-c", "-dW", "-f", ROOT / "server/deploy/haproxy.cfg").expect(0)
    equal(done.err, "", "what it says")


@test("nginx finds nothing wrong with its configuration")
def _():
    text = (ROOT / "server/deploy/nginx.conf").read_text()
    # It reads the certificates, binds the ports and makes directories, which not everybody may.
    temporary = "".join(f" {kind}_temp_path {scratch()}/{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    for old, new in (("/etc/wsechod/fullchain.pem", str(certificates() / "localhost.pem")),
                     ("/etc/wsechod/privkey.pem", str(certificates() / "localhost.key")),
                     ("\nhttp {\n", f"\nhttp {{{temporary}\n"),
                     ("listen 443 ssl", f"listen unix:{scratch()}/nginx-4.sock ssl"),
                     ("listen [::]:443 ssl", f"listen unix:{scratch()}/nginx-6.sock ssl")):
        equal(text.count(old), 1, f"how often {old!r} is there")
        text = text.replace(old, new)
    config = scratch() / "nginx.conf"
    config.write_text(text.replace("worker_rlimit_nofile 40000;\n", ""))
    done = run(find("nginx"), "-t", "-q", "-e", "stderr", "-p", scratch(), "-c", config, "-g",
               f"pid {scratch()}/nginx.pid;").expect(0)
    # Open files are the machine's affair.
    equal([line for line in done.err.splitlines() if "worker_connections" not in line], [],
          "what it says")


main()
