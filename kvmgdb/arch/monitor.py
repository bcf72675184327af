"""Commands of gdb's ``monitor``: core's own and plugins' come the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MonitorTarget = Any
"""The :class:`kvmgdb.session.Session`: ``guest`` (with ``arch`` and ``backend``), ``policy``, ``exits``."""


@dataclass(frozen=True, slots=True)
class MonitorCommand:
    """One command."""

    name: str
    summary: str
    run: Callable[[MonitorTarget, str], str]
    """(session, the rest of the line) -> text to show, without a final newline.  Raise
    :class:`kvmgdb.errors.RspError` to refuse."""
    usage: str = ""
    """Its arguments, as ``help`` shows them."""
