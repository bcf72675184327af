"""What every test may use: sessions on the emulator with the sample guests."""

from __future__ import annotations

import pytest
from hypothesis import settings

from kvmgdb.session import Session
from tests.support import interrupts
from tests.support.sessions import start

# No test is timed: how long an example takes says more of the host than of the code.
settings.register_profile("kvmgdb", deadline=None)
settings.load_profile("kvmgdb")
interrupts.restore()


@pytest.fixture
def x86_session() -> Session:
    """The 64-bit x86 sample guest at its entry, nobody attached yet."""
    return start("x86:64")


@pytest.fixture
def ppc_session() -> Session:
    """The PowerPC 440 sample guest at its entry."""
    return start("ppc:440")


@pytest.fixture(params=["x86:64", "ppc:440"])
def session(request: pytest.FixtureRequest) -> Session:
    """One after the other."""
    return start(request.param)
