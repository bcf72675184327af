"""Where the program's own words go: standard error, one line each."""

from __future__ import annotations

import logging

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def configure(verbose: int, quiet: bool) -> None:
    """Choose how much is said."""
    level = logging.ERROR if quiet else _LEVELS[min(verbose, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, format="kvmgdb: %(message)s")
