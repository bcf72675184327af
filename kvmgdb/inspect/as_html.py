"""Exits as one self-contained page: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from kvmgdb.arch.exits import Owner
from kvmgdb.inspect import view
from kvmgdb.inspect.image import Image, Place
from kvmgdb.inspect.judge import Judged
from kvmgdb.inspect.view import Row

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --ours: #1a7f37; --not: #8250df;
        --unknown: #9a6700; --set: #1a7f37; }
@media (prefers-color-scheme: dark) {
  :root { --ours: #3fb950; --not: #bc8cff; --unknown: #d29922; --set: #3fb950; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid var(--line); border-radius: 8px; padding: .2rem 1.2rem 1rem; margin: 1.2rem 0; }
h2 { font-size: 1rem; font-weight: 500; opacity: .75; overflow-wrap: anywhere; }
.verdict { font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.owner { font-size: .8rem; padding: .1rem .5rem; border: 1px solid; border-radius: 1rem;
         white-space: nowrap; }
.ours { color: var(--ours); } .not { color: var(--not); } .unknown { color: var(--unknown); }
code, pre, .bits, dd, dt { font-family: ui-monospace, monospace; font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; } dd { margin: 0; }
.bits { display: flex; flex-wrap: wrap; margin: .3rem 0; padding-left: 1px; }
.bits span { border: 1px solid var(--line); margin: 0 0 4px -1px; padding: .1rem .45rem; text-align: center; }
.bits small { display: block; opacity: .6; font-size: .7rem; } .bits i { font-style: normal; display: block; }
.bits .on { background: var(--soft); color: var(--set); font-weight: 700; } .bits .gap { opacity: .5; }
pre { background: var(--soft); padding: .6rem .8rem; border-radius: 6px; overflow-x: auto; }
pre b { color: var(--set); } ul { margin: .4rem 0; padding-left: 1.2rem; } .warning::marker { content: "! "; }
"""
_OWNERS = {Owner.OURS: "ours", Owner.NOT_OURS: "not", Owner.UNKNOWN: "unknown"}


def head(name: str) -> str:
    """Begin the page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body>\n<h1>{escape(name)}</h1>"
    )


def tail() -> str:
    """End the page."""
    return "</body></html>"


def article(judged: Judged, image: Image | None) -> str:
    """Make one exit's part of the page."""
    return "\n".join(_article(judged, image))


def _article(judged: Judged, image: Image | None) -> Iterator[str]:
    verdict = judged.verdict
    whose = view.owner(judged)
    badge = f' <span class="owner {_OWNERS[verdict.owner]}">{whose}</span>' if whose else ""
    yield f"<article><h2>{escape(judged.raw.where)}: {escape(view.title(judged))}</h2>"
    yield f'<p class="verdict">{escape(verdict.sentence)}{badge}</p>'
    if verdict.decide:
        yield f"<p>What would decide it: {escape(verdict.decide)}</p>"
    if view.recorded(judged):
        yield f"<p>Recorded: {escape(view.recorded(judged))}</p>"
    rows = list(view.rows(judged))
    if rows:
        yield f"<dl>{''.join(map(_row, rows))}</dl>"
    remarks = [f'<li class="warning">{escape(q.text)} <code>{q.code}</code></li>' for q in verdict.quirks]
    remarks += [f"<li>{escape(note)}</li>" for note in judged.notes]
    if remarks:
        yield f"<ul>{''.join(remarks)}</ul>"
    place = view.place_of(judged, image)
    if place is not None:
        yield _code(place)
    yield "</article>"


def _row(row: Row) -> str:
    text = f" {escape(row.text)}" if row.text else ""
    return f"<dt>{escape(row.name)}</dt><dd>{row.digits}{text}{_bits(row)}</dd>"


def _bits(row: Row) -> str:
    if row.register is None:
        return ""
    cells = []
    for cell in row.register.picture(row.value):
        field = row.register.by_name.get(cell.name)
        bits = cell.high - cell.low + 1
        place = str(cell.high) if bits == 1 else f"{cell.high}-{cell.low}"
        value = f"{cell.value:0{bits}b}" if bits <= 8 else f"{cell.value:#x}"
        on = field is not None and bool(cell.value) is not field.active_low
        style = "on" if on else "" if field else "gap"
        summary = escape(field.summary) if field else "not named"
        name = escape(cell.name) or "&nbsp;"
        cells.append(
            f'<span class="{style}" title="{summary}"><small>{place}</small>{value}<i>{name}</i></span>'
        )
    return f'<div class="bits">{"".join(cells)}</div>{_meanings(row)}'


def _meanings(row: Row) -> str:
    items = "".join(
        f"<li>{escape(item.field.name)}: {escape(item.field.summary)}"
        f"{escape(' = ' + item.field.means(item.value)) if item.field.means(item.value) else ''}</li>"
        for item in row.telling()
    )
    return f"<ul>{items}</ul>" if items else ""


def _code(place: Place) -> str:
    lines = []
    for item in place.instructions:
        text = escape(f"{item.address:#x}  {item.code.hex(' '):<24}  {item.text}")
        lines.append(f"<b>=&gt; {text}</b>" if item.marked else f"   {text}")
    listing = "\n".join(lines)
    return f"<p>In <code>{escape(str(place))}</code></p>" + (f"<pre>{listing}</pre>" if lines else "")
