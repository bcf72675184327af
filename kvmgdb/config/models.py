"""The shape of a configuration file, for validation and for its JSON Schema.

Typed dictionaries rather than model classes: a file, the environment and the flags are each *part* of a
configuration, and a key that is absent here is set elsewhere.  So there are no defaults in this module
(they are in :mod:`~kvmgdb.config.resolved`) and nothing is ever null.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from kvmgdb import policy
from kvmgdb.config import values
from kvmgdb.config.listen import LISTEN_PATTERN, ListenAddress, parse_listen
from kvmgdb.config.text import shown

VERSION = 1
"""The version of this format; it grows when a key changes its meaning."""

_closed = with_config(ConfigDict(extra="forbid"))


def _parse_version(value: object) -> int:
    if value is True or value != VERSION:
        hint = "; leave out the quotes" if value == str(VERSION) else ""
        raise ValueError(f"this kvmgdb reads version {VERSION}, found {shown(value)}{hint}")
    return VERSION


def _parse_preset(value: object) -> str:
    if isinstance(value, str) and value in policy.PRESETS:
        return value
    raise ValueError(values.expected_one_of(list(policy.PRESETS), value))


def _short_form(key: str, value: object) -> object:
    """Make the mapping that a word alone stands for: the one that has it under ``key``."""
    if isinstance(value, (str, dict)):
        return {key: value} if isinstance(value, str) else value
    raise ValueError(f"expected a name or a mapping, found {shown(value)}")


def _one_image(value: object) -> object:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a file name or a mapping, found {shown(value)}")
    image = values.parse_image(value)
    return {"path": image.path} if image.address is None else {"path": image.path, "address": image.address}


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _read_by(parse: Callable[[Any], object], accepts: object) -> PlainValidator:
    return PlainValidator(parse, json_schema_input_type=accepts)


def _choice(choices: type[Any]) -> BeforeValidator:
    return BeforeValidator(partial(values.parse_choice, choices), json_schema_input_type=choices)


def _matching(pattern: str) -> object:
    return Annotated[str, Field(pattern=pattern)]


_SizeInput = (
    Annotated[int, Field(gt=0, le=values.MEMORY_LIMIT, multiple_of=values.PAGE_SIZE)]
    | Annotated[str, Field(pattern=r"^(0x[0-9A-Fa-f]+|[0-9]+\s*([KMGkmg](i[Bb])?)?)$")]
)
_AddressInput = (
    Annotated[int, Field(ge=0, lt=values.ADDRESS_LIMIT)]
    | Annotated[str, Field(pattern=r"^(0[xX][0-9A-Fa-f]{1,16}|0|[1-9][0-9]*)$")]
)
_FileName = Annotated[str, Field(min_length=1)]

Address = Annotated[int, _read_by(values.parse_address, _AddressInput)]
File = Annotated[Path, _read_by(values.parse_path, _FileName)]
Switch = Annotated[bool, _read_by(values.parse_switch, bool)]


@_closed
class ImageData(TypedDict, total=False):
    """One image: an ELF file, or raw bytes with an address."""

    path: Required[Annotated[File, Field(description="The file: ELF, or raw bytes.")]]
    address: Annotated[Address, Field(description="Where raw bytes go (guest-physical); ELF files say it.")]


_Image = Annotated[ImageData, BeforeValidator(_one_image, json_schema_input_type=_FileName | ImageData)]


@_closed
class GuestData(TypedDict, total=False):
    """The guest: what is loaded, how much memory it has, where it starts."""

    image: Annotated[
        list[_Image],
        BeforeValidator(_one_or_many, json_schema_input_type=_Image | list[_Image]),
        Field(description="One image, or a list of them: FILE, FILE@ADDRESS, or a mapping."),
    ]
    memory: Annotated[
        int,
        _read_by(values.parse_memory, _SizeInput),
        Field(description="RAM, in whole pages. The units K, M, G, KiB, MiB and GiB are powers of 1024."),
    ]
    entry: Annotated[
        Address,
        Field(
            description="Where the guest starts. Without it, at the entry of the first ELF, or the first "
            "byte of a raw image."
        ),
    ]


@with_config(ConfigDict(extra="allow"))
class BackendData(TypedDict, total=False):
    """What runs the guest: a name, or a mapping with kind and that backend's own keys."""

    kind: Annotated[
        str,
        _read_by(values.parse_backend, _matching(values.BACKEND_PATTERN)),
        Field(description="The backend's name; kvmgdb plugins lists what there is."),
    ]


