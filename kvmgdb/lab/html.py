"""The results of a lab run as one self-contained page: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from kvmgdb.lab.results import Check, LabResult, Outcome, SessionResult, StopSeen

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --passed: #1a7f37; --failed: #cf222e;
        --error: #9a3412; --dim: #57606a; --gdb: #0550ae; --guest: #8250df; }
@media (prefers-color-scheme: dark) {
  :root { --passed: #3fb950; --failed: #ff7b72; --error: #ffa657; --dim: #9da7b3; --gdb: #79c0ff;
          --guest: #d2a8ff; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0; min-width: 0; overflow-wrap: anywhere; }
h3 { font-size: .95rem; margin: 1.2rem 0 .4rem; } p { margin: .3rem 0; } .dim { color: var(--dim); }
a { color: inherit; } code, pre, .mono { font-family: ui-monospace, monospace; font-size: .86rem; }
.bar { display: flex; height: .7rem; border-radius: 1rem; overflow: hidden; margin: 1rem 0; }
.bar { background: var(--soft); } .bar span { min-width: .4rem; background: currentColor; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; }
th, td { border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td { overflow-wrap: break-word; } td code { white-space: pre-wrap; }
td code, .long { overflow-wrap: anywhere; } .mono, .whole { white-space: nowrap; }
@media (max-width: 40rem) {
  .more { display: none; } .stack, .stack tbody, .stack tr, .stack td { display: block; width: auto; }
  .stack tr { border-bottom: 1px solid var(--line); padding: .3rem 0; } .stack th { display: none; }
  .stack td { border: 0; padding: .1rem 0; }
  .flow, .flow tbody, .flow tr { display: block; } .flow th { display: none; }
  .flow tr { border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .flow td { display: inline-block; border: 0; padding: 0 .8rem 0 0; }
  .stack td[data-is]::before { content: attr(data-is) ": "; color: var(--dim); }
}
.badge { font-size: .8rem; font-weight: 600; padding: .05rem .55rem; border: 1px solid; border-radius: 1rem;
         white-space: nowrap; }
.passed { color: var(--passed); } .failed { color: var(--failed); } .error { color: var(--error); }
article { border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; margin: 1.2rem 0; }
article > details > summary { margin: 0; font-weight: 400; }
header.session { display: inline-flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: center;
                 vertical-align: middle; max-width: calc(100% - 1.5rem); }
.problem { border-left: 4px solid var(--error); padding: .3rem .8rem; background: var(--soft); }
.problem { overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .7rem .9rem; border-radius: 8px; margin: 0; }
pre { overflow-x: auto; max-height: 30rem; }
pre b { color: var(--gdb); } summary { cursor: pointer; font-weight: 600; margin: .8rem 0 .4rem; }
.axis { display: flex; justify-content: space-between; font-size: .8rem; color: var(--dim); gap: .8rem; }
.axis + .axis { justify-content: flex-start; }
svg { width: 100%; height: 44px; display: block; } svg line { stroke: var(--line); }
.debugger { fill: var(--gdb); color: var(--gdb); } .guest { fill: var(--guest); color: var(--guest); }
"""

_TO_THE_GUEST = "to the guest"
OPEN_SESSIONS = 10
"""Most sessions that are all shown; of more, those that passed are folded."""


def page(result: LabResult) -> str:
    """The whole page."""
    return "\n".join(_page(result)) + "\n"


def _page(result: LabResult) -> Iterator[str]:
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(result.lab)}</title><style>{_STYLE}</style></head><body>"
    )
    yield f"<h1>{escape(result.lab)}</h1>"
    yield f'<p class="dim">{result.told}, in {result.seconds:.1f} s, {_when(result.started)},'
    yield f"kvmgdb {escape(result.kvmgdb)}</p>"
    bars = [(outcome.value, result.count(outcome)) for outcome in Outcome if result.count(outcome)]
    cells = "".join(f'<span class="{name}" style="flex: {count}"></span>' for name, count in bars)
    yield f'<div class="bar" role="img" aria-label="{result.told}">{cells}</div>'
    yield _overview(result.sessions)
    few = len(result.sessions) <= OPEN_SESSIONS
    for number, session in enumerate(result.sessions):
        yield from _session(number, session, is_open=few or session.outcome is not Outcome.PASSED)
    yield "</body></html>"


def _when(started: str) -> str:
    """Date and time as people write them."""
    return escape(started.replace("T", " ").replace("+00:00", " UTC"))


def _overview(sessions: Sequence[SessionResult]) -> str:
    rows = [
        f'<tr><td class="long"><a href="#s{number}">{escape(s.name)}</a></td><td>{_badge(s.outcome)}</td>'
        f'<td class="long">{escape(s.guest)}</td><td class="more">{escape(s.arch)}</td>'
        f'<td class="more">{escape(s.backend)}</td><td class="whole">{s.seconds:.1f} s</td>'
        f'<td class="more">{escape(s.where or "here")}</td></tr>'
        for number, s in enumerate(sessions)
    ]
    names = {
        "session": "",
        "": "",
        "guest": "",
        "arch": "more",
        "backend": "more",
        "time": "",
        "held": "more",
    }
    head = "".join(f'<th class="{style}">{name}</th>' for name, style in names.items())
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _badge(outcome: Outcome) -> str:
    return f'<span class="badge {outcome.value}">{outcome.value}</span>'


