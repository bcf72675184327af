"""Guests on QEMU, served to a real gdb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.attached import arch, gdb, guest, options
from tests.support.serve import Serve, serving
from tests.support.tools import need

__all__ = ["arch", "gdb", "guest", "options", "serve"]

QEMU = {"x86": "qemu-system-x86_64", "ppc": "qemu-system-ppc"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here that has a gdb is marked so."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "gdb" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.gdb)


@pytest.fixture
def serve(arch: str, options: tuple[str, ...]) -> Iterator[Serve]:
    """The server."""
    need("the QEMU backend", QEMU[arch.partition(":")[0]])
    with serving("--arch", arch, "--backend", "qemu", *options) as server:
        yield server
