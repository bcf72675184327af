"""Into the guest and out of it: runs, and single steps."""

from __future__ import annotations

from collections.abc import Callable

from kvmgdb.arch.kvm import Report
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG
from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.backends.kvm.comparing import Comparing
from kvmgdb.backends.kvm.exits import (
    LONGEST_INSTRUCTION,
    Exits,
    Next,
    Outcome,
    breakpoint_stop,
    watch_stop,
)
from kvmgdb.backends.kvm.processor import Processor
from kvmgdb.backends.kvm.trap_steps import TrapSteps
from kvmgdb.backends.kvm.vcpu import (
    INTERRUPTED,
    KVM_GUESTDBG_ENABLE,
    KVM_GUESTDBG_SINGLESTEP,
    KVM_GUESTDBG_USE_HW_BP,
    KVM_GUESTDBG_USE_SW_BP,
)
from kvmgdb.backends.memory import PAGE

_IN_PAGE = PAGE - 1


def _instruction(address: int) -> range:
    return range(address, address + LONGEST_INSTRUCTION)


class Runner:
    """Runs one processor."""

    def __init__(
        self, processor: Processor, exits: Exits, comparing: Comparing, take_signal: Callable[[], None]
    ) -> None:
        self._port, self._host, self._vcpu = processor.port, processor.host, processor.vcpu
        self._view, self._patches, self._hardware = processor.view, processor.patches, processor.hardware
        self._exits = exits
        self._comparing = comparing
        self._take_signal = take_signal
        self._code_address = -1
        self._code: memoryview | None = None
        self._armed_to_run = self._armed_to_step = self._had_hardware = self._steps_see_traps = False
        self._step_control = self._host.step_control
        self._waiting = False  # the last step ended with the processor waiting for an interrupt
        self._has_stepped = False
        successors = processor.host.successors
        self._trap_steps = successors and TrapSteps(processor, successors, self._enter_to_traps)

    def begin(self) -> None:
        """Before a run or a step of the debugger's: see which mode the processor is in now, and what the
        guest has in its own debug registers.
        """
        self._armed_to_run = False
        self._use_step_control(self._host.step_control)
        if self._patches:
            self._patches.use(self._host.traps[self._port.mode(self._vcpu.state)])
        if self._hardware or self._had_hardware:
            self._armed_to_step = False
            self._had_hardware = bool(self._hardware)
            self._hardware.refresh(self._vcpu.state)
            self._hardware.note_contents(self._view)
        if self._comparing:
            self._comparing.renew()

    @property
    def traps_are_silent(self) -> bool:
        """Whether those of ours would go unnoticed: a halt of a processor that waits in the kernel tells
        nobody.
        """
        return self._vcpu.has_irqchip and bool(self._patches) and self._patches.trap.report is Report.HALT

    def _use_step_control(self, control: int) -> None:
        if control != self._step_control:
            self._step_control, self._armed_to_step = control, False

    # -- runs ----------------------------------------------------------------------------------------

    def run(self, woken: Callable[[], bool]) -> Stop | None:
        """Run until a stop; None when ``woken``."""
        while not woken():
            if not self._armed_to_run:
                self._arm()
            reason = self._enter_after_step() if self._step_may_be_told_again else self._enter()
            outcome = self._judge(reason, stepped=None)
            if isinstance(outcome, Stop):
                return outcome
        return None

    def run_by_steps(
        self, woken: Callable[[], bool], is_breakpoint: Callable[[int], bool], within: range | None
    ) -> Stop | None:
        """The same by single steps, with a look at the watched memory after each; also to the first
        instruction that is not ``within``, which no interrupt is let into.
        """
        if within is None:
            self._use_step_control(0)
        while not woken():
            before = self._view.pc()
            stop = self.step()
            if stop is not None:
                return stop
            pc = self._view.pc()
            if self._waiting and (within is None or pc == before):
                continue
            change = self._comparing.changed() if self._comparing else None
            if change is not None:
                return watch_stop(pc, change.kind, change.address)
            if within is not None and pc not in within:
                return Stop(StopKind.STEP, pc, reason="left the range that is stepped through")
            if is_breakpoint(pc):
                return breakpoint_stop(pc)
        return None

    def _judge(self, reason: int, *, stepped: range | None) -> Outcome:
        outcome = self._exits.judge(reason, stepped=stepped)
        if outcome is Next.STEP_OVER_ALIAS:
            return self._step_over_alias()
        return self._let_access() if outcome is Next.LET_ACCESS else outcome

    def _step_over_alias(self) -> Outcome:
        """The guest has reached a trap of ours by another address than it was set at."""
        pc = self._view.pc()
        physical = self._view.physical(pc)
        if physical is None:
            return Next.GO_ON
        self._patches.insert(pc, physical)
        try:
            return self.step(into_handler=False) or Next.STEPPED
        finally:
            self._patches.remove(pc)

    def _let_access(self) -> Outcome:
        """The guest reads or writes its debug registers: let it, and see what it has made of them."""
        self._arm_step(with_hardware=False)
        self._has_stepped = True
        pc = self._view.pc()
        for _ in range(1 + self._host.idle_exits):
            reason, _ = self._enter_lifted(pc)
            if reason != KVM_EXIT_DEBUG or self._port.debug_pc(self._vcpu.page, self._vcpu.state) != pc:
                break
        if reason not in (KVM_EXIT_DEBUG, INTERRUPTED):
            return self._exits.judge(reason, stepped=_instruction(pc))
        self._hardware.refresh(self._vcpu.state)
        return Next.STEPPED if reason == KVM_EXIT_DEBUG else Next.GO_ON

    # -- single steps --------------------------------------------------------------------------------

    def step(self, *, into_handler: bool = True) -> Stop | None:
        """Execute one instruction; None where nothing happened but that, or where the processor waits for
        an interrupt and a wake-up comes first.

        An instruction that raises an exception which the guest gets is half a step: with ``into_handler`` the
        next one, the handler's first, is executed too, so that the processor is seen there.
        """
        if self._trap_steps is not None:
            return self._step_by_traps(self._trap_steps)
        page, state, idle = self._vcpu.page, self._vcpu.state, self._host.idle_exits
        self._has_stepped, self._waiting = True, False
        while True:
            before, registers = self._view.pc(), state.synced(self._port.integers) if idle else b""
            if self._waits_at(before):
                return None
            self._ready_to_step(before)
            reason, lifted = self._enter_lifted(before)
            if reason == KVM_EXIT_DEBUG and self._port.is_step(page):
                self._view.moved(self._port.debug_pc(page, state))
                if registers and registers == state.synced(self._port.integers):
                    idle -= 1
                    continue
                if lifted or not self._was_plain(before):
                    self._on_step(before)
                return None
            self._armed_to_step = False
            if reason == INTERRUPTED and self._still_waits():
                return None
            outcome = self._judge(reason, stepped=_instruction(before))
            if isinstance(outcome, Stop):
                return outcome
            if outcome is Next.STEPPED or (outcome is Next.DELIVERED and not into_handler):
                return None

    def _step_by_traps(self, steps: TrapSteps) -> Stop | None:
        """The same where KVM does not step."""
        while True:
            pc = self._view.pc()
            reason = steps.step()
            if reason is None:
                return None
            if reason == INTERRUPTED:
                self._take_signal()
            outcome = self._judge(reason, stepped=range(pc, pc + 1))
            if isinstance(outcome, Stop):
                return outcome
            if outcome is not Next.GO_ON:
                return None

    def _halts_at(self, pc: int) -> bool:
        """Whether the processor is about to halt.  A halt is never single-stepped: KVM's emulator, where it
        does that, halts once more at the next instruction that it runs.
        """
        code = self._code_at(pc)
        if code is None:
            return False
        first = self._view.read_virtual(pc, 1)[0] if pc in self._patches else code[pc & _IN_PAGE]
        return first == self._port.halt and self._port.may_halt(self._vcpu.state)

    def _waits_at(self, pc: int) -> bool:
        """With an irqchip, make a halt a step that is done at once: the next run does the waiting."""
        if not self._vcpu.has_irqchip or not self._halts_at(pc):
            return False
        self._port.pass_halt(self._vcpu.state)
        self._vcpu.wait()
        self._view.moved()
        self._waiting = True
        return True

    def _still_waits(self) -> bool:
        """After a signal: whether the processor waits for an interrupt, or the step can be done now; whoever
        runs by steps asks after it what the signal was.
        """
        self._take_signal()
        self._waiting = self._vcpu.is_waiting()
        return self._waiting

    def _ready_to_step(self, pc: int) -> None:
        if self._halts_at(pc):
            self._arm_halt()
            return
        is_armed = self._armed_to_step and self._steps_see_traps == bool(self._patches)
        if self._vcpu.state.written or not is_armed:
            self._arm_step()

    def _code_at(self, address: int) -> memoryview | None:
        """The page of code around ``address``, as it was looked up for an earlier instruction."""
        if address & ~_IN_PAGE != self._code_address:
            self._code_address, self._code = address & ~_IN_PAGE, self._view.code_page(address)
        return self._code

    def _was_plain(self, before: int) -> bool:
        """Whether the next step needs nothing done: asking KVM for a step anew costs as much as the step."""
        code = self._code_at(before)
        return code is not None and self._port.steps_on(code, before, self._view.pc())

    def _on_step(self, before: int) -> None:
        """The guest must not see that it was stepped."""
        after = self._view.pc()
        self._armed_to_step = False
        if before & ~_IN_PAGE == after & ~_IN_PAGE:
            self._code_address = -1  # it may have been the translation that was changed
        if not before < after <= before + LONGEST_INSTRUCTION:
            return
        leak = self._port.step_leak(self._vcpu.state, self._view.read_virtual(before, after - before))
        if leak is not None:
            self._view.clear_bits(*leak)

    # -- into the guest ------------------------------------------------------------------------------

    def _enter_lifted(self, address: int) -> tuple[int, list[int]]:
        """Without the traps of ours in the instruction at ``address``; which those are.

        Silent ones are all taken out: an interrupt's handler, which may run whole in a step, would halt for
        ever at one of them.
        """
        everywhere = self._patches.addresses if self.traps_are_silent else None
        here = everywhere or range(address, address + LONGEST_INSTRUCTION)
        lifted = self._patches.lift(here) if self._patches else []
        try:
            return self._enter(), lifted
        finally:
            self._patches.put_back(lifted)

    def _enter(self) -> int:
        reason = self._vcpu.run()
        self._view.moved()
        return reason

    def _enter_to_traps(self) -> int:
        self._arm()
        return self._enter()

    @property
    def _step_may_be_told_again(self) -> bool:
        """Whether the next entry may begin with an exit for the step before.  Without USE_HW_BP KVM would
        make it the guest's exception.
        """
        return self._has_stepped and self._host.idle_exits > 0

    def _enter_after_step(self) -> int:
        """The same without an exit that tells of the last step once more, as some hosts have after an
        instruction that KVM has executed for the guest.  It is known by the guest not having moved.
        """
        page, before = self._vcpu.page, self._view.pc()
        self._has_stepped = False
        reason = self._enter()
        if reason != KVM_EXIT_DEBUG or not self._port.is_step(page):
            return reason
        return self._enter() if self._port.debug_pc(page, self._vcpu.state) == before else reason

    def _arm(self) -> None:
        control, arch = KVM_GUESTDBG_ENABLE, b""
        if self._hardware or self._step_may_be_told_again:
            control |= KVM_GUESTDBG_USE_HW_BP
            self._hardware.refresh(self._vcpu.state)
            arch = self._hardware.run_arch(self._vcpu.state)
        if self._patches:  # after the refresh, which may have made a trap of one
            control |= KVM_GUESTDBG_USE_SW_BP
        self._vcpu.debug(control, arch)
        self._armed_to_run, self._armed_to_step = True, False

    def _arm_halt(self) -> None:
        """For a halt that exits by itself, and no hit of an execution breakpoint there."""
        self._vcpu.debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP * self._step_may_be_told_again)
        self._armed_to_run = self._armed_to_step = False

    def _arm_step(self, *, with_hardware: bool = True) -> None:
        control, arch = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | self._step_control, b""
        self._steps_see_traps = bool(self._patches)
        if self._steps_see_traps:  # a step may reach one: by another address, or where a handler begins
            control |= KVM_GUESTDBG_USE_SW_BP
        if self._hardware and with_hardware:
            arch = self._hardware.step_arch(self._vcpu.state)
            control |= KVM_GUESTDBG_USE_HW_BP if arch else 0
        self._vcpu.debug(control, arch)
        self._armed_to_run, self._armed_to_step = False, with_hardware
        self._vcpu.state.written = False
