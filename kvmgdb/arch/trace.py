"""The record of a trace file: one line of JSON for each stop, exit or decision.

``kvmgdb serve --trace`` writes them and ``kvmgdb inspect-exit`` reads them; this is the one place that
knows the format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmgdb.errors import PayloadError

TRACE_VERSION = 1
VERSION_KEY = "kvmgdb_trace"
"""Its presence says that a line is a trace record, its value the version of the format."""
TO_THE_DEBUGGER, TO_THE_GUEST = "to the debugger", "to the guest"
"""The two ends an exit can have, as ``verdict`` and ``monitor exits`` say it."""


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One line of a trace file."""

    seq: int
    """Counts from 1 in each file."""
    time: float
    """Seconds since the trace began."""
    arch: str
    """``x86:64``."""
    event: str
    """What happened: ``breakpoint``, ``watchpoint``, ``step``, ``exception``, ``halt`` and so on."""
    pc: int | None = None
    payload: bytes | None = None
    """The exit payload, in the byte order of ``byteorder``; None where the backend has none."""
    byteorder: str = "little"
    verdict: str = ""
    """Who got it, or what it was taken for."""
    why: str = ""
    """The reason, in one sentence."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else a writer adds; readers keep it and do not look into it."""

    def to_json(self) -> str:
        """Make the record's line, without a newline; addresses are hex strings."""
        data: dict[str, Any] = {
            VERSION_KEY: TRACE_VERSION,
            "seq": self.seq,
            "time": round(self.time, 6),
            "arch": self.arch,
            "event": self.event,
        }
        if self.pc is not None:
            data["pc"] = hex(self.pc)
        if self.payload is not None:
            data["payload"] = self.payload.hex()
            data["byteorder"] = self.byteorder
        if self.verdict:
            data["verdict"] = self.verdict
        if self.why:
            data["why"] = self.why
        return json.dumps(data | dict(self.extra), separators=(",", ":"))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TraceRecord:
        """Read the object of one line.

        Raises:
            PayloadError: another version, or a field that is missing or of the wrong type.
        """
        version = data.get(VERSION_KEY)
        if version != TRACE_VERSION:
            raise PayloadError(f"{VERSION_KEY} is {version!r}: this kvmgdb reads version {TRACE_VERSION}")
        known = {"seq", "time", "arch", "event", "pc", "payload", "byteorder", "verdict", "why", VERSION_KEY}
        return cls(
            seq=_get(data, "seq", int),
            time=float(_get(data, "time", (int, float))),
            arch=_get(data, "arch", str),
            event=_get(data, "event", str),
            pc=_number(data, "pc"),
            payload=_bytes(data, "payload"),
            byteorder=_get(data, "byteorder", str, "little"),
            verdict=_get(data, "verdict", str, ""),
            why=_get(data, "why", str, ""),
            extra={key: value for key, value in data.items() if key not in known},
        )


def _get(data: Mapping[str, Any], key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    value = data.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        problem = "is missing" if value is None else f"has a value of the wrong type: {value!r}"
        raise PayloadError(f"the trace record's {key} {problem}")
    return value


def _number(data: Mapping[str, Any], key: str) -> int | None:
    if data.get(key) is None:
        return None
    text = _get(data, key, str)
    try:
        return int(text, 0)
    except ValueError:
        raise PayloadError(f"the trace record's {key} is not a number: {text!r}") from None


def _bytes(data: Mapping[str, Any], key: str) -> bytes | None:
    if data.get(key) is None:
        return None
    text = _get(data, key, str)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise PayloadError(f"the trace record's {key} is not hex: {text[:40]!r}") from None
