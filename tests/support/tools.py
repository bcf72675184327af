"""Programs that a test needs and not every machine has."""

from __future__ import annotations

import shutil

import pytest


def need(purpose: str, *names: str) -> str:
    """Where the first of ``names`` that is installed is; without any, the test is skipped and the end of the
    run says what it needed and what for.
    """
    for name in names:
        if (found := shutil.which(name)) is not None:
            return found
    one = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    pytest.skip(f"{purpose} needs {one}, which is not installed")
