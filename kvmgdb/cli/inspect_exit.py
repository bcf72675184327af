"""``kvmgdb inspect-exit``: decode debug exits and say whose they are."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmgdb.cli.complete import archs, file_names

if TYPE_CHECKING:
    from kvmgdb.inspect.decoders import Decoders


class From(Enum):
    """How the input is written."""

    AUTO = "auto"
    KVM_RUN = "kvm-run"
    PAYLOAD = "payload"
    HEX = "hex"
    JSON = "json"
    JSONL = "jsonl"
    GDB = "gdb"
    KEY_VALUE = "kv"
    TRACE = "trace"


class Output(Enum):
    """How exits are printed."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


class ByteOrderName(Enum):
    """The host's byte order."""

    LITTLE = "little"
    BIG = "big"


def inspect_exit(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|EXIT",
            help="Files, - for standard input, or exits themselves: hex, key=value, what gdb prints.",
            autocompletion=file_names,
        ),
    ] = None,
    form: Annotated[From, typer.Option("--from", help="How the input is written.")] = From.AUTO,
    arch: Annotated[
        str,
        typer.Option(
            "--arch", metavar="NAME[:VARIANT]", help="The guest's architecture.", autocompletion=archs
        ),
    ] = "",
    byteorder: Annotated[
        ByteOrderName | None, typer.Option("--byteorder", help="The host's, for bare payloads.")
    ] = None,
    dr7: Annotated[
        str | None, typer.Option("--dr7", metavar="VALUE", help="DR7 as it was armed (x86).")
    ] = None,
    armed: Annotated[
        Path | None,
        typer.Option(
            "--armed", metavar="FILE", help="What was armed, as YAML or JSON.", autocompletion=file_names
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            "--image",
            metavar="ELF",
            help="Name functions and lines, and disassemble.",
            autocompletion=file_names,
        ),
    ] = None,
    output: Annotated[Output, typer.Option("--format", help="How to print it.")] = Output.TEXT,
    summary: Annotated[bool, typer.Option("--summary", help="Count by verdict and address instead.")] = False,
) -> None:
    """Decode debug exits of KVM and say what happened and whose it is."""
    from kvmgdb.inspect.context import armed_from
    from kvmgdb.inspect.image import Image
    from kvmgdb.inspect.raw import Form
    from kvmgdb.inspect.run import Format, Job, run
    from kvmgdb.inspect.source import open_sources

    if dr7 is not None and not arch:
        arch = "x86"
    decoders = _decoders(arch, byteorder)
    layout = decoders.named(arch).layout if decoders.decodable else None
    job = Job(
        decoders,
        armed_from(layout, armed, dr7),
        form=None if form is From.AUTO else Form(form.value),
        image=Image(image, real_mode=arch in ("x86:16", "i8086")) if image else None,
        format=Format(output.value),
        summary=summary,
    )
    raise typer.Exit(run(job, open_sources(inputs or [])))


def _decoders(arch: str, byteorder: ByteOrderName | None) -> Decoders:
    from kvmgdb.errors import PluginError
    from kvmgdb.inspect.decoders import Decoders
    from kvmgdb.plugins import load_plugins

    plugins = load_plugins()
    defaults = []
    for info in plugins.archs:
        try:
            defaults.append(plugins.arch(info, None).decoder)
        except PluginError:
            continue  # an architecture may come without an exit decoder
    with_payload = [decoder for decoder in defaults if decoder.form.fields]
    return Decoders(
        tuple(sorted(with_payload, key=lambda d: -d.form.size)),
        lambda name: plugins.resolve(name).decoder,
        arch,
        None if byteorder is None else byteorder.value,
    )
