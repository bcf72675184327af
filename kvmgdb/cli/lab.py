"""``kvmgdb lab``: up, run, list and report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from kvmgdb.cli.progress import Waiting
from kvmgdb.errors import KvmgdbError
from kvmgdb.signals import Terminable

if TYPE_CHECKING:
    from kvmgdb.config.lab import Lab
    from kvmgdb.lab.board import Status
    from kvmgdb.lab.results import LabResult, SessionResult

lab_app = typer.Typer(
    name="lab",
    help="Many guests from one file: served, debugged by scripts, reported on.",
    no_args_is_help=True,
)

LabFile = Annotated[Path, typer.Argument(metavar="FILE", help="A lab file.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of a guest, for all guests, as in backend=kvm."),
]
Junit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML, for a CI server.")]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report that a browser shows.")]


class Format(Enum):
    """How ``list`` prints."""

    TEXT = "text"
    JSON = "json"


@lab_app.command(short_help="Serve every guest of a lab, until Ctrl-C.")
def up(
    file: LabFile,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start a guest that has ended again, at the same address.")
    ] = False,
    logs: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep what each guest prints, and its trace, in FOLDER/NAME."),
    ] = None,
    sets: Sets = None,
) -> None:
    """Start every guest of a lab and serve each to a debugger, until Ctrl-C.

    On a terminal a table shows how the guests are; elsewhere a line says what has changed.
    """
    from kvmgdb.lab import board, reports

    lab = _load(file, sets)
    if logs is not None:
        reports.make_folder(logs)
    with Terminable(), board.up(lab, logs) as guests, _shown(lab.title) as show:
        board.watch(guests, show, restart=restart)
        failed = [guest.status.name for guest in guests if guest.status.state == "failed"]
    if failed:
        raise KvmgdbError(f"{file}: failed: {', '.join(failed)}")


@contextmanager
def _shown(title: str) -> Iterator[Callable[[list[Status]], None]]:
    """What shows the guests: a live table, or a line for every change."""
    from rich.console import Console
    from rich.live import Live

    from kvmgdb.lab import board

    if sys.stdout.isatty():
        with Live(board.table(title, []), console=Console(), auto_refresh=False) as live:
            yield lambda statuses: live.update(board.table(title, statuses), refresh=True)
        return
    known: dict[str, Status] = {}

    def lines(statuses: list[Status]) -> None:
        for status in statuses:
            if known.get(status.name) != status:
                typer.echo("  ".join(cell for cell in status.cells if cell))
                known[status.name] = status

    yield lines


@lab_app.command(short_help="Hold the scripted sessions, and check what they expect.")
def run(
    file: LabFile,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION...", help="The sessions; all without one.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, metavar="N", help="Sessions at a time; one a core.")
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Hold them on the workers of this Dask scheduler (HOST:PORT)."),
    ] = None,
    junit: Junit = None,
    html: Html = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the results, for `lab report`.")
    ] = None,
    sets: Sets = None,
) -> None:
    """Hold the sessions of a lab, each with a guest of its own, and check what they expect.

    The exit code is 0 if all passed, 1 if not.
    """
    from kvmgdb.lab import reports, runner

    lab = _load(file, sets)
    plans = runner.chosen(lab, names or [])
    files = reports.Files(junit, html, json)
    files.prepare()
    pool: runner.Pool
    if workers is None:
        pool = runner.LocalPool(min(jobs or runner.cores(), len(plans)))
    else:
        from kvmgdb.lab.workers import DaskPool

        with Waiting(f"connecting to the scheduler at {workers}"):
            pool = DaskPool(workers)
    try:
        with Terminable(), _progress(len(plans)) as on_done:
            result = runner.run(lab, plans, pool, on_done)
    except runner.InterruptedRunError as interrupted:
        files.write(interrupted.result)
        typer.echo(_total(interrupted.result))
        raise
    files.write(result)
    typer.echo(_total(result))
    raise typer.Exit(0 if result.passed else 1)


@contextmanager
def _progress(count: int) -> Iterator[Callable[[SessionResult], None]]:
    """Tell of a session when it is over; on a terminal under it a bar of how many are."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(highlight=False, soft_wrap=True)
    columns = (TextColumn("sessions"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sessions", total=count)

        def done(result: SessionResult) -> None:
            for line in _lines(result):
                console.print(line, markup=False, style=_STYLES[result.outcome.value])
            progress.advance(task)

        yield done


_DEEPER = " " * 8
_STYLES = {"passed": "green", "failed": "red", "error": "bold red"}


def _lines(result: SessionResult) -> Iterator[str]:
    """What is said of a session: one line, and one for each thing that is wrong."""
    yield f"{result.outcome.value:6}  {result.name}  ({result.guest}, {result.seconds:.1f} s)"
    if result.problem:
        yield indent(result.problem, _DEEPER)
    for check in result.checks:
        if not check.passed:
            first, *more = f"{check.what}: expected {check.expected}, found {check.found}".splitlines()
            yield "\n".join([_DEEPER + first, *(f"{_DEEPER}| {line}" for line in more)])


def _total(result: LabResult) -> str:
    return f"{result.lab}: {result.told} in {result.seconds:.1f} s"


@lab_app.command("list")
def list_(
    file: LabFile,
    sets: Sets = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
) -> None:
    """List the guests and the sessions of a lab."""
    lab = _load(file, sets)
    if output is Format.JSON:
        _print_json(lab)
    else:
        _print_tables(lab)


def _rows(lab: Lab) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Guests and sessions as rows of text."""
    configs = {name: loaded.config for name, loaded in lab.guests.items()}
    guests: list[tuple[str, ...]] = [
        (
            name,
            config.arch or "as its image",
            config.backend,
            config.policy.preset,
            ", ".join(image.path.name for image in config.images) or "the sample guest",
        )
        for name, config in configs.items()
    ]
    return guests, [(plan.name, plan.guest, plan.task) for plan in lab.sessions.values()]


_GUEST_COLUMNS, _SESSION_COLUMNS = (
    ("guest", "arch", "backend", "policy", "image"),
    ("session", "guest", "task"),
)


def _print_json(lab: Lab) -> None:
    import json

    guests, sessions = _rows(lab)
    document = {
        "title": lab.title,
        "guests": [dict(zip(_GUEST_COLUMNS, row, strict=True)) for row in guests],
        "sessions": [dict(zip(_SESSION_COLUMNS, row, strict=True)) for row in sessions],
    }
    typer.echo(json.dumps(document, indent=2))


def _print_tables(lab: Lab) -> None:
    guests, sessions = _rows(lab)
    for columns, rows in ((_GUEST_COLUMNS, guests), (_SESSION_COLUMNS, sessions)):
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows) if rows else ():
            typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        if columns is _GUEST_COLUMNS and sessions:
            typer.echo()


@lab_app.command(short_help="Make reports of a run that is over.")
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="What `lab run --json` has written.")],
    junit: Junit = None,
    html: Html = None,
) -> None:
    """Make reports of a run that is over; without a file to write, say how it went."""
    from kvmgdb.lab.reports import Files
    from kvmgdb.lab.results import from_json

    try:
        text = results.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise KvmgdbError(f"{results}: cannot be read: {problem}") from None
    result = from_json(text, str(results))
    for session in result.sessions:
        for line in _lines(session):
            typer.echo(line)
    Files(junit, html).write(result)
    typer.echo(_total(result))


def _load(file: Path, sets: list[str] | None) -> Lab:
    from kvmgdb import builtin
    from kvmgdb.config.lab import load_lab
    from kvmgdb.config.problems import raise_problems
    from kvmgdb.plugins import load_plugins
    from kvmgdb.servable import unfit

    lab, plugins = load_lab(file, os.environ, sets or ()), load_plugins(builtin)
    raise_problems([line for guest in lab.guests.values() for line in unfit(guest, plugins)])
    return lab
