"""Whether an exception can be delivered to the guest, and if not, why not.

Delivery itself is the emulator's: its own routine does what the processor does, in every mode.  But a
fault *during* delivery would unwind the emulator's C stack through Python and end the process.  So
everything delivery touches is looked at first, by the rules of SDM vol. 3, "Exception and Interrupt
Handling": the gate, the code segment, the stack it switches to, the memory of that stack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kvmgdb_x86.modes import CR0_PE, EFER_LMA
from kvmgdb_x86.segments import Descriptor, Gate

EFLAGS_RF, EFLAGS_VM = 1 << 16, 1 << 17

_FRAME_16, _FRAME_32, _FRAME_64 = 6, 24, 48
"""Bytes pushed at most: IP, CS, FLAGS; the 32-bit frame with the old stack and an error code; five
quadwords and an error code."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The state delivery depends on."""

    cr0: int
    efer: int
    eflags: int
    cpl: int
    idt: tuple[int, int]
    """IDTR: base, limit."""
    gdt: tuple[int, int]
    ldt: tuple[int, int]
    tss: tuple[int, int]
    stack_base: int
    stack_pointer: int


Read = Callable[[int, int], bytes | None]
"""(linear address, length) -> bytes; None where nothing is mapped."""
CanWrite = Callable[[int, int], bool]
"""(linear address, length) -> whether a supervisor can write all of it."""


def obstacle(cpu: Cpu, vector: int, software: bool, read: Read, can_write: CanWrite) -> str | None:
    """Why ``vector`` cannot be delivered, as a clause; None if it can.

    ``software`` is true of INT n and INT3, which may not pass a gate more privileged than they are.
    """
    if not cpu.cr0 & CR0_PE:
        return _real_mode(cpu, vector, read, can_write)
    if cpu.eflags & EFLAGS_VM:
        return "the guest is in virtual-8086 mode"
    wide = bool(cpu.efer & EFER_LMA)
    gate, problem = _gate(cpu, vector, wide, read)
    if gate is None:
        return problem
    if software and gate.dpl < cpu.cpl:
        return f"the gate's privilege {gate.dpl} is above the guest's {cpu.cpl}"
    code = _descriptor(cpu, gate.selector, read)
    if code is None or not code.present or not code.code or code.dpl > cpu.cpl or (wide and not code.long):
        return f"the gate's code segment {gate.selector:#x} cannot be entered"
    inner = not code.conforming and code.dpl < cpu.cpl
    stack = _stack_64(cpu, gate, code.dpl, inner, read) if wide else _stack_32(cpu, code.dpl, inner, read)
    if stack is None:
        return "the task-state segment names no usable stack"
    frame = _FRAME_64 if wide else _FRAME_32
    return None if can_write(stack - frame, frame) else f"the handler's stack at {stack:#x} cannot be written"


def _real_mode(cpu: Cpu, vector: int, read: Read, can_write: CanWrite) -> str | None:
    base, limit = cpu.idt
    if 4 * vector + 3 > limit:
        return f"the interrupt vector table ends before vector {vector:#x}"
    entry = read(base + 4 * vector, 4)
    if entry is None or not any(entry):
        return f"interrupt vector {vector:#x} is empty"
    stack = cpu.stack_base + ((cpu.stack_pointer - _FRAME_16) & 0xFFFF)
    return None if can_write(stack, _FRAME_16) else f"the stack at {stack:#x} cannot be written"


def _gate(cpu: Cpu, vector: int, wide: bool, read: Read) -> tuple[Gate | None, str]:
    size = 16 if wide else 8
    base, limit = cpu.idt
    if size * vector + size - 1 > limit:
        return None, f"the interrupt descriptor table ends before vector {vector:#x}"
    raw = read(base + size * vector, size)
    if raw is None:
        return None, f"the interrupt descriptor table at {base:#x} is not mapped"
    gate = Gate(int.from_bytes(raw, "little"), wide)
    kinds = (gate.INTERRUPT_32, gate.TRAP_32) + (() if wide else (gate.INTERRUPT_16, gate.TRAP_16))
    if not gate.present or gate.type not in kinds:
        return None, f"vector {vector:#x} has no interrupt or trap gate"
    return gate, ""


def _descriptor(cpu: Cpu, selector: int, read: Read) -> Descriptor | None:
    base, limit = cpu.ldt if selector & 4 else cpu.gdt
    if not selector & 0xFFFC or (selector | 7) > limit:
        return None
    raw = read(base + (selector & 0xFFF8), 8)
    return Descriptor(int.from_bytes(raw, "little")) if raw is not None else None


def _stack_32(cpu: Cpu, level: int, inner: bool, read: Read) -> int | None:
    """Linear top of the handler's stack: the current one, or SSn:ESPn of a 32-bit TSS."""
    if not inner:
        return cpu.stack_base + cpu.stack_pointer
    base, limit = cpu.tss
    offset = 4 + 8 * level
    if offset + 7 > limit:
        return None
    raw = read(base + offset, 8)
    if raw is None:
        return None
    pointer, selector = int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:6], "little")
    segment = _descriptor(cpu, selector, read)
    if segment is None or not segment.present or not segment.writable_data:
        return None
    if segment.dpl != level or selector & 3 != level:
        return None
    return segment.base + pointer


def _stack_64(cpu: Cpu, gate: Gate, level: int, inner: bool, read: Read) -> int | None:
    """The same in long mode: an IST entry, RSPn, or the current stack, aligned down to 16 bytes."""
    if gate.stack_table:
        offset = 0x24 + 8 * (gate.stack_table - 1)
    elif inner:
        offset = 4 + 8 * level
    else:
        return cpu.stack_pointer & ~0xF
    base, limit = cpu.tss
    raw = read(base + offset, 8) if offset + 7 <= limit else None
    return int.from_bytes(raw, "little") & ~0xF if raw is not None else None
