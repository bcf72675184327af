"""The flags that stand for keys of a configuration, for ``serve`` and ``config show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kvmgdb.cli.complete import archs, backends, file_names, policies, settings

Arch = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:VARIANT]", help="Architecture, such as x86, x86:16 or ppc:440.", autocompletion=archs
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What runs the guest: emulator, kvm or qemu.", autocompletion=backends),
]
Image = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE[@ADDR]", help="A guest image: ELF, or raw at an address. Repeatable."),
]
Entry = Annotated[str | None, typer.Option(metavar="ADDR", help="Where the guest starts.")]
Memory = Annotated[str | None, typer.Option(metavar="SIZE", help="Guest RAM, such as 16MiB.")]
Listen = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="tcp:HOST:PORT (port 0: any free one), unix:PATH or stdio."),
]
AllowRemote = Annotated[
    bool, typer.Option("--allow-remote", help="Let other machines connect: whoever does controls the guest.")
]
Policy = Annotated[
    str | None,
    typer.Option(metavar="PRESET", help="Who owns breakpoints and debug exits.", autocompletion=policies),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any key of the file, as in policy.watchpoints=refuse.",
        autocompletion=settings,
    ),
]
Once = Annotated[bool, typer.Option("--once", help="End with the first debugger's session.")]
Run = Annotated[bool, typer.Option("--run", help="Start the guest before a debugger attaches.")]
Trace = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write every exit and decision as JSON lines.", autocompletion=file_names
    ),
]


def given(**flags: object) -> dict[str, object]:
    """Those that were given: a switch that was not is no decision against it."""
    return {name: value for name, value in flags.items() if value not in (None, [], False)}
