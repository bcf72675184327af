"""What QEMU does not do, for the tests that every backend goes through."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Lack:
    """Tests, by a pattern of their ids, that want something QEMU does not do."""

    tests: str
    reason: str
    runs: bool = True
    """Whether the test ends by itself."""


def expect(items: Iterable[pytest.Item], lacks: Iterable[Lack]) -> None:
    """Mark what cannot pass: strictly, so that a QEMU that can is noticed."""
    if not shutil.which("qemu-system-x86_64"):
        return
    table = [(re.compile(lack.tests), lack) for lack in lacks]
    for item in items:
        for pattern, lack in table:
            if pattern.search(item.nodeid):
                item.add_marker(pytest.mark.xfail(reason=lack.reason, strict=True, run=lack.runs))
                break
