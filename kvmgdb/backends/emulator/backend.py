"""A guest on the in-process emulator.

Every run is counted (``count`` > 0): the engine does not enforce a count on blocks it translated in an
uncounted run.  A free run is a series of slices of about a tenth of a millisecond, between which the
client's socket is looked at: no second thread, no lost wake-up, and an interrupt is answered in less time
than waking a thread takes.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter

from unicorn import UcError

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import EmulatorPort, GuestPoint, Mark
from kvmgdb.arch.machine import StartState
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.stops import Signal, Stop, StopKind
from kvmgdb.backends.base import HandBack, HitTest, OnDelivered
from kvmgdb.backends.emulator.arming import Arming
from kvmgdb.backends.emulator.code_points import CodePoints
from kvmgdb.backends.emulator.code_ranges import CodeRanges
from kvmgdb.backends.emulator.events import Events
from kvmgdb.backends.emulator.fence import Fence
from kvmgdb.backends.emulator.guest_debug import GuestDebug
from kvmgdb.backends.emulator.state import GuestState
from kvmgdb.backends.emulator.watching import Owner, WatchedMachine, WatchHit, Watching, WatchKey
from kvmgdb.errors import MemoryFault
from kvmgdb.loader import LoadedImages

UNTIL_IGNORED = 0
"""The engine's "run until" address.  It is ignored, as a list of exits is used instead, and that is empty:
given an address, the engine would translate it at every start, and where the guest has nothing mapped
there the page fault would be the guest's (CR2 changed, and the next real fault taken for a double one)."""

SLICE_SECONDS = 0.0001
STEPS_BEFORE_FENCE = 200
MIN_SLICE, MAX_SLICE = 1_000, 1_000_000


