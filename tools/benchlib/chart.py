"""A picture of what `tools/bench proxy --json` has measured: CPU per request of each contender, a panel per load."""

from dataclasses import dataclass
from html import escape

from benchlib.stats import bootstrap_interval

PANELS = {
    "proxy./:64": "65 B, 64 connections",
    "proxy./:512": "65 B, 512 connections",
    "proxy./f/64k:16": "64 KiB, 16 connections",
    "proxy./f/1m:16": "1 MiB, 16 connections",
    "proxy./f/10m:16": "10 MiB, 16 connections",
    "proxy.uploads": "upload of 1 MiB, 16 connections",
    "proxy.new-connections": "65 B, a new connection for each request",
}
CONTENDERS = {
    "tinygate-io_uring": "TinyGate, io_uring",
    "tinygate-io_uring-pipeline": "TinyGate, pipelined",
    "tinygate-epoll": "TinyGate, epoll",
    "tinygate-linux_aio": "TinyGate, linux_aio",
    "nginx": "nginx",
    "nginx-streaming": "nginx, unbuffered",
    "haproxy": "HAProxy",
    "bare-io_uring": "bare pump, io_uring",
    "bare-epoll": "bare pump, epoll",
    "bare-splice": "bare pump, splice",
}

# Tones between light and dark, so that they can be read on either ground.
TEXT, OURS, PEER, BARE, WHISKER = "#7d8590", "#2f81f7", "#bf7d3a", "#8b949e", "#57606a"
COLUMNS, PANEL, GAP = 2, 430, 30  # pixels
LABEL, BAR, ROW, HEAD = 140, 200, 19, 28
FOOT = 44


@dataclass(frozen=True)
class Row:
    name: str
    value: float  # microseconds
    low: float
    high: float


def draw(measured):
    """The SVG of what the JSON file holds."""
    panels = [(title, rows) for prefix, title in PANELS.items() if (rows := rows_of(measured["figures"], prefix))]
    if not panels:
        raise ValueError("no CPU per request is in it")
    lines = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    body, top = [], HEAD
    for line in lines:
        for column, (title, rows) in enumerate(line):
            body += panel(column * (PANEL + GAP), top, title, rows)
        top += HEAD + ROW * max(len(rows) for _, rows in line) + GAP // 2
    return document(body, COLUMNS * PANEL + (COLUMNS - 1) * GAP, top + FOOT, footer(measured["environment"]))


def rows_of(figures, prefix):
    values = {}
    for figure in figures:
        contender = figure["name"].removeprefix(f"{prefix}.").removesuffix(".cpu")
        if figure["name"] == f"{prefix}.{contender}.cpu" and contender in CONTENDERS:
            samples = [one["cpu_us_per_request"] for one in figure["samples"][contender]]
            values[contender] = Row(contender, figure["value"], *bootstrap_interval(samples))
    return [values[contender] for contender in CONTENDERS if contender in values]


def panel(left, top, title, rows):
    longest = max(row.high for row in rows)
    yield text(left + LABEL, top, title, weight="600")
    for number, row in enumerate(rows):
        y = top + HEAD // 2 + number * ROW
        yield from bar(left, y, row, BAR / longest)


def bar(left, y, row, scale):
    start = left + LABEL
    middle = y + ROW / 2 - 1
    yield text(start - 8, middle + 4, CONTENDERS[row.name], anchor="end")
    yield f'<rect x="{start}" y="{y}" width="{row.value * scale:.1f}" height="{ROW - 5}" rx="2" fill="{colour(row.name)}"/>'
    low, high = start + row.low * scale, start + row.high * scale
    yield f'<path d="M{low:.1f} {middle - 1:.1f}H{high:.1f}" stroke="{WHISKER}" stroke-width="2"/>'
    yield text(max(high, start + row.value * scale) + 6, middle + 4, f"{three_digits(row.value)} µs")


def three_digits(value):
    """1,170 and 15.8: no more than the samples tell."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def colour(name):
    return OURS if name.startswith("tinygate") else BARE if name.startswith("bare") else PEER


def text(x, y, content, anchor="start", weight="400"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>'


def footer(environment):
    cores = len(environment["cores"])
    day = environment["taken_at"][:10]
    return [
        "CPU time of the proxy per request, user and kernel; shorter is better. Bar: median; line: its 95 % interval.",
        f"{environment['cpu']}, {cores} cores, Linux {environment['kernel']}, loopback; {day}, commit {environment['commit']}",
    ]


def document(body, width, height, notes):
    foot = [text(0, height - FOOT + 18 * number + 12, note) for number, note in enumerate(notes)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' font-family="system-ui, sans-serif" font-size="12" fill="{TEXT}" role="img">',
            "<title>CPU time per proxied request: TinyGate, nginx, HAProxy and bare pumps</title>",
            *body,
            *foot,
            "</svg>\n",
        ]
    )
