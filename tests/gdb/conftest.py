"""What every scenario starts from: a served guest, and a gdb attached to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, sample
from tests.support.serve import Serve, serving


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked ``gdb``, so that ``-m 'not gdb'`` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.gdb)


@pytest.fixture(params=["x86:64", "ppc:440"])
def arch(request: pytest.FixtureRequest) -> str:
    """The guest's architecture: one of each unless a test names others."""
    name: str = request.param
    return name


@pytest.fixture
def guest(arch: str) -> SampleGuest:
    """The sample guest: its symbols, its source, its marked lines."""
    return sample(arch)


@pytest.fixture
def options() -> tuple[str, ...]:
    """What else is on the command line: nothing, unless a scenario is about that."""
    return ()


@pytest.fixture
def serve(arch: str, options: tuple[str, ...]) -> Iterator[Serve]:
    """``kvmgdb serve --arch ARCH``."""
    with serving("--arch", arch, *options) as server:
        yield server


@pytest.fixture
def gdb(serve: Serve, guest: SampleGuest) -> Iterator[Gdb]:
    """gdb, attached; the guest stands at its entry."""
    with gdb_support.attached(serve.target, guest) as debugger:
        yield debugger
