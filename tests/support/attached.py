"""Fixtures of a gdb attached to a served guest: a folder's ``conftest.py`` imports them and has ``serve``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import gdb as gdb_support
from tests.support.gdb import Gdb
from tests.support.guests import SampleGuest, sample
from tests.support.serve import Serve

__all__ = ["arch", "gdb", "guest", "options"]


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
def gdb(serve: Serve, guest: SampleGuest) -> Iterator[Gdb]:
    """gdb, attached; the guest stands at its entry."""
    with gdb_support.attached(serve.target, guest) as debugger:
        yield debugger