def _session(number: int, session: SessionResult, *, is_open: bool) -> Iterator[str]:
    unfolded = " open" if is_open else ""
    yield f'<article><details{unfolded}><summary><header class="session"><h2>{escape(session.name)}</h2>'
    yield f'{_badge(session.outcome)}<span class="dim">{escape(session.guest)}, {escape(session.arch)}, '
    yield f"{escape(session.backend)}, {session.seconds:.1f} s</span></header></summary>"
    yield f'<div id="s{number}">'  # inside: a browser that is sent here unfolds it
    if session.task:
        yield f"<p>{escape(session.task)}</p>"
    if session.problem:
        yield f'<p class="problem">{escape(session.problem)}</p>'
    if session.checks:
        yield _checks(session.checks)
    if session.stops:
        yield "<h3>Stops and exits</h3>"
        if len(session.stops) > 1:
            yield _timeline(session.stops)
        yield _stops(session)
    if session.transcript:
        yield _folded("Transcript", _transcript(session.transcript), is_open=True)
    if session.console:
        yield _folded("Console", escape(session.console), is_open=False)
    yield "</div></details></article>"


def _folded(name: str, text: str, *, is_open: bool) -> str:
    return f"<details{' open' if is_open else ''}><summary>{name}</summary><pre>{text}</pre></details>"


def _checks(checks: Sequence[Check]) -> str:
    rows = []
    for check in checks:
        style, mark = ("passed", "✓") if check.passed else ("failed", "✗")
        texts = {"expected": check.expected, "found": check.found}
        cells = "".join(
            f'<td data-is="{word}"><code>{escape(text)}</code></td>' for word, text in texts.items()
        )
        rows.append(f'<tr><td class="{style}">{mark} {escape(check.what)}</td>{cells}</tr>')
    head = "<tr><th>what</th><th>expected</th><th>found</th></tr>"
    return f'<h3>Expected</h3><div class="wide"><table class="stack">{head}{"".join(rows)}</table></div>'


def _timeline(stops: Sequence[StopSeen]) -> str:
    """A mark for each stop along time: above the line what the debugger got, below what the guest got."""
    first, last = stops[0].seconds, stops[-1].seconds
    span = last - first
    marks = []
    for stop in stops:
        place = 2 + 96 * ((stop.seconds - first) / span if span > 0 else 0.5)
        owner, height = ("guest", 32) if stop.verdict == _TO_THE_GUEST else ("debugger", 12)
        title = escape(f"{stop.seconds:.3f} s: {stop.event}, {stop.verdict}: {stop.why}")
        marks.append(
            f'<circle class="{owner}" cx="{place:.2f}%" cy="{height}" r="5"><title>{title}</title></circle>'
        )
    label = f"{len(stops)} stops in {span:.3f} seconds; they are listed below"
    line = '<line x1="0" y1="22" x2="100%" y2="22"/>'
    key = '<span><span class="debugger">●</span> to the debugger</span>'
    key += '<span><span class="guest">●</span> to the guest</span>'
    ends = f"<span>{first:.3f} s</span><span>{last:.3f} s</span>"
    below = "".join(f'<div class="axis">{spans}</div>' for spans in (ends, key))
    return f'<svg role="img" aria-label="{label}">{line}{"".join(marks)}</svg>{below}'


def _stops(session: SessionResult) -> str:
    half = len(session.stops) // 2
    rows = []
    for number, stop in enumerate(session.stops):
        if session.stops_left_out and number == half:
            rows.append(f'<tr><td colspan="5" class="dim">{session.stops_left_out} more</td></tr>')
        owner = "guest" if stop.verdict == _TO_THE_GUEST else "debugger"
        rows.append(
            f'<tr><td class="mono">{stop.seconds:.3f}</td><td>{escape(stop.event)}</td>'
            f'<td class="mono">{stop.pc:#x}</td><td class="whole {owner}">{escape(stop.verdict)}</td>'
            f"<td>{escape(stop.why)}</td></tr>"
        )
    count = len(session.stops) + session.stops_left_out
    counted = f"{count} stop{'s' if count > 1 else ''}"
    head = "".join(f"<th>{name}</th>" for name in ("seconds", "what", "pc", "whose", "why"))
    return (
        f"<details{' open' if len(rows) <= 12 else ''}><summary>{counted}</summary>"
        f'<div class="wide"><table class="flow"><tr>{head}</tr>{"".join(rows)}</table></div></details>'
    )


def _transcript(text: str) -> str:
    """What was said to gdb stands out."""
    lines = (escape(line) for line in text.splitlines())
    return "\n".join(f"<b>{line}</b>" if line.startswith(("(gdb) ", "&gt;")) else line for line in lines)
