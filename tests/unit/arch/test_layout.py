"""A layout is a table; everything else follows from it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister
from kvmgdb.errors import KvmgdbError, PluginError
from kvmgdb_ppc.debugregs import debug_layout as ppc_layout
from kvmgdb_x86.debugregs import debug_layout as x86_layout

BOOK_E = ("405", "440", "e500v1", "e500v2", "e500mc")
BOOK_3S = ("603e", "750", "7457", "970", "power8", "power9", "power10")
LAYOUTS = [x86_layout(v) for v in ("16", "32", "64")] + [ppc_layout(v) for v in BOOK_E + BOOK_3S]
REGISTERS = [
    pytest.param(register, id=f"{layout.arch}-{register.name}")
    for layout in LAYOUTS
    for register in layout.registers
]


@pytest.mark.parametrize("register", REGISTERS)
@settings(max_examples=40)
@given(data=st.data())
def test_every_value_survives_decoding_and_encoding(register: DebugRegister, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, (1 << register.bits) - 1))

    assert register.encode(register.decode(value), base=register.rest(value)) == value


@pytest.mark.parametrize("register", REGISTERS)
def test_masks_share_no_bit_and_stay_inside_the_register(register: DebugRegister) -> None:
    masks = [field.mask for field in register.fields]

    assert sum(masks) + register.always_one == register.named | register.always_one
    assert register.named >> register.bits == 0


@pytest.mark.parametrize("register", REGISTERS)
def test_masks_are_runs_of_bits(register: DebugRegister) -> None:
    for field in register.fields:
        lowest = field.mask & -field.mask
        assert (field.mask + lowest) & field.mask == 0, field.name


@pytest.mark.parametrize("register", REGISTERS)
@settings(max_examples=40)
@given(data=st.data())
def test_the_picture_shows_every_bit_once(register: DebugRegister, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, (1 << register.bits) - 1))

    cells = register.picture(value)

    assert cells[0].high == register.bits - 1
    assert cells[-1].low == 0
    assert all(left.low == right.high + 1 for left, right in pairwise(cells))
    assert sum(cell.value << cell.low for cell in cells) == value


@pytest.mark.parametrize("register", REGISTERS)
def test_the_reset_value_is_a_valid_one(register: DebugRegister) -> None:
    assert register.problems(register.reset) == []
    assert not any(field.is_set(register.reset) for field in register.fields)


@pytest.mark.parametrize("register", REGISTERS)
def test_each_field_says_where_it_comes_from_and_what_it_is(register: DebugRegister) -> None:
    assert register.source
    assert register.summary
    assert all(field.summary for field in register.fields)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.arch)
def test_slots_name_registers_and_fields_that_exist(layout: DebugLayout) -> None:
    for slot in layout.slots:
        places = [(e.register, e.field) for e in (slot.address, *slot.enables)]
        places += [(s.register, s.field) for use in slot.uses for s in use.settings]
        places += [(s.register, s.field) for use in slot.uses for span in use.spans for s in span.settings]
        if slot.end is not None:
            places.append((slot.end.register, slot.end.field))
        for register, field in places:
            assert field in layout.by_name[register].by_name
        assert set(slot.holds) <= set(layout.by_name)


STATUS = DebugRegister(
    "STATUS",
    8,
    "an example",
    "none",
    (
        BitField("HIT", 0x01, "hit"),
        BitField("MODE", 0x30, "mode", ((0, "off"), (1, "on"))),
        BitField("QUIET", 0x40, "quiet", active_low=True),
    ),
    always_one=0x80,
    reset=0xC0,
)


def test_a_field_is_named_by_its_value() -> None:
    mode = STATUS.by_name["MODE"]

    assert (mode.get(0x10), mode.means(1), mode.means(2)) == (1, "on", "")


def test_an_active_low_field_is_set_when_its_bit_is_clear() -> None:
    quiet = STATUS.by_name["QUIET"]

    assert quiet.is_set(0x80)
    assert not quiet.is_set(0xC0)


def test_encoding_starts_from_the_reset_value() -> None:
    assert STATUS.encode({"HIT": 1}) == 0xC1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0x40, "STATUS lacks bits that always read as one: 0x80"),
        (0xC4, "STATUS has reserved bits set: 0x4"),
        (0xE0, "STATUS.MODE has the reserved value 2"),
        (0x1C0, "STATUS has 8 bits and 0x1c0 needs more"),
    ],
)
def test_problems_are_named(value: int, problem: str) -> None:
    assert STATUS.problems(value) == [problem]


def test_a_value_too_large_for_its_field_is_refused() -> None:
    with pytest.raises(KvmgdbError, match="0x4 does not fit the field MODE"):
        STATUS.encode({"MODE": 4})


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KvmgdbError, match="no field 'MISS': it has HIT, MODE, QUIET"):
        STATUS.encode({"MISS": 1})


@pytest.mark.parametrize("masks", [(0x3, 0x2), (0x100,), (0,), (0x80,)])
def test_a_wrong_table_is_refused_when_it_is_made(masks: tuple[int, ...]) -> None:
    fields = tuple(BitField(f"F{i}", mask, "x") for i, mask in enumerate(masks))

    with pytest.raises(PluginError, match="the layout of BAD is wrong"):
        DebugRegister("BAD", 8, "x", "x", fields, always_one=0x80)


def test_registers_are_found_in_any_case() -> None:
    layout = x86_layout("64")

    assert layout.find("dr7") is layout.by_name["DR7"]
    assert layout.find("dr8") is None
