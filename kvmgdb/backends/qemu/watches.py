"""Watchpoints: what QEMU reports after an access, as each architecture has it, and two uses of our own.

QEMU stops a guest behind the instruction that touched what is watched.  Where the architecture reports an
access before it is made (PowerPC), the instruction is undone: memory is put back from a copy of what is
watched, registers by what the port knows of the instruction.  Where that cannot be, the stop says so.

Our own are the devices of the sample machine that a board of QEMU's does not have, and the exception vectors
where no handler is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import DeviceRegion
from kvmgdb.arch.qemu import QemuPort
from kvmgdb.arch.stops import Signal, Stop, StopKind
from kvmgdb.backends.qemu.points import Key, Points
from kvmgdb.backends.qemu.view import View

EXIT_OFFSET = 8
"""Where the exit device of the sample machine is in its page; the console is at its start."""
WORD = 4


class Watches:
    """Those of one guest."""

    def __init__(self, port: QemuPort, view: View, points: Points, *, before: bool) -> None:
        self._port = port
        self._view = view
        self._points = points
        self._before = before
        self._contents: dict[Key, bytes] = {}
        self._vectors: frozenset[int] = frozenset()
        self._devices: DeviceRegion | None = None

    def own(self, *, devices: bool) -> list[Key]:
        """What the backend sets for itself, now that the guest is at its start."""
        self._devices = found = self._port.devices if devices else None
        own = [] if found is None else [(BreakpointKind.WRITE, found.start, found.size)]
        self._vectors = frozenset(self._port.vectors(self._view.read))
        return own + [(BreakpointKind.HARDWARE, vector, 1) for vector in self._vectors]

    def begin(self) -> None:
        """Before a run: what is watched is kept, for an access that has to be undone."""
        if self._before:
            self._contents = {key: self._view.read_virtual(*key[1:]) for key in self._points.watches}

    def serve(self, reply: bytes, console: Callable[[int], None]) -> int | None:
        """If the guest has just written to a device of ours, do what it does; the status it ends with."""
        hit = self._points.watched(reply)
        if self._devices is None or hit is None or hit[1] != self._devices.start:
            return None
        served = self._port.served(self._instruction(), self._view.read)
        if served is None:
            return None
        offset, byte = served
        if offset == 0:
            console(byte)
        return byte if offset == EXIT_OFFSET else None

    def stop(self, reply: bytes, wants: Callable[[Stop], bool]) -> Stop | None:
        """The stop for a hit of the debugger's, where its test wants it."""
        hit = self._points.watched(reply)
        lengths = [length for *key, length in self._points.watches if hit == tuple(key)]
        if hit is None or not lengths:
            return None
        access = self._port.access(self._instruction(), self._view.read) if self._before else None
        first = hit[1] if access is None else max(hit[1], access.address)
        if access is not None and not first < min(access.address + access.size, hit[1] + max(lengths)):
            return None  # QEMU takes the neighbours of an unaligned access for touched
        stop = self._stop(hit[0], first)
        if not wants(stop):
            return None
        if not self._before:
            return stop
        if access is None or access.before is None:
            return stop._replace(reason=f"{stop.reason}, reported after the access")
        return self._undone(hit[0], first, access.before)

    def _stop(self, kind: BreakpointKind, address: int) -> Stop:
        reason = f"{kind.label} hit at {address:#x}"
        return Stop(StopKind.WATCHPOINT, self._view.pc(), reason=reason, address=address, breakpoint=kind)

    def _undone(self, kind: BreakpointKind, address: int, before: Mapping[str, int]) -> Stop:
        """The stop, in front of an access that is made again later."""
        for (_, start, _), old in self._contents.items():
            if old != self._view.read_virtual(start, len(old)):
                self._view.write_virtual(start, old)
        self._view.move(before)
        return self._stop(kind, address)

    def _instruction(self) -> bytes:
        """The one in front of the program counter: it was a load or a store, which does not jump."""
        return self._view.read_virtual(self._view.pc() - WORD, WORD)

    def unhandled(self) -> Stop | None:
        """At a vector without a handler: a stop at the instruction that the exception is of."""
        pc = self._view.pc()
        if pc not in self._vectors:
            return None
        found = self._port.unhandled(self._view.read, pc, self._view.read_virtual(pc, WORD))
        if found is None:
            return None
        self._view.move(found.back)
        return Stop(StopKind.EXCEPTION, self._view.pc(), Signal(found.signal), found.reason)
