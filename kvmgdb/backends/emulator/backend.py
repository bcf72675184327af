"""A guest on the in-process emulator.

Every run is counted (``count`` > 0): the engine does not enforce a count on blocks it translated in an
uncounted run.  A free run is a series of slices of about a quarter of a millisecond, between which the
client's socket is looked at: no second thread, no lost wake-up, and an interrupt is answered in less time
than waking a thread takes.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from unicorn import UcError
from unicorn import unicorn_const as uc

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import EmulatorPort, Engine, GuestPoint, Mark
from kvmgdb.arch.machine import Extent, Region, StartState
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.stops import GuestException, Signal, Stop, StopKind
from kvmgdb.backends.base import HandBack, HitTest, OnDelivered
from kvmgdb.backends.emulator.arming import Arming
from kvmgdb.backends.emulator.code_points import CodePoints
from kvmgdb.backends.emulator.events import Events, Raised
from kvmgdb.backends.emulator.fence import Fence
from kvmgdb.backends.emulator.registers import Batch
from kvmgdb.backends.emulator.watching import Owner, WatchedMachine, WatchHit, Watching, WatchKey
from kvmgdb.backends.memory import PAGE, PhysicalMemory, pieces
from kvmgdb.errors import MemoryFault, RspError
from kvmgdb.loader import LoadedImages

UNTIL_IGNORED = 0
"""The engine's "run until" address.  It is ignored, as a list of exits is used instead, and that is empty:
given an address, the engine would translate it at every start, and where the guest has nothing mapped
there the page fault would be the guest's (CR2 changed, and the next real fault taken for a double one)."""

SLICE_SECONDS = 0.00025
STEPS_BEFORE_FENCE = 200
MIN_SLICE, MAX_SLICE = 1_000, 1_000_000


