"""The lines an expression becomes: no more than it takes.  What they mean, other tests say."""

from __future__ import annotations

from typing import Any

import pytest

from kvmgdb.conditions.check import check
from kvmgdb.conditions.emit import _EMITTERS, emit
from kvmgdb.conditions.opcodes import BY_CODE
from kvmgdb.conditions.writer import Writer
from tests.support.agent import assemble


def lines(*words: Any) -> list[str]:
    writer = Writer(long_size=8)
    for instruction in check(assemble(*words, "end")).instructions[:-1]:
        emit(writer, instruction)
    return writer.lines


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # counter == 5, of an int
        (
            ("const16", 0x1000, "ref32", "ext", 32, "const8", 5, "equal"),
            ["t1 = word4(machine.read(4096, 4))[0]", "t2 = (t1 ^ 2147483648) - 2147483648", "t3 = t2 == 5"],
        ),
        # counter == 5, of an unsigned, with the extensions gdb sends
        (
            ("const16", 0x1000, "ref32", "zero_ext", 32, "const8", 5, "zero_ext", 32, "equal"),
            ["t1 = word4(machine.read(4096, 4))[0]", "t2 = t1 == 5"],
        ),
        # a negative constant, an address that is a sum, a multiple of a byte
        (
            ("const8", 0xFF, "ext", 8, "const8", 1, "const8", 2, "add", "ref8", "const8", 4, "mul"),
            ["t1 = machine.read(3, 1)[0]", "t2 = t1 * 4"],
        ),
        # only what may not fit is masked
        (
            ("reg", 1, "const8", 1, "add", "ref8"),
            [
                "t1 = machine.register(1)",
                "t2 = (t1 + 1) & 18446744073709551615",
                "t3 = machine.read(t2, 1)[0]",
            ],
        ),
        # a divisor that cannot be zero is not looked at
        (("reg", 1, "const8", 8, "div_unsigned"), ["t1 = machine.register(1)", "t2 = t1 // 8"]),
        # the stack itself costs nothing
        (
            ("const8", 1, "reg", 1, "swap", "dup", "pop", "swap", "pick", 1, "rot", "pop"),
            ["t1 = machine.register(1)"],
        ),
    ],
)
def test_lines(words: tuple[Any, ...], expected: list[str]) -> None:
    assert lines(*words) == expected


def test_every_instruction_is_written_by_something() -> None:
    elsewhere = {"goto", "if_goto", "end"}

    assert _EMITTERS.keys() == {o.name for o in BY_CODE.values() if o.supported} - elsewhere
