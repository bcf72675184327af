"""From named fields, as JSON, gdb or ``key=value`` text give them, to one exit.

A mapping may be the whole ``struct kvm_run`` (with ``exit_reason``), its ``debug`` member, or just the
payload's fields; keys that are none of these are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from kvmgdb.arch.kvm_run import EXIT_REASONS, KVM_EXIT_DEBUG, exit_reason
from kvmgdb.arch.trace import VERSION_KEY, TraceRecord
from kvmgdb.errors import PayloadError
from kvmgdb.inspect.numbers import number, shown
from kvmgdb.inspect.raw import RawExit

_BY_NAME = {reason.name: reason.number for reason in EXIT_REASONS.values()}
_NOT_FIELDS = frozenset(
    {"exit_reason", "arch", "byteorder", "payload", "where", "schema", "version", "exit", "debug"}
)


def from_mapping(data: Mapping[str, Any], where: str) -> RawExit:
    """Read one exit.

    Raises:
        PayloadError: a value that is no number, or nothing of an exit in it.
    """
    if VERSION_KEY in data:
        return _from_trace(TraceRecord.from_json(data), where)
    reason = _reason(data)
    arch = data.get("arch", "")
    said = arch if isinstance(arch, str) else ""
    if "payload" in data and isinstance(data["payload"], str):
        payload = _hex(data["payload"])
        return RawExit(where, reason, payload, byteorder=_byteorder(data), arch=said)
    member = _member(data, reason)
    fields = _fields(member)
    if not fields and reason != KVM_EXIT_DEBUG:
        return RawExit(where, reason, arch=said)
    if not fields:
        raise PayloadError(f"no field of an exit in it, only {shown(', '.join(data)) or 'nothing'}")
    return RawExit(where, reason, fields=fields, byteorder=_byteorder(data), arch=said)


def _from_trace(record: TraceRecord, where: str) -> RawExit:
    order: Literal["little", "big"] = "big" if record.byteorder == "big" else "little"
    return RawExit(where, payload=record.payload, byteorder=order, arch=record.arch, trace=record)


def _reason(data: Mapping[str, Any]) -> int:
    value = data.get("exit_reason", data.get("exit", KVM_EXIT_DEBUG))
    if isinstance(value, str) and value.strip() in _BY_NAME:
        return _BY_NAME[value.strip()]
    return number(value, "exit_reason")


def _byteorder(data: Mapping[str, Any]) -> Literal["little", "big"] | None:
    value = data.get("byteorder")
    if value is None or value == "little" or value == "big":
        return value
    raise PayloadError(f"byteorder is neither little nor big: {str(value)[:40]!r}")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise PayloadError(f"payload is not hex: {text[:40]!r}") from None


def _member(data: Mapping[str, Any], reason: int) -> Mapping[str, Any]:
    """Find the mapping that holds the exit's own fields."""
    name = exit_reason(reason).member
    member = data.get(name) if name else None
    if not isinstance(member, Mapping):
        member = data
    inner = member.get("arch")
    return inner if isinstance(inner, Mapping) else member


def _fields(member: Mapping[str, Any]) -> dict[str, int]:
    fields: dict[str, int] = {}
    for name, value in member.items():
        if name in _NOT_FIELDS or value is None:
            continue
        if isinstance(value, int | str):
            if not isinstance(value, str) or _looks_numeric(value):
                fields[name] = number(value, name)
        elif isinstance(value, Mapping):
            continue
        elif isinstance(value, bytes):
            fields[name] = int.from_bytes(value[:8].ljust(8, b"\0"), "little")
        elif isinstance(value, Sequence):
            fields.update((f"{name}[{i}]", number(item, f"{name}[{i}]")) for i, item in enumerate(value))
        else:
            raise PayloadError(f"{shown(name)} is not a number: {str(value)[:40]!r}")
    return fields


def _looks_numeric(text: str) -> bool:
    return text.strip()[:1].isdigit() or text.strip()[:1] == "-"
