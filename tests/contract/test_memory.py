"""Memory: read, written, translated, and missing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmgdb.errors import MemoryFault
from tests.support.machines import Machine

HOLE = 0xD000_0000
"""Where no sample machine has memory."""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(address=st.integers(0x20_0000, 0x20_4000), data=st.binary(min_size=1, max_size=9000))
def test_what_is_written_is_read_back(shared: Machine, address: int, data: bytes) -> None:
    shared.backend.write_physical(address, data)
    assert shared.backend.read_physical(address, len(data)) == data


JUMP_TO_ITSELF = {"x86": b"\xeb\xfe", "ppc": b"\x48\0\0\0", "riscv": b"\x01\xa0"}


def test_the_image_is_where_its_headers_say(fresh: Machine) -> None:
    name = fresh.guest.symbol("account")
    order = fresh.arch.registers.byteorder
    assert fresh.read(name, 8) == (1).to_bytes(4, order) + (100).to_bytes(4, order)
    assert fresh.read(name + 12, 4) == b"ada\0"


def test_the_last_byte_and_the_one_behind_it(fresh: Machine) -> None:
    fresh.backend.write_physical(fresh.memory - 1, b"!")
    assert fresh.backend.read_physical(fresh.memory - 1, 1) == b"!"
    with pytest.raises(MemoryFault):
        fresh.backend.read_physical(fresh.memory, 1)


def test_a_write_over_the_end_writes_nothing(fresh: Machine) -> None:
    with pytest.raises(MemoryFault):
        fresh.backend.write_physical(fresh.memory - 2, b"abcd")
    assert fresh.backend.read_physical(fresh.memory - 2, 2) == b"\0\0"


def test_memory_that_is_not_there(fresh: Machine) -> None:
    with pytest.raises(MemoryFault, match="0xd0000000"):
        fresh.backend.read_physical(HOLE, 4)
    with pytest.raises(MemoryFault, match="0xd0000000"):
        fresh.backend.write_physical(HOLE, b"1234")


def test_the_samples_run_with_addresses_as_they_are(fresh: Machine) -> None:
    for name in ("_start", "account", "counter"):
        address = fresh.guest.symbol(name)
        found = fresh.backend.translate(address)
        assert found is not None
        assert found.physical == address
        assert found.length > 0


def test_what_the_guest_writes_is_seen(fresh: Machine) -> None:
    fresh.run_to(fresh.guest.symbol("tick_1000"))
    assert fresh.number("counter") == 1000


def test_what_is_written_the_guest_sees(fresh: Machine) -> None:
    fresh.set_number("count_limit", 123)
    fresh.run_to(fresh.guest.symbol("tick_1000"))
    assert fresh.number("counter") == 123


def test_code_that_has_run_can_be_written_over(fresh: Machine) -> None:
    """The new code runs, not what was remembered of the old."""
    deposit = fresh.guest.symbol("deposit")
    fresh.run_to(deposit)
    fresh.run_to(deposit)
    fresh.write(deposit, JUMP_TO_ITSELF[fresh.arch.info.name])
    for _ in range(3):
        fresh.backend.step()
        assert fresh.backend.pc() == deposit
