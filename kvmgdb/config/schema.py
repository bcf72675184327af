"""The JSON Schema of a configuration file, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from kvmgdb.config.models import SERVE


def json_schema() -> dict[str, Any]:
    """Make the schema (draft 2020-12)."""
    return {"$schema": GenerateJsonSchema.schema_dialect, **SERVE.json_schema()}
