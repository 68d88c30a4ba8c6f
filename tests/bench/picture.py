# SPDX-License-Identifier: MIT
"""Bars as SVG, for a page with a light or a dark background."""

from xml.sax.saxutils import escape

BAR, GAP, NAME, WIDTH, TITLE = 16, 5, 205, 900, 30
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1a1d21 }
.title { font-weight: 600; font-size: 14px }
.own { fill: #1a5fb4 } .limit { fill: #77767b } .peer { fill: #c64600 }
.spread { stroke: #1a1d21; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e8eaed } .own { fill: #78aeed } .limit { fill: #9a9996 } .peer { fill: #ffa348 }
.spread { stroke: #e8eaed }
}
"""


def bars(top, title, values):
    """One chart: names to (low, middle, high, class); returns its markup and its lower end."""
    most = max(high for _, _, high, _ in values.values())
    scale = (WIDTH - NAME - 90) / most
    found, y = [f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>'], top + TITLE
    for name, (low, middle, high, kind) in values.items():
        middle_y, end = y + BAR / 2, NAME + middle * scale
        found.append(
            f'<text x="{NAME - 8}" y="{y + 12.5}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{NAME}" y="{y}" width="{max(end - NAME, 1):.1f}" height="{BAR}"/>'
            f'<path class="spread" d="M{NAME + low * scale:.1f} {middle_y}H{NAME + high * scale:.1f}"/>'
            f'<text x="{NAME + high * scale + 8:.1f}" y="{y + 12.5}">{middle:.3g}</text>')
        y += BAR + GAP
    return "\n".join(found), y + 14


def draw(charts):
    """A whole file of (title, values)."""
    parts, y = [], 0
    for title, values in charts:
        if values:
            markup, y = bars(y, title, values)
            parts.append(markup)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}" role="img"><title>Server CPU per message</title>\n'
            f"<!-- SPDX-License-Identifier{':'} MIT -->\n<style>{STYLE}</style>\n"
            + "\n".join(parts) + "\n</svg>\n")
