"""Delivery is ours on the emulator alone: on KVM the processor itself does it."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["emulator"], scope="module")
def backend(request: pytest.FixtureRequest) -> str:
    """The backend."""
    name: str = request.param
    return name
