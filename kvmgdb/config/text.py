"""How messages show values, and how they suggest the right word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_SHOWN_LENGTH = 60
"""Longest piece of somebody's input that a message repeats, in characters: the line stays readable."""


def printable(text: str) -> str:
    """``text`` on one line: what a terminal cannot show (or would obey) becomes an escape."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shown(value: object) -> str:
    """How a message names a value it found: ``"12Q"``, ``a mapping``, ``nothing``."""
    if isinstance(value, str):
        text = printable(value)
        return f'"{text[:_SHOWN_LENGTH]}..."' if len(text) > _SHOWN_LENGTH else f'"{text}"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else _short(value)


def _short(value: object) -> str:
    # A number of a million digits: Python refuses to write it in decimal, and nobody reads it.
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number of more than 64 bits"
    return str(value)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """``; did you mean "x"?`` for the candidate nearest to ``word``, or nothing if none is near."""
    near = difflib.get_close_matches(word, list(candidates), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def no_file(path: Path) -> str:
    """What to say of a path that is no file; empty if it is one."""
    if path.is_file():
        return ""
    if path.is_dir():
        return f"expected a file, found the folder {shown(str(path))}"
    return f"expected a file, found no {shown(str(path))}"
