"""``kvmgdb plugins``."""

from __future__ import annotations

import typer


def plugins() -> None:
    """Show what is loaded, from where, and what is broken."""
    from kvmgdb import builtin
    from kvmgdb.plugins import load_plugins

    loaded = load_plugins(builtin)
    for record in loaded.records:
        if record.name == "core":
            continue
        typer.echo(f"{record.name}  {record.origin}  {record.location}".rstrip())
        if record.problem:
            typer.echo(f"  not used: {record.problem}")
        for info in record.archs:
            names = ", ".join((info.name, *info.aliases))
            typer.echo(f"  architecture {names}: {info.summary}")
            for variant in info.variants:
                aliases = f" ({', '.join(variant.aliases)})" if variant.aliases else ""
                typer.echo(f"    {info.name}:{variant.name}{aliases}  {variant.summary}")
    for backend in loaded.backends.values():
        typer.echo(f"backend {backend.name}: {backend.summary}")
    _ = loaded.archs  # two plugins that claim one name are an error here too
