"""The target description of every architecture, as gdb reads it."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from kvmgdb.arch.registers import (
    Feature,
    FlagField,
    FlagsType,
    Register,
    RegisterFile,
    UnionType,
    VectorType,
)
from kvmgdb.arch.target_xml import target_xml
from tests.support.guests import EVERY
from tests.support.sessions import plugins

# GDB manual, "Predefined Target Types".
PREDEFINED = {
    *("int", "code_ptr", "data_ptr", "ieee_half", "ieee_single", "ieee_double", "bfloat16", "bool"),
    *("arm_fpa_ext", "i387_ext", "i386_eflags", "i386_mxcsr"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 24, 32, 64, 128)),
}


def registers_of(arch: str) -> RegisterFile:
    return plugins().resolve(arch).registers


def parsed(arch: str) -> ElementTree.Element:
    return ElementTree.fromstring(target_xml(registers_of(arch)))


def test_a_whole_description() -> None:
    registers = RegisterFile(
        architecture="powerpc:common",
        byteorder="big",
        features=(
            Feature(
                'with "quotes"',
                (Register("pc", 32, 64, "code_ptr"), Register("v0", 128, 70, "vec", "vector")),
                (
                    FlagsType("flags", 4, (FlagField("EE", 15, 15), FlagField("IOPL", 12, 13))),
                    VectorType("v4", "int32", 4),
                    UnionType("vec", (("four", "v4"), ("whole", "uint128"))),
                ),
            ),
            Feature("core", (Register("r1", 32, 1, "data_ptr"), Register("lr", 32, 67, "code_ptr"))),
            Feature("system", (Register("dbsr", 32, 816, "flags", "system"),), bulk=False),
        ),
        pc="pc",
        sp="r1",
        return_address="lr",
        dwarf={"r1": 1, "lr": 65},
    )

    assert target_xml(registers) == (
        '<?xml version="1.0"?>\n'
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">\n'
        '<target version="1.0">\n'
        "<architecture>powerpc:common</architecture>\n"
        '<feature name="with &quot;quotes&quot;">\n'
        '<flags id="flags" size="4">\n'
        '  <field name="EE" start="15" end="15"/>\n'
        '  <field name="IOPL" start="12" end="13"/>\n'
        "</flags>\n"
        '<vector id="v4" type="int32" count="4"/>\n'
        '<union id="vec">\n'
        '  <field name="four" type="v4"/>\n'
        '  <field name="whole" type="uint128"/>\n'
        "</union>\n"
        '<reg name="pc" bitsize="32" type="code_ptr" regnum="64" group="general" generic="pc"/>\n'
        '<reg name="v0" bitsize="128" type="vec" regnum="70" group="vector"/>\n'
        "</feature>\n"
        '<feature name="core">\n'
        '<reg name="r1" bitsize="32" type="data_ptr" regnum="1" group="general"'
        ' generic="sp" dwarf_regnum="1" ehframe_regnum="1"/>\n'
        '<reg name="lr" bitsize="32" type="code_ptr" regnum="67" group="general"'
        ' generic="ra" dwarf_regnum="65" ehframe_regnum="65"/>\n'
        "</feature>\n"
        '<feature name="system">\n'
        '<reg name="dbsr" bitsize="32" type="flags" regnum="816" group="system" save-restore="no"/>\n'
        "</feature>\n"
        "</target>\n"
    )


@pytest.mark.parametrize("arch", EVERY)
class TestEveryArchitecture:
    def test_each_register_is_there_with_its_number(self, arch: str) -> None:
        found = {
            reg.get("name"): (int(reg.get("regnum", "")), int(reg.get("bitsize", "")))
            for reg in parsed(arch).iter("reg")
        }

        assert found == {r.name: (r.number, r.bits) for r in registers_of(arch)}

    def test_no_name_or_number_is_used_twice(self, arch: str) -> None:
        registers = [r for feature in registers_of(arch).features for r in feature.registers]

        assert len({r.name for r in registers}) == len(registers)
        assert len({r.number for r in registers}) == len(registers)

    def test_every_type_is_gdbs_or_said_before_it_is_used(self, arch: str) -> None:
        for feature in parsed(arch).iter("feature"):
            known = set(PREDEFINED)
            for element in feature:
                assert set(_types_of(element)) <= known, ElementTree.tostring(element)
                known.add(element.get("id", ""))

    def test_the_bits_of_a_flags_register_do_not_overlap_and_lie_within_it(self, arch: str) -> None:
        sizes = {r.type: r.size for r in registers_of(arch)}
        for feature in registers_of(arch).features:
            for kind in feature.types:
                if isinstance(kind, FlagsType):
                    bits = [bit for f in kind.fields for bit in range(f.start, f.end + 1)]
                    assert len(set(bits)) == len(bits), kind.id
                    assert max(bits) < 8 * kind.size, kind.id
                    assert sizes[kind.id] == kind.size, kind.id

    def test_the_registers_of_g_come_first(self, arch: str) -> None:
        """gdb takes the ``g`` packet apart by number: one that is not in it must not come between."""
        registers = registers_of(arch)
        in_bulk = {r.number for r in registers.bulk}

        assert max(in_bulk) < min({r.number for r in registers} - in_bulk)

    def test_what_a_stop_reply_names_is_in_the_file(self, arch: str) -> None:
        registers = registers_of(arch)

        assert {registers.pc, registers.sp, *registers.expedited} <= set(registers.by_name)
        assert registers.pc in registers.expedited


def _types_of(element: ElementTree.Element) -> Iterator[str]:
    """The types an element uses."""
    if element.tag in ("reg", "vector"):
        yield element.get("type", "")
    if element.tag == "union":
        yield from (field.get("type", "") for field in element)
