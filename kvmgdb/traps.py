"""The trap instructions gdb has written into memory by itself.

Where the policy leaves software breakpoints to gdb, it overwrites instructions and later puts them back.
A trap the guest then runs into is gdb's if gdb wrote it: the writes are watched.  A write counts as
setting a breakpoint when a trap instruction is all that it changes, however many bytes around it are
written along; so loading a program that has traps of its own sets none.

Where the guest has a trap of its own, gdb's looks the same, and so does taking it out again: writes of
just that trap set and remove one by turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kvmgdb.arch.breakpoints import BreakpointEncoding


@dataclass(frozen=True, slots=True)
class WrittenTrap:
    """One of gdb's traps."""

    address: int
    code: bytes
    original: bytes
    """What was there before it."""

    def overlaps(self, address: int, changed: list[int]) -> bool:
        """Whether a write to ``address`` that changed the bytes at these offsets hit it."""
        offset = self.address - address
        return any(offset <= i < offset + len(self.code) for i in changed)


@dataclass(slots=True)
class WrittenTraps:
    """All of gdb's traps, by address."""

    encoding: BreakpointEncoding
    _written: dict[int, WrittenTrap] = field(default_factory=dict)

    def __contains__(self, address: int | None) -> bool:
        return address in self._written

    def __iter__(self) -> Iterator[WrittenTrap]:
        return iter(self._written.values())

    def __len__(self) -> int:
        return len(self._written)

    def clear(self) -> None:
        """Forget all: memory was put back to its start."""
        self._written.clear()

    def on_write(self, address: int, before: bytes, after: bytes) -> None:
        """Take note of a write: ``before`` is what was in memory, ``after`` what is there now."""
        changed = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if not changed:
            self._on_same(address, after)
            return
        for known in [trap for trap in self if trap.overlaps(address, changed)]:
            del self._written[known.address]
        found = self._trap_around(address, after, changed)
        if found is not None:
            start, size = found
            place = address + start
            self._written[place] = WrittenTrap(
                place, after[start : start + size], before[start : start + size]
            )

    def _on_same(self, address: int, code: bytes) -> None:
        """A write that changes nothing: one of gdb's over a trap of the guest's, or the end of it."""
        is_trap = any(code == trap.code for trap in self.encoding.traps)
        if not is_trap or address % self.encoding.instruction_alignment:
            return
        known = self._written.get(address)
        if known is None:
            self._written[address] = WrittenTrap(address, code, code)
        elif known.original == code:
            del self._written[address]

    def _trap_around(self, address: int, after: bytes, changed: list[int]) -> tuple[int, int] | None:
        """Offset and size of the trap instruction that covers every changed byte; None where none does."""
        align = self.encoding.instruction_alignment
        for trap in self.encoding.traps:
            size = len(trap.code)
            for start in range(max(0, changed[-1] - size + 1), changed[0] + 1):
                if after[start : start + size] == trap.code and (address + start) % align == 0:
                    return start, size
        return None