class EmulatorBackend(GuestState):
    """One guest; implements :class:`kvmgdb.backends.base.Backend`."""

    name = "emulator"
    breakpoint_kinds = frozenset(BreakpointKind)
    may_wait = False
    sees_written_traps = True
    sees_debug_events = True

    def __init__(
        self,
        port: EmulatorPort,
        variant: str,
        byteorder: ByteOrder,
        watch_before: bool,
        images: LoadedImages,
        memory_size: int,
        console: Callable[[int], None],
    ) -> None:
        super().__init__(port, memory_size)
        self._watched_machine = WatchedMachine(byteorder, watch_before, port.load_targets)
        self._images = images
        self._start_state = StartState(images.entry, variant)
        self._console = console
        self.hand_back: HandBack = lambda _: True
        self.on_delivered: OnDelivered = lambda _: None
        self._slice = 20_000
        self._running = False
        """Whether what the engine executes is the guest's, and not a port's."""
        self._start()

    def reset(self) -> None:
        """Put the guest back to its start: a new engine, since the old one keeps hidden state."""
        points, watches = list(self._code.debuggers()), list(self._watching.debuggers())
        self._start()
        for kind, address, test in points:
            self._code.add(address, kind, test)
        for key, test in watches:
            with suppress(MemoryFault):  # the guest mapped it, and has yet to do so again
                self._watching.insert(key, test)

    def _start(self) -> None:
        self._guest_reached: list[GuestPoint] = []
        self._guest_touched: list[GuestPoint] = []
        self._new_engine()
        self._hook()
        self._prime()
        for address, data in self._images.segments:
            self._memory.write(address, data)
        self._port.reset(self._engine, self._start_state, self._memory.write)
        self.forget()  # what was mapped where the blocks were executed

    def _hook(self) -> None:
        engine = self._engine
        self._events = Events(engine)
        self._arming = Arming(engine, self._on_breakpoint, self._port.marked, self.read_code, self._heeds)
        ranges = CodeRanges(engine, self._on_range, self._arming.invalidate)
        self._code = CodePoints(self._arming, ranges)
        self._fence = Fence(engine, self._on_outside, self._arming.invalidate)
        self._watching = Watching(
            engine, self.translate, self._memory, self._arming.invalidate, self._watched_machine
        )
        self._guest = GuestDebug(
            self._port, engine, self, self._code, self._watching, self._run_one, self._run_muted
        )
        self._port.connect(engine, self)

    def _prime(self) -> None:
        """Execute two whole blocks: the engine does not call back for a new block before it has executed
        another to its end.
        """
        blocks = self._port.jump_to_next * 2
        self._memory.write(0, blocks)
        self._engine.emu_start(0, UNTIL_IGNORED, 0, 2)
        self._memory.write(0, bytes(len(blocks)))
        self._arming.invalidate()

    # -- state ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Nothing outlives the process; the mappings go with the engine."""

    def write_register(self, name: str, value: int) -> None:
        """Set one register; a debug register of the guest's takes effect."""
        super().write_register(name, value)
        if name in self._port.debug_registers:
            self._guest.refresh()

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory; the engine forgets what it translated."""
        super().write_physical(address, data)
        self._arming.invalidate()

    # -- breakpoints ---------------------------------------------------------------------------------

    def insert(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None = None) -> None:
        """Arm a breakpoint of any kind; nothing in the guest changes, and none is limited in number."""
        if kind is BreakpointKind.SOFTWARE:
            self.read_virtual(address, 1)
        if kind.is_watch:
            self._watching.insert(WatchKey(Owner.DEBUGGER, kind, address, length), test)
        else:
            self._code.add(address, kind, test)

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Disarm it."""
        if kind.is_watch:
            self._watching.remove(WatchKey(Owner.DEBUGGER, kind, address, length))
        else:
            self._code.discard(address, kind)

    # -- running -------------------------------------------------------------------------------------

    def step(self) -> Stop:
        """Execute one instruction."""
        stop = self._guest.deliver_deferred()
        if stop is None and self._guest.takes_kept():
            stop = self._run_muted()
        elif stop is None:
            stop = self._step_from(self.pc())
        return stop or Stop(StopKind.STEP, self.pc(), reason="one instruction executed")

    def _step_from(self, pc: int) -> Stop | None:
        points = self._code.guest_at(pc)
        if points:  # of code that is new to the engine, its callback would come after the instruction
            return self._guest.reached(points)
        refused = self._guest.refused() if self._port.alert else None
        if refused is not None:
            return self._guest.offer_before(refused)
        self._code.debugger_told = pc
        return self._run(1, pc)

    def resume(self, wake: int | None, fresh: bool, within: range | None = None) -> Stop | None:
        """Run in slices until a stop, or until ``wake`` is readable."""
        if within is not None:
            return self._run_within(within, wake, fresh)
        if fresh:
            pc = self.pc()
            self._code.debugger_told = pc if pc in self._code else None
            stop = self._guest.deliver_deferred()
            if stop is None and self._guest.takes_kept():
                stop = self._run_muted()
            if stop is not None:
                return stop
        return self._run_slices(wake)

    def _run_slices(self, wake: int | None) -> Stop | None:
        poll = select.poll()
        if wake is not None:
            poll.register(wake, select.POLLIN | select.POLLHUP)
        while True:
            start = perf_counter()
            stop = self._run(self._slice)
            if stop is not None:
                return stop
            self._adapt(perf_counter() - start)
            if wake is not None and poll.poll(0):
                return None

    def _run_within(self, within: range, wake: int | None, fresh: bool) -> Stop | None:
        """A few single steps, which nearly always suffice; then behind a fence."""
        for _ in range(STEPS_BEFORE_FENCE):
            pc = self.pc()
            if not fresh and self._code.stops(pc):
                return self._breakpoint_stop(pc)
            fresh = False
            stop = self.step()
            if stop.kind is not StopKind.STEP or stop.pc not in within:
                return stop
        with self._fence.around(within):
            return self._run_slices(wake)

    def _on_outside(self, address: int) -> None:
        self._events.stop(Stop(StopKind.STEP, address, reason="left the range that is stepped through"))

    def _adapt(self, seconds: float) -> None:
        factor = min(2.0, max(0.5, SLICE_SECONDS / max(seconds, 1e-9)))
        self._slice = min(MAX_SLICE, max(MIN_SLICE, int(self._slice * factor)))

    def _run(self, count: int, stepped: int | None = None) -> Stop | None:
        """Run up to ``count`` instructions; None where nothing happened but that.

        ``stepped`` is the instruction that is executed where ``count`` is 1.
        """
        arming = self._arming
        self.forget()
        self._watching.begin()
        arming.begin(stepping=stepped is not None)
        self._running = True
        try:
            self._engine.emu_start(self._port.resume_pc(self._engine), UNTIL_IGNORED, 0, count)
        except UcError as problem:
            self._events.on_error(problem)
        finally:
            self._running = False
        self.forget()
        mark = arming.seen
        if arming.arm_fresh() and stepped is not None and mark is None:
            mark = arming.mark_at(stepped)
        return self._outcome(mark, stepping=stepped is not None)

    def _outcome(self, mark: Mark | None, *, stepping: bool) -> Stop | None:
        """What the last run's callbacks left."""
        touched = self._guest_touched
        if touched:
            self._guest_touched = []
        hits = self._watching.take_hits()
        raised, stop = self._events.take_exception(), self._events.take_stop()
        if hits and raised is None and stop is None:  # else the access fails after all, and touches nothing
            return self._on_watch_hits(hits)
        if mark is not None and mark is Mark.DEBUG_WRITE and stepping:
            self._guest.refresh()
        if raised is not None:
            return self._guest.on_exception(raised, touched)
        if touched and stop is None:
            return self._guest.trapped(touched)
        if stop is not None:
            known = stop.kind in (StopKind.BREAKPOINT, StopKind.STEP)
            return stop if known else stop._replace(pc=self.pc())
        if self._guest_reached:
            points, self._guest_reached = self._guest_reached, []
            return self._guest.reached(points)
        if mark is None:
            return None
        if mark is Mark.HALT:
            return self._halt()
        return self._guest.enabled() if stepping else self._on_debug_mark()

    def _halt(self) -> Stop:
        return Stop(StopKind.HALT, self.pc(), Signal.STOP, "the guest halted its processor")

    # -- watchpoints: the debugger's and the guest's own -----------------------------------------------

    def _on_watch_hits(self, hits: list[WatchHit]) -> Stop | None:
        """Undo the access or complete it, as the architecture has it; then the debugger comes first."""
        for physical, before in hits[0].undo:
            self._memory.write(physical, before)
        if not self._watched_machine.watch_before:
            return self._complete(hits)
        ours = _debuggers(hits)
        return self._watch_stop(ours[0]) if ours else self._guest.reached(self._guest.points_of(hits))

    def _watch_stop(self, hit: WatchHit) -> Stop:
        kind = hit.key.kind
        reason = f"{kind.label} hit at {hit.address:#x}"
        return Stop(StopKind.WATCHPOINT, self.pc(), reason=reason, address=hit.address, breakpoint=kind)

    def _complete(self, hits: list[WatchHit]) -> Stop | None:
        """Execute the instruction, then report all it touched, which may be more than the access it was
        stopped at.
        """
        self._guest.ended_in = None
        other = self._run_muted()
        if self._guest.ended_in is not None and not self._guest.ended_in.debug:
            return other
        hits += self._watching.take_passed()
        ours = [hit for hit in _debuggers(hits) if hit.test is None or hit.test.stops()]
        # After the instruction: a single step of the guest's own would clear its status bits again.
        theirs = self._guest.touched(self._guest.points_of(hits), wait=bool(ours) or other is not None)
        if other is not None or not ours:
            return other or theirs
        return self._watch_stop(ours[0])

    def _run_muted(self) -> Stop | None:
        """Execute the instruction at the program counter, whatever it touches."""
        self._watching.take_passed()
        self._watching.muted = True
        try:
            return self._run_one()
        finally:
            self._watching.muted = False

    def _run_one(self) -> Stop | None:
        """Execute the instruction at the program counter, of which everybody has been told."""
        pc = self._code.debugger_told = self._code.guest_told = self.pc()
        return self._run(1, pc)

    def _heeds(self, mark: Mark) -> bool:
        return mark is not Mark.DEBUG_CHECK or self._port.alert

    def _on_debug_mark(self) -> Stop | None:
        """An instruction with a ``DEBUG_`` mark is about to be executed."""
        refused = self._guest.refused()
        return self._guest.offer_before(refused) if refused is not None else self._run_one()

    def _breakpoint_stop(self, address: int) -> Stop:
        reason = f"breakpoint at {address:#x}"
        return Stop(StopKind.BREAKPOINT, address, reason=reason, address=address)

    def _on_breakpoint(self, address: int) -> None:
        self.forget()  # a test may look at memory, and the guest has run since
        points = self._code.reached(address)
        if points is None:
            self._events.stop(self._breakpoint_stop(address))
        elif points:
            self._guest_reached = points
            self._engine.emu_stop()

    def _on_range(self, address: int) -> None:
        if self._running and address not in self._arming:  # else it has a hook of its own
            self._on_breakpoint(address)

    # -- what the port tells (kvmgdb.arch.emulator.EmulatedMachine) -------------------------------------

    def touched(self, points: Sequence[GuestPoint]) -> None:
        """The guest touches what it watches, and no memory hook sees it.  It is being stepped, since such
        an instruction has a mark.
        """
        self._guest_touched += points

    def console(self, byte: int) -> None:
        """Print a byte of the guest's."""
        self._console(byte)

    def exit(self, status: int) -> None:
        """The guest ended itself."""
        text = f"the guest ended with status {status}"
        self._events.stop(Stop(StopKind.EXIT, 0, Signal.NONE, text, status=status))


def _debuggers(hits: list[WatchHit]) -> list[WatchHit]:
    """Its hits, one of each watchpoint."""
    first = {hit.key: hit for hit in reversed(hits) if hit.key.owner is Owner.DEBUGGER}
    return [hit for hit in hits if first.get(hit.key) is hit]
