"""Draws the figures that `load.py` kept as docs/speed.svg: three panels, logarithmic both ways."""

import html
import json
import math
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".bench" / "figures.json"
PICTURE = ROOT / "docs" / "speed.svg"
WIDTH, HEIGHT, GAP = 270, 220, 78
LEFT, TOP, BOTTOM = 64, 58, 92
LINE = 165
INSET = 16
COLOURS = {"ours": "#1b6ac9", "peer": "#c2571a", "pgbench": "#8a8f98"}
NAMES = {
    "ours": "this server",
    "peer": "llmring-server 0.1.3",
    "pgbench": "pgbench, one insert per commit",
}
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #2b2f36 }
.title { font-weight: 600; font-size: 13px } .small { font-size: 11px; fill: #5c636e }
.grid { stroke: #e3e6ea } .line { fill: none; stroke-width: 2 }
"""


def main():
    kept = json.loads(FILE.read_text())
    abouts = {kept[name]["about"] for name in ("log", "stats") if name in kept}
    if "log" not in kept or len(abouts) > 1:
        sys.exit("No picture: it takes the figures of one whole run, without --only.")
    panels = [
        panel("POST /log, requests per second", "connections", concurrency(kept, "rate")),
        panel("POST /log, p99 in milliseconds", "connections", concurrency(kept, "p99")),
        panel("GET /stats over 90 days, milliseconds", "rows stored", statistics(kept)),
    ]
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(panels, kept["log"]["about"]))
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")


def concurrency(kept, figure):
    """A line for each server: its figure over the number of connections."""
    lines = {}
    for connections, servers in kept["log"]["by_concurrency"].items():
        for name, figures in servers.items():
            if figure in figures:
                lines.setdefault(name, []).append((int(connections), figures[figure]))
    return lines


def statistics(kept):
    """A line for each server: the time of its statistics over the number of rows."""
    sizes = {**kept.get("stats", {}), **kept.get("stats-large", {})}
    lines = {}
    for rows in sorted((size for size in sizes if size.isdigit()), key=int):
        for name, figures in sizes[rows].items():
            lines.setdefault(name, []).append((int(rows), figures["ms"]))
    return lines


def picture(panels, about):
    width = LEFT + len(panels) * (WIDTH + GAP)
    height = TOP + HEIGHT + BOTTOM
    moved = [
        f'<g transform="translate({LEFT + number * (WIDTH + GAP)} {TOP})">{each}</g>'
        for number, each in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Throughput, latency and statistics of this server and its peer">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{legend()}{''.join(moved)}{told(about, height)}</svg>\n"
    )


def told(about, height):
    """What the figures were measured on, in lines that fit."""
    lines = textwrap.wrap(html.escape(about), LINE)
    return "".join(
        text(LEFT, height - 30 + 15 * number, line, "small") for number, line in enumerate(lines)
    )


def legend():
    parts, x = [], LEFT
    for name, colour in COLOURS.items():
        parts.append(f'<rect x="{x}" y="13" width="18" height="3" fill="{colour}"/>')
        parts.append(text(x + 24, 19, NAMES[name]))
        x += 48 + 7 * len(NAMES[name])
    return "".join(parts)


def panel(title, below, lines):
    across = Axis([x for line in lines.values() for x, _ in line], WIDTH, inset=INSET)
    up = Axis([y for line in lines.values() for _, y in line], HEIGHT, decades=True)
    parts = [text(0, -12, title, "title"), text(WIDTH / 2, HEIGHT + 38, below, "small", "middle")]
    for value in up.ticks:
        y = HEIGHT - up.place(value)
        parts.append(f'<line class="grid" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text(-8, y + 4, short(value), "small", "end"))
    parts += [
        text(across.place(value), HEIGHT + 18, short(value), "small", "middle")
        for value in across.ticks
    ]
    for name, line in lines.items():
        points = [(across.place(x), HEIGHT - up.place(y), y) for x, y in line]
        parts += drawn(points, COLOURS[name])
    return "".join(parts)


class Axis:
    """A logarithmic axis: the values themselves as ticks, or the powers of ten around them."""

    def __init__(self, values, length, *, inset=0, decades=False):
        self.ticks = sorted(set(values))
        if decades:
            low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            self.ticks = [10**power for power in range(low, high + 1)]
        self._low, high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
        self._inset, self._scale = inset, (length - 2 * inset) / ((high - self._low) or 1)

    def place(self, value):
        return self._inset + (math.log10(value) - self._low) * self._scale


def drawn(points, colour):
    """A line through points, each with a dot and its value above it."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
    for x, y, value in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
        yield text(x, y - 8, short(value), "small", "middle")


def short(value):
    """A number in at most three digits: 0.8, 13, 957, 1.97k, 10M."""
    for size, letter in ((1e6, "M"), (1e3, "k"), (1, "")):
        if value >= size:
            return f"{float(f'{value / size:.3g}'):g}{letter}"
    return f"{value:.2g}"


def text(x, y, words, style="", anchor="start"):
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


if __name__ == "__main__":
    main()
