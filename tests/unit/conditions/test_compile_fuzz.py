"""Any bytecode that passes the check means the same compiled and interpreted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kvmgdb.conditions.check import BytecodeError, Instruction, check
from kvmgdb.conditions.compile import compile_command, compile_condition
from kvmgdb.conditions.machine import EvaluationError
from kvmgdb.conditions.opcodes import BY_CODE, Opcode
from kvmgdb.errors import MemoryFault
from tests.support.agent import BY_NAME, ByteOrder, FakeMachine, Interpreter, assemble, formatted


class FullMachine(FakeMachine):
    """Memory nearly everywhere, so that a random address has something to read: bytes made of the address."""

    def read(self, address: int, length: int) -> bytes:
        if address >> 56 == 0x80:
            raise MemoryFault(f"nothing is mapped at address {address:#x}")
        return bytes((address + i) * 0x9D >> 3 & 0xFF for i in range(length))


REGISTERS = {1: 5, 2: (1 << 64) - 1, 3: 1 << 63}
EDGES = st.sampled_from([0, 1, 2, 5, 31, 32, 63, 64, 127, 128, 255, 256, (1 << 31) - 1, 1 << 31, 1 << 63])
NUMBERS = st.one_of(EDGES, EDGES.map(lambda n: -n % (1 << 64)), st.integers(0, (1 << 64) - 1))
SIMPLE = [o for o in BY_CODE.values() if o.supported and o.name not in ("goto", "if_goto", "end", "printf")]
REFS = ["ref8", "ref16", "ref32", "ref64"]
OPERATORS = [o.name for o in SIMPLE if (o.pops, o.pushes) == (2, 1)]
FORMATS = [(1, b"%d,"), (2, b"%lx %c"), (1, b"%#lo"), (0, b"\\n"), (1, b"%-5hhu|"), (1, b"%.3s")]


def operands(opcode: Opcode, depth: int) -> st.SearchStrategy[int]:
    if opcode.name in ("ext", "zero_ext"):
        return st.integers(1, 70)
    if opcode.name == "pick":
        return st.integers(0, depth - 1)
    if opcode.name in ("reg", "getv", "setv", "tracev", "trace16"):
        return st.integers(0, 4)
    return NUMBERS.map(lambda n: n % (1 << 8 * opcode.operand))


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Instructions whose operands are on the stack; jumps to wherever the stack is as deep."""
    code, depth, starts, jumps = b"", 0, dict[int, int](), list[int]()
    for _ in range(draw(st.integers(1, 30))):
        starts[len(code)] = depth
        kind = draw(st.sampled_from(["push", "simple", "simple", "simple", "jump", "print"]))
        if kind == "jump" and depth:
            jumps.append(len(code))
            code, depth = code + assemble("if_goto", 0), depth - 1
        elif kind == "print" and depth >= 4:
            count, text = draw(st.sampled_from(FORMATS))
            code, depth = code + assemble(*formatted(count, text)), depth - 2 - count
        else:
            fitting = [o for o in SIMPLE if o.pops <= depth and (o.name != "pick" or depth)]
            opcode = BY_NAME["const64"] if kind == "push" else draw(st.sampled_from(fitting))
            operand = [draw(operands(opcode, depth))] if opcode.operand else []
            code, depth = code + assemble(opcode.name, *operand), depth + opcode.pushes - opcode.pops
    starts[len(code)] = depth
    code += assemble("end")
    for jump in jumps:
        after = starts[jump + 3]
        target = draw(st.sampled_from([offset for offset, known in starts.items() if known == after]))
        code = code[: jump + 1] + target.to_bytes(2, "big") + code[jump + 3 :]
    return code


def outcome(run: Any) -> tuple[object, bytes, dict[int, int]]:
    machine = FullMachine(registers=REGISTERS)
    try:
        value: object = run(machine)
    except EvaluationError as problem:
        value = str(problem)
    return value, machine.printed, machine.variables


@settings(max_examples=300)
@given(programs(), st.sampled_from(["little", "big"]))
def test_compiled_and_interpreted_agree(code: bytes, byteorder: ByteOrder) -> None:
    compiled = outcome(compile_command(code, byteorder, 8).run)

    assert compiled == outcome(lambda machine: Interpreter(code, byteorder, machine).run())


LEAVES = st.one_of(
    NUMBERS.map(lambda n: assemble("const64", n)),
    st.sampled_from(REFS).map(lambda ref: assemble("const8", 77, ref)),
    st.sampled_from(sorted(REGISTERS)).map(lambda number: assemble("reg", number)),
)
"""Things with a value: known, of few bits, or any."""


def operations(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What can be calculated from values."""
    extend = st.builds(
        lambda a, name, bits: a + assemble(name, bits),
        inner,
        st.sampled_from(["ext", "zero_ext"]),
        st.sampled_from([1, 7, 8, 9, 16, 31, 32, 33, 63, 64]),
    )
    one = st.builds(lambda a, name: a + assemble(name), inner, st.sampled_from(["log_not", "bit_not"]))
    two = st.builds(lambda a, b, name: a + b + assemble(name), inner, inner, st.sampled_from(OPERATORS))
    return st.one_of(extend, one, two, two, two)


@settings(max_examples=1000)
@given(st.recursive(LEAVES, operations, max_leaves=6), st.sampled_from(["little", "big"]))
def test_the_value_of_any_calculation(calculation: bytes, byteorder: ByteOrder) -> None:
    code = calculation + assemble("end")

    compiled = outcome(compile_condition(code, byteorder).evaluate)

    assert compiled == outcome(lambda machine: Interpreter(code, byteorder, machine).run())


def random_code() -> st.SearchStrategy[bytes]:
    """Bytes of which many are opcodes."""
    likely = st.sampled_from(sorted(BY_CODE))
    return st.lists(st.one_of(likely, likely, st.integers(0, 255)), max_size=40).map(bytes)


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=60), random_code(), random_code().map(lambda code: code + b"\x27")))
def test_any_bytes_are_run_or_refused(code: bytes) -> None:
    with suppress(BytecodeError):
        check(code)
        run = compile_command(code, "little", 4).run
        with suppress(EvaluationError):
            run(FullMachine())


@given(programs())
def test_what_it_uses_is_known_beforehand(code: bytes) -> None:
    command = compile_command(code, "little", 8)
    reachable: tuple[Instruction, ...] = check(code).instructions

    assert command.registers == {i.operand for i in reachable if i.opcode.name == "reg"}
    if any(i.opcode.name.startswith("ref") for i in reachable):
        assert command.reads_memory
