"""The table of opcodes."""

from __future__ import annotations

from kvmgdb.conditions.opcodes import BY_CODE


def test_the_codes_that_are_none() -> None:
    assert set(range(0x35)) - BY_CODE.keys() == {0x00, 0x31}


def test_every_name_is_there_once() -> None:
    assert len({opcode.name for opcode in BY_CODE.values()}) == len(BY_CODE)


def test_some_rows_of_the_manual() -> None:
    assert [(BY_CODE[code].name, BY_CODE[code].operand) for code in (0x02, 0x19, 0x20, 0x27, 0x34)] == [
        ("add", 0),
        ("ref32", 0),
        ("if_goto", 2),
        ("end", 0),
        ("printf", 3),
    ]


def test_what_is_not_supported_is_floating_point() -> None:
    names = {opcode.name for opcode in BY_CODE.values() if not opcode.supported}

    assert names == {"float", "ref_float", "ref_double", "ref_long_double", "l_to_d", "d_to_l"}
