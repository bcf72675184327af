"""Where the lab keeps what it downloads and builds: outside the repository, and safe to delete."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "KVMGDB_LAB_CACHE"
"""Names another folder; some 400 MB go there."""


class LabError(Exception):
    """The lab cannot do its work; the text says what is missing, and what to do."""


def folder(*parts: str) -> Path:
    """A folder of the cache, made if it is not there."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = Path(os.environ.get(VARIABLE) or Path(home) / "kvmgdb" / "lab")
    path = base.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path
