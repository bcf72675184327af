"""A guest on a machine of QEMU's.

One thread runs everything, the one that calls.  :mod:`.child` is the process, :mod:`.view` looks at the
guest, :mod:`.running` runs it, :mod:`.points` sets breakpoints; here is what a stop means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import Extent, Region, StartState
from kvmgdb.arch.qemu import QemuPort
from kvmgdb.arch.stops import Signal, Stop, StopKind
from kvmgdb.backends.base import HandBack, HitTest, OnDelivered
from kvmgdb.backends.hit_tests import HitTests
from kvmgdb.backends.qemu.child import Child, Command
from kvmgdb.backends.qemu.gone import QemuGone
from kvmgdb.backends.qemu.memory import GuestMemory, other_memory
from kvmgdb.backends.qemu.points import Points
from kvmgdb.backends.qemu.qmp import Qmp
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.backends.qemu.running import CONTINUE, STEP, Ran, Runner
from kvmgdb.backends.qemu.view import View
from kvmgdb.backends.qemu.watches import Watches
from kvmgdb.errors import BackendError, MemoryFault, RspError
from kvmgdb.loader import LoadedImages

START_UP = 5.0
"""Seconds a few instructions may take that bring a processor into its start state."""

_INTERRUPTED, _SHUT_DOWN = b"T02", b"T03"
"""How QEMU's stub reports a pause, and a machine that has gone down (``gdb_vm_state_change``)."""

_SHUTDOWNS = {
    "guest-shutdown": "the guest has switched its machine off",
    "guest-reset": "the guest has reset its machine; on x86 a triple fault does that, too",
    "guest-panic": "the guest has reported a panic",
}


