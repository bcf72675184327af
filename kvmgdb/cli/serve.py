"""``kvmgdb serve``."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kvmgdb.cli.complete import file_names, monitor_commands
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
from kvmgdb.cli.log import says
from kvmgdb.cli.progress import Waiting


def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="A configuration file; flags override it.",
            autocompletion=file_names,
        ),
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
    gdb: Annotated[
        bool, typer.Option("--gdb", help="Start gdb in this terminal, attached; the server ends with it.")
    ] = False,
    gdb_command: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="The gdb to start, with arguments of its own; implies --gdb."),
    ] = None,
    monitor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMMAND",
            help="A monitor command for gdb to begin with; implies --gdb. Repeatable.",
            autocompletion=monitor_commands,
        ),
    ] = None,
) -> None:
    """Start a guest and serve it to a debugger.

    With no image, the built-in sample guest of the architecture is started.
    """
    from kvmgdb import app, builtin
    from kvmgdb.config.load import load
    from kvmgdb.config.problems import raise_problems
    from kvmgdb.debugger import Gdb, private_listener
    from kvmgdb.plugins import load_plugins
    from kvmgdb.servable import unfit

    flags = given(
        arch=arch, backend=backend, image=image, entry=entry, memory=memory, listen=listen,
        allow_remote=allow_remote, policy=policy, once=once, run=run, trace=trace,
    )  # fmt: skip
    with Waiting("starting the guest") as waiting:
        loaded, plugins = load(config, os.environ, flags, sets or []), load_plugins(builtin)
        raise_problems(unfit(loaded, plugins))
        if not (gdb or gdb_command is not None or monitor):
            app.serve(loaded.config, plugins, partial(_announce, waiting))
            return
        with private_listener(loaded) as private:
            own = Gdb(gdb_command or "", tuple(monitor or ()))
            raise typer.Exit(app.serve(private, plugins, lambda *_: waiting.done(), own))


def _announce(waiting: Waiting, address: str, hint: str) -> None:
    waiting.done()
    if address != "stdio":
        if says(logging.WARNING):
            typer.echo(f"attach with: {hint}", err=True)
        typer.echo(f"listening on {address}")  # last: who waits for it finds the other there
