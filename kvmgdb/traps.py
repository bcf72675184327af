"""The trap instructions gdb has written into memory by itself.

Where the policy leaves software breakpoints to gdb, it overwrites instructions and later puts them back.
A trap the guest then runs into is gdb's if gdb wrote it: the writes are watched.  A write counts as
setting a breakpoint when a trap instruction is all that it changes, however many bytes around it are
written along; so loading a program that has traps of its own sets none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kvmgdb.arch.breakpoints import BreakpointEncoding


@dataclass(slots=True)
class WrittenTraps:
    """The addresses gdb's traps are at."""

    encoding: BreakpointEncoding
    _addresses: set[int] = field(default_factory=set)

    def __contains__(self, address: int | None) -> bool:
        return address in self._addresses

    def __len__(self) -> int:
        return len(self._addresses)

    def clear(self) -> None:
        """Forget all: memory was put back to its start."""
        self._addresses.clear()

    def on_write(self, address: int, before: bytes, after: bytes) -> None:
        """Take note of a write: ``before`` is what was in memory, ``after`` what is there now."""
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if not changed:
            return
        self._addresses -= {a for a in self._addresses if self._overwritten(a - address, changed)}
        found = self._trap_around(address, after, changed)
        if found is not None:
            self._addresses.add(found)

    def _overwritten(self, offset: int, changed: list[int]) -> bool:
        longest = max(len(trap.code) for trap in self.encoding.traps)
        return any(offset <= i < offset + longest for i in changed)

    def _trap_around(self, address: int, after: bytes, changed: list[int]) -> int | None:
        """Where a trap instruction covers every changed byte; None where none does."""
        align = self.encoding.instruction_alignment
        for trap in self.encoding.traps:
            size = len(trap.code)
            for start in range(max(0, changed[-1] - size + 1), changed[0] + 1):
                if after[start : start + size] == trap.code and (address + start) % align == 0:
                    return address + start
        return None
