"""The trap flag, by which KVM steps, never comes to the guest: PUSHF and exceptions push it."""

from __future__ import annotations

import pytest

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.stops import StopKind
from kvmgdb.backends.kvm.backend import KvmBackend
from tests.kvm.conftest import ENTRY, StartGuest, set_handler
from tests.support.machines import Machine

HLT, NOP = b"\xf4", b"\x90"
VARIANTS = ["64", "32", "16"]
WIDTH = {"64": 8, "32": 4, "16": 2}
DEBUG = 1
SKIP = {"64": b"\x48\x83\x04\x24\x02", "32": b"\x83\x04\x24\x02", "16": b"\x55\x89\xe5\x83\x46\x02\x02\x5d"}
"""add [sp], 2: past the instruction that has raised a fault, in its handler."""
IRET = {"64": b"\x48\xcf", "32": b"\xcf", "16": b"\xcf"}
RAISING = {"int": (b"\xcd\x40", 0x40), "int3": (b"\xcc", 3), "fault": (b"\xf7\xf1", 0)}
"""Instructions and their vectors; the last divides by zero."""


@pytest.mark.parametrize(
    ("variant", "code"), [("64", b"\x9c"), ("32", b"\x9c"), ("16", b"\x9c"), ("16", b"\x66\x9c")]
)
def test_the_guest_does_not_see_that_it_is_stepped(start: StartGuest, variant: str, code: bytes) -> None:
    """PUSHF would push the trap flag."""
    machine = start(variant, NOP + code + HLT)
    assert [machine.backend.step().pc - ENTRY for _ in range(2)] == [1, 1 + len(code)]
    stack = machine.register(machine.arch.registers.sp)
    assert machine.read(stack, 2) == b"\x02\x00"


def _leak(machine: Machine, before: int, after: int) -> tuple[int, int] | None:
    backend = machine.backend
    assert isinstance(backend, KvmBackend)
    return backend._port.step_leak(backend._vcpu.state, before, after, backend._view.read_virtual)


def test_the_trap_flag_on_the_stack_is_found(start: StartGuest) -> None:
    """As a host that pushes it would leave it."""
    machine = start("64", b"\x66\x9c" + b"\xb8\0\0\0\x9c")
    backend = machine.backend
    assert isinstance(backend, KvmBackend)
    leak = _leak(machine, ENTRY, ENTRY + 2)
    assert leak == (machine.register("rsp") + 1, 1)
    machine.write(leak[0], b"\x0f")
    backend._view.clear_bits(*leak)
    assert machine.read(leak[0], 1) == b"\x0e"
    assert _leak(machine, ENTRY + 2, ENTRY + 7) is None


@pytest.mark.parametrize("stops_in_handler", [False, True], ids=["stepped", "breakpoint in the handler"])
@pytest.mark.parametrize("how", RAISING)
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_trap_flag_comes_back_from_a_handler(
    start: StartGuest, variant: str, how: str, stops_in_handler: bool
) -> None:
    """A step leads into it, and its IRET takes the flags from the stack: the guest would get a #DB."""
    code, vector = RAISING[how]
    machine = start(variant, NOP + code + NOP * 3 + HLT)
    backend = machine.backend
    skip = SKIP[variant] if how == "fault" else b""
    handler = set_handler(machine, vector, NOP + skip + IRET[variant])
    set_handler(machine, DEBUG, HLT)
    if stops_in_handler:
        backend.insert(BreakpointKind.SOFTWARE, handler, 1)
    for _ in range(2):
        stop = backend.step()
    for _ in range(3):
        if stop.kind in (StopKind.STEP, StopKind.BREAKPOINT):
            stop = machine.run()
    assert stop.kind is StopKind.HALT
    assert stop.pc == ENTRY + len(NOP + code + NOP * 3 + HLT)


FLAGS_WITH_TF = 0x102
CALL, INT, DIVIDE = b"\xe8\0\0\0\0", b"\xcd\x40", b"\xf7\xf1"


@pytest.mark.parametrize(
    ("code", "saved", "flags", "is_frame"),
    [
        (DIVIDE, 0, FLAGS_WITH_TF, True),
        (DIVIDE, 0, 0x2, False),
        (DIVIDE, 2, FLAGS_WITH_TF, False),
        (INT, 2, FLAGS_WITH_TF, True),
        (CALL, 5, FLAGS_WITH_TF, False),
    ],
    ids=["of a fault", "without the flag", "of another one", "of an INT n", "what a CALL has pushed"],
)
@pytest.mark.parametrize("on_top", [(), (0x18,), (1, 2, 3, 0x18)], ids=["bare", "error code", "begun"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_frame_is_known_by_its_address_and_flags(
    start: StartGuest,
    variant: str,
    on_top: tuple[int, ...],
    code: bytes,
    saved: int,
    flags: int,
    is_frame: bool,
) -> None:
    machine = start(variant, code)
    width, stack = WIDTH[variant], machine.register(machine.arch.registers.sp)
    words = (*on_top, ENTRY + saved, machine.register("cs"), flags)
    machine.write(stack, b"".join(word.to_bytes(width, "little") for word in words))
    expected = stack + width * (len(words) - 1) + 1
    assert _leak(machine, ENTRY, 0x7000) == ((expected, 1) if is_frame else None)
