"""The translations a BookE core starts with, as the emulated core itself makes them of the set-up code."""

from __future__ import annotations

import pytest

from tests.support.sessions import start


@pytest.mark.parametrize("arch", ["ppc:440", "ppc:e500v1", "ppc:e500mc"])
def test_two_quarters_of_a_gibibyte_are_mapped_one_to_one(arch: str) -> None:
    translate = start(arch).guest.backend.translate

    for address in (0, 0x10000, 0x0FFF_FFFF, 0xF000_0000, 0xFFFF_FFFF):
        found = translate(address)
        assert found is not None
        assert found.physical == address
    for address in (0x1000_0000, 0x8000_0000, 0xEFFF_FFFF):
        assert translate(address) is None
