"""What every scenario starts from: a served guest, and a gdb attached to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.attached import arch, gdb, guest, options
from tests.support.serve import Serve, serving

__all__ = ["arch", "gdb", "guest", "options", "serve"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked ``gdb``, so that ``-m 'not gdb'`` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.gdb)


@pytest.fixture
def serve(arch: str, options: tuple[str, ...]) -> Iterator[Serve]:
    """``kvmgdb serve --arch ARCH``."""
    with serving("--arch", arch, *options) as server:
        yield server
