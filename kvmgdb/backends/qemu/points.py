"""What is set in QEMU's stub, kept in step with what is wanted.

gdb takes all its breakpoints out at every stop and puts them back at every resume.  Here that only changes
what is wanted; QEMU hears of the difference when the guest runs.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.errors import BackendError

Key = tuple[BreakpointKind, int, int]
"""Kind, address, length."""

_WATCHES = {
    b"watch": BreakpointKind.WRITE,
    b"rwatch": BreakpointKind.READ,
    b"awatch": BreakpointKind.ACCESS,
}


class Points:
    """The breakpoints and watchpoints of one guest; code ones are all of one kind in QEMU."""

    def __init__(self) -> None:
        self._wanted: set[Key] = set()
        self._code: dict[int, set[BreakpointKind]] = {}
        self._own: set[Key] = set()
        self._set: set[Key] = set()

    def __contains__(self, pc: int) -> bool:
        return pc in self._code

    def holds(self, pc: int) -> bool:
        """Whether QEMU would stop a guest at ``pc`` at once, for the debugger or for us."""
        key = (BreakpointKind.HARDWARE, pc, 1)
        return key in self._wanted or key in self._own

    @property
    def watches(self) -> list[Key]:
        """The debugger's watchpoints."""
        return [key for key in self._wanted if key[0].is_watch]

    def forget(self) -> None:
        """There is a new QEMU, in which nothing is set."""
        self._set.clear()

    def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Want one."""
        if kind.is_watch:
            self._wanted.add((kind, address, length))
            return
        self._code.setdefault(address, set()).add(kind)
        self._wanted.add((BreakpointKind.HARDWARE, address, 1))

    def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Want it no more."""
        if kind.is_watch:
            self._wanted.discard((kind, address, length))
            return
        kinds = self._code.get(address, set())
        kinds.discard(kind)
        if not kinds:
            self._code.pop(address, None)
            self._wanted.discard((BreakpointKind.HARDWARE, address, 1))

    def want_own(self, keys: Iterable[Key]) -> None:
        """Those of the backend's own, beside the debugger's."""
        self._own = set(keys)

    def sync(self, remote: Remote) -> None:
        """Make it so.

        Raises:
            BackendError: QEMU refuses one.
        """
        wanted = self._wanted | self._own
        if wanted == self._set:
            return
        for key in self._set - wanted:
            self._ask(remote, b"z", key)
            self._set.discard(key)
        for key in wanted - self._set:
            self._ask(remote, b"Z", key)
            self._set.add(key)

    def _ask(self, remote: Remote, action: bytes, key: Key) -> None:
        kind, address, length = key
        answer = remote.ask(b"%b%d,%x,%x" % (action, kind, address, length))
        if answer != b"OK":
            verb = "set" if action == b"Z" else "remove"
            raise BackendError(f"QEMU does not {verb} a {kind.label} at {address:#x}: {answer.decode()!r}")

    def watched(self, reply: bytes) -> tuple[BreakpointKind, int] | None:
        """What a stop reply says was hit: the kind and the first watched address."""
        for part in reply[3:].split(b";"):
            name, _, value = part.partition(b":")
            kind = _WATCHES.get(name)
            if kind is not None:
                return kind, int(value, 16)
        return None
