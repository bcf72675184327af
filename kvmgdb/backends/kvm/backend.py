"""A guest on KVM: its machine, its breakpoints, and who gets its exceptions.

One thread runs everything, the one that calls.  :mod:`.view` looks at the guest, :mod:`.running` runs it,
:mod:`.exits` says what an exit means, :mod:`.waker` ends a run from outside; what this host cannot do was
found out before (:mod:`.probe`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.kvm import HostDebug, KvmPort
from kvmgdb.arch.machine import Extent, Region, StartState
from kvmgdb.arch.stops import GuestException, Stop, StopKind
from kvmgdb.backends.base import HandBack, HitTest, OnDelivered
from kvmgdb.backends.hit_tests import HitTests
from kvmgdb.backends.kvm.comparing import Comparing
from kvmgdb.backends.kvm.device import Device, Machine
from kvmgdb.backends.kvm.exits import Exits, breakpoint_stop
from kvmgdb.backends.kvm.hardware import Hardware
from kvmgdb.backends.kvm.patches import Patches
from kvmgdb.backends.kvm.processor import Processor
from kvmgdb.backends.kvm.running import Runner
from kvmgdb.backends.kvm.vcpu import Vcpu
from kvmgdb.backends.kvm.view import View
from kvmgdb.backends.kvm.waker import Waker
from kvmgdb.backends.memory import PhysicalMemory
from kvmgdb.errors import MemoryFault
from kvmgdb.loader import LoadedImages

log = logging.getLogger(__name__)


class KvmBackend:
    """One guest; implements :class:`kvmgdb.backends.base.Backend`."""

    name = "kvm"
    breakpoint_kinds = frozenset(BreakpointKind)
    may_wait = True  # for an interrupt, or in an exception's handler that a step runs whole
    sees_debug_events = True

    def __init__(
        self,
        arch: Arch,
        port: KvmPort,
        device: Device,
        host: HostDebug,
        images: LoadedImages,
        memory_size: int,
        console: Callable[[int], None],
        *,
        irqchip: bool,
    ) -> None:
        self._arch = arch
        self._port = port
        self._device = device
        self._host = host
        self._images = images
        self._console = console
        self._irqchip = irqchip
        self.hand_back: HandBack = lambda _: True
        self.on_delivered: OnDelivered = lambda _: None
        self._memory = PhysicalMemory((Region(0, memory_size, "ram"), *port.regions))
        self.regions = self._memory.regions
        self._patches = Patches(self._memory, next(iter(host.traps.values())))
        self._hardware = Hardware(arch.layout, port, self._displace, self._replace)
        self._comparing = Comparing(
            lambda address, length: self._view.places(address, length), self._memory.read
        )
        self._tests = HitTests()
        self._trapped: dict[int, set[BreakpointKind]] = {}
        self._start()

    # -- life ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        """A machine in its start state."""
        self._machine = Machine(self._device)
        self._port.set_up_machine(self._machine)
        if self._irqchip:
            self._machine.add_irqchip(self._port)
        for region in self.regions:
            self._machine.add_memory(region, self._memory.pointer(region))
        self._vcpu = Vcpu(self._device, self._machine, self._port)
        self._waker = Waker(self._vcpu.unblock)
        self._view = View(self._port, self._vcpu.state, self._memory, self._patches, self._arch.registers.pc)
        processor = Processor(
            self._port,
            self._host,
            self._arch.decoder,
            self._vcpu,
            self._view,
            self._patches,
            self._hardware,
        )
        exits = Exits(processor, self._console, self._offer)
        self._runner = Runner(processor, exits, self._comparing, self._waker.woken)
        self._shown: int | None = None
        self._to_pass: int | None = None
        for address, data in self._images.segments:
            self._memory.write(address, data)
        start = StartState(self._images.entry, self._arch.id.variant)
        self._port.reset(self._vcpu.state, start, self._memory.write)

    def _end(self) -> None:
        self._waker.close()
        self._vcpu.close()
        self._machine.close()

    def reset(self) -> None:
        """Put the guest back to its start: a new machine, since nobody knows all of the old one's state."""
        breakpoints = list(self._patches.addresses)
        self._end()
        self._memory.clear()
        self._patches.clear()
        self._start()
        for address in breakpoints:
            try:
                self._insert_trap(address)
            except MemoryFault:
                log.warning(
                    "the breakpoint at %#x is out of use: after the reset no memory is there", address
                )
                for kind in self._trapped.pop(address, ()):
                    self._tests.drop(kind, address, 1)

    def close(self) -> None:
        """Give everything back."""
        self._end()
        self._device.close()

    @property
    def sees_written_traps(self) -> bool:
        """Whether the host reports what a debugger would write, so that ours are the same."""
        ours = self._host.traps[self._port.mode(self._vcpu.state)].code
        return any(trap.code == ours for trap in self._arch.breakpoints.traps)

    # -- looking -------------------------------------------------------------------------------------

    def pc(self) -> int:
        """Linear address of the next instruction."""
        return self._view.pc()

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name."""
        return self._view.read_registers(names)

    def write_register(self, name: str, value: int) -> None:
        """Set one register, in the kernel too.  A processor that is sent elsewhere waits no more."""
        self._view.write_register(name, value)
        if name == self._arch.registers.pc:
            self._vcpu.end_waiting()

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical."""
        return self._view.translate(address)

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory, without our traps."""
        return self._view.read_physical(address, length)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory, under our traps."""
        self._view.write_physical(address, data)

    # -- breakpoints ---------------------------------------------------------------------------------

    def insert(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None = None) -> None:
        """Arm a breakpoint: a trap in memory, a debug register, or a comparison after each step."""
        if not self._tests.known(kind, address, length):
            self._arm(kind, address, length)
        self._tests.set(kind, address, length, test)

    def _arm(self, kind: BreakpointKind, address: int, length: int) -> None:
        if self._is_trap(kind):
            self._trap(kind, address)
        elif kind.is_watch and not self._host.watches:
            self._comparing.insert(kind, address, length)
        else:
            self._hardware.insert(kind, address, length, self._vcpu.state)

    def _insert_trap(self, address: int) -> None:
        [(physical, _)] = self._view.places(address, 1)
        self._patches.insert(address, physical)

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Disarm it."""
        self._tests.drop(kind, address, length)
        if self._is_trap(kind):
            self._untrap(kind, address)
        elif kind.is_watch and not self._host.watches:
            self._comparing.remove(kind, address, length)
        else:
            self._hardware.remove(kind, address, length)

    def _trap(self, kind: BreakpointKind, address: int) -> None:
        self._insert_trap(address)
        self._trapped.setdefault(address, set()).add(kind)

    def _untrap(self, kind: BreakpointKind, address: int) -> None:
        here = self._trapped.get(address, set())
        here.discard(kind)
        if not here:
            self._trapped.pop(address, None)
            self._patches.remove(address)

    def _displace(self, address: int) -> bool:
        """A trap for a breakpoint whose debug register the guest has taken; whether there can be one."""
        self._patches.use(self._host.traps[self._port.mode(self._vcpu.state)])
        try:
            self._trap(BreakpointKind.HARDWARE, address)
        except MemoryFault:
            return False
        return True

    def _replace(self, address: int) -> None:
        """It has a debug register again, or is gone."""
        self._untrap(BreakpointKind.HARDWARE, address)

    def _is_trap(self, kind: BreakpointKind) -> bool:
        """Whether such a breakpoint is a trap in memory: hardware ones are where the host has none."""
        return kind is BreakpointKind.SOFTWARE or not (kind.is_watch or self._host.executes)

    def _is_breakpoint(self, pc: int) -> bool:
        return pc in self._patches or self._hardware.has_code(pc)

    # -- running -------------------------------------------------------------------------------------

    def step(self) -> Stop:
        """Execute one instruction."""
        self._pass_what_was_shown()
        self._runner.begin()
        stop = self._runner.step()
        return stop or Stop(StopKind.STEP, self._view.pc(), reason="one instruction executed")

    def resume(self, wake: int | None, fresh: bool, within: range | None = None) -> Stop | None:
        """Run until a stop, or until ``wake`` is readable."""
        self._pass_what_was_shown()
        self._runner.begin()
        is_step = within is not None and not within and not self._irqchip
        self._waker.arm(wake, late=is_step)
        try:
            stop = self._run(fresh, within)
            while stop is not None and not self._tests.wants(stop):
                stop = self._go_on(stop, within)
            return stop
        finally:
            self._waker.disarm()

    def _go_on(self, unwanted: Stop, within: range | None) -> Stop | None:
        """After an access nobody wants to know of, the next instruction may be at a breakpoint."""
        pc = self._view.pc()
        if unwanted.kind is StopKind.WATCHPOINT and self._is_breakpoint(pc):
            return breakpoint_stop(pc)
        return self._run(True, within)

    def _run(self, fresh: bool, within: range | None) -> Stop | None:
        runner = self._runner
        if within is not None:
            return runner.run_by_steps(self._is_breakpoint, within)
        pc = self._view.pc()
        if (fresh or pc == self._to_pass) and self._is_breakpoint(pc):
            stop = runner.step(into_handler=False)
            self._to_pass = pc if runner.cut_short else None
            if stop is not None or runner.cut_short:
                return stop
        if self._comparing or runner.traps_are_silent:
            return runner.run_by_steps(self._is_breakpoint, None)
        return runner.run()

    def _pass_what_was_shown(self) -> None:
        """Let the instruction run at which the debugger was shown a breakpoint of the guest's own."""
        if self._shown is not None and self._shown == self._view.pc():
            self._port.pass_once(self._vcpu.state)
        self._shown = None

    def _offer(self, exception: GuestException) -> Stop | None:
        """To the guest's own handler, if it is the guest's and there is one; else a stop."""
        reason = f"{exception.name} at {exception.pc:#x}{exception.detail}"
        if self.hand_back(exception):
            obstacle = self._port.deliver(self._vcpu.state, exception, self._memory.read)
            self._view.moved()
            if obstacle is None:
                self.on_delivered(exception)
                return None
            reason += f": the guest has no handler ({obstacle})"
        if exception.trap:
            self._view.write_register(self._arch.registers.pc, exception.return_pc)
        self._shown = self._view.pc()
        return Stop(
            StopKind.EXCEPTION,
            self._shown,
            exception.signal,
            reason,
            instruction=exception.pc if exception.trap else None,
        )
