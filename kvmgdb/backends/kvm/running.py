"""Into the guest and out of it: runs, single steps, and what an exit means.

An exit either becomes a :class:`~kvmgdb.arch.stops.Stop`, or it is served and the guest goes on (None).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from sys import byteorder

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import Armed, Event, Owner, Verdict
from kvmgdb.arch.kvm import HostDebug, KvmPort, Report
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
from kvmgdb.backends.kvm.comparing import Comparing
from kvmgdb.backends.kvm.hardware import Hardware
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.kvm.vcpu import (
    INTERRUPTED,
    KVM_GUESTDBG_ENABLE,
    KVM_GUESTDBG_SINGLESTEP,
    KVM_GUESTDBG_USE_HW_BP,
    KVM_GUESTDBG_USE_SW_BP,
    Vcpu,
)
from kvmgdb.backends.kvm.view import View
from kvmgdb.backends.memory import PAGE

LONGEST_INSTRUCTION = 15
"""Bytes; of x86 (SDM vol. 2, "Instruction Format").  No trap of ours may be part of an instruction that is
stepped."""

_IN_PAGE = PAGE - 1

NOTHING_HAPPENED = (INTERRUPTED, KVM_EXIT_INTR, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_SET_TPR)
DEVICE_EXITS = (KVM_EXIT_IO, KVM_EXIT_MMIO)

Offer = Callable[[GuestException], Stop | None]
"""Gives an exception to the guest (None), or to the debugger."""


class Runner:
    """Runs one processor."""

    def __init__(
        self,
        arch: Arch,
        port: KvmPort,
        host: HostDebug,
        vcpu: Vcpu,
        view: View,
        patches: Patches,
        hardware: Hardware,
        comparing: Comparing,
        console: Callable[[int], None],
        offer: Offer,
    ) -> None:
        self._decoder = arch.decoder
        self._port = port
        self._host = host
        self._vcpu = vcpu
        self._view = view
        self._patches = patches
        self._hardware = hardware
        self._comparing = comparing
        self.console = console
        self._offer = offer
        self._exit_status: int | None = None
        self._code_address = -1
        self._code: memoryview | None = None
        self._armed_to_run = self._armed_to_step = self._had_hardware = False
        self._handlers: dict[int, Callable[[bool], Stop | None]] = {
            KVM_EXIT_DEBUG: self._on_debug,
            KVM_EXIT_IO: self._on_device,
            KVM_EXIT_MMIO: self._on_device,
            KVM_EXIT_HLT: self._on_halt,
            KVM_EXIT_INTERNAL_ERROR: self._on_internal_error,
            KVM_EXIT_SYSTEM_EVENT: lambda _: self._over(KVM_EXIT_SYSTEM_EVENT, Signal.TERM),
        }

    # -- the machine's devices (kvmgdb.arch.machine.Devices) -------------------------------------------

    def exit(self, status: int) -> None:
        """The guest ends itself."""
        self._exit_status = status

    # -- runs ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Before a run or a step of the debugger's: see which mode the processor is in now, and what the
        guest has in its own debug registers.
        """
        self._armed_to_run = False
        if self._patches:
            self._patches.use(self._host.traps[self._port.mode(self._vcpu.state)])
        if self._hardware or self._had_hardware:
            self._armed_to_step = False
            self._had_hardware = bool(self._hardware)
            self._hardware.refresh(self._vcpu.state)
            self._hardware.note_contents(self._view)
        if self._comparing:
            self._comparing.renew()

    def run(self, woken: Callable[[], bool]) -> Stop | None:
        """Run until a stop; None when ``woken``."""
        while not woken():
            if not self._armed_to_run:
                self._arm()
            reason = self._enter()
            while reason in NOTHING_HAPPENED and not woken():
                reason = self._enter()
            if reason in NOTHING_HAPPENED:
                return None
            stop = self._on_exit(reason, stepping=False)
            if stop is not None:
                return stop
        return None

    def run_comparing(self, woken: Callable[[], bool], is_breakpoint: Callable[[int], bool]) -> Stop | None:
        """The same by single steps, with a look at the watched memory after each."""
        while not woken():
            stop = self.step()
            if stop is not None:
                return stop
            pc = self._view.pc()
            change = self._comparing.changed()
            if change is not None:
                return _watch_stop(pc, change.kind, change.address)
            if is_breakpoint(pc):
                return _breakpoint_stop(pc)
        return None

    def step(self) -> Stop | None:
        """Execute one instruction; None where nothing happened but that."""
        page, state = self._vcpu.page, self._vcpu.state
        while True:
            before = self._view.pc()
            lifted = self._patches.lift(before, LONGEST_INSTRUCTION) if self._patches else []
            if state.written or not self._armed_to_step:
                self._arm_step()
            try:
                reason = self._enter()
            finally:
                self._patches.put_back(lifted)
            if reason == KVM_EXIT_DEBUG and self._port.is_step(page):
                self._view.moved(self._port.debug_pc(page, state))
                return None if self._was_plain(before) and not lifted else self._on_step(before)
            self._armed_to_step = False
            if reason in NOTHING_HAPPENED:
                continue
            stop = self._on_exit(reason, stepping=True)
            if stop is not None or reason in DEVICE_EXITS:
                return stop

    def _was_plain(self, before: int) -> bool:
        """Whether the next step needs nothing done: asking KVM for a step anew costs as much as the step.

        The code is looked at in the page that was looked up for an earlier instruction.
        """
        if before & ~_IN_PAGE != self._code_address:
            self._code_address, self._code = before & ~_IN_PAGE, self._view.code_page(before)
        return self._code is not None and self._port.steps_on(self._code, before, self._view.pc())

    def _on_step(self, before: int) -> Stop | None:
        """A step over a halt must not hide it: some hosts report the step alone."""
        after, halt = self._view.pc(), self._port.halt
        self._armed_to_step = False
        if before & ~_IN_PAGE == after & ~_IN_PAGE:
            self._code_address = -1  # it may have been the translation that was changed
        if not halt or after != before + len(halt) or self._view.read_virtual(before, len(halt)) != halt:
            return None
        return self._halted()

    def _enter(self) -> int:
        reason = self._vcpu.run()
        self._view.moved()
        return reason

    def _arm(self) -> None:
        control, arch = KVM_GUESTDBG_ENABLE, b""
        if self._patches:
            control |= KVM_GUESTDBG_USE_SW_BP
        if self._hardware:
            control |= KVM_GUESTDBG_USE_HW_BP
            arch = self._hardware.run_arch(self._vcpu.state)
        self._vcpu.debug(control, arch)
        self._armed_to_run, self._armed_to_step = True, False

    def _arm_step(self, *, with_hardware: bool = True) -> None:
        control, arch = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | self._host.step_control, b""
        if self._hardware and with_hardware:
            arch = self._hardware.step_arch(self._vcpu.state)
            control |= KVM_GUESTDBG_USE_HW_BP if arch else 0
        self._vcpu.debug(control, arch)
        self._armed_to_run, self._armed_to_step = False, with_hardware
        self._vcpu.state.written = False

    # -- exits ---------------------------------------------------------------------------------------

    def _on_exit(self, reason: int, *, stepping: bool) -> Stop | None:
        handler = self._handlers.get(reason)
        return handler(stepping) if handler is not None else self._over(reason, Signal.ABRT)

    def _over(self, reason: int, signal: Signal) -> Stop:
        """The guest, or KVM, cannot go on."""
        return Stop(StopKind.SHUTDOWN, self._view.pc(), signal, self._vcpu.describe(reason))

    def _halted(self) -> Stop:
        return Stop(StopKind.HALT, self._view.pc(), Signal.STOP, "the guest halted its processor")

    def _on_halt(self, _stepping: bool) -> Stop:
        """A halt of the guest's, or a trap of ours that is one."""
        trap = self._patches.trap
        address = self._view.pc() - trap.pc_after
        if trap.report is Report.HALT and address in self._patches:
            self._view.move_pc(-trap.pc_after)
            return _breakpoint_stop(address)
        return self._halted()

    def _on_device(self, _stepping: bool) -> Stop | None:
        vcpu = self._vcpu
        reason: int = vcpu.shared.exit_reason
        if not self._port.device(reason, vcpu.page, self):
            return self._on_unmapped(reason)
        vcpu.complete()
        self._view.moved()
        status, self._exit_status = self._exit_status, None
        if status is None:
            return None
        text = f"the guest ended with status {status}"
        return Stop(StopKind.EXIT, self._view.pc(), Signal.NONE, text, status=status)

    def _on_unmapped(self, reason: int) -> Stop:
        """No memory and no device is there.  A read is undone, so that it can be tried again; a write, which
        KVM has finished already, stays done and does nothing.
        """
        text = self._vcpu.describe(reason)
        address: int = self._vcpu.shared.mmio.phys_addr
        state, block = self._vcpu.state, self._port.integers
        before = state.get(block)
        saved = bytes(before)
        while self._vcpu.complete() == reason:
            pass  # an access of more than eight bytes comes in pieces
        ctypes.memmove(ctypes.addressof(state.get(block)), saved, len(saved))
        state.put(block)
        self._view.moved()
        return Stop(StopKind.UNMAPPED, self._view.pc(), Signal.BUS, text, address=address)

    def _on_internal_error(self, _stepping: bool) -> Stop | None:
        """KVM cannot go on: at a trap of ours our hit; at one of the guest's, its exception."""
        pc = self._view.pc()
        if self._patches.trap.report is Report.INTERNAL_ERROR and pc in self._patches:
            return _breakpoint_stop(pc)
        code = self._view.read_virtual(pc, LONGEST_INSTRUCTION)
        if not code:
            text = f"the guest executes {pc:#x}, where no memory is"
            return Stop(StopKind.UNMAPPED, pc, Signal.BUS, text, address=pc)
        exception = self._port.trap_at_pc(self._vcpu.state, code)
        if exception is None:
            return self._over(KVM_EXIT_INTERNAL_ERROR, Signal.ILL)
        self._view.moved()
        return self._offer(exception)

    # -- debug exits ---------------------------------------------------------------------------------

    def _on_debug(self, stepping: bool) -> Stop | None:
        verdict = self._verdict(stepping)
        if verdict.owner is Owner.OURS:
            return self._on_ours(verdict)
        if verdict.event is Event.DEBUG_REGISTER_ACCESS and self._port.may_access_debug(self._vcpu.state):
            return self._let_access()
        if verdict.event is Event.SOFTWARE_BREAKPOINT and self._is_alias():
            return self.step()  # a trap of ours, reached by another address than it was set at
        return self._offer(self._port.debug_exception(self._vcpu.page, self._vcpu.state))

    def _verdict(self, stepping: bool) -> Verdict:
        decoded = self._decoder.decode(self._vcpu.data(), byteorder)
        armed = Armed(self._hardware.armed, self._patches.addresses, stepping, self._view.pc())
        return self._decoder.verdict(decoded, armed)

    def _is_alias(self) -> bool:
        physical = self._view.translate(self._view.pc())
        return physical is not None and self._patches.is_patched(physical)

    def _on_ours(self, verdict: Verdict) -> Stop | None:
        pc = self._view.pc()
        if verdict.event is Event.STEP:
            return None
        if verdict.event is not Event.WATCHPOINT or verdict.slot is None:
            return _breakpoint_stop(pc)
        request, address = self._hardware.hit(verdict.slot)
        if request.kind is BreakpointKind.READ and self._hardware.has_changed(request, self._view):
            return None  # the slot watches writes too: this was one
        return _watch_stop(pc, request.kind, address)

    def _let_access(self) -> Stop | None:
        """The guest reads or writes its debug registers: let it, and see what it has made of them."""
        self._arm_step(with_hardware=False)
        reason = self._enter()
        if reason != KVM_EXIT_DEBUG and reason not in NOTHING_HAPPENED:
            return self._on_exit(reason, stepping=True)
        self._hardware.refresh(self._vcpu.state)
        return None


def _breakpoint_stop(pc: int) -> Stop:
    return Stop(StopKind.BREAKPOINT, pc, reason=f"breakpoint at {pc:#x}", address=pc)


def _watch_stop(pc: int, kind: BreakpointKind, address: int) -> Stop:
    reason = f"{kind.label} hit at {address:#x}"
    return Stop(StopKind.WATCHPOINT, pc, reason=reason, address=address, breakpoint=kind)
