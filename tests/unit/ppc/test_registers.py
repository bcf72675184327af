"""The PowerPC register files, against gdb's own numbers (ppc-tdep.h)."""

from __future__ import annotations

import pytest

from kvmgdb.arch.registers import FlagsType
from kvmgdb_ppc.registers import SPR_NUMBER, WITHOUT_FPU, register_file
from kvmgdb_ppc.sprs import SPRS

NUMBERS = {"r0": 0, "r31": 31, "pc": 64, "msr": 65, "cr": 66, "lr": 67, "ctr": 68, "xer": 69}
FPU_NUMBERS = {"f0": 32, "f31": 63, "fpscr": 70}

VARIANTS = pytest.mark.parametrize("variant", SPRS)


@VARIANTS
def test_the_numbers_are_gdbs(variant: str) -> None:
    registers = register_file(variant)

    assert {name: registers.by_name[name].number for name in NUMBERS} == NUMBERS


@VARIANTS
def test_what_gdb_is_told_it_debugs(variant: str) -> None:
    registers = register_file(variant)

    assert (registers.architecture, registers.byteorder) == ("powerpc:common", "big")
    assert (registers.pc, registers.sp) == ("pc", "r1")


@VARIANTS
def test_floating_point_registers_where_the_core_has_them(variant: str) -> None:
    """The e500v1 and v2 calculate on the general registers."""
    by_name = register_file(variant).by_name
    found = {name: by_name[name].number for name in FPU_NUMBERS if name in by_name}

    assert found == ({} if variant in WITHOUT_FPU else FPU_NUMBERS)


@VARIANTS
def test_an_spr_is_numbered_by_its_own_number(variant: str) -> None:
    by_name = register_file(variant).by_name

    for name, number in SPRS[variant].items():
        assert by_name[name].number == SPR_NUMBER + number
        assert by_name[name].group == "system"


# Bits of the MSR counted from the least significant one: 31 minus the manuals' numbers.
@pytest.mark.parametrize(
    ("variant", "places"),
    [
        ("440", {"EE": 31 - 16, "PR": 31 - 17, "DE": 31 - 22, "IS": 31 - 26, "DS": 31 - 27, "CE": 31 - 14}),
        ("750", {"EE": 31 - 16, "PR": 31 - 17, "SE": 31 - 21, "BE": 31 - 22, "IR": 31 - 26, "RI": 31 - 30}),
    ],
)
def test_the_msr_has_its_familys_bits(variant: str, places: dict[str, int]) -> None:
    registers = register_file(variant)
    [flags] = [
        kind for f in registers.features for kind in f.types if kind.id == registers.by_name["msr"].type
    ]
    assert isinstance(flags, FlagsType)

    found = {f.name: f.start for f in flags.fields}

    assert {name: found.get(name) for name in places} == places


def test_the_machine_state_register_says_who_runs() -> None:
    mode = register_file("440").mode
    assert mode is not None
    assert mode.registers == ("msr",)
    assert mode.of(0x1000) == "supervisor mode"
    assert mode.of(0x5000) == "user mode"
