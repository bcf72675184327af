"""Compiled expressions: what they give, what they ask for, how they fail."""

from __future__ import annotations

from typing import Any

import pytest

from kvmgdb.conditions.check import BytecodeError
from kvmgdb.conditions.compile import MAX_BACK, compile_command, compile_condition
from kvmgdb.conditions.machine import EvaluationError
from kvmgdb.errors import RspError
from tests.support.agent import ByteOrder, FakeMachine, assemble, formatted

M64 = (1 << 64) - 1


def value(*words: Any, machine: FakeMachine | None = None, byteorder: ByteOrder = "little") -> int:
    """What an expression gives that ends after ``words``."""
    return compile_condition(assemble(*words, "end"), byteorder).evaluate(machine or FakeMachine())


def c(number: int) -> tuple[str, int]:
    return "const64", number & M64


class TestArithmetic:
    @pytest.mark.parametrize(
        ("a", "operator", "b", "result"),
        [
            (M64, "add", 2, 1),
            (1, "sub", 2, M64),
            (1 << 63, "mul", 2, 0),
            (-7, "div_signed", 2, -3),
            (-7, "rem_signed", 2, -1),
            (7, "rem_signed", -2, 1),
            (-(1 << 63), "div_signed", -1, 1 << 63),
            (-7, "div_unsigned", 2, (M64 - 6) // 2),
            (-7, "rem_unsigned", 2, 1),
            (1, "lsh", 63, 1 << 63),
            (1, "lsh", 64, 0),
            (1, "lsh", M64, 0),
            (-8, "rsh_signed", 1, -4),
            (-8, "rsh_signed", 200, -1),
            (-8, "rsh_unsigned", 1, (M64 - 7) >> 1),
            (-8, "rsh_unsigned", 200, 0),
            (0b1100, "bit_and", 0b1010, 0b1000),
            (0b1100, "bit_or", 0b1010, 0b1110),
            (0b1100, "bit_xor", 0b1010, 0b0110),
            (-1, "equal", M64, 1),
            (-1, "less_signed", 0, 1),
            (-1, "less_unsigned", 0, 0),
        ],
    )
    def test_is_modulo_2_to_the_64(self, a: int, operator: str, b: int, result: int) -> None:
        assert value(*c(a), *c(b), operator) == result & M64
        # The same with numbers that are not known when the expression is compiled.
        machine = FakeMachine(registers={1: a & M64, 2: b & M64})
        assert value("reg", 1, "reg", 2, operator, machine=machine) == result & M64

    @pytest.mark.parametrize(
        ("number", "operator", "result"),
        [
            (0, ("log_not",), 1),
            (5, ("log_not",), 0),
            (0, ("bit_not",), M64),
            (0xFF, ("ext", 8), M64),
            (0x17F, ("ext", 8), 0x7F),
            (5, ("ext", 64), 5),
            (0x1FF, ("zero_ext", 8), 0xFF),
            (0x1FF, ("zero_ext", 0), 0),
            (M64, ("zero_ext", 200), M64),
        ],
    )
    def test_of_one_number(self, number: int, operator: tuple[str | int, ...], result: int) -> None:
        assert value(*c(number), *operator) == result
        assert value("reg", 1, *operator, machine=FakeMachine(registers={1: number})) == result

    def test_what_is_known_to_be_small_is_not_taken_for_positive(self) -> None:
        """The complement of a byte needs nine bits and a sign."""
        machine = FakeMachine({0: b"\xff\x0f"})
        byte = ("const8", 0, "ref8", "bit_not")
        other = ("const8", 1, "ref8", "bit_not")

        assert value(*byte, *other, "bit_or", "ext", 8, machine=machine) == -16 & M64
        assert value(*byte, *other, "bit_and", "ext", 8, machine=machine) == 0


class TestTheStack:
    @pytest.mark.parametrize(
        ("words", "top_first"),
        [
            (("dup",), [3, 3, 2, 1]),
            (("pop",), [2, 1]),
            (("swap",), [2, 3, 1]),
            (("rot",), [2, 1, 3]),
            (("pick", 0), [3, 3, 2, 1]),
            (("pick", 2), [1, 3, 2, 1]),
            (("trace",), [1]),
            (("tracenz",), [1]),
            (("trace_quick", 4), [3, 2, 1]),
            (("trace16", 4), [3, 2, 1]),
            (("tracev", 4), [3, 2, 1]),
            (("getv", 4), [0, 3, 2, 1]),
            (("setv", 4), [3, 2, 1]),
        ],
    )
    def test_is_left_by(self, words: tuple[str | int, ...], top_first: list[int]) -> None:
        three = ("const8", 1, "const8", 2, "const8", 3)
        for depth, expected in enumerate(top_first):
            assert value(*three, *words, *["pop"] * depth) == expected


class TestMemory:
    machine = FakeMachine({0x1000: bytes(range(0x81, 0x91))})

    @pytest.mark.parametrize(
        ("ref", "little", "big"),
        [
            ("ref8", 0x81, 0x81),
            ("ref16", 0x8281, 0x8182),
            ("ref32", 0x84838281, 0x81828384),
            ("ref64", 0x8887868584838281, 0x8182838485868788),
        ],
    )
    def test_in_the_guests_byte_order_and_unsigned(self, ref: str, little: int, big: int) -> None:
        assert value("const16", 0x1000, ref, machine=self.machine, byteorder="little") == little
        assert value("const16", 0x1000, ref, machine=self.machine, byteorder="big") == big

    def test_an_address_is_modulo_2_to_the_64(self) -> None:
        assert value(*c(0x1008), *c(-8), "add", "ref8", machine=self.machine) == 0x81
        assert value(*c(-8), "const16", 0x1008, "add", "ref8", machine=self.machine) == 0x81


class TestVariables:
    def test_keep_what_is_put_in(self) -> None:
        machine = FakeMachine()

        for expected in (1, 2, 3):
            assert value("getv", 7, "const8", 1, "add", "setv", 7, machine=machine) == expected

        assert machine.variables == {7: 3}

    def test_hold_unsigned_numbers(self) -> None:
        machine = FakeMachine()
        value("const8", 0xFF, "ext", 8, "setv", 1, machine=machine)

        assert machine.variables == {1: M64}


class TestJumps:
    @pytest.mark.parametrize(("condition", "result"), [(1, 10), (0, 20), (1 << 40, 10)])
    def test_forward(self, condition: int, result: int) -> None:
        words = ("reg", 1, "if_goto", 11, "const8", 20, "goto", 13, "const8", 10)
        assert value(*words, machine=FakeMachine(registers={1: condition})) == result

    def test_in_a_loop(self) -> None:
        code = assemble("const8", 1, "reg", 1, *("swap", "const8", 3, "mul", "swap"), "const8", 1, "sub",
                        "dup", "if_goto", 5, "pop", "end")  # fmt: skip

        assert compile_condition(code, "big").evaluate(FakeMachine(registers={1: 4})) == 81

    def test_a_loop_that_does_not_end_is_ended(self) -> None:
        with pytest.raises(EvaluationError, match="goes round in a loop at offset 0 for too long"):
            compile_command(assemble("goto", 0), "little", 8).run(FakeMachine())

    def test_the_bound_is_exact(self) -> None:
        """Each round of this loop leads back over seven bytes."""
        code = assemble("reg", 1, "const8", 1, "sub", "dup", "if_goto", 3, "end")
        rounds = MAX_BACK // 7

        condition = compile_condition(code, "little")

        assert condition.evaluate(FakeMachine(registers={1: rounds + 1})) == 0
        with pytest.raises(EvaluationError, match="for too long"):
            condition.evaluate(FakeMachine(registers={1: rounds + 2}))

    def test_elements_that_change_places_on_the_way_round(self) -> None:
        code = assemble("const8", 1, "const8", 0, "swap", "dup", "if_goto", 4, "end")

        assert compile_condition(code, "little").evaluate(FakeMachine()) == 0


class TestFailing:
    @pytest.mark.parametrize("operator", ["div_signed", "div_unsigned", "rem_signed", "rem_unsigned"])
    def test_a_division_by_zero(self, operator: str) -> None:
        for divisor in (("const8", 0), ("reg", 1)):
            with pytest.raises(EvaluationError, match="division by zero"):
                value("const8", 1, *divisor, operator)

    def test_memory_that_is_not_there(self) -> None:
        with pytest.raises(EvaluationError, match="nothing is mapped at address 0x1000"):
            value("const16", 0x1000, "ref32")

    def test_also_where_the_value_is_not_used(self) -> None:
        with pytest.raises(EvaluationError):
            value("const8", 1, "const16", 0x1000, "ref32", "pop")

    def test_a_register_that_is_not_there(self) -> None:
        class Bare(FakeMachine):
            def register(self, number: int) -> int:
                raise RspError(f"there is no register {number}")

        with pytest.raises(EvaluationError, match="there is no register 9"):
            value("reg", 9, machine=Bare())


class TestWhatItUses:
    def test_registers_and_memory(self) -> None:
        condition = compile_condition(assemble("reg", 3, "reg", 1, "add", "ref8", "end"), "little")

        assert condition.registers == {1, 3}
        assert condition.reads_memory

    def test_neither(self) -> None:
        condition = compile_condition(assemble("const8", 1, "end"), "little")

        assert condition.registers == frozenset()
        assert not condition.reads_memory

    def test_a_string_printed_is_memory(self) -> None:
        code = assemble("reg", 1, "const8", 0, "const8", 0, *formatted(1, b"%s"), "end")

        assert compile_command(code, "little", 8).reads_memory


class TestConditions:
    def test_have_a_value(self) -> None:
        with pytest.raises(BytecodeError, match="end at offset 0: a condition has a value"):
            compile_condition(assemble("end"), "little")

    def test_do_not_print(self) -> None:
        code = assemble("const8", 0, "dup", *formatted(0, b"x"), "const8", 1, "end")
        with pytest.raises(BytecodeError, match="a condition does not print"):
            compile_condition(code, "little")

    def test_are_compiled_once(self) -> None:
        """gdb sets all its breakpoints again at every stop."""
        code = assemble("const8", 77, "end")

        assert compile_condition(code, "little") is compile_condition(bytes(code), "little")


class TestCommands:
    def test_print(self) -> None:
        machine = FakeMachine({0x1000: b"ada\0".ljust(64)}, registers={1: 42})
        code = assemble("reg", 1, "const16", 0x1000, "const8", 0, "const8", 0,
                        *formatted(2, rb"%s: %d\n"), "end")  # fmt: skip

        compile_command(code, "little", 8).run(machine)

        assert machine.printed == b"ada: 42\n"

    def test_print_longs_as_the_guest_has_them(self) -> None:
        code = assemble("reg", 1, "const8", 0, "const8", 0, *formatted(1, b"%lx"), "end")
        for long_size, text in ((4, b"ffffffff"), (8, b"ffffffffffffffff")):
            machine = FakeMachine(registers={1: M64})
            compile_command(code, "big", long_size).run(machine)
            assert machine.printed == text

    @pytest.mark.parametrize(
        ("count", "text", "reason"),
        [
            (1, b"%f", "printf at offset 6: the stub cannot print '%f'"),
            (1, b"none", "printf at offset 6: 1 values for a format of 0"),
            (0, b"%d", "0 values for a format of 1"),
        ],
    )
    def test_that_cannot_print_are_refused_at_once(self, count: int, text: bytes, reason: str) -> None:
        code = assemble("const8", 1, "const8", 0, "const8", 0, *formatted(count, text), "end")
        with pytest.raises(BytecodeError) as refused:
            compile_command(code, "little", 8)

        assert reason in refused.value.text
