"""The page on ownership says what the policy does."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import get_type_hints

from kvmgdb.policy import PRESETS, Policy

PAGE = (Path(__file__).parents[3] / "docs" / "ownership.md").read_text("utf-8")
KEYS = [field.name for field in fields(Policy) if field.name != "preset"]


def _rows(start: str) -> list[list[str]]:
    """The cells of the table that begins with ``start``, without its head."""
    lines = PAGE[PAGE.index(start) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_presets_is_the_policys() -> None:
    told = {row[0]: tuple(row[1:6]) for row in _rows("| preset |")}

    assert told == {
        name: tuple(getattr(preset.policy, key).value for key in KEYS) for name, preset in PRESETS.items()
    }


def test_the_table_of_keys_has_every_value() -> None:
    told = {row[0]: re.split(", ", row[1]) for row in _rows("| key |")}
    types = get_type_hints(Policy)

    assert told == {key: [member.value for member in _members(types[key])] for key in KEYS}


def _members(choices: type[Enum]) -> list[Enum]:
    return list(choices)


def test_its_picture_is_there() -> None:
    [picture] = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE)

    assert (Path(__file__).parents[3] / "docs" / picture).read_text("utf-8").startswith("<svg")