class QemuBackend:
    """One guest; implements :class:`kvmgdb.backends.base.Backend`.

    ``bare`` guests start at the entry of their image, others at the processor's reset.  With ``devices`` the
    sample machine's are there, where the port knows of some that QEMU does not have.
    """

    name = "qemu"
    breakpoint_kinds = frozenset(BreakpointKind)
    may_wait = True
    sees_written_traps = False
    sees_debug_events = False

    def __init__(
        self,
        arch: Arch,
        port: QemuPort,
        command: Command,
        images: LoadedImages,
        console: Callable[[int], None],
        *,
        bare: bool,
        devices: bool,
    ) -> None:
        self._arch = arch
        self._port = port
        self._command = command
        self._images = images
        self._console = console
        self._bare = bare
        self._devices = devices
        self.hand_back: HandBack = lambda _: True
        self.on_delivered: OnDelivered = lambda _: None
        self._points = Points()
        self._tests = HitTests()
        self._start()

    # -- life ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        """A QEMU, and in it the guest in its start state."""
        self._over: Stop | None = None
        self._child = Child(self._command)
        try:
            self._connect()
        except QemuGone:
            self._child.wait()
            words = self._child.last_words() or "without a word"
            self._child.close()
            raise BackendError(f"{self._command.program} has ended at once: {words}") from None
        except BaseException:
            self._child.close()
            raise

    def _connect(self) -> None:
        child, port = self._child, self._port
        self._qmp = Qmp(child.channels["qmp"])
        self._remote = Remote(child.channels["gdb"])
        memory = GuestMemory(
            child.ram.bytes,
            self._remote,
            port.overlaid,
            lambda: other_memory(self._qmp.human("info mtree -f")),
        )
        self._view = View(port, self._arch.registers, self._remote, self._qmp, memory)
        if self._remote.ask(b"Qqemu.PhyMemMode:1") != b"OK":
            raise BackendError("this QEMU has no access to physical memory: it needs version 4.1 or later")
        self._runner = Runner(child, self._remote, self._qmp, self._console)
        self._watches = Watches(port, self._view, self._points, before=self._arch.breakpoints.watch_before)
        self._hit_before = False
        self._points.forget()
        self._points.want_own(())
        if self._bare:
            self._load()

    def _load(self) -> None:
        """The images in memory that is otherwise empty, and the processor at their entry."""
        memory = self._view.memory
        memory.clear()  # of what QEMU has put there for a firmware of its own
        if self._command.firmware is not None and self._port.firmware_at is not None:
            memory.know(self._port.firmware_at, self._command.firmware)
        start = StartState(self._images.entry, self._arch.id.variant)
        self._port.prepare(self, start)
        for address, data in self._images.segments:
            memory.write(address, data)
        self._points.want_own(self._watches.own(devices=self._devices))

    def reset(self) -> None:
        """Put the guest back to its start: a new QEMU, since nobody knows all of the old one's state.

        Raises:
            RspError: QEMU does not start again.
        """
        self._child.close()
        try:
            self._start()
        except BackendError as problem:
            self._over = Stop(StopKind.SHUTDOWN, 0, Signal.ABRT, str(problem))
            raise RspError(str(problem)) from problem

    def close(self) -> None:
        """Give everything back."""
        self._child.close()

    # -- what a port brings a guest into its start state with (kvmgdb.arch.qemu.Control) ---------------

    def read(self, name: str) -> int:
        """A register."""
        return self._view.read(name)

    def write(self, name: str, value: int) -> None:
        """Set a register."""
        self._view.write_register(name, value)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write RAM."""
        self._view.memory.write(address, data)

    def run_to(self, address: int) -> None:
        """Run up to an instruction."""
        self._points.want_own([(BreakpointKind.HARDWARE, address, 1)])
        self._points.sync(self._remote)
        self._view.moved()
        self._runner.run(CONTINUE, None, START_UP)
        self._points.want_own(())
        if self._view.pc() != address:
            raise BackendError(
                f"the guest's start-up code has gone to {self._view.pc():#x}: choose another machine"
            )

    def human(self, line: str) -> str:
        """What QEMU's own monitor answers to a command; it may have changed the guest."""
        try:
            return self._qmp.human(line)
        finally:
            self._view.moved()

    # -- looking -------------------------------------------------------------------------------------

    @property
    def regions(self) -> tuple[Region, ...]:
        """RAM and ROM."""
        return self._view.memory.regions

    def pc(self) -> int:
        """Linear address of the next instruction."""
        return self._view.pc()

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name."""
        return self._view.read_registers(names)

    def write_register(self, name: str, value: int) -> None:
        """Set one register."""
        self._view.write_register(name, value)

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical."""
        return self._view.translate(address)

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        return self._view.memory.read(address, length)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory."""
        self._view.memory.write(address, data)

    # -- breakpoints ---------------------------------------------------------------------------------

    def insert(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None = None) -> None:
        """Arm a breakpoint of any kind: QEMU hears of it when the guest runs; no memory changes."""
        if kind is BreakpointKind.SOFTWARE and not self._view.read_virtual(address, 1):
            raise MemoryFault(f"nothing is mapped at address {address:#x}")
        if kind.is_watch and length < 1:
            raise RspError(f"a {kind.label} of {length} bytes watches nothing")
        self._points.insert(kind, address, length)
        self._tests.set(kind, address, length, test)

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Disarm it."""
        self._points.remove(kind, address, length)
        self._tests.drop(kind, address, length)

    # -- running -------------------------------------------------------------------------------------

    def step(self) -> Stop:
        """Execute one instruction."""
        stop = self.resume(None, fresh=True, within=range(0))
        assert stop is not None  # noqa: S101 - nobody could have woken it
        return stop

    def resume(self, wake: int | None, fresh: bool, within: range | None = None) -> Stop | None:
        """Run until a stop, or until ``wake`` is readable."""
        try:
            return self._over or self._resume(wake, fresh, within)
        except QemuGone:
            return self._on_gone()

    def _resume(self, wake: int | None, fresh: bool, within: range | None) -> Stop | None:
        """Over and over, until there is a stop that somebody wants."""
        passes = fresh
        while True:
            pc = self._view.pc()
            if not passes and pc in self._points and (stop := self._breakpoint(pc)) is not None:
                return stop
            steps = within is not None or self._points.holds(pc)
            ran = self._run(STEP if steps else CONTINUE, wake)
            stop = self._meaning(ran)
            if stop is not None:
                return stop
            pc = self._view.pc()
            if within is not None and pc not in within and not self._is_halfway(ran):
                return Stop(StopKind.STEP, pc, reason="one instruction executed")
            if ran.woken:
                return None
            passes = False

    def _is_halfway(self, ran: Ran) -> bool:
        """Whether a step was cut short: its instruction waits."""
        return ran.woken and ran.reply.startswith(_INTERRUPTED)

    def _breakpoint(self, pc: int) -> Stop | None:
        """At one of the debugger's: the stop, if its test wants it."""
        stop = Stop(StopKind.BREAKPOINT, pc, reason=f"breakpoint at {pc:#x}", address=pc)
        return stop if self._tests.wants(stop) else None

    def _run(self, command: bytes, wake: int | None) -> Ran:
        """The first step after a watchpoint's hit may be none: QEMU reports it before it is made."""
        self._watches.begin()
        self._points.sync(self._remote)
        before = self._view.general() if command is STEP and self._hit_before else None
        ran = self._enter(command, wake)
        if before is not None and not ran.woken and self._view.general() == before:
            ran = self._enter(command, wake)
        self._hit_before = self._points.watched(ran.reply) is not None
        return ran

    def _enter(self, command: bytes, wake: int | None) -> Ran:
        self._view.moved()
        return self._runner.run(command, wake)

    def _meaning(self, ran: Ran) -> Stop | None:
        """What a run has come to; None where the guest goes on, or has just done its step."""
        if ran.status is None:
            ran.status = self._watches.serve(ran.reply, self._console)
        if ran.status is not None:
            return self._ended(ran.status, f"the guest ended with status {ran.status}")
        if ran.reply.startswith(_SHUT_DOWN):
            return self._shut_down()
        return self._watches.stop(ran.reply, self._tests.wants) or self._watches.unhandled()

    def _ended(self, status: int, reason: str) -> Stop:
        self._over = Stop(StopKind.EXIT, self._view.pc(), Signal.NONE, reason, status=status)
        return self._over

    def _shut_down(self) -> Stop:
        self._qmp.command("query-status")  # the event that says why comes before the answer
        why = self._qmp.shutdown
        reason = _SHUTDOWNS.get(why, f"the machine has gone down ({why})")
        if why == "guest-shutdown":
            return self._ended(0, reason)
        self._over = Stop(StopKind.SHUTDOWN, self._view.pc(), Signal.ABRT, reason)
        return self._over

    def _on_gone(self) -> Stop:
        """QEMU has ended: by a device of its own that does that for the guest, or it has failed."""
        self._runner.finish()
        status, words = self._child.wait(), self._child.last_words()
        said = f": {words}" if words else ""
        if status >= 0:
            return self._ended(status, f"QEMU has ended with status {status}{said}")
        text = f"QEMU was killed by signal {-status}{said}; `monitor reset` starts it anew"
        self._over = Stop(StopKind.SHUTDOWN, self._view.pc(), Signal.ABRT, text)
        return self._over