_Preset = Annotated[
    str,
    PlainValidator(_parse_preset, json_schema_input_type=str),
    Field(
        description=" ".join(f"{name}: {preset.use}" for name, preset in policy.PRESETS.items()),
        json_schema_extra={"enum": list(policy.PRESETS)},
    ),
]


@_closed
class PolicyData(TypedDict, total=False):
    """Who owns a debug event: a preset, and keys that override it."""

    preset: _Preset
    software_breakpoints: Annotated[policy.SoftwareBreakpoints, _choice(policy.SoftwareBreakpoints)]
    hardware_breakpoints: Annotated[policy.HardwareBreakpoints, _choice(policy.HardwareBreakpoints)]
    watchpoints: Annotated[policy.Watchpoints, _choice(policy.Watchpoints)]
    unclaimed_exits: Annotated[policy.UnclaimedExits, _choice(policy.UnclaimedExits)]
    on_disconnect: Annotated[policy.OnDisconnect, _choice(policy.OnDisconnect)]


Version = Annotated[
    int,
    PlainValidator(_parse_version, json_schema_input_type=int),
    Field(description=f"The version of this format: {VERSION}.", json_schema_extra={"const": VERSION}),
]


@_closed
class LabGuestData(TypedDict, total=False):
    """One guest of a lab: all that a file of its own could say."""

    include: Annotated[
        list[File],
        BeforeValidator(_one_or_many, json_schema_input_type=_FileName | list[_FileName]),
        Field(
            description="A file, or a list of files, whose values hold where this one says nothing; of "
            "several, the last wins."
        ),
    ]
    arch: Annotated[
        str,
        _read_by(values.parse_arch, _matching(values.ARCH_PATTERN)),
        Field(description="NAME or NAME:VARIANT, such as x86:64 or ppc:440."),
    ]
    backend: Annotated[
        BackendData,
        BeforeValidator(
            partial(_short_form, "kind"),
            json_schema_input_type=_matching(values.BACKEND_PATTERN) | BackendData,
        ),
    ]
    guest: GuestData
    listen: Annotated[
        ListenAddress,
        _read_by(parse_listen, _matching(LISTEN_PATTERN)),
        Field(description="tcp:HOST:PORT (port 0 picks a free one), unix:PATH, or stdio."),
    ]
    allow_remote: Annotated[
        Switch,
        Field(description="Whether other machines may connect; whoever can, controls the guest."),
    ]
    once: Annotated[Switch, Field(description="Whether to end after the first debugger.")]
    run: Annotated[Switch, Field(description="Whether the guest starts before a debugger attaches.")]
    trace: Annotated[
        File, Field(description="Where every exit and decision is written, a line of JSON each.")
    ]
    policy: Annotated[
        PolicyData,
        BeforeValidator(partial(_short_form, "preset"), json_schema_input_type=_Preset | PolicyData),
    ]


@with_config(ConfigDict(extra="forbid", title="kvmgdb configuration"))
class ServeData(LabGuestData, total=False):
    """One guest and how kvmgdb serves it."""

    version: Required[Version]


SERVE = TypeAdapter[ServeData](ServeData)
"""Validates one part of a configuration."""

SERVE_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): ("version", *LabGuestData.__annotations__),
    ("guest",): tuple(GuestData.__annotations__),
    ("guest", "image"): tuple(ImageData.__annotations__),
    ("policy",): tuple(PolicyData.__annotations__),
}
"""Which keys each mapping knows, for suggestions."""
