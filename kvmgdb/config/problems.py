"""Many mistakes, one error."""

from __future__ import annotations

from collections.abc import Iterable

from kvmgdb.errors import ConfigError

MAX_PROBLEMS = 20
"""Most lines of one error; what is beyond usually follows from what is before."""


def raise_problems(problems: Iterable[str]) -> None:
    """Raise one :class:`ConfigError` with a line for each problem; nothing happens if there are none."""
    lines = list(dict.fromkeys(problems))
    if not lines:
        return
    rest = len(lines) - MAX_PROBLEMS
    if rest > 0:
        lines[MAX_PROBLEMS:] = [f"and {rest} more problem{'s' if rest > 1 else ''}"]
    raise ConfigError("\n".join(lines))
