# SPDX-License-Identifier: MIT
"""testssl.sh looks at wsechod as it is by default: it finds nothing that it calls worse than LOW."""

import concurrent.futures
import datetime
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from authority import Authority  # noqa: E402
from support import Server, equal, main, note, scratch, test  # noqa: E402

# Its sections side by side: they wait for each other's timeouts more than for the processor.
SECTIONS = (("--protocols", "--std"), ("--server-preference", "--fs"),
            ("--server-defaults", "--headers"), ("--vulnerable",))
LIMIT = 600  # seconds, for a machine that has other things to do

# What must have been looked at, or the rest means nothing.
LOOKED = {"SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipherlist_NULL", "cipherlist_aNULL",
          "cipher_order", "cert_chain_of_trust", "cert_expirationStatus", "cert_ocspURL", "heartbleed",
          "ticketbleed", "ROBOT", "secure_client_renego", "BEAST", "LUCKY13", "RC4", "HSTS",
          "X-Content-Type-Options"}


def day(ahead):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=ahead)
    return moment.strftime("%Y%m%d%H%M%SZ")


def certificate():
    """One as a public authority makes it: for 90 days, with the addresses that tell of revocation.
    Nobody asks there."""
    authority = Authority(scratch() / "authority")
    pair = authority.server("localhost", "DNS:localhost", begin=day(-1), end=day(89), more=(
        "keyUsage = critical, digitalSignature\n"
        "authorityInfoAccess = OCSP;URI:http://127.0.0.1:1/\n"
        "crlDistributionPoints = URI:http://127.0.0.1:1/\n"))
    return authority.ca, pair


def look(url, authority, number, sections):
    """The findings of these sections."""
    found = scratch() / f"found-{number}.json"
    port = url.rpartition(":")[2]
    with open(scratch() / f"said-{number}", "wb") as said:
        subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
                        "--add-ca", authority, "--jsonfile", found, "--ip", "127.0.0.1", *sections,
                        f"https://localhost:{port}"], stdin=subprocess.DEVNULL, stdout=said,
                       stderr=subprocess.STDOUT, cwd=scratch(), timeout=LIMIT, check=False)
    return json.loads(found.read_text())


@test("testssl.sh finds nothing above LOW with a certificate and no other option")
def _():
    authority, (cert, key) = certificate()
    with Server("--cert", cert, "--key", key, listen=("wss://127.0.0.1:0",), cert=False) as server:
        with concurrent.futures.ThreadPoolExecutor(len(SECTIONS)) as pool:
            jobs = [pool.submit(look, server.wss, authority, number, sections)
                    for number, sections in enumerate(SECTIONS)]
            findings = [finding for job in jobs for finding in job.result()]
    looked = {finding["id"].split(" ")[0] for finding in findings}
    equal(LOOKED - looked, set(), "the set of what was not looked at")
    worse = [(finding["severity"], finding["id"], finding["finding"]) for finding in findings
             if finding["severity"] not in ("OK", "INFO", "LOW", "WARN", "DEBUG")]
    equal(worse, [], "what is worse than LOW")
    for finding in findings:
        if finding["severity"] in ("LOW", "WARN"):
            note(f"{finding['severity']}: {finding['id']}: {finding['finding']}")


main()
