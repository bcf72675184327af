"""What every test may use: sessions on the emulator with the sample guests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

from kvmgdb.session import Session
from tests.support.sessions import start

# No test is timed: how long an example takes says more of the host than of the code.
settings.register_profile("kvmgdb", deadline=None)
settings.load_profile("kvmgdb")

# A shell's background job ignores Ctrl-C, and so would every server the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
