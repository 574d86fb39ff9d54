"""The page that the gate serves: the table, the backend, and what to try next. One file, no external resources."""

from datetime import datetime
from html import escape
from pathlib import Path

from first_run import compare

TEMPLATE = Path(__file__).with_name("page.html")


def render(title, machine, load, chosen, why, rows, found, steps):
    parts = {
        "title": escape(title),
        "machine": escape(machine),
        "load": escape(load),
        "backend": escape(chosen),
        "why": escape(why),
        "rows": "\n".join(row_of(row, rows) for row in rows),
        "notes": "\n".join(f'<p class="faint">{escape(note)}</p>' for note in compare.notes(rows)),
        "backends": "\n".join(backend_of(backend) for backend in found),
        "next": "\n".join(f"<dt><pre><code>{escape(command)}</code></pre></dt><dd>{escape(what)}</dd>" for command, what in steps),
        "when": datetime.now().strftime("%Y-%m-%d %H:%M"),
    }
    text = TEMPLATE.read_text()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def row_of(row, rows):
    ours = ' class="ours"' if row.name.startswith("tinygate") else ""
    head = f'<tr role="row"{ours}><th scope="row" role="rowheader">{escape(row.name)}</th>'
    if row.failure:
        return f'{head}<td role="cell" class="why" colspan="5">{escape(row.failure)}</td></tr>'
    most = max(other.cpu_us for other in rows)
    best = ' class="best"' if row.to_best == 1 else ""
    errors = f" ({row.errors} errors)" if row.errors else ""
    return (
        f'{head}<td role="cell" class="cpu" data-label="CPU µs/request"><span><b>{row.cpu_us:.2f}</b>'
        f'<i aria-hidden="true" style="--share:{100 * row.cpu_us / most:.0f}%"></i></span></td>'
        f'<td role="cell" data-label="to best"{best}>{row.to_best:.2f}</td>'
        f'<td role="cell" data-label="calls/request">{compare.calls_text(row)}</td>'
        f'<td role="cell" data-label="requests/s">{row.rate:,.0f}{errors}</td>'
        f'<td role="cell" data-label="p99, ms">{row.p99_us / 1000:.2f}</td></tr>'
    )


def backend_of(backend):
    if backend.works:
        return f"<dt>{escape(backend.name)}</dt><dd>works: {escape(backend.about)}</dd>"
    return f'<dt>{escape(backend.name)}</dt><dd class="no">does not work here: {escape(backend.about)}</dd>'
