"""The shape of a lab file: many guests, and the sessions that try them.

As in :mod:`~kvmgdb.config.models` nothing here has a default.  Each guest and each session is validated by
itself, so that a message has its name and what it includes has messages of its own; the schema knows all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Required

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from kvmgdb.config.models import File, LabGuestData, Version
from kvmgdb.config.text import shown

MAX_SECONDS = 3600
"""Longest time limit of a session."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Names of guests and sessions: they become names of files and of tests."""

SCRIPTS = ("gdb", "script", "python")
"""The keys of a session that say what is done: each session has one."""

_closed = with_config(ConfigDict(extra="forbid"))


def name_problem(name: str) -> str:
    """Why nothing can have this name; empty if it can."""
    if re.fullmatch(NAME_PATTERN, name):
        return ""
    return f"expected a name (up to 64 letters, digits, - _ .), found {shown(name)}"


def _parse_mapping(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping, found {shown(value)}")
    return value


def _parse_guests(value: object) -> object:
    if value == {}:
        raise ValueError("expected at least one guest, as in {first: {arch: x86}}, found none")
    return _parse_mapping(value)


def _parse_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"expected text, found {shown(value)}")


def _parse_number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})", value):
        return int(value, 0)
    raise ValueError(f"expected a number, found {shown(value)}")


def _parse_value(value: object) -> int | float | str:
    if isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"expected a number or gdb's text, found {shown(value)}")


def _parse_pattern(value: object) -> str:
    text = _parse_text(value)
    try:
        re.compile(text)
    except re.error as problem:
        raise ValueError(f"not a regular expression: {problem}") from None
    return text


def _parse_bytes(value: object) -> str:
    try:
        return bytes.fromhex(_parse_text(value)).hex()
    except ValueError:
        raise ValueError(f'expected bytes in hex, such as "de ad", found {shown(value)}') from None


def _parse_seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_SECONDS:
        return float(value)
    raise ValueError(f"expected seconds, up to {MAX_SECONDS}, found {shown(value)}")


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list) else [value]


_Text = Annotated[
    str, PlainValidator(_parse_text, json_schema_input_type=Annotated[str, Field(min_length=1)])
]
_Pattern = Annotated[
    str, PlainValidator(_parse_pattern, json_schema_input_type=Annotated[str, Field(min_length=1)])
]
_Number = Annotated[int, PlainValidator(_parse_number, json_schema_input_type=int | str)]
_Value = Annotated[
    int | float | str, PlainValidator(_parse_value, json_schema_input_type=bool | int | float | str)
]
_Bytes = Annotated[
    str,
    PlainValidator(
        _parse_bytes,
        json_schema_input_type=Annotated[str, Field(pattern=r"^\s*([0-9a-fA-F]{2}\s*)+$")],
    ),
]
_Patterns = Annotated[
    list[_Pattern], BeforeValidator(_one_or_many, json_schema_input_type=_Pattern | list[_Pattern])
]


@_closed
class ExpectData(TypedDict, total=False):
    """What is to be so when the session is over."""

    output: Annotated[
        _Patterns, Field(description="Regular expressions found in the transcript, in this order.")
    ]
    console: Annotated[
        _Patterns, Field(description="Regular expressions found in what the guest printed, in this order.")
    ]
    errors: Annotated[
        _Patterns,
        Field(description="Regular expressions of errors that gdb may answer with; any other is a failure."),
    ]
    values: Annotated[
        dict[str, _Value], Field(description="gdb expressions and their value, a number or gdb's text.")
    ]
    registers: Annotated[dict[str, _Number], Field(description="Registers and their value.")]
    memory: Annotated[
        dict[str, _Bytes], Field(description="Addresses (gdb expressions) and the bytes there, in hex.")
    ]
    exit: Annotated[_Number, Field(description="The status the guest ended with.")]


_ONE_OF: Any = {"oneOf": [{"required": [key]} for key in SCRIPTS]}


@with_config(ConfigDict(extra="forbid", json_schema_extra=_ONE_OF))
class SessionData(TypedDict, total=False):
    """One scripted session with a guest of its own; one of gdb, script and python says what is done."""

    guest: Required[Annotated[str, Field(description="The name of the guest.")]]
    task: Annotated[_Text, Field(description="What it is about, for people.")]
    gdb: Annotated[
        list[_Text],
        BeforeValidator(_one_or_many, json_schema_input_type=_Text | list[_Text]),
        Field(description="gdb commands; gdb is attached, with the symbols of the guest's ELF."),
    ]
    script: Annotated[File, Field(description="A file of gdb commands, relative to this one.")]
    python: Annotated[
        File, Field(description="A Python script; KVMGDB_ADDRESS says where the guest listens.")
    ]
    files: Annotated[
        list[File],
        BeforeValidator(_one_or_many, json_schema_input_type=File | list[File]),
        Field(description="Files the session finds beside its script, relative to this one."),
    ]
    expect: ExpectData
    timeout: Annotated[
        float,
        PlainValidator(_parse_seconds, json_schema_input_type=Annotated[float, Field(gt=0, le=MAX_SECONDS)]),
        Field(description="Seconds until the session is given up; 60 without it."),
    ]


def _mapping_of(inner: object, parse: Callable[[object], object] = _parse_mapping) -> Any:
    names = Annotated[str, Field(pattern=NAME_PATTERN)]
    return PlainValidator(parse, json_schema_input_type=dict[names, inner])  # type: ignore[valid-type]


_NO_OTHERS: Any = {"additionalProperties": False}
"""Names of another pattern are refused."""


@with_config(ConfigDict(extra="forbid", title="kvmgdb lab"))
class LabData(TypedDict, total=False):
    """Many guests, and sessions with them."""

    version: Required[Version]
    title: Annotated[_Text, Field(description="What the lab is called.")]
    defaults: Annotated[
        dict[str, Any],
        PlainValidator(_parse_mapping, json_schema_input_type=LabGuestData),
        Field(description="What holds for each guest that does not say otherwise."),
    ]
    guests: Required[
        Annotated[
            dict[str, Any],
            _mapping_of(LabGuestData, _parse_guests),
            Field(description="The guests by name.", json_schema_extra=_NO_OTHERS | {"minProperties": 1}),
        ]
    ]
    sessions: Annotated[
        dict[str, Any],
        _mapping_of(SessionData),
        Field(description="The sessions by name, for lab run.", json_schema_extra=_NO_OTHERS),
    ]


LAB = TypeAdapter[LabData](LabData)
"""Validates a lab file but for its guests and sessions."""
LAB_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): tuple(LabData.__annotations__),
    ("defaults",): tuple(LabGuestData.__annotations__),
}

OF_A_LAB = ("guests", "sessions", "defaults")
"""Keys that only a lab has: a file with one of them is meant to be one."""

SESSION = TypeAdapter[SessionData](SessionData)
"""Validates one session."""
SESSION_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): tuple(SessionData.__annotations__),
    ("expect",): tuple(ExpectData.__annotations__),
}
