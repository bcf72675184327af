"""Every architecture variant on every backend: the table all contract tests run through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.guests import EVERY
from tests.support.machines import BACKENDS, Machine, machine


@pytest.fixture(params=EVERY, scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    """The architecture and variant."""
    name: str = request.param
    return name


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """The backend."""
    name: str = request.param
    return name


@pytest.fixture
def fresh(arch: str, backend: str) -> Iterator[Machine]:
    """The sample guest at its entry."""
    with machine(arch, backend) as made:
        yield made


@pytest.fixture(scope="module")
def shared(arch: str, backend: str) -> Iterator[Machine]:
    """One machine for all examples of a property: each sets up what it needs."""
    with machine(arch, backend) as made:
        yield made
