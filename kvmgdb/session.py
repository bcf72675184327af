"""One debugger's session, without I/O: what state it is in, what a stop means, what was decided."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.arch.stops import GuestException, Signal, Stop, StopKind
from kvmgdb.arch.trace import TO_THE_DEBUGGER, TO_THE_GUEST
from kvmgdb.breakpoints import Breakpoint, BreakpointTable
from kvmgdb.errors import RspError
from kvmgdb.guest import Guest
from kvmgdb.hits import HitMachine, hit_test
from kvmgdb.outcomes import TRANSITIONS, State, Trigger
from kvmgdb.policy import Policy, UnclaimedExits
from kvmgdb.rsp import replies
from kvmgdb.traps import WrittenTraps

EXITS_KEPT = 200
"""How many stops ``monitor exits`` can look back on: a screenful or some, at no cost."""

THREAD = 1
"""The one processor's thread id (0 and -1 have meanings of their own in the protocol)."""


class ExitRecord(NamedTuple):
    """One stop and what was made of it, for ``monitor exits``."""

    number: int
    stop: Stop
    verdict: str

    def __str__(self) -> str:
        stop = self.stop
        return f"{self.number:>5}  {stop.pc:#018x}  {stop.kind.value:<10}  {self.verdict}: {stop.reason}"


_WATCH_NAMES = {
    BreakpointKind.WRITE: b"watch",
    BreakpointKind.READ: b"rwatch",
    BreakpointKind.ACCESS: b"awatch",
}
_THREAD = b"thread:%x" % THREAD


