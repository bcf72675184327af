"""The JSON Schema of a configuration file, of one guest or of a lab, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from kvmgdb.config.lab_models import LAB, OF_A_LAB
from kvmgdb.config.models import SERVE


def guest_schema() -> dict[str, Any]:
    """Of a file of one guest."""
    return SERVE.json_schema()


def lab_schema() -> dict[str, Any]:
    """Of a lab file."""
    return LAB.json_schema()


def json_schema() -> dict[str, Any]:
    """Make the schema of both (draft 2020-12): a file with a key of a lab's is one."""
    parts = {"one": guest_schema(), "lab": lab_schema()}
    shared: dict[str, Any] = {}
    for part in parts.values():
        shared |= part.pop("$defs", {})
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "kvmgdb configuration",
        "$defs": shared | parts,
        "if": {"anyOf": [{"required": [key]} for key in OF_A_LAB]},
        "then": {"$ref": "#/$defs/lab"},
        "else": {"$ref": "#/$defs/one"},
    }
