"""What bytecode is refused, and with which words."""

from __future__ import annotations

import pytest

from kvmgdb.conditions.check import MAX_CODE, MAX_DEPTH, BytecodeError, check
from tests.support.agent import assemble, formatted

FIVE = assemble("const8", 5)
END = assemble("end")


def test_instructions_and_the_depth_of_the_stack() -> None:
    checked = check(assemble("const8", 5, "dup", "equal", "end"))

    assert [(i.offset, i.opcode.name, i.operand) for i in checked.instructions] == [
        (0, "const8", 5),
        (2, "dup", 0),
        (3, "equal", 0),
        (4, "end", 0),
    ]
    assert checked.depths == {0: 0, 2: 1, 3: 2, 4: 1}


def test_both_ways_of_a_jump() -> None:
    checked = check(assemble("const8", 1, "if_goto", 9, "const8", 0, "end", "end", "const8", 1, "end"))

    assert checked.depths == {0: 0, 2: 1, 5: 0, 7: 1, 9: 0, 11: 1}


def test_what_cannot_be_reached_is_left_out() -> None:
    checked = check(assemble("goto", 4, "pop", "end"))

    assert [i.opcode.name for i in checked.instructions] == ["goto", "end"]


def test_a_loop_is_no_fault() -> None:
    assert check(assemble("goto", 0)).depths == {0: 0}


def test_a_printf_with_its_format() -> None:
    code = assemble("const8", 7, "const8", 0, "const8", 0, *formatted(1, b"%d"), "end")

    printf = check(code).instructions[3]

    assert (printf.arguments, printf.text, printf.pops) == (1, b"%d\0", 3)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"", "it is empty"),
        (bytes(MAX_CODE + 1), "4097 bytes are more than 4096"),
        (b"\x00", "byte 0x00 at offset 0: no such opcode"),
        (FIVE + b"\x31", "byte 0x31 at offset 2: no such opcode"),
        (b"\xff", "byte 0xff"),
        (FIVE + b"\x24\x00\x01", "const32 at offset 2: its operand is cut off"),
        (b"\x22", "const8 at offset 0: its operand is cut off"),
        (assemble("float"), "float at offset 0: floating point"),
        (FIVE + assemble("l_to_d", "end"), "l_to_d at offset 2: floating point"),
        (assemble("add"), "add at offset 0: it needs 2 elements, and 0 are on the stack"),
        (FIVE + assemble("swap", "end"), "swap at offset 2: it needs 2"),
        (FIVE + assemble("pick", 1, "end"), "pick at offset 2: it needs 2"),
        (FIVE + FIVE + assemble("rot", "end"), "rot at offset 4: it needs 3"),
        (FIVE * (MAX_DEPTH + 1) + END, "const8 at offset 200: more than 100 elements"),
        (FIVE, "const8 at offset 0: nothing follows it, not even an end"),
        (FIVE + assemble("if_goto", 0), "if_goto at offset 2: nothing follows"),
        (assemble("goto", 1, "end"), "goto at offset 0: it leads to offset 1, where no instruction starts"),
        (assemble("goto", 4, "end"), "it leads to offset 4, where no"),
        (assemble("goto", 0xFFFF, "end"), "it leads to offset 65535, where no"),
        (FIVE + assemble("goto", 0), "goto at offset 2: it leaves 1 elements for offset 0, which has 0"),
        (FIVE + assemble("ext", 0, "end"), "ext at offset 2: 0 bits have no sign"),
        (b"\x34\x00\x00\x05ab\0", "printf at offset 0: its format is cut off"),
        (b"\x34\x00\x00\x02ab", "its format does not end in a NUL"),
        (b"\x34\x00\x00\x00", "its format does not end in a NUL"),
        (assemble(*formatted(3, b"%d%d%d"), "end"), "printf at offset 0: it needs 5"),
    ],
)
def test_what_is_refused(code: bytes, reason: str) -> None:
    with pytest.raises(BytecodeError) as refused:
        check(code)

    assert refused.value.text.startswith("agent expression")
    assert reason in refused.value.text


def test_the_longest_and_the_deepest_are_taken() -> None:
    assert check(assemble("const8", 1, "pop") * 1365 + END).depths[MAX_CODE - 1] == 0
    assert check(FIVE * MAX_DEPTH + END).depths[200] == MAX_DEPTH
