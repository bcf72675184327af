"""``kvmgdb``: options that every command has, and the way errors end."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from kvmgdb.cli import complete, doctor, plugins, serve
from kvmgdb.cli.config import config_app
from kvmgdb.cli.inspect_exit import inspect_exit
from kvmgdb.cli.lab import lab_app
from kvmgdb.cli.log import WITHOUT_PREFIX, configure, says
from kvmgdb.errors import ConfigError, KvmgdbError, UsageError
from kvmgdb.version import __version__

_EVERYWHERE = re.compile(r"-[vq]+|--verbose|--quiet|--log-file=.*")

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

log = logging.getLogger(__name__)

app = typer.Typer(
    name="kvmgdb",
    help="A GDB server for virtual-machine guests.",
    epilog="To begin with: kvmgdb serve --gdb",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "color": False if os.environ.get("NO_COLOR") else None,
    },
)
app.command("serve")(serve.serve)
app.command("inspect-exit", short_help="Say what a debug exit of KVM means, and whose it is.")(inspect_exit)
app.command("plugins")(plugins.plugins)
app.command("doctor", short_help="Say what this host can do.")(doctor.doctor)
app.add_typer(config_app, name="config")
app.add_typer(lab_app, name="lab", short_help="Many guests from one file, served or tried by scripts.")


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
    log_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Add what is said to a file, with times, as with -v or more.",
            autocompletion=complete.file_names,
        ),
    ] = None,
) -> None:
    """A GDB server for virtual-machine guests."""
    configure(verbose, quiet, log_file)


def options_first(words: list[str]) -> list[str]:
    """The options that every command has, brought to where they are read: users say ``kvmgdb serve -v``."""
    own: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            return [*own, *rest, word, *remaining]
        if _EVERYWHERE.fullmatch(word):
            own.append(word)
        elif word == "--log-file":
            file = next(remaining, None)
            if file is None:
                return [*own, word]  # which is an error: its file is missing
            own += [word, file]
        else:
            rest.append(word)
    return [*own, *rest]


def main() -> None:
    """Run the command line; the entry point of the distribution."""
    _open_what_is_closed()
    configure()
    try:
        if os.environ.get(complete.VARIABLE) == "complete_bash":
            complete.for_bash(app)
        else:
            complete.complete_zsh_script()
            app(options_first(sys.argv[1:]))
    except ConfigError as problem:
        log.error("%s", problem, extra=WITHOUT_PREFIX)
        sys.exit(EXIT_USAGE)
    except KvmgdbError as problem:
        log.error("%s", problem)
        sys.exit(EXIT_USAGE if isinstance(problem, UsageError) else EXIT_FAILURE)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_FAILURE)
    except OSError as problem:
        if problem.errno not in _FULL:
            _tell_of_a_bug(problem)
        else:
            log.error("standard output cannot be written: %s", problem.strerror)
        sys.exit(EXIT_FAILURE)
    except Exception as problem:
        _tell_of_a_bug(problem)
        sys.exit(EXIT_FAILURE)


def _tell_of_a_bug(problem: Exception) -> None:
    where = "" if says(logging.DEBUG) else " (-vv shows where)"
    kind = type(problem).__name__
    log.error("an error in kvmgdb itself: %s: %s%s", kind, problem, where, exc_info=True)


def _open_what_is_closed() -> None:
    """A daemon's standard streams may be closed: the next file or socket would be taken for one of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
