"""Exits as JSON, one object a line; the schema is documented in docs/inspect-exit.md."""

from __future__ import annotations

import json
from typing import Any

from kvmgdb.inspect import view
from kvmgdb.inspect.image import Image, Place
from kvmgdb.inspect.judge import Judged

SCHEMA = "kvmgdb.exit"
VERSION = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


def line(judged: Judged, image: Image | None) -> str:
    """Make the line of one exit."""
    return json.dumps(document(judged, image), separators=(",", ":"))


def document(judged: Judged, image: Image | None) -> dict[str, Any]:
    """Make the object of one exit; numbers of 64 bits are hex strings."""
    place = view.place_of(judged, image)
    rows = list(view.rows(judged))
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "where": judged.raw.where,
        "exit": judged.reason.name,
        "exit_reason": judged.reason.number,
        "arch": judged.arch or None,
        "byteorder": judged.byteorder if judged.form is not None else None,
        "payload": judged.payload.hex() if judged.form is not None else None,
        "fields": {row.name: hex(row.value) for row in rows},
        "registers": {row.name: row.register.decode(row.value) for row in rows if row.register is not None},
        "verdict": _verdict(judged),
        "warnings": [{"code": q.code, "text": q.text} for q in judged.verdict.quirks],
        "notes": list(judged.notes),
        "trace": _trace(judged),
        "code": None if place is None else _code(place),
    }


def _verdict(judged: Judged) -> dict[str, Any]:
    verdict = judged.verdict
    return {
        "event": judged.label,
        "owner": verdict.owner.value,
        "sentence": verdict.sentence,
        "decide": verdict.decide or None,
        "pc": _hex(verdict.pc),
        "slot": verdict.slot,
        "kind": None if verdict.kind is None else verdict.kind.label,
        "address": _hex(verdict.address),
        "length": verdict.length,
    }


def _trace(judged: Judged) -> dict[str, Any] | None:
    record = judged.raw.trace
    if record is None:
        return None
    return {
        "seq": record.seq,
        "time": record.time,
        "event": record.event,
        "pc": _hex(record.pc),
        "verdict": record.verdict,
        "why": record.why,
    }


def _code(place: Place) -> dict[str, Any]:
    return {
        "address": hex(place.address),
        "function": place.function or None,
        "offset": place.offset,
        "file": place.file or None,
        "line": place.line or None,
        "instructions": [
            {"address": hex(i.address), "bytes": i.code.hex(), "text": i.text, "marked": i.marked}
            for i in place.instructions
        ],
    }


def _hex(value: int | None) -> str | None:
    return None if value is None else hex(value)