@dataclass(slots=True)
class Session:
    """The state of one connection, and of the guest across connections."""

    guest: Guest
    policy: Policy
    monitor_commands: dict[str, MonitorCommand]
    points: BreakpointTable = field(default_factory=BreakpointTable)
    state: State = State.HALTED
    features: frozenset[str] = frozenset()
    """What gdb said it has."""
    acks: bool = True
    lldb: bool = False
    """Whether the debugger has said something that only LLDB says."""
    last_stop: Stop | None = None
    exits: deque[ExitRecord] = field(default_factory=lambda: deque(maxlen=EXITS_KEPT))
    exit_count: int = 0
    console_flush: Callable[[], None] = lambda: None
    """Shows what the guest has printed of a line so far; called at every stop."""
    trace: Callable[[Stop, str], None] = lambda stop, verdict: None
    """Told of every stop and whose it was, single steps included."""
    traps: WrittenTraps = field(init=False)
    refusals: list[str] = field(default_factory=list)
    """Why breakpoints were refused since the guest ran last: gdb does not show the reason it is given."""
    say: Callable[[bytes], None] = lambda text: None
    """Shows the debugger's user what a breakpoint's commands print."""
    ends_with_debugger: bool = False
    """Whether the guest goes when the debugger does: a gdb that quits then kills it, and does not detach."""
    _machine: HitMachine = field(init=False)
    _trapped: bytes | None = None
    """The trap instruction the guest stands on since the last stop, not set by anybody here."""

    def __post_init__(self) -> None:
        """Have the backend ask this session whose an exception is."""
        self._machine = HitMachine(self.guest, lambda text: self.say(text))
        self.traps = WrittenTraps(self.guest.arch.breakpoints)
        self.guest.backend.hand_back = self._hand_back
        self.guest.backend.on_delivered = self._on_delivered

    def after(self, trigger: Trigger) -> State:
        """The state a trigger leads to.

        Raises:
            RspError: the packet makes no sense in this state.
        """
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            raise RspError(f"{trigger.value}: not possible while the guest is {self.state.value}")
        return following

    def move(self, trigger: Trigger) -> None:
        """Change state.

        Raises:
            RspError: the packet makes no sense in this state.
        """
        self.state = self.after(trigger)

    def attach(self) -> None:
        """A new debugger: what the last one agreed on is forgotten."""
        self.features = frozenset()
        self.acks = True
        self.lldb = False
        self.refusals.clear()
        self.drop_breakpoints()
        self.guest.physical = False
        if self.state is not State.ENDED:
            self.state = State.HALTED

    @property
    def error_style(self) -> replies.ErrorStyle:
        """How this debugger takes errors."""
        if self.lldb:
            return replies.ErrorStyle.BOTH
        return replies.ErrorStyle.TEXT if "error-message+" in self.features else replies.ErrorStyle.NUMBER

    def error_reply(self, problem: RspError) -> bytes:
        """A refusal, with its reason where the debugger can show it."""
        return replies.error(problem, self.error_style)

    def _hand_back(self, exception: GuestException) -> bool:
        """Whether the guest's own handler gets it.  Ours are gdb's traps; other debug events go by the
        policy; everything else is the guest's.
        """
        if exception.trap and exception.pc in self.traps:
            return False
        return not exception.debug or self.policy.unclaimed_exits is UnclaimedExits.GUEST

    def _on_delivered(self, exception: GuestException) -> None:
        reason = f"{exception.name} at {exception.pc:#x}{exception.detail}"
        self.record(Stop(StopKind.EXCEPTION, exception.pc, exception.signal, reason), TO_THE_GUEST)

    def _claim_trap(self, stop: Stop) -> Stop:
        """A trap gdb wrote is its breakpoint.  A gdb that knows ``swbreak`` expects the program counter
        on the breakpoint already; an older one moves it back itself.
        """
        if stop.instruction not in self.traps or stop.instruction is None:
            return stop
        if "swbreak+" in self.features and stop.pc != stop.instruction:
            registers = self.guest.arch.registers
            [pc] = self.guest.backend.read_registers([registers.pc])
            self.guest.backend.write_register(registers.pc, pc - (stop.pc - stop.instruction))
        reason = f"gdb's own trap at {stop.instruction:#x}"
        return Stop(StopKind.BREAKPOINT, stop.instruction, reason=reason, address=stop.instruction)

    def pass_trap(self) -> bool:
        """Go past a trap of the guest's that the debugger has seen; whether there was one.

        Where the processor reports a trap instruction standing on it (PowerPC), a resume would only meet
        it again, and again.  x86 stands behind it anyway.
        """
        stop, guest = self.last_stop, self.guest
        if self._trapped is None or stop is None or guest.backend.pc() != stop.instruction:
            return False
        [pc] = guest.backend.read_registers([guest.arch.registers.pc])
        if guest.read_code(stop.instruction, len(self._trapped)) != self._trapped:
            return False  # the debugger has put another instruction there meanwhile
        guest.backend.write_register(guest.arch.registers.pc, pc + len(self._trapped))
        return True

    def _note_trap(self, stop: Stop) -> None:
        self._trapped = None
        if stop.kind is StopKind.EXCEPTION and stop.instruction == stop.pc:
            self._trapped = self.guest.read_code(stop.pc, self.guest.arch.breakpoints.instruction_alignment)

    def on_stop(self, stop: Stop) -> bytes:
        """Take note of a stop; the stop reply."""
        if stop.kind is StopKind.EXCEPTION:
            stop = self._claim_trap(stop)
        self.last_stop = stop
        self._note_trap(stop)
        self.console_flush()
        self.move(Trigger.GUEST_EXIT if stop.kind is StopKind.EXIT else Trigger.STOP)
        for point in self._hit(stop):
            point.hits += 1
        self.record(stop, TO_THE_DEBUGGER)
        return self.stop_reply()

    def _hit(self, stop: Stop) -> list[Breakpoint]:
        """The debugger's breakpoints that a stop is for."""
        if stop.kind is StopKind.WATCHPOINT and stop.breakpoint is not None and stop.address is not None:
            return self.points.watching(stop.breakpoint, stop.address)
        return self.points.at(stop.pc) if stop.kind is StopKind.BREAKPOINT else []

    def record(self, stop: Stop, verdict: str) -> None:
        """Write a line of ``monitor exits``; plain steps are left out, being what was asked for."""
        self.exit_count += 1
        self.trace(stop, verdict)
        if stop.kind is not StopKind.STEP:
            self.exits.append(ExitRecord(self.exit_count, stop, verdict))

    def stop_reply(self) -> bytes:
        """Why the guest stands still: the answer to a resume and to ``?``."""
        stop = self.last_stop
        if self.state is State.ENDED and stop is not None:
            return replies.exited(stop.status or 0)
        registers = self.guest.expedited()
        if stop is None:
            return replies.stopped(Signal.TRAP, registers, _THREAD)
        return replies.stopped(stop.signal, registers, _THREAD, *self._reasons(stop))

    def _reasons(self, stop: Stop) -> list[bytes]:
        if stop.kind is StopKind.WATCHPOINT and stop.breakpoint is not None and stop.address is not None:
            return [b"%b:%x" % (_WATCH_NAMES[stop.breakpoint], stop.address)]
        if stop.kind is StopKind.BREAKPOINT:
            kinds = {point.armed_as for point in self.points.at(stop.pc)}
            name = "hwbreak" if kinds == {BreakpointKind.HARDWARE} else "swbreak"
            if f"{name}+" in self.features:
                return [b"%b:" % name.encode("ascii")]
        return []

    def arm(self, point: Breakpoint) -> None:
        """Take a breakpoint into the table and have the backend arm it.

        Raises:
            RspError: it cannot be armed; the table is as before.
        """
        is_new = self.points.add(point)
        try:
            self._insert(point)
        except RspError:
            if is_new:
                self.points.remove(point)
            raise

    def _insert(self, point: Breakpoint) -> None:
        test = hit_test(self.points.sharing(point), self._machine)
        self.guest.backend.insert(point.armed_as, point.address, point.length, test)

    def disarm(self, point: Breakpoint) -> None:
        """Take it out."""
        self.points.take_out(point)
        if self.points.sharing(point):
            self._insert(point)
        else:
            self.guest.backend.remove(point.armed_as, point.address, point.length)

    def drop_breakpoints(self, *, keep_persistent: bool = False) -> None:
        """Take out the breakpoints of a debugger that is gone.  Those with commands that it wants to go on
        without it may stay until the next one comes (gdb's ``set disconnected-dprintf``).
        """
        for point in list(self.points):
            if not (keep_persistent and point.persist and point.commands):
                self.disarm(point)
        self.points.forget_taken_out()

    def take_out_traps(self) -> int:
        """Put back what was under the traps of a gdb that is gone and cannot do it; how many there were.

        A trap that is no longer there (the guest has written over it, or maps something else) is left.
        """
        guest, count = self.guest, 0
        guest.physical = False
        for trap in self.traps:
            with suppress(RspError):
                if guest.read_memory(trap.address, len(trap.code)) == trap.code:
                    guest.write_memory(trap.address, trap.original)
                    count += 1
        self.traps.clear()
        return count
