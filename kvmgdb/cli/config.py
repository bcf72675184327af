"""``kvmgdb config``: check, show, init and schema."""

from __future__ import annotations

import logging
import os
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmgdb.cli.complete import archs, backends, file_names
from kvmgdb.cli.flags import (
    AllowRemote,
    Arch,
    Backend,
    Entry,
    Image,
    Listen,
    Memory,
    Once,
    Policy,
    Run,
    Sets,
    Trace,
    given,
)
from kvmgdb.cli.log import WITHOUT_PREFIX
from kvmgdb.cli.progress import Waiting
from kvmgdb.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from kvmgdb.config.rows import Row
    from kvmgdb.plugins import Plugins

log = logging.getLogger(__name__)

config_app = typer.Typer(
    name="config", help="Check, show and begin configuration files.", no_args_is_help=True
)


class Format(Enum):
    """How ``show`` prints."""

    TEXT = "text"
    JSON = "json"


@config_app.command(short_help="Find mistakes, with line and column.")
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Configuration files.", autocompletion=file_names)
    ],
) -> None:
    """Check files by themselves: one line for each mistake, and exit code 2 if there is any.

    The images they name are read too.
    """
    from kvmgdb import builtin
    from kvmgdb.config.text import printable
    from kvmgdb.plugins import load_plugins

    failed = False
    plugins = load_plugins(builtin)
    for file in files:
        try:
            with Waiting(f"checking {printable(str(file))}"):
                said = _checked(file, plugins)
        except ConfigError as error:
            failed = True
            log.error("%s", error, extra=WITHOUT_PREFIX)
        else:
            typer.echo(f"{printable(str(file))}: {said}")
    raise typer.Exit(2 if failed else 0)


def _checked(file: Path, plugins: Plugins) -> str:
    """What there is to say of a file without a mistake; :class:`ConfigError` of one that has any."""
    from kvmgdb.config.lab import is_lab, load_lab
    from kvmgdb.config.load import load
    from kvmgdb.config.problems import raise_problems
    from kvmgdb.servable import remarks, unusable

    guests = list(load_lab(file).guests.values()) if is_lab(file) else [load(file)]
    raise_problems([line for guest in guests for line in unusable(guest, plugins)])
    said = dict.fromkeys(line for guest in guests for line in remarks(guest, plugins))
    return "ok" + "".join(f", but {line}" for line in said)


@config_app.command(short_help="Show every value and where it came from.")
def show(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A configuration file.", autocompletion=file_names)
    ] = None,
    arch: Arch = None,
    backend: Backend = None,
    image: Image = None,
    entry: Entry = None,
    memory: Memory = None,
    listen: Listen = None,
    allow_remote: AllowRemote = False,
    policy: Policy = None,
    sets: Sets = None,
    once: Once = False,
    run: Run = False,
    trace: Trace = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
) -> None:
    """Show every value and where it came from: a flag, a KVMGDB_* variable, the file, or the default.

    The flags are those of serve.  Of a lab, the values of each guest, with --set alone.
    """
    from kvmgdb.config.lab import is_lab, load_lab
    from kvmgdb.config.load import load
    from kvmgdb.config.rows import lab_rows, rows_of
    from kvmgdb.config.sources import flag_of

    flags = given(
        arch=arch, backend=backend, image=image, entry=entry, memory=memory, listen=listen,
        allow_remote=allow_remote, policy=policy, once=once, run=run, trace=trace,
    )  # fmt: skip
    if file is not None and is_lab(file):
        if flags:
            one = flag_of(next(iter(flags)))
            raise UsageError(
                f"{file}: this is a lab, and {one} is for one guest: take --set, for all of them"
            )
        rows = lab_rows(load_lab(file, os.environ, sets or ()).guests)
    else:
        rows = rows_of(load(file, os.environ, flags, sets or ()))
    if output is Format.JSON:
        _print_json({row.key: {"value": row.value, "origin": row.origin} for row in rows})
    elif sys.stdout.isatty():
        _print_table(rows)
    else:
        _print_columns(rows)


@config_app.command(short_help="Write a commented file to begin with.")
def init(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write; - is standard output.",
            autocompletion=file_names,
        ),
    ] = Path("kvmgdb.yaml"),
    arch: Annotated[
        str | None, typer.Option(metavar="NAME[:VARIANT]", help="The architecture.", autocompletion=archs)
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="What runs the guest.", autocompletion=backends)
    ] = None,
) -> None:
    """Write a commented file that holds the defaults; a file that exists is left alone."""
    from kvmgdb import builtin
    from kvmgdb.config.resolved import DEFAULTS
    from kvmgdb.config.template import template
    from kvmgdb.plugins import load_plugins

    text, plugins = template(arch, backend), load_plugins(builtin)
    if backend is not None:
        plugins.backend(backend)
    chosen = None if arch is None else plugins.resolve(arch)
    if chosen is not None:
        plugins.backend(backend or DEFAULTS.backend).supports(chosen)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{output}: exists already; give another name with -o") from None
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {output}")
    if chosen is not None and chosen.sample_guest is None:
        log.warning("%s has no sample guest: the file needs an image under guest", chosen.id)


@config_app.command(short_help="Print the JSON Schema, for editors.")
def schema() -> None:
    """Print the JSON Schema of a configuration file (draft 2020-12), for editors."""
    from kvmgdb.config.schema import json_schema

    _print_json(json_schema())


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2))


def _print_columns(rows: list[Row]) -> None:
    keys, texts = max(len(row.key) for row in rows), max(len(row.text) for row in rows)
    for row in rows:
        typer.echo(f"{row.key:{keys}}  {row.text:{texts}}  {row.origin}")


def _print_table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "value", "from")
    for row in rows:
        table.add_row(Text(row.key), Text(row.text), Text(row.origin))
    Console().print(table)
