"""Guests on QEMU, served to a real gdb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, sample
from tests.support.serve import Serve, serving
from tests.support.tools import need

QEMU = {"x86": "qemu-system-x86_64", "ppc": "qemu-system-ppc"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here that has a gdb is marked so."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "gdb" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.gdb)


@pytest.fixture(params=["x86:64", "ppc:440"])
def arch(request: pytest.FixtureRequest) -> str:
    """The guest's architecture: one of each unless a test names others."""
    name: str = request.param
    return name


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    """Its sample guest."""
    return sample(arch)


@pytest.fixture
def options() -> tuple[str, ...]:
    """What else is on the command line."""
    return ()


@pytest.fixture
def serve(arch: str, options: tuple[str, ...]) -> Iterator[Serve]:
    """The server."""
    need("the QEMU backend", QEMU[arch.partition(":")[0]])
    with serving("--arch", arch, "--backend", "qemu", *options) as server:
        yield server


@pytest.fixture
def gdb(serve: Serve, guest: SampleGuest) -> Iterator[Gdb]:
    """gdb, attached; the guest stands at its entry."""
    with gdb_support.attached(serve.target, guest) as debugger:
        yield debugger
