"""The register file: what follows from the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.registers import ByteOrder, Feature, Register, RegisterFile

A, B, WIDE, LATE = (
    Register("a", 32, 0),
    Register("b", 32, 1),
    Register("wide", 80, 2),
    Register("late", 64, 100, group="system"),
)


def file(byteorder: ByteOrder = "little") -> RegisterFile:
    return RegisterFile(
        architecture="test",
        byteorder=byteorder,
        features=(
            Feature("second", (WIDE,)),
            Feature("first", (B, A)),
            Feature("system", (LATE,), bulk=False),
        ),
        pc="a",
        sp="b",
    )


def test_registers_come_by_number_whatever_feature_they_are_in() -> None:
    assert list(file()) == [A, B, WIDE, LATE]


def test_they_are_found_by_name_and_number() -> None:
    assert file().by_name["wide"] is WIDE
    assert file().by_number[100] is LATE


def test_bulk_registers_are_those_of_g() -> None:
    assert file().bulk == (A, B, WIDE)
    assert file().bulk_size == 4 + 4 + 10


@pytest.mark.parametrize(("byteorder", "data"), [("little", b"\x34\x12\0\0"), ("big", b"\0\0\x12\x34")])
def test_values_travel_in_target_byte_order(byteorder: ByteOrder, data: bytes) -> None:
    assert file(byteorder).encode(A, 0x1234) == data


def test_a_value_that_is_too_wide_loses_its_high_bits() -> None:
    """A 64-bit register of the engine shown as its 32-bit half."""
    assert file("big").encode(A, 0x1_2345_6789) == b"\x23\x45\x67\x89"


@given(st.sampled_from([A, WIDE, LATE]), st.data(), st.sampled_from(["little", "big"]))
def test_any_value_survives_the_wire(register: Register, data: st.DataObject, order: ByteOrder) -> None:
    value = data.draw(st.integers(0, (1 << register.bits) - 1))
    registers = file(order)

    wire = registers.encode(register, value)

    assert len(wire) == register.size
    assert registers.decode(wire) == value
