"""The x86 register files, against gdb's own numbers (amd64-tdep.h, i386-tdep.h)."""

from __future__ import annotations

import pytest

from kvmgdb_x86.registers import register_file

AMD64 = {
    "rax": 0,
    "rbx": 1,
    "rcx": 2,
    "rdx": 3,
    "rsi": 4,
    "rdi": 5,
    "rbp": 6,
    "rsp": 7,
    "r8": 8,
    "r15": 15,
    "rip": 16,
    "eflags": 17,
    "cs": 18,
    "ss": 19,
    "ds": 20,
    "es": 21,
    "fs": 22,
    "gs": 23,
    "st0": 24,
    "fctrl": 32,
    "fop": 39,
    "xmm0": 40,
    "xmm15": 55,
    "mxcsr": 56,
}
I386 = {
    "eax": 0,
    "ecx": 1,
    "edx": 2,
    "ebx": 3,
    "esp": 4,
    "ebp": 5,
    "esi": 6,
    "edi": 7,
    "eip": 8,
    "eflags": 9,
    "cs": 10,
    "gs": 15,
    "st0": 16,
    "fctrl": 24,
    "fop": 31,
    "xmm0": 32,
    "xmm7": 39,
    "mxcsr": 40,
}


@pytest.mark.parametrize(("variant", "numbers"), [("64", AMD64), ("32", I386), ("16", I386)])
def test_the_numbers_are_gdbs(variant: str, numbers: dict[str, int]) -> None:
    registers = register_file(variant)

    assert {name: registers.by_name[name].number for name in numbers} == numbers


@pytest.mark.parametrize(
    ("variant", "architecture", "size"),
    # The size of a ``g`` packet is what tells gdb that it and the stub mean the same registers.
    [("64", "i386:x86-64", 536), ("32", "i386", 308), ("16", "i8086", 308)],
)
def test_what_gdb_is_told_it_debugs(variant: str, architecture: str, size: int) -> None:
    registers = register_file(variant)

    assert registers.architecture == architecture
    assert registers.byteorder == "little"
    assert registers.bulk_size == size


@pytest.mark.parametrize(
    ("variant", "features"),
    [
        ("64", ["org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.segments"]),
        ("32", ["org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse"]),
        ("16", ["org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse"]),
    ],
)
def test_gdbs_features_come_first_then_our_own(variant: str, features: list[str]) -> None:
    assert [f.name for f in register_file(variant).features] == [*features, "org.kvmgdb.x86.system"]


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_what_other_stubs_do_not_show(variant: str) -> None:
    registers = register_file(variant)

    for name in ("cr0", "cr3", "cr4", "dr0", "dr6", "dr7", "efer", "gdtr_base", "idtr_limit", "cs_base"):
        assert registers.by_name[name].group == "system"
        assert registers.by_name[name] not in registers.bulk


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_flags_have_the_manuals_places(variant: str) -> None:
    """SDM vol. 1, "EFLAGS Register"; vol. 3, "Control Registers", "Debug Registers"."""
    types = {kind.id: kind for f in register_file(variant).features for kind in f.types}
    places = {
        ("i386_eflags", "TF"): (8, 8),
        ("i386_eflags", "IOPL"): (12, 13),
        ("i386_eflags", "RF"): (16, 16),
        ("cr0_flags", "PG"): (31, 31),
        ("cr4_flags", "PAE"): (5, 5),
        ("efer_flags", "LMA"): (10, 10),
        ("dr6_flags", "BS"): (14, 14),
        ("dr7_flags", "GD"): (13, 13),
        ("dr7_flags", "LEN3"): (30, 31),
    }

    for (kind, name), place in places.items():
        [field] = [f for f in types[kind].fields if f.name == name]  # type: ignore[union-attr]
        assert (field.start, field.end) == place, name


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_model_specific_registers_have_64_bits_in_every_mode(variant: str) -> None:
    registers = register_file(variant)

    assert {registers.by_name[name].bits for name in ("efer", "star", "pat")} == {64}


@pytest.mark.parametrize(
    ("cr0", "efer", "eflags", "cs", "name"),
    [
        (0x10, 0, 0x2, 0xF000, "real mode"),
        (0x11, 0, 0x2, 0x8, "protected mode, ring 0"),
        (0x11, 0, 0x2, 0x1B, "protected mode, ring 3"),
        (0x11, 0, 0x20002, 0xF003, "virtual-8086 mode"),
        (0x80000011, 0x500, 0x2, 0x33, "long mode, ring 3"),
    ],
)
def test_modes_have_their_manuals_names(cr0: int, efer: int, eflags: int, cs: int, name: str) -> None:
    mode = register_file("64").mode
    assert mode is not None
    values = {"cr0": cr0, "efer": efer, "eflags": eflags, "cs": cs}
    assert mode.of(*(values[register] for register in mode.registers)) == name
