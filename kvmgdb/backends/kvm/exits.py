"""What an exit means: a stop, or what is to be done before the guest goes on."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import Enum
from sys import byteorder

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import Armed, Event, Owner, Verdict
from kvmgdb.arch.kvm import Report
from kvmgdb.arch.kvm_run import (
    KVM_EXIT_DEBUG,
    KVM_EXIT_HLT,
    KVM_EXIT_INTERNAL_ERROR,
    KVM_EXIT_INTR,
    KVM_EXIT_IO,
    KVM_EXIT_IRQ_WINDOW_OPEN,
    KVM_EXIT_MMIO,
    KVM_EXIT_SET_TPR,
    KVM_EXIT_SYSTEM_EVENT,
)
from kvmgdb.arch.stops import GuestException, Signal, Stop, StopKind
from kvmgdb.backends.kvm.processor import Processor
from kvmgdb.backends.kvm.vcpu import INTERRUPTED

LONGEST_INSTRUCTION = 15
"""Bytes; of x86 (SDM vol. 2, "Instruction Format").  No trap of ours may be part of an instruction that is
stepped."""

NOWHERE = range(0)


class Next(Enum):
    """What is to be done where nobody stops."""

    GO_ON = "the guest goes on; a step is still to be done"
    STEPPED = "the guest goes on; if this was a step, it is done"
    DELIVERED = "the guest goes on, with an exception on its way into it"
    STEP_OVER_ALIAS = "a trap of ours, by another address than was asked for: execute what it hides"
    LET_ACCESS = "the guest accesses its debug registers: that is executed, and seen to"


Outcome = Stop | Next
Offer = Callable[[GuestException], Stop | None]
"""Gives an exception to the guest (None), or to the debugger."""

NOTHING_HAPPENED = frozenset((INTERRUPTED, KVM_EXIT_INTR, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_SET_TPR))


class Exits:
    """Judges the exits of one processor.

    ``stepped`` is where traps of ours had been lifted for the one instruction that was asked for: a trap
    there is not ours.  None in a run, where none are.
    """

    def __init__(self, processor: Processor, console: Callable[[int], None], offer: Offer) -> None:
        self._port, self._vcpu = processor.port, processor.vcpu
        self._view, self._decoder = processor.view, processor.decoder
        self._patches, self._hardware = processor.patches, processor.hardware
        self.console = console
        self._offer_to_guest = offer
        self._status: int | None = None
        self._handlers: dict[int, Callable[[range | None], Outcome]] = {
            KVM_EXIT_DEBUG: self._on_debug,
            KVM_EXIT_IO: self._on_device,
            KVM_EXIT_MMIO: self._on_device,
            KVM_EXIT_HLT: self._on_halt,
            KVM_EXIT_INTERNAL_ERROR: self._on_internal_error,
            KVM_EXIT_SYSTEM_EVENT: lambda _: self._over(KVM_EXIT_SYSTEM_EVENT, Signal.TERM),
        }

    def exit(self, status: int) -> None:
        """The guest ends itself (kvmgdb.arch.machine.Devices)."""
        self._status = status

    def judge(self, reason: int, *, stepped: range | None) -> Outcome:
        """What the last exit means."""
        if reason in NOTHING_HAPPENED:
            return Next.GO_ON
        handler = self._handlers.get(reason)
        return handler(stepped) if handler is not None else self._over(reason, Signal.ABRT)

    def _over(self, reason: int, signal: Signal) -> Stop:
        """The guest, or KVM, cannot go on."""
        return Stop(StopKind.SHUTDOWN, self._view.pc(), signal, self._vcpu.describe(reason))

    def _offer(self, exception: GuestException) -> Outcome:
        return self._offer_to_guest(exception) or Next.DELIVERED

    # -- the machine ---------------------------------------------------------------------------------

    def _on_device(self, _stepped: range | None) -> Outcome:
        reason: int = self._vcpu.shared.exit_reason
        if not self._port.device(reason, self._vcpu.page, self):
            return self._on_unmapped(reason)
        self._vcpu.complete()
        self._view.moved()
        status, self._status = self._status, None
        if status is None:
            return Next.STEPPED
        text = f"the guest ended with status {status}"
        return Stop(StopKind.EXIT, self._view.pc(), Signal.NONE, text, status=status)

    def _on_unmapped(self, reason: int) -> Stop:
        """No memory and no device is there.  A read is undone, so that it can be tried again; a write, which
        KVM has finished already, stays done and does nothing.
        """
        text = self._vcpu.describe(reason)
        address: int = self._vcpu.shared.mmio.phys_addr
        state, block = self._vcpu.state, self._port.integers
        saved = bytes(state.get(block))
        while self._vcpu.complete() == reason:
            pass  # an access of more than eight bytes comes in pieces
        ctypes.memmove(ctypes.addressof(state.get(block)), saved, len(saved))
        state.put(block)
        self._view.moved()
        return Stop(StopKind.UNMAPPED, self._view.pc(), Signal.BUS, text, address=address)

    def _on_halt(self, stepped: range | None) -> Outcome:
        """A halt of the guest's, or a trap of ours that is one."""
        trap = self._patches.trap
        if trap.report is Report.HALT:
            outcome = self._on_trap(self._view.pc() - trap.pc_after, stepped)
            if outcome is not None:
                self._view.move_pc(-trap.pc_after)
                return outcome
        return halted(self._view.pc())

    def _on_internal_error(self, stepped: range | None) -> Outcome:
        """KVM cannot go on: at a trap of ours our hit; at one of the guest's, its exception."""
        pc = self._view.pc()
        if self._patches.trap.report is Report.INTERNAL_ERROR:
            outcome = self._on_trap(pc, stepped)
            if outcome is not None:
                return outcome
        code = self._view.read_virtual(pc, LONGEST_INSTRUCTION)
        if not code:
            text = f"the guest executes {pc:#x}, where no memory is"
            return Stop(StopKind.UNMAPPED, pc, Signal.BUS, text, address=pc)
        exception = self._port.trap_at_pc(self._vcpu.state, code)
        if exception is None:
            return self._over(KVM_EXIT_INTERNAL_ERROR, Signal.ILL)
        self._view.moved()
        return self._offer(exception)

    def _on_trap(self, address: int, stepped: range | None) -> Outcome | None:
        """The trap instruction at ``address`` was reached; None if it is the guest's.

        A step may reach one of ours: the first instruction of a handler it led to.
        """
        if address in self._patches:
            return None if address in (stepped or NOWHERE) else breakpoint_stop(address)
        physical = self._view.physical(address)
        return Next.STEP_OVER_ALIAS if physical is not None and self._patches.is_patched(physical) else None

    # -- debug exits ---------------------------------------------------------------------------------

    def _on_debug(self, stepped: range | None) -> Outcome:
        verdict = self._verdict(stepping=stepped is not None)
        if verdict.event is Event.SOFTWARE_BREAKPOINT:
            outcome = self._on_trap(self._view.pc(), stepped)
            if outcome is not None:
                return outcome
        elif verdict.owner is Owner.OURS:
            return self._on_ours(verdict)
        elif verdict.event is Event.DEBUG_REGISTER_ACCESS and self._port.may_access_debug(self._vcpu.state):
            return Next.LET_ACCESS
        code = self._view.read_virtual(self._view.pc(), LONGEST_INSTRUCTION)
        exception = self._port.debug_exception(self._vcpu.page, self._vcpu.state, code)
        self._view.moved()
        return self._offer(exception)

    def _verdict(self, *, stepping: bool) -> Verdict:
        decoded = self._decoder.decode(self._vcpu.data(), byteorder)
        software = frozenset() if stepping else self._patches.addresses
        armed = Armed(self._hardware.armed, software, stepping, self._view.pc())
        return self._decoder.verdict(decoded, armed)

    def _on_ours(self, verdict: Verdict) -> Outcome:
        pc = self._view.pc()
        if verdict.event is Event.STEP:
            return Next.STEPPED
        if verdict.event is not Event.WATCHPOINT or verdict.slot is None:
            return breakpoint_stop(pc)
        request, address = self._hardware.hit(verdict.slot)
        if request.kind is BreakpointKind.READ and self._hardware.has_changed(request, self._view):
            return Next.STEPPED  # the slot watches writes too: this was one
        return watch_stop(pc, request.kind, address)


def halted(pc: int) -> Stop:
    """The guest waits for an interrupt."""
    return Stop(StopKind.HALT, pc, Signal.STOP, "the guest halted its processor")


def breakpoint_stop(pc: int) -> Stop:
    """The guest is at a breakpoint of the debugger's."""
    return Stop(StopKind.BREAKPOINT, pc, reason=f"breakpoint at {pc:#x}", address=pc)


def watch_stop(pc: int, kind: BreakpointKind, address: int) -> Stop:
    """The guest has touched watched memory."""
    reason = f"{kind.label} hit at {address:#x}"
    return Stop(StopKind.WATCHPOINT, pc, reason=reason, address=address, breakpoint=kind)
