"""``kvmgdb``: options that every command has, and the way errors end."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, NoReturn

import typer

from kvmgdb.cli import doctor, plugins, serve
from kvmgdb.cli.config import config_app
from kvmgdb.cli.inspect_exit import inspect_exit
from kvmgdb.cli.lab import lab_app
from kvmgdb.cli.log import configure
from kvmgdb.errors import ConfigError, KvmgdbError, UsageError
from kvmgdb.version import __version__

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="kvmgdb",
    help="A GDB server for virtual-machine guests.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("inspect-exit")(inspect_exit)
app.command("plugins")(plugins.plugins)
app.command("doctor")(doctor.doctor)
app.add_typer(config_app, name="config")
app.add_typer(lab_app, name="lab")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvmgdb {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option("-v", "--verbose", count=True, help="Say more on standard error; twice: everything."),
    ] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """A GDB server for virtual-machine guests."""
    configure(verbose, quiet)


def main() -> None:
    """Run the command line; the entry point of the distribution."""
    try:
        app()
    except ConfigError as problem:  # FILE:LINE:COLUMN comes first, where an editor looks for it
        _end(EXIT_USAGE, str(problem))
    except KvmgdbError as problem:
        _end(EXIT_USAGE if isinstance(problem, UsageError) else EXIT_FAILURE, f"kvmgdb: {problem}")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_FAILURE)
    except Exception as problem:
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            raise
        name = type(problem).__name__
        _end(EXIT_FAILURE, f"kvmgdb: an error in kvmgdb itself: {name}: {problem} (-vv shows where)")


def _end(code: int, text: str) -> NoReturn:
    print(text, file=sys.stderr)  # noqa: T201
    sys.exit(code)