class EmulatorBackend:
    """One guest; implements :class:`kvmgdb.backends.base.Backend`."""

    name = "emulator"
    breakpoint_kinds = frozenset(BreakpointKind)

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
        self._port = port
        self._watched_machine = WatchedMachine(byteorder, watch_before, port.load_targets)
        self._images = images
        self._start_state = StartState(images.entry, variant)
        self._console = console
        self.hand_back: HandBack = lambda _: True
        self.on_delivered: OnDelivered = lambda _: None
        self._memory = PhysicalMemory((Region(0, memory_size, "ram"), *port.regions))
        self.regions = self._memory.regions
        self._inserted: dict[tuple[BreakpointKind, int, int], HitTest | None] = {}
        self._slice = 20_000
        self.reset()

    def reset(self) -> None:
        """Put the guest back to its start: a new engine, since the old one keeps hidden state."""
        self._memory.clear()
        self._batches: dict[tuple[str, ...], Batch] = {}
        self._pages: dict[int, Extent | None] = {}
        self._guest_points: tuple[GuestPoint, ...] = ()
        self._guest_reached: list[GuestPoint] = []
        self._deferred: GuestException | None = None
        self._kept: int | None = None
        self._raised = False
        self._engine: Engine = self._port.create()
        self._engine.ctl_exits_enabled(True)
        for region in self.regions:
            self._engine.mem_map_ptr(region.start, region.size, uc.UC_PROT_ALL, self._memory.pointer(region))
        self._hook()
        self._prime()
        for address, data in self._images.segments:
            self._memory.write(address, data)
        self._port.reset(self._engine, self._start_state, self._memory.write)
        for (kind, address, length), test in self._inserted.items():
            self._arm(kind, address, length, test)

    def _hook(self) -> None:
        engine = self._engine
        self._events = Events(engine)
        self._arming = Arming(engine, self._on_breakpoint, self._port.marked, self._read_code)
        self._code = CodePoints(self._arming)
        self._fence = Fence(engine, self._on_outside, self._arming.invalidate)
        self._watching = Watching(
            engine, self.translate, self._memory, self._arming.invalidate, self._watched_machine
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

    def pc(self) -> int:
        """Linear address of the next instruction."""
        return self._port.linear_pc(self._engine, self.read_physical)

    def read_registers(self, names: Sequence[str]) -> list[int]:
        """Values by name: those the engine numbers in one call, the others one by one."""
        direct, computed = self._port.direct, self._port.computed
        key = tuple(names)
        batch = self._batches.get(key)
        if batch is None:
            batch = Batch(self._engine, [direct[name] for name in names if name in direct])
            self._batches[key] = batch
        values = iter(batch.read())
        return [
            next(values) if name in direct else computed[name].read(self._engine, self.read_physical)
            for name in names
        ]

    def write_register(self, name: str, value: int) -> None:
        """Set one register."""
        computed = self._port.computed.get(name)
        self._pages.clear()
        try:
            if computed is None:
                self._engine.reg_write(self._port.direct[name], value)
            elif computed.write is None:
                raise RspError(f"register {name} cannot be written on the emulator")
            else:
                computed.write(self._engine, value)
            if name in self._port.debug_registers:
                self._refresh_guest_points()
        except UcError as problem:
            raise RspError(f"the emulator refuses {value:#x} for register {name}: {problem}") from problem

    # -- memory --------------------------------------------------------------------------------------

    def translate(self, address: int) -> Extent | None:
        """Guest-virtual to guest-physical; looked up once per page while the guest stands still."""
        page = address & ~(PAGE - 1)
        if page not in self._pages:
            self._pages[page] = self._port.translate(self._engine, page, self.read_physical)
        found = self._pages[page]
        offset = address - page
        if found is None or found.length <= offset:  # there are pages smaller than PAGE
            return self._port.translate(self._engine, address, self.read_physical) if offset else None
        return Extent(found.physical + offset, found.length - offset)

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        return self._memory.read(address, length)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write guest-physical memory; the engine forgets what it translated."""
        self._memory.write(address, data)
        self._pages.clear()
        self._arming.invalidate()

    def read_virtual(self, address: int, length: int) -> bytes:
        """Memory as the guest sees it; :class:`MemoryFault` unless all of it is there."""
        return b"".join(
            self.read_physical(physical, size)
            for _, physical, size in pieces(address, length, self.translate)
        )

    def _read_code(self, address: int, length: int) -> bytes | None:
        try:
            return self.read_virtual(address, length)
        except MemoryFault:
            return None

    # -- breakpoints ---------------------------------------------------------------------------------

    def insert(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None = None) -> None:
        """Arm a breakpoint of any kind; nothing in the guest changes, and none is limited in number."""
        if kind is BreakpointKind.SOFTWARE:
            self.read_virtual(address, 1)
        self._arm(kind, address, length, test)
        self._inserted[kind, address, length] = test

    def _arm(self, kind: BreakpointKind, address: int, length: int, test: HitTest | None) -> None:
        if kind.is_watch:
            self._watching.insert(WatchKey(Owner.DEBUGGER, kind, address, length), test)
        else:
            self._code.add(address, kind, test)

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Disarm it."""
        self._inserted.pop((kind, address, length), None)
        if kind.is_watch:
            self._watching.remove(WatchKey(Owner.DEBUGGER, kind, address, length))
        else:
            self._code.discard(address, kind)

    # -- running -------------------------------------------------------------------------------------

    def step(self) -> Stop:
        """Execute one instruction."""
        stop = self._deliver_deferred()
        if stop is None and self._takes_kept():
            stop = self._run_muted()
        elif stop is None:
            stop = self._step_from(self.pc())
        return stop or Stop(StopKind.STEP, self.pc(), reason="one instruction executed")

    def _step_from(self, pc: int) -> Stop | None:
        points = self._code.guest_at(pc)
        if points:  # of code that is new to the engine, its callback would come after the instruction
            return self._raise_debug(points)
        self._code.debugger_told = pc
        return self._run(1, pc)

    def resume(self, wake: int | None, fresh: bool, within: range | None = None) -> Stop | None:
        """Run in slices until a stop, or until ``wake`` is readable."""
        if within is not None:
            return self._run_within(within, wake, fresh)
        if fresh:
            pc = self.pc()
            self._code.debugger_told = pc if pc in self._code else None
            stop = self._deliver_deferred()
            if stop is None and self._takes_kept():
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
        self._pages.clear()
        self._watching.begin()
        arming.begin(stepping=stepped is not None)
        try:
            self._engine.emu_start(self._port.resume_pc(self._engine), UNTIL_IGNORED, 0, count)
        except UcError as problem:
            self._events.on_error(problem)
        self._pages.clear()
        mark = arming.seen
        if arming.arm_fresh() and stepped is not None and mark is None:
            mark = arming.mark_at(stepped)
        return self._outcome(mark, stepping=stepped is not None)

    def _outcome(self, mark: Mark | None, *, stepping: bool) -> Stop | None:
        """What the last run's callbacks left."""
        hits = self._watching.take_hits()
        if hits:
            return self._on_watch_hits(hits)
        raised = self._events.take_exception()
        if raised is not None:
            return self._on_exception(raised)
        stop = self._events.take_stop()
        if stop is not None:
            known = stop.kind in (StopKind.BREAKPOINT, StopKind.STEP)
            return stop if known else replace(stop, pc=self.pc())
        if self._guest_reached:
            points, self._guest_reached = self._guest_reached, []
            return self._raise_debug(points)
        if mark is Mark.DEBUG_WRITE:
            return self._on_debug_write(stepping=stepping)
        return self._halt() if mark is Mark.HALT else None

    def _halt(self) -> Stop:
        return Stop(StopKind.HALT, self.pc(), Signal.STOP, "the guest halted its processor")

    # -- watchpoints: the debugger's and the guest's own -----------------------------------------------

    def _on_watch_hits(self, hits: list[WatchHit]) -> Stop | None:
        """Undo the access or complete it, as the architecture has it; then the debugger comes first."""
        undo = hits[0].undo
        if undo is not None:
            self._write_virtual(*undo)
        if not self._watched_machine.watch_before:
            return self._complete(hits)
        ours = _debuggers(hits)
        return self._watch_stop(ours[0]) if ours else self._raise_debug(self._points_of(hits))

    def _points_of(self, hits: list[WatchHit]) -> list[GuestPoint]:
        """The guest's own watchpoints among them."""
        theirs = {hit.key for hit in hits}
        return [point for point in self._guest_points if _guest_key(point) in theirs]

    def _watch_stop(self, hit: WatchHit) -> Stop:
        kind = hit.key.kind
        reason = f"{kind.label} hit at {hit.address:#x}"
        return Stop(StopKind.WATCHPOINT, self.pc(), reason=reason, address=hit.address, breakpoint=kind)

    def _complete(self, hits: list[WatchHit]) -> Stop | None:
        """Execute the instruction, then report all it touched, which may be more than the access it was
        stopped at.  The guest's exception waits while the debugger looks.
        """
        self._raised = False
        other = self._run_muted()
        hits += self._watching.take_passed()
        points = self._points_of(hits)
        ours = [hit for hit in _debuggers(hits) if hit.test is None or hit.test.stops()]
        # After the instruction: a single step of the guest's own would clear these status bits again.
        exception = self._port.debug_exception(self._engine, points, self.read_physical) if points else None
        if other is not None:
            return other
        if exception is not None and not self._raised:
            if not ours:
                return self._offer(exception)
            self._deferred = exception
        return self._watch_stop(ours[0]) if ours else None

    def _run_muted(self) -> Stop | None:
        """Execute the instruction at the program counter, whatever it touches."""
        self._watching.take_passed()
        self._watching.muted = True
        pc = self._code.debugger_told = self._code.guest_told = self.pc()
        try:
            return self._run(1, pc)
        finally:
            self._watching.muted = False

    def _write_virtual(self, address: int, data: bytes) -> None:
        for virtual, physical, size in pieces(address, len(data), self.translate):
            self._memory.write(physical, data[virtual - address : virtual - address + size])

    # -- exceptions, and the guest's own debug registers -----------------------------------------------

    def _on_exception(self, raised: Raised) -> Stop | None:
        port, engine = self._port, self._engine
        self._events.take_stop()
        if raised.number is None:
            return self._offer(port.invalid_instruction(engine, self.read_physical))
        return self._offer(port.exception(engine, raised.number, self.read_physical))

    def _offer(self, exception: GuestException) -> Stop | None:
        """To the guest's own handler, if it is the guest's and there is one; else a stop."""
        self._raised = exception.debug
        reason = f"{exception.name} at {exception.pc:#x}{exception.detail}"
        kind = StopKind.EXCEPTION
        if self.hand_back(exception):
            obstacle = self._port.deliver(self._engine, exception, self.read_physical)
            self._pages.clear()
            if obstacle is None:
                self.on_delivered(exception)
                return None
            kind = StopKind.SHUTDOWN if obstacle.shutdown else kind
            reason += f": the guest has no handler ({obstacle.reason})"
        self._code.guest_told = self.pc()
        self._port.keep(self._engine, exception)
        return Stop(
            kind,
            self.pc(),
            exception.signal,
            reason,
            address=exception.address,
            instruction=exception.pc if exception.trap else None,
        )

    def _deliver_deferred(self) -> Stop | None:
        exception, self._deferred = self._deferred, None
        return self._offer(exception) if exception is not None else None

    def _raise_debug(self, points: list[GuestPoint]) -> Stop | None:
        """The guest reached a point of its own; where its processor takes no debug exception now, the
        instruction is simply executed.
        """
        exception = self._port.debug_exception(self._engine, points, self.read_physical)
        if exception is None:
            return self._run_muted()
        stop = self._offer(exception)
        if stop is not None and any(point.kind.is_watch for point in points):
            self._kept = self.pc()
        return stop

    def _takes_kept(self) -> bool:
        """Whether the guest stands before an access to what it watches, of which the debugger has been told
        in its place: the access is then done, or it would be told again and again.
        """
        kept, self._kept = self._kept, None
        return kept is not None and kept == self.pc()

    def _on_debug_write(self, *, stepping: bool) -> Stop | None:
        """A debug register is about to be (while stepping: has been) written: see what is armed then."""
        stop = None if stepping else self._run_muted()
        self._refresh_guest_points()
        return stop

    def _refresh_guest_points(self) -> None:
        points = self._port.guest_points(self._engine)
        for point in set(self._guest_points) - set(points):
            if point.kind.is_watch:
                self._watching.remove(_guest_key(point))
        for point in points:
            if point.kind.is_watch:
                with contextlib.suppress(MemoryFault):  # nothing is mapped there that could be touched
                    self._watching.insert(_guest_key(point))
        self._code.set_guest(point for point in points if not point.kind.is_watch)
        self._guest_points = tuple(points)

    def _breakpoint_stop(self, address: int) -> Stop:
        reason = f"breakpoint at {address:#x}"
        return Stop(StopKind.BREAKPOINT, address, reason=reason, address=address)

    def _on_breakpoint(self, address: int) -> None:
        self._pages.clear()  # a test may look at memory, and the guest has run since
        points = self._code.reached(address)
        if points is None:
            self._events.stop(self._breakpoint_stop(address))
        elif points:
            self._guest_reached = points
            self._engine.emu_stop()

    # -- the machine's devices (kvmgdb.arch.machine.Devices) --------------------------------------------

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


def _guest_key(point: GuestPoint) -> WatchKey:
    return WatchKey(Owner.GUEST, point.kind, point.address, point.length)
