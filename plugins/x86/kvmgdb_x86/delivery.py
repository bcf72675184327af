"""How an exception enters its handler, looked at before it is done.

Delivery itself is the emulator's: its own routine does what the processor does, in every mode.  But a
fault *during* delivery would unwind the emulator's C stack through Python and end the process.  So
everything delivery touches is looked at first, by the rules of SDM vol. 2, "INT n", and vol. 3, "Exception
and Interrupt Handling": the gate, the code segment, the stack it switches to, the memory of that stack.
What is found wrong is the exception the processor would raise, and that is looked at in its turn
(:func:`resolve`), up to the double fault and the shutdown.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmgdb_x86 import exceptions
from kvmgdb_x86.events import Cpu, Event, Fault, Memory, Undeliverable
from kvmgdb_x86.modes import CR0_PE
from kvmgdb_x86.segments import Descriptor, Gate

EXTERNAL, FROM_IDT = 1 << 0, 1 << 1
"""EXT and IDT of an error code that names a selector (SDM vol. 3, "Error Code")."""


def resolve(cpu: Cpu, event: Event, memory: Memory) -> Event | Undeliverable:
    """What is delivered when ``event`` is raised: itself, or what its delivery raises (SDM vol. 3,
    "Interrupt 8 - Double Fault Exception").
    """
    first = ""
    while True:
        try:
            check(cpu, event, memory)
        except Fault as fault:
            first = first or str(fault)
            if fault.event is None:
                return Undeliverable(first, shutdown=False)
            if event.vector == exceptions.DOUBLE_FAULT:
                return Undeliverable(f"{first}: a triple fault", shutdown=True)
            is_double = exceptions.is_double(event.vector, fault.event.vector)
            address = fault.event.address if fault.event.address is not None else event.address
            event = Event(exceptions.DOUBLE_FAULT, address=address) if is_double else fault.event
        else:
            return event


def check(cpu: Cpu, event: Event, memory: Memory) -> None:
    """Look at everything the delivery of ``event`` touches.

    Raises:
        Fault: the first thing wrong with it.
    """
    delivery = _Delivery(cpu, event, memory)
    if cpu.cr0 & CR0_PE:
        delivery.check_protected()
    else:
        delivery.check_real()


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One event on its way."""

    cpu: Cpu
    event: Event
    memory: Memory

    def check_real(self) -> None:
        vector = self.event.vector
        base, limit = self.cpu.idt
        if 4 * vector + 3 > limit:
            text = f"the interrupt vector table ends before vector {vector:#x}"
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION))
        if not any(self._read(base + 4 * vector, 4, "interrupt vector table")):
            raise Fault(f"interrupt vector {vector:#x} is empty", None)
        self._check_pushes(self.cpu.stack_base, self.cpu.stack_pointer & 0xFFFF, 0xFFFF, 3, 2)

    def check_protected(self) -> None:
        gate = self._gate()
        code = self._code_segment(gate)
        is_inner = not code.conforming and code.dpl < self.cpu.cpl
        if self.cpu.long:
            self._check_stack_64(gate, code.dpl, is_inner)
        else:
            self._check_stack_32(gate, code.dpl, is_inner)

    # -- the gate and its code segment ---------------------------------------------------------------

    def _gate(self) -> Gate:
        vector, wide = self.event.vector, self.cpu.long
        size = 16 if wide else 8
        base, limit = self.cpu.idt
        in_idt = vector * 8 | FROM_IDT | self._external
        if size * vector + size - 1 > limit:
            text = f"the interrupt descriptor table ends before vector {vector:#x}"
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION, in_idt))
        raw = self._read(base + size * vector, size, "interrupt descriptor table")
        gate = Gate(int.from_bytes(raw, "little"), wide)
        if gate.type == gate.TASK and not wide:
            raise Fault(f"vector {vector:#x} is a task gate, which is not emulated", None)
        if not gate.names_handler:
            text = f"vector {vector:#x} has no interrupt or trap gate"
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION, in_idt))
        if self.event.software and gate.dpl < self.cpu.cpl:
            text = f"the gate's privilege {gate.dpl} is above the guest's {self.cpu.cpl}"
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION, in_idt))
        if not gate.present:
            text = f"the gate of vector {vector:#x} is not present"
            raise Fault(text, Event(exceptions.SEGMENT_NOT_PRESENT, in_idt))
        return gate

    def _code_segment(self, gate: Gate) -> Descriptor:
        selector = gate.selector
        text = f"the gate's code segment {selector:#x} cannot be entered"
        code = self._descriptor(selector, text, exceptions.GENERAL_PROTECTION)
        named = self._naming(selector)
        usable = code.code and code.dpl <= self.cpu.cpl
        if self.cpu.long:
            usable = usable and code.long and not code.wide
        if self.cpu.virtual_8086:
            usable = usable and code.dpl == 0 and not code.conforming
        if not usable:
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION, named))
        if not code.present:
            raise Fault(text, Event(exceptions.SEGMENT_NOT_PRESENT, named))
        inside = self.memory.is_canonical(gate.offset) if self.cpu.long else gate.offset <= code.limit
        if not inside:
            text = f"the handler's address {gate.offset:#x} is outside its segment"
            raise Fault(text, Event(exceptions.GENERAL_PROTECTION, self._external))
        return code

    def _descriptor(self, selector: int, text: str, vector: int) -> Descriptor:
        """Of a selector; ``vector`` is raised where it names none."""
        if not selector & 0xFFFC:
            raise Fault(text, Event(vector, self._external))
        base, limit = self.cpu.ldt if selector & 4 else self.cpu.gdt
        if (selector | 7) > limit:
            raise Fault(text, Event(vector, self._naming(selector)))
        raw = self._read(base + (selector & 0xFFF8), 8, "descriptor table")
        return Descriptor(int.from_bytes(raw, "little"))

    # -- the handler's stack ---------------------------------------------------------------------------

    def _check_stack_64(self, gate: Gate, level: int, is_inner: bool) -> None:
        """An IST entry, RSPn, or the current stack, aligned down to 16 bytes."""
        pointer = self.cpu.stack_pointer
        if gate.stack_table or is_inner:
            offset = 0x24 + 8 * (gate.stack_table - 1) if gate.stack_table else 4 + 8 * level
            pointer = int.from_bytes(self._task_state(offset, 8), "little")
        count = 5 + self.event.pushes_error_code
        pointer &= ~0xF
        if not self.memory.is_canonical(pointer - 8) or not self.memory.is_canonical(pointer - 8 * count):
            text = f"the handler's stack pointer {pointer:#x} is not canonical"
            raise Fault(text, Event(exceptions.STACK_SEGMENT, self._external))
        self._check_pushes(0, pointer, (1 << 64) - 1, count, 8)

    def _check_stack_32(self, gate: Gate, level: int, is_inner: bool) -> None:
        """The current stack, or SSn:ESPn of the TSS."""
        size = 4 if gate.type in (gate.INTERRUPT_32, gate.TRAP_32) else 2
        count = 3 + self.event.pushes_error_code
        if not is_inner:
            cpu = self.cpu
            mask = 0xFFFF_FFFF if cpu.stack_wide else 0xFFFF
            self._check_pushes(cpu.stack_base, cpu.stack_pointer & mask, mask, count, size)
            return
        pointer, segment = self._inner_stack(level)
        mask = 0xFFFF_FFFF if segment.wide else 0xFFFF
        count += 6 if self.cpu.virtual_8086 else 2  # SS and ESP; of virtual-8086 mode also GS, FS, DS, ES
        self._check_pushes(segment.base, pointer & mask, mask, count, size)

    def _inner_stack(self, level: int) -> tuple[int, Descriptor]:
        """SSn:ESPn, or the SSn:SPn of an 80286's TSS."""
        size = 4 if self.cpu.tss.wide else 2
        raw = self._task_state(size + 2 * size * level, size + 2)
        pointer, selector = int.from_bytes(raw[:size], "little"), int.from_bytes(raw[size:], "little")
        text = f"the task-state segment names no usable stack ({selector:#x})"
        segment = self._descriptor(selector, text, exceptions.INVALID_TSS)
        if not (segment.writable_data and segment.dpl == level == selector & 3):
            raise Fault(text, Event(exceptions.INVALID_TSS, self._naming(selector)))
        if not segment.present:
            raise Fault(text, Event(exceptions.STACK_SEGMENT, self._naming(selector)))
        return pointer, segment

    def _task_state(self, offset: int, length: int) -> bytes:
        tss = self.cpu.tss
        if offset + length - 1 > tss.limit:
            text = "the task-state segment ends before the handler's stack"
            raise Fault(text, Event(exceptions.INVALID_TSS, self._naming(tss.selector)))
        return self._read(tss.base + offset, length, "task-state segment")

    # -- memory ------------------------------------------------------------------------------------------

    @property
    def _external(self) -> int:
        return 0 if self.event.software else EXTERNAL

    def _naming(self, selector: int) -> int:
        """The error code that names a selector."""
        return selector & 0xFFFC | self._external

    def _linear(self, address: int) -> int:
        return address if self.cpu.long else address & 0xFFFF_FFFF

    def _read(self, address: int, length: int, what: str) -> bytes:
        address = self._linear(address)
        self._check_page(address, length, f"the {what} at {address:#x} is not mapped", write=False)
        raw = self.memory.read(address, length)
        if raw is None:
            raise Fault(f"the {what} at {address:#x} is not in memory", None)
        return raw

    def _check_pushes(self, base: int, pointer: int, mask: int, count: int, size: int) -> None:
        """Words are pushed downwards, and the first that faults names the address."""
        text = f"the handler's stack at {self._linear(base + pointer):#x} cannot be written"
        for index in range(1, count + 1):
            address = self._linear(base + ((pointer - size * index) & mask))
            self._check_page(address, size, text, write=True)
            if self.memory.read(address, size) is None:
                raise Fault(text, None)

    def _check_page(self, address: int, length: int, text: str, *, write: bool) -> None:
        found = self.memory.fault(address, length, write=write)
        if found is not None:
            raise Fault(text, Event(exceptions.PAGE_FAULT, error_code=found[1], address=found[0]))
