"""The JSON Schema of a configuration file, of one guest or of a lab, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from kvmgdb.config.lab_models import LAB
from kvmgdb.config.models import SERVE


def json_schema() -> dict[str, Any]:
    """Make the schema (draft 2020-12): a file with ``guests`` is a lab."""
    parts = {"one": SERVE.json_schema(), "lab": LAB.json_schema()}
    shared: dict[str, Any] = {}
    for part in parts.values():
        shared |= part.pop("$defs", {})
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "kvmgdb",
        "$defs": shared | parts,
        "if": {"required": ["guests"]},
        "then": {"$ref": "#/$defs/lab"},
        "else": {"$ref": "#/$defs/one"},
    }
