"""What is the guest's: its exceptions, and the breakpoints in its own debug registers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from kvmgdb.arch.emulator import EmulatorPort, Engine, GuestPoint
from kvmgdb.arch.stops import GuestException, Stop, StopKind
from kvmgdb.backends.base import HandBack, OnDelivered
from kvmgdb.backends.emulator.code_points import CodePoints
from kvmgdb.backends.emulator.events import Raised
from kvmgdb.backends.emulator.watching import Owner, WatchHit, Watching, WatchKey
from kvmgdb.errors import MemoryFault


class Owning(Protocol):
    """The backend, as far as it is asked here."""

    hand_back: HandBack
    on_delivered: OnDelivered

    def pc(self) -> int:
        """Linear address of the next instruction."""
        ...

    def read_physical(self, address: int, length: int) -> bytes:
        """Guest-physical memory."""
        ...

    def forget(self) -> None:
        """Look translations up anew."""
        ...


class GuestDebug:
    """The debug facility of one engine's guest."""

    def __init__(
        self,
        port: EmulatorPort,
        engine: Engine,
        backend: Owning,
        code: CodePoints,
        watching: Watching,
        execute: Callable[[], Stop | None],
        execute_muted: Callable[[], Stop | None],
    ) -> None:
        self._port = port
        self._engine = engine
        self._backend = backend
        self._code = code
        self._watching = watching
        self._execute = execute
        """Executes the instruction at the program counter, of which everybody has been told."""
        self._execute_muted = execute_muted
        """The same, and of what it touches."""
        self._points: tuple[GuestPoint, ...] = ()
        self._deferred: GuestException | None = None
        self._kept: int | None = None
        self.ended_in: GuestException | None = None
        """The exception of the guest's that the last run has ended in.  After any but a debug exception, its
        last instruction has not been executed."""

    # -- exceptions ----------------------------------------------------------------------------------

    def on_exception(self, raised: Raised, touched: list[GuestPoint]) -> Stop | None:
        """The engine says that the guest's processor raised one, at an instruction that has also ``touched``
        points of the guest's: a debug exception is then one for all of it.
        """
        port, engine, read = self._port, self._engine, self._backend.read_physical
        if raised.number is None:
            return self.offer(port.invalid_instruction(engine, read))
        exception = port.exception(engine, raised.number, read)
        if exception is None:
            return self._execute()
        if exception.debug and not exception.trap:
            self._exception_of(touched)
        return self.offer(exception)

    def offer(self, exception: GuestException) -> Stop | None:
        """To the guest's own handler, if it is the guest's and there is one; else a stop."""
        self.ended_in = exception
        reason = f"{exception.name} at {exception.pc:#x}{exception.detail}"
        kind = StopKind.EXCEPTION
        if self._backend.hand_back(exception):
            obstacle = self._port.deliver(self._engine, exception, self._backend.read_physical)
            self._backend.forget()
            if obstacle is None:
                self._backend.on_delivered(exception)
                return self.enabled()
            kind = StopKind.SHUTDOWN if obstacle.shutdown else kind
            reason += f": the guest has no handler ({obstacle.reason})"
        self._code.guest_told = self._backend.pc()
        self._port.keep(self._engine, exception)
        return Stop(
            kind,
            self._backend.pc(),
            exception.signal,
            reason,
            address=exception.address,
            instruction=exception.pc if exception.trap else None,
        )

    def deliver_deferred(self) -> Stop | None:
        """Offer the exception that has waited while the debugger looked."""
        exception, self._deferred = self._deferred, None
        return self.offer(exception) if exception is not None else None

    # -- its own debug registers -----------------------------------------------------------------------

    def refresh(self) -> None:
        """See what the guest has armed."""
        points = self._port.guest_points(self._engine)
        for point in set(self._points) - set(points):
            if point.kind.is_watch:
                self._watching.remove(_guest_key(point))
        for point in points:
            if point.kind.is_watch:
                with contextlib.suppress(MemoryFault):  # nothing is mapped there that could be touched
                    self._watching.insert(_guest_key(point))
        self._code.set_guest(point for point in points if not point.kind.is_watch)
        self._points = tuple(points)

    def points_of(self, hits: list[WatchHit]) -> list[GuestPoint]:
        """The guest's own watchpoints among them."""
        theirs = {hit.key for hit in hits}
        return [point for point in self._points if _guest_key(point) in theirs]

    def reached(self, points: list[GuestPoint]) -> Stop | None:
        """The guest reached a point of its own; where its processor takes no debug exception now, the
        instruction is simply executed.
        """
        exception = self._exception_of(points)
        if not any(point.kind.is_watch for point in points):
            return self.offer(exception) if exception is not None else self._execute()
        return self.offer_before(exception) if exception is not None else self._execute_muted()

    def refused(self) -> GuestException | None:
        """What the instruction at the program counter raises instead of being executed."""
        if not self._port.alert:
            return None
        return self._port.before(self._engine, self._backend.read_physical)

    def offer_before(self, exception: GuestException) -> Stop | None:
        """Offer what an access raises that is not done yet."""
        stop = self.offer(exception)
        if stop is not None:
            self._kept = self._backend.pc()
        return stop

    def enabled(self) -> Stop | None:
        """Something has been done after which an event that is recorded may count."""
        if not self._port.alert:
            return None
        exception = self._port.after(self._engine, self._backend.read_physical)
        return self.offer(exception) if exception is not None else None

    def takes_kept(self) -> bool:
        """Whether the guest stands before an access of which the debugger has been told in its place: the
        access is then done, or it would be told again and again.
        """
        kept, self._kept = self._kept, None
        return kept is not None and kept == self._backend.pc()

    def trapped(self, points: list[GuestPoint]) -> Stop | None:
        """The instruction just executed has touched these of the guest's, and no memory."""
        exception = self._exception_of(points)
        return self.offer(exception) if exception is not None else None

    def touched(self, points: list[GuestPoint], *, wait: bool) -> Stop | None:
        """The instruction just executed has touched these, and its exception comes after it; or ``wait``,
        while the debugger looks.
        """
        exception = self._exception_of(points)
        if exception is None or (self.ended_in is not None and self.ended_in.debug):
            return None
        if not wait:
            return self.offer(exception)
        self._deferred = exception
        return None

    def _exception_of(self, points: list[GuestPoint]) -> GuestException | None:
        """Noted in the status register; None where the processor takes none now."""
        if not points:
            return None
        return self._port.debug_exception(self._engine, points, self._backend.read_physical)


def _guest_key(point: GuestPoint) -> WatchKey:
    return WatchKey(Owner.GUEST, point.kind, point.address, point.length)
