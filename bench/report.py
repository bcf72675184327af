"""The figures as tables and as JSON."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from bench import rows, startup, works
from bench.rounds import Result
from bench.rows import Better, Row
from bench.servers import Launcher, Role


def number(value: float) -> str:
    """Three digits that mean something: ``15,300``, ``152``, ``9.41``, ``0.0312``."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def times_better(ours: list[float], theirs: list[float], better: Better) -> float:
    """How many times better our figure is, as the median over rounds of the ratio within a round."""
    pairs = [(a, b) if better is Better.MORE else (b, a) for a, b in zip(ours, theirs, strict=False)]
    return median(a / b if b else float("inf") for a, b in pairs)


def reached(value: float, target: float, better: Better) -> bool:
    """Whether a median is as good as a target."""
    return value >= target if better is Better.MORE else value <= target


def _verdict(values: list[float], target: float | None, better: Better) -> str:
    if target is None:
        return ""
    return f"[{'green' if reached(median(values), target, better) else 'red'}]{number(target)}[/]"


def _target(values: list[float], row: Row, launcher: Launcher) -> str:
    if launcher.on_kvm:
        return _verdict(values, row.kvm_target, row.better)
    if row.times_qemu is not None:
        return f"{number(row.times_qemu)}x QEMU"
    return _verdict(values, row.target, row.better)


def _times(times: float, launcher: Launcher, row: Row) -> str:
    """A ratio, coloured where it is the one that counts."""
    text = f"{number(times)}x"
    if row.times_qemu is None or not launcher.name.startswith("QEMU"):
        return text
    return f"[{'green' if times >= row.times_qemu else 'red'}]{text}[/]"


def _spread(values: list[float]) -> str:
    return f"{number(min(values))} - {number(max(values))}" if len(values) > 1 else ""


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < 2 else "right")
    return table


def scoreboard(result: Result) -> Table:
    """One line per work and server.  The last column says how many times better kvmgdb is."""
    title = f"{result.arch}: the same work on each server"
    table = _table(title, "work", "server", "median", "min - max", "unit", "target", "kvmgdb is")
    for row in rows.ROWS:
        samples = result.samples.get(row.key, {})
        first = True
        for launcher in result.servers:
            if launcher.name in samples:
                table.add_row(row.title if first else "", *_line(row, launcher, result))
                first = False
        if not first:
            table.add_section()
    return table


def _line(row: Row, launcher: Launcher, result: Result) -> Iterator[str]:
    samples = result.samples[row.key]
    values = samples[launcher.name]
    ours = next(
        (samples[s.name] for s in result.servers if s.role is Role.KVMGDB and s.name in samples), None
    )
    kvmgdb = launcher.role is Role.KVMGDB
    yield f"[bold]{launcher.name}[/]" if kvmgdb else launcher.name
    yield number(median(values))
    yield _spread(values)
    yield row.unit
    yield _target(values, row, launcher) if kvmgdb else ""
    yield "" if kvmgdb or ours is None else _times(times_better(ours, values, row.better), launcher, row)


def failures(result: Result) -> Iterator[str]:
    """A line for everything that could not be measured."""
    for server, why in result.missing.items():
        yield f"{result.arch}: {server} was left out: {why}"
    for (work, server), why in result.failures.items():
        yield f"{result.arch}: {work} on {server} FAILED: {why}"


def start_up(samples: dict[str, list[float]]) -> Table:
    """The start-up times; the last column is against the bare Python."""
    table = _table("start-up", "what", "unit", "median", "min - max", "target", "of the floor")
    floor = median(samples["python"])
    for row in startup.ROWS:
        values = samples[row.key]
        ratio = f"{number(median(values) / floor)}x"
        table.add_row(
            row.title,
            row.unit,
            number(median(values)),
            _spread(values),
            _verdict(values, row.target, row.better),
            ratio,
        )
    return table


# -- JSON --------------------------------------------------------------------------------------------


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "not installed"
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kvmgdb": _first_line("git", "describe", "--always", "--dirty"),
        "qemu": _first_line("qemu-system-x86_64", "--version"),
        "gdbserver": _first_line("gdbserver", "--version"),
    }


def document(
    scale: works.Scale, results: list[Result], start: dict[str, list[float]], *, awake: bool
) -> dict[str, Any]:
    """Every sample of every figure, with the rows' units and targets."""
    return {
        "machine": machine(),
        "client": "awake" if awake else "asleep",
        "scale": {"rounds": scale.rounds, "seconds": scale.seconds, "many": scale.many},
        "rows": {
            row.key: {
                "title": row.title,
                "unit": row.unit,
                "better": row.better.value,
                "target": row.target,
                "kvm_target": row.kvm_target,
                "times_qemu": row.times_qemu,
            }
            for row in (*rows.ROWS, *startup.ROWS)
        },
        "figures": {result.arch: result.samples for result in results},
        "failures": [line for result in results for line in failures(result)],
        "start_up": start,
    }
