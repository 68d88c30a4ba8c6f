# SPDX-License-Identifier: MIT
"""The results as one page that needs nothing else: a row for each case, a column for each target;
a cell opens what was expected, what was seen, and the wire log."""

import html
import json

from .verdict import VERDICTS

MARKS = {"OK": "ok", "NON-STRICT": "ns", "FAILED": "no", "INFORMATIONAL": "in",
         "UNIMPLEMENTED": "un"}

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>WebSocket conformance</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .15em .6em; text-align: left }
th { position: sticky; top: 0; background: #fff; vertical-align: bottom }
td.v { cursor: pointer; text-align: center; border: 1px solid #fff; min-width: 4.5em }
.ok { background: #d8f0d8 } .ns { background: #fdeebb } .no { background: #f6c4c4 }
.in { background: #dbe6f6 } .un { background: #eee }
.ok, .ns, .no, .in { color: #111 } .un { color: #666 }
h2 { margin: 1.6em 0 .3em } pre { margin: .3em 0; white-space: pre-wrap; font-size: 12px }
dialog { max-width: 60em; border: 1px solid #888; border-radius: 6px }
h2 + table td:nth-child(2) { min-width: 20em }
.n { color: #777; font-variant-numeric: tabular-nums } .r { color: #777; font-size: 12px }
@media (prefers-color-scheme: dark) {
 body, th { background: #181818; color: #ddd } td.v { border-color: #181818 } }
</style></head><body>
<h1>WebSocket conformance</h1>
<p>RFC 6455 and RFC 7692. Each case is one connection. <b class="ok">OK</b>: as the RFC says.
<b class="ns">NON-STRICT</b>: allowed or harmless, but not as the RFC wants it.
<b class="no">FAILED</b>: breaks the RFC. <b class="in">INFORMATIONAL</b>: the RFC leaves it open.
<b class="un">UNIMPLEMENTED</b>: needs an optional feature that was not agreed on. Click a cell for
the wire log.</p>
"""

SCRIPT = """<dialog id="d"></dialog><script>
const logs = JSON.parse(document.getElementById('logs').textContent);
const dialog = document.getElementById('d');
document.addEventListener('click', ({ target }) => {
  if (target === dialog) dialog.close();
  if (!target.dataset || target.dataset.log === undefined) return;
  const [title, expected, seen, lines] = logs[target.dataset.log];
  dialog.textContent = '';
  for (const [name, text] of [['h3', title], ['p', 'Expected: ' + expected], ['p', 'Seen: ' + seen],
                              ['pre', lines.join('\\n')]])
    dialog.append(Object.assign(document.createElement(name), { textContent: text }));
  dialog.showModal();
});
</script></body></html>
"""


def page(runs):
    """The text of the page."""
    logs, parts = [], [HEAD, summary(runs)]
    for role in ("server", "client"):
        of_role = [run for run in runs if run.role == role]
        if of_role:
            parts.append(f"<h1>{role.capitalize()}s</h1>")
            parts += tables(of_role, logs)
    # "</" would end the element.
    text = json.dumps(logs, separators=(",", ":")).replace("</", "<\\/")
    parts += [f'<script type="application/json" id="logs">{text}</script>', SCRIPT]
    return "\n".join(parts)


def summary(runs):
    head = "".join(f"<th>{verdict}</th>" for verdict in VERDICTS)
    rows = [f"<table><tr><th></th><th>role</th>{head}<th>cases</th><th>s</th></tr>"]
    for run in runs:
        cells = "".join(f'<td class="{MARKS[verdict]}">{count}</td>'
                        for verdict, count in run.counts().items())
        rows.append(f"<tr><td>{html.escape(run.target)}</td><td>{run.role}</td>{cells}"
                    f"<td>{len(run.results)}</td><td>{run.seconds:.1f}</td></tr>")
    return "\n".join([*rows, "</table>"])


def tables(runs, logs):
    """A table for each section of one role."""
    found = [{result.number: result for result in run.results} for run in runs]
    cases = {}
    for results in found:
        for number, result in results.items():
            cases.setdefault(result.section, {})[number] = result
    head = "".join(f"<th>{html.escape(run.target)}</th>" for run in runs)
    for section in sorted(cases, key=lambda name: int(name.partition(".")[0])):
        yield f"<h2>{html.escape(section)}</h2><table><tr><th></th><th></th>{head}</tr>"
        for number in sorted(cases[section], key=place):
            case = cases[section][number]
            cells = "".join(cell(results.get(number), logs) for results in found)
            yield (f'<tr><td class="n">{number}</td><td>{html.escape(case.name)} '
                   f'<span class="r">{html.escape(case.rfc)}</span></td>{cells}</tr>')
        yield "</table>"


def place(number):
    """For sorting: 10.9 comes before 10.10."""
    return [int(part) for part in number.split(".")]


def cell(result, logs):
    if result is None:
        return "<td></td>"
    lines = [f"{seconds:8.3f} {direction} {words}" for seconds, direction, words in result.log[:40]]
    logs.append((f"{result.number} {result.name}: {result.verdict}", result.expectation,
                 result.seen, lines if result.verdict != "OK" else lines[:4]))
    shown = result.verdict.lower() if result.verdict != "OK" else "ok"
    return (f'<td class="v {MARKS[result.verdict]}" data-log="{len(logs) - 1}">'
            f"{html.escape(shown)}</td>")


def save(runs, path):
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(runs))
