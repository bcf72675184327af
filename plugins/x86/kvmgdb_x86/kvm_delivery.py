"""Debug exceptions given back to the guest on KVM, as the processor would have delivered them.

KVM API, KVM_SET_VCPU_EVENTS; SDM vol. 3, "Interrupt 1", "Interrupt 3".
"""

from __future__ import annotations

from kvmgdb.arch.kvm import VcpuState
from kvmgdb.arch.machine import ReadPhysical
from kvmgdb_x86 import exceptions, modes, paging
from kvmgdb_x86 import kvm_structs as kvm
from kvmgdb_x86.delivery import resolve
from kvmgdb_x86.events import Cpu, Event, TaskState, Undeliverable
from kvmgdb_x86.exits import DR6_ACTIVE_LOW, DR6_EVENTS
from kvmgdb_x86.kvm_registers import DEBUGREGS, EVENTS, REGS, SREGS
from kvmgdb_x86.linear import LinearMemory


def cannot_deliver(state: VcpuState, vector: int, read: ReadPhysical, *, software: bool) -> str | None:
    """Why the guest has no handler for ``vector``, as a clause; None if it has one.

    A processor that finds none shuts down, which is not what a debugger's user wants to see of an INT3.
    """
    sregs, regs = state.get(SREGS), state.get(REGS)
    look = LinearMemory(paging.PagingState(sregs.cr0, sregs.cr3, sregs.cr4, sregs.efer), read)
    cpu = Cpu(
        cr0=sregs.cr0,
        efer=sregs.efer,
        eflags=regs.rflags,
        cpl=sregs.ss.dpl if sregs.cr0 & modes.CR0_PE else 0,
        idt=(sregs.idt.base, sregs.idt.limit),
        gdt=(sregs.gdt.base, sregs.gdt.limit),
        ldt=(sregs.ldt.base, sregs.ldt.limit),
        tss=TaskState(sregs.tr.selector, sregs.tr.base, sregs.tr.limit, wide=bool(sregs.tr.type & 8)),
        stack_base=sregs.ss.base,
        stack_pointer=regs.rsp,
        stack_wide=bool(sregs.ss.db),
    )
    found = resolve(cpu, Event(vector, software=software), look)
    return found.reason if isinstance(found, Undeliverable) else None


def inject_breakpoint(state: VcpuState) -> None:
    """Queue #BP.  RIP is where the host wants it: it pushes either that, or that and an INT3's length."""
    _inject(state, exceptions.BREAKPOINT)


def inject_software_interrupt(state: VcpuState, vector: int) -> None:
    """Queue INT n, which the host could not execute; RIP is behind it already."""
    queued = state.get(EVENTS)
    queued.interrupt.injected, queued.interrupt.nr, queued.interrupt.soft = 1, vector, 1
    state.put(EVENTS)


def inject_debug(state: VcpuState, events: int, *, payload: bool) -> None:
    """Queue #DB with ``events``, the bits of DR6 that tell why, active-low ones turned round."""
    if payload:
        queued = state.get(EVENTS)
        queued.exception.nr, queued.exception.pending = exceptions.DEBUG, 1
        queued.exception.injected = queued.exception.has_error_code = 0
        queued.flags |= kvm.KVM_VCPUEVENT_VALID_PAYLOAD
        queued.exception_has_payload, queued.exception_payload = 1, events
        state.put(EVENTS)
        return
    registers = state.get(DEBUGREGS)
    registers.dr6 = (registers.dr6 & ~0xF | DR6_ACTIVE_LOW | events & ~DR6_ACTIVE_LOW) & ~(
        events & DR6_ACTIVE_LOW
    )
    state.put(DEBUGREGS)
    _inject(state, exceptions.DEBUG)


def _inject(state: VcpuState, vector: int) -> None:
    queued = state.get(EVENTS)
    queued.exception.injected, queued.exception.nr = 1, vector
    queued.exception.has_error_code = queued.exception.pending = 0
    queued.exception_has_payload = 0
    state.put(EVENTS)


def events_of(dr6: int) -> int:
    """The events DR6 tells of, in the form "pending debug exceptions" has them (SDM vol. 3)."""
    return (dr6 ^ DR6_ACTIVE_LOW) & DR6_EVENTS
