"""Exceptions on their way to the handlers of a guest in real mode.

SDM vol. 3, "Interrupt and Exception Handling" of the chapter "8086 Emulation": IP, CS and FLAGS as words,
no error code, the handler's address from the vector table.
"""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.stops import Stop, StopKind
from tests.support.machines import Machine

CODE, STACK, HANDLER = 0x2000, 0x3000, 0x4000
SEGMENT = 0x0100
"""Of the handlers: they are at SEGMENT:offset."""
IF, TF = 1 << 9, 1 << 8
_FLAGS_BASE = 0x2


@pytest.fixture(params=["x86:16"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def run(machine: Machine, vector: int, code: bytes, *, flags: int = 0, idt_limit: int | None = None) -> Stop:
    """Execute ``code``, with a handler for one vector, which halts."""
    offset = HANDLER - 16 * SEGMENT
    machine.write(4 * vector, struct.pack("<HH", offset, SEGMENT))
    machine.write(HANDLER, b"\xf4")
    machine.write(CODE, code)
    for name, value in (("esp", STACK), ("eflags", _FLAGS_BASE | flags), ("eip", CODE)):
        machine.backend.write_register(name, value)
    if idt_limit is not None:
        machine.backend.write_register("idtr_limit", idt_limit)
    return machine.run()


def frame(machine: Machine) -> tuple[int, int, int]:
    """IP, CS, FLAGS."""
    assert machine.register("esp") & 0xFFFF == STACK - 6
    ip, cs, flags = struct.unpack("<3H", machine.read(STACK - 6, 6))
    return ip, cs, flags


@pytest.mark.parametrize(
    ("code", "vector", "ip"),
    [
        (b"\x31\xc9\xf7\xf1", 0, CODE + 2),  # xor cx, cx; div cx
        (b"\xcc", 3, CODE + 1),
        (b"\xcd\x03", 3, CODE + 2),
        (b"\xcd\x21", 0x21, CODE + 2),
        (b"\x0f\x0b", 6, CODE),
        (b"\xf1", 1, CODE + 1),
        (b"\xb0\x7f\x04\x01\xce", 4, CODE + 5),  # mov al, 0x7f; add al, 1; into
    ],
    ids=["#DE", "int3", "int 3", "int 0x21", "#UD", "icebp", "into"],
)
def test_what_is_pushed_and_where_it_goes(fresh: Machine, code: bytes, vector: int, ip: int) -> None:
    stop = run(fresh, vector, code, flags=IF)
    assert (stop.kind, stop.pc) == (StopKind.HALT, HANDLER + 1)
    assert fresh.register("cs") == SEGMENT
    saved_ip, saved_cs, flags = frame(fresh)
    assert (saved_ip, saved_cs) == (ip, 0)
    assert flags & (IF | TF) == IF
    assert not fresh.register("eflags") & (IF | TF)


def test_a_single_step(fresh: Machine) -> None:
    run(fresh, 1, b"\x90\x90", flags=TF)
    ip, _, flags = frame(fresh)
    assert ip == CODE + 1
    assert flags & TF
    assert fresh.register("dr6") & 0x4000


def test_the_handler_returns(fresh: Machine) -> None:
    fresh.write(HANDLER, b"\xcf")  # iret
    fresh.write(4 * 0x21, struct.pack("<HH", HANDLER - 16 * SEGMENT, SEGMENT))
    fresh.write(CODE, b"\xcd\x21\xf4")
    fresh.backend.write_register("esp", STACK)
    fresh.backend.write_register("eip", CODE)
    stop = fresh.run()
    assert (stop.kind, stop.pc) == (StopKind.HALT, CODE + 3)
    assert fresh.register("esp") == STACK


def test_a_vector_beyond_the_table_is_a_general_protection_fault(fresh: Machine) -> None:
    stop = run(fresh, 13, b"\xcd\x21", idt_limit=4 * 0x20 - 1)
    assert stop.pc == HANDLER + 1
    assert frame(fresh)[0] == CODE


def test_a_table_that_ends_before_every_fault_is_a_shutdown(fresh: Machine) -> None:
    stop = run(fresh, 13, b"\xcd\x21", idt_limit=4 * 8 - 1)
    assert (stop.kind, stop.pc) == (StopKind.SHUTDOWN, CODE + 2)
    assert "a triple fault" in stop.reason


def test_an_empty_vector_is_said_to_be_so(fresh: Machine) -> None:
    """Going to 0:0 would be a run through the vector table."""
    stop = run(fresh, 0x30, b"\xcd\x31")
    assert stop.kind is StopKind.EXCEPTION
    assert "interrupt vector 0x31 is empty" in stop.reason


@pytest.mark.parametrize(
    ("code", "length", "count"),
    [(b"\xee", 1, 3), (b"\xf3\x6e", 0, 2), (b"\x67\xf3\x6c", 0, 2)],
    ids=["out", "rep outs", "rep ins with ecx"],
)
def test_a_breakpoint_on_a_port(fresh: Machine, code: bytes, length: int, count: int) -> None:
    """CR4.DE, DR0 and DR7 are loaded; then the instruction is reached with CX 3."""
    arm = b"\x0f\x20\xe0\x66\x83\xc8\x08\x0f\x22\xe0"
    for value, load in ((0x80, b"\x0f\x23\xc0"), (0x2_0402, b"\x0f\x23\xf8")):
        arm += b"\x66\xb8" + struct.pack("<I", value) + load
    arm += b"\xba\x80\x00\xbe\x00\x30\xbf\x00\x30\xb9\x03\x00"  # mov dx; mov si; mov di; mov cx
    stop = run(fresh, 1, arm + code)
    assert (stop.kind, stop.pc) == (StopKind.HALT, HANDLER + 1)
    assert frame(fresh)[0] == CODE + len(arm) + length
    assert fresh.register("ecx") == count
    assert fresh.register("dr6") & 0xF == 1


def test_general_detect(fresh: Machine) -> None:
    guard = b"\x66\xb8\x00\x24\x00\x00\x0f\x23\xf8"  # mov eax, GD; mov dr7, eax
    run(fresh, 1, guard + b"\x0f\x21\xf3")
    assert frame(fresh)[0] == CODE + len(guard)
    assert (fresh.register("dr6"), fresh.register("dr7")) == (0xFFFF_2FF0, 0x400)
