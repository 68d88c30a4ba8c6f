# SPDX-License-Identifier: MIT
"""A real Prometheus scrapes wsechod, and its promtool judges /metrics and the dashboard's queries."""

import http.client
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from support import (BUILD, DEADLINE, ROOT, Log, Server, equal, eventually,  # noqa: E402
                     main, match, once, run, scratch, test)

MESSAGES = 700


class Scraped:
    """A server that was loaded, and a Prometheus that scrapes it."""

    def __init__(self):
        self.server = Server("--admin", "http://127.0.0.1:0")
        self.admin = self.server.log.wait(r"metrics at http://(\S+)/metrics")[0][1]
        self.sent = json.loads(run(BUILD / "wsbench", "--json", "-k", f"-n{MESSAGES}", "-c5",
                                   "--warm-up=0", self.server.wss).expect(0).out)["total"]
        config = scratch() / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
                          "- job_name: wsechod\n  static_configs:\n"
                          f"  - targets: ['{self.admin}']\n")
        run("promtool", "check", "config", config).expect(0)
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={scratch() / 'data'}",
             "--web.listen-address=127.0.0.1:0", "--log.level=info"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.log = Log(self.process.stderr)
        found = self.log.wait(r"Listening on.* address=(127\.0\.0\.1:\d+)|Server is ready to receive", 2)
        self.address = next(one[1] for one in found if one[1])

    def ask(self, path, **parameters):
        """What its API says."""
        link = http.client.HTTPConnection(self.address, timeout=DEADLINE)
        link.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        told = json.loads(link.getresponse().read())
        equal(told["status"], "success", f"the answer about {parameters}")
        return told["data"]

    def query(self, expression):
        """The samples, by their labels without those that Prometheus adds."""
        return {tuple(sorted((name, value) for name, value in sample["metric"].items()
                             if name not in ("instance", "job", "__name__"))): float(sample["value"][1])
                for sample in self.ask("query", query=expression)["result"]}

    def target(self):
        found = self.ask("targets")["activeTargets"]
        return found[0] if found else {"health": "unknown"}

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(DEADLINE), 0, "the status of Prometheus")
        self.server.stop()


@once
def scraped():
    return Scraped()


@test("promtool finds nothing wrong with /metrics")
def _():
    text = run("curl", "-s", f"http://{scraped().admin}/metrics").expect(0).out
    equal(run("promtool", "check", "metrics", given=text).expect(0).err, "", "what promtool says")


@test("Prometheus takes the scrape")
def _():
    eventually(lambda: scraped().target()["health"] != "unknown", "the target was scraped")
    target = scraped().target()
    equal((target["health"], target["lastError"]), ("up", ""), "the target")


@test("Prometheus has what wsbench sent, to the byte")
def _():
    sent = scraped().sent
    # Those that were on their way when measuring began are in the total as well.
    equal(sent["received"], sent["sent"], "what came back")
    equal(sent["sent"] >= MESSAGES, True, "that wsbench sent them")
    eventually(lambda: scraped().query("sum(wsechod_connections_opened_total)") == {(): 5.0},
               "all is scraped")
    for direction, count, size in (("received", "sent", "bytes_sent"),
                                   ("sent", "received", "bytes_received")):
        labels = (("direction", direction), ("type", "text"))
        where = f'{{direction="{direction}",type="text"}}'
        equal(scraped().query(f"wsechod_messages_total{where}"), {labels: sent[count]}, "messages")
        equal(scraped().query(f"wsechod_message_bytes_total{where}"), {labels: sent[size]}, "bytes")
    equal(scraped().query("histogram_quantile(1, wsechod_handshake_seconds_bucket) < 10").keys(), {()},
          "that the handshakes have a quantile")


@test("Prometheus knows each metric's type and help as the server tells it")
def _():
    told = run("curl", "-s", f"http://{scraped().admin}/metrics").expect(0).out.decode()
    metadata = scraped().ask("metadata")
    for name, kind in re.findall(r"(?m)^# TYPE (\w+) (\w+)$", told):
        equal([one["type"] for one in metadata[name]], [kind], f"the type of {name}")
        equal(metadata[name][0]["help"], match(rf"(?m)^# HELP {name} (.*)$", told)[1], "the help")


@test("Prometheus understands each query of the dashboard, and those of what there is find it")
def _():
    dashboard = json.loads((ROOT / "server/deploy/grafana.json").read_text())
    # Rates need two scrapes.
    eventually(lambda: scraped().query("count_over_time(wsechod_connections_open[1m])")[()] >= 3,
               "there are three scrapes")
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            equal("$" in query, False, f"that a variable is left in {query}")
            found = scraped().query(query)
            if "rate(" not in query:
                equal(found != {}, True, f"that {query} finds something")


@test("both end as they should")
def _():
    scraped().stop()


main()
