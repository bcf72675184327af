"""The command ``kvmgdb inspect-exit``: from sources to printed exits."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from kvmgdb.arch.exits import Armed
from kvmgdb.errors import PayloadError
from kvmgdb.inspect import as_html, as_json, picture, plain
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.image import Image
from kvmgdb.inspect.judge import Judged, judge
from kvmgdb.inspect.raw import Form
from kvmgdb.inspect.source import Source, Tick, read
from kvmgdb.inspect.summary import Summary

log = logging.getLogger(__name__)

MAX_PROBLEMS = 10
"""Lines about unusable input before the rest is only counted."""
TICK_BYTES = 256 * 1024
"""How often the progress bar is told; less input shows none."""


class Format(Enum):
    """What is printed; the values are what ``--format`` takes."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@dataclass(frozen=True)
class Job:
    """One call of the command."""

    decoders: Decoders
    armed: Armed
    form: Form | None = None
    image: Image | None = None
    format: Format = Format.TEXT
    summary: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)


class Problems:
    """Input that could not be used: a line each, and a count."""

    def __init__(self) -> None:
        self.count = 0

    def report(self, text: str) -> None:
        """Say so in one line, unless there were many."""
        self.count += 1
        if self.count <= MAX_PROBLEMS:
            log.error("%s", text)

    def finish(self) -> None:
        """Say how many were not told."""
        if self.count > MAX_PROBLEMS:
            log.error("%d more exits could not be used", self.count - MAX_PROBLEMS)


def run(job: Job, sources: Iterable[Source]) -> int:
    """Inspect every exit of ``sources``; return the exit code: 2 if any could not be used."""
    problems = Problems()
    with _progress(job) as tick_of:
        exits = _judge_all(job, sources, problems, tick_of)
        if job.summary:
            _summarise(job, exits)
        else:
            _PRINTERS[job.format](job, exits)
    problems.finish()
    return 2 if problems.count else 0


TickOf = Callable[[Source], Tick]


def _judge_all(job: Job, sources: Iterable[Source], problems: Problems, tick_of: TickOf) -> Iterator[Judged]:
    for source in sources:
        for raw in read(source, job.form, job.decoders, problems.report, tick_of(source)):
            try:
                yield judge(raw, job.decoders, job.armed)
            except PayloadError as error:
                problems.report(f"{raw.where}: {error}")


def _summarise(job: Job, exits: Iterator[Judged]) -> None:
    summary = Summary()
    for judged in exits:
        summary.add(judged)
    lines = [summary.json()] if job.format is Format.JSON else summary.lines()
    for line in lines:
        job.out.write(line + "\n")


def _print_text(job: Job, exits: Iterator[Judged]) -> None:
    if job.out.isatty():
        console = Console(file=job.out, highlight=False)
        for judged in exits:
            console.print(picture.picture(judged, job.image, min(console.width, 120)))
        return
    for judged in exits:
        job.out.write("".join(f"{line}\n" for line in plain.lines(judged, job.image)))


def _print_json(job: Job, exits: Iterator[Judged]) -> None:
    for judged in exits:
        job.out.write(as_json.line(judged, job.image) + "\n")


def _print_html(job: Job, exits: Iterator[Judged]) -> None:
    job.out.write(as_html.head("KVM exits") + "\n")
    for judged in exits:
        job.out.write(as_html.article(judged, job.image) + "\n")
    job.out.write(as_html.tail() + "\n")


_PRINTERS = {Format.TEXT: _print_text, Format.JSON: _print_json, Format.HTML: _print_html}


def _progress(job: Job) -> AbstractContextManager[TickOf]:
    """Make the progress bar: on a terminal, unless exits are printed there too."""
    if not job.err.isatty() or (job.out.isatty() and not job.summary):
        return nullcontext(lambda source: lambda count: None)
    return _Bar(job.err)


class _Bar:
    """A progress bar for each source, updated once in a while: a line must not pay for it."""

    def __init__(self, err: TextIO) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            console=Console(file=err),
            transient=True,
        )

    def __enter__(self) -> TickOf:
        self._progress.start()
        return self._tick_of

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _tick_of(self, source: Source) -> Tick:
        task: TaskID | None = None
        waiting = 0

        def tick(count: int) -> None:
            nonlocal task, waiting
            waiting += count
            if waiting >= TICK_BYTES:
                if task is None:
                    task = self._progress.add_task(source.name, total=source.size)
                self._progress.advance(task, waiting)
                waiting = 0

        return tick
