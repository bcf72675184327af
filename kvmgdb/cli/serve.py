"""``kvmgdb serve``."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kvmgdb.cli.complete import archs, backends, file_names, monitor_commands, policies, settings
from kvmgdb.cli.log import says
from kvmgdb.cli.progress import Waiting


def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="A lab file; flags override it.", autocompletion=file_names
        ),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:VARIANT]",
            help="Architecture, such as x86, x86:16 or ppc:440.",
            autocompletion=archs,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What runs the guest: emulator, kvm or qemu.", autocompletion=backends
        ),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE[@ADDR]", help="A guest image: ELF, or raw at an address. Repeatable."),
    ] = None,
    entry: Annotated[str | None, typer.Option(metavar="ADDR", help="Where the guest starts.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Guest RAM, such as 16MiB.")] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="tcp:HOST:PORT (port 0: any free one), unix:PATH or stdio."),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines connect: whoever does controls the guest."),
    ] = False,
    policy: Annotated[
        str | None,
        typer.Option(metavar="PRESET", help="Who owns breakpoints and debug exits.", autocompletion=policies),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any key of the lab file, as in policy.watchpoints=refuse.",
            autocompletion=settings,
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End with the first debugger's session.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Start the guest before a debugger attaches.")] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write every exit and decision as JSON lines.", autocompletion=file_names
        ),
    ] = None,
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
    from kvmgdb import app
    from kvmgdb.config.load import load
    from kvmgdb.debugger import Gdb, private_listener

    flags = {
        "arch": arch, "backend": backend, "image": image, "entry": entry, "memory": memory, "listen": listen,
        "allow_remote": allow_remote or None, "policy": policy, "once": once or None, "run": run or None,
        "trace": trace,
    }  # fmt: skip
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    with Waiting("starting the guest") as waiting:
        loaded = load(config, os.environ, given, set_ or [])
        if not (gdb or gdb_command is not None or monitor):
            app.serve(loaded.config, partial(_announce, waiting))
            return
        with private_listener(loaded) as private:
            own = Gdb(gdb_command or "", tuple(monitor or ()))
            raise typer.Exit(app.serve(private, lambda *_: waiting.done(), own))


def _announce(waiting: Waiting, address: str, hint: str) -> None:
    waiting.done()
    if address != "stdio":
        if says(logging.WARNING):
            typer.echo(f"attach with: {hint}", err=True)
        typer.echo(f"listening on {address}")  # last: who waits for it finds the other there
