"""The register file is what gdb expects of RISC-V (GDB manual, "RISC-V Features")."""

from __future__ import annotations

import pytest

from kvmgdb_riscv.registers import FLOATING, GENERAL, register_file
from kvmgdb_riscv.variants import XLEN

VARIANTS = tuple(XLEN)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_width_of_a_register_is_the_variant(variant: str) -> None:
    registers = register_file(variant)
    assert {registers.by_name[name].bits for name in (*GENERAL, "pc", "mstatus")} == {XLEN[variant]}
    assert {registers.by_name[name].bits for name in FLOATING} == {64}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_numbers_are_gdbs(variant: str) -> None:
    by_number = register_file(variant).by_number
    expected = {0: "zero", 2: "sp", 8: "fp", 10: "a0", 31: "t6", 32: "pc", 33: "ft0", 64: "ft11"}
    expected |= {65 + 0x003: "fcsr", 65 + 0x300: "mstatus", 65 + 0x341: "mepc", 65 + 0x1000: "priv"}
    assert {number: by_number[number].name for number in expected} == expected


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_number_and_no_name_is_given_twice(variant: str) -> None:
    registers = register_file(variant)
    every = [register for feature in registers.features for register in feature.registers]
    assert len(every) == len(registers.by_number) == len(registers.by_name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_travels_together_is_numbered_below_the_rest(variant: str) -> None:
    registers = register_file(variant)
    highest = max(register.number for register in registers.bulk)
    assert [r.name for r in registers if r.number <= highest] == [r.name for r in registers.bulk]
