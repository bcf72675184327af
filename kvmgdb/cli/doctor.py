"""``kvmgdb doctor``."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from kvmgdb.cli.complete import archs, backends
from kvmgdb.cli.progress import Waiting

if TYPE_CHECKING:
    from kvmgdb.doctor import Report


class Format(Enum):
    """How ``doctor`` prints."""

    TEXT = "text"
    JSON = "json"


def doctor(
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="The backend you mean to use.", autocompletion=backends)
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:VARIANT]", help="The architecture you mean to debug.", autocompletion=archs
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
) -> None:
    """Say what this host can do: KVM as it was measured, gdb and what it offers, QEMU, plugins, limits."""
    from kvmgdb import builtin
    from kvmgdb.doctor import examine
    from kvmgdb.plugins import load_plugins

    with Waiting("looking at this host") as waiting:
        report = examine(load_plugins(builtin), backend, arch, lambda name: waiting.say(f"looking at {name}"))
    if output is Format.JSON:
        _print_json(report)
    else:
        _print_text(report)
    if not report.works:
        raise typer.Exit(1)


def _print_json(report: Report) -> None:
    import json

    typer.echo(json.dumps(report.as_json(), indent=2))


def _print_text(report: Report) -> None:
    width = max(len(finding.name) for section in report.sections for finding in section.findings)
    for section in report.sections:
        typer.echo(section.title)
        for finding in section.findings:
            typer.echo(f"  {'-' if finding.ok else '!'} {finding.name:{width}}  {finding.value}")
