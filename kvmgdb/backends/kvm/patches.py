"""Software breakpoints: trap instructions in guest memory that a debugger never sees.

They stand in our own mapping and nowhere else, so they are gone with the process.  A guest that writes over
one has the last word: what it wrote is what is read, and nothing is put back over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from kvmgdb.arch.kvm import KvmTrap
from kvmgdb.backends.memory import PAGE, PhysicalMemory


@dataclass(slots=True)
class _Patch:
    """One place in memory."""

    original: bytes
    written: bytes
    """What stands there for it: the trap's code."""
    users: int = 1
    """How many virtual addresses lead here."""


class Patches:
    """The software breakpoints of one guest."""

    def __init__(self, memory: PhysicalMemory, trap: KvmTrap) -> None:
        self._memory = memory
        self.trap = trap
        self._physical: dict[int, int] = {}
        self._patches: dict[int, _Patch] = {}
        self._pages: dict[int, set[int]] = {}
        self.addresses: Set[int] = self._physical.keys()
        """The virtual addresses of all of them; a view, which is as they are."""

    def clear(self) -> None:
        """Forget them all: memory has been made anew."""
        self._physical.clear()
        self._patches.clear()
        self._pages.clear()

    def __contains__(self, virtual: int) -> bool:
        return virtual in self._physical

    def __bool__(self) -> bool:
        return bool(self._physical)

    def is_patched(self, physical: int) -> bool:
        """Whether a trap of ours stands at a physical address."""
        return physical in self._patches

    def insert(self, virtual: int, physical: int) -> None:
        """Put a trap at ``physical``, where ``virtual`` leads now.

        Raises:
            MemoryFault: no memory is there; nothing is kept of it.
        """
        if virtual in self._physical:
            return
        patch = self._patches.get(physical)
        if patch is None:
            self._put(physical)
        else:
            patch.users += 1
        self._physical[virtual] = physical

    def _put(self, physical: int) -> None:
        original = self._memory.read(physical, len(self.trap.code))
        self._memory.write(physical, self.trap.code)
        self._patches[physical] = _Patch(original, self.trap.code)
        self._pages.setdefault(physical // PAGE, set()).add(physical)

    def remove(self, virtual: int) -> None:
        """Take one out; what it stood on is back."""
        physical = self._physical.pop(virtual, None)
        if physical is None:
            return
        patch = self._patches[physical]
        patch.users -= 1
        if patch.users:
            return
        del self._patches[physical]
        self._pages[physical // PAGE].discard(physical)
        if self._stands(physical, patch):
            self._memory.write(physical, patch.original)

    def use(self, trap: KvmTrap) -> None:
        """Have every breakpoint stand as ``trap``: the processor's mode has changed."""
        if trap == self.trap:
            return
        self.trap = trap
        for physical, patch in self._patches.items():
            if not self._stands(physical, patch):
                patch.original = self._memory.read(physical, len(trap.code))
            patch.written = trap.code
            self._memory.write(physical, trap.code)

    def lift(self, addresses: Iterable[int]) -> list[int]:
        """Take those at any of the virtual ``addresses`` out of memory for a while; what :meth:`put_back`
        wants.
        """
        found = dict.fromkeys(self._physical[at] for at in addresses if at in self._physical)
        lifted = [physical for physical in found if self._stands(physical, self._patches[physical])]
        for physical in lifted:
            self._memory.write(physical, self._patches[physical].original)
        return lifted

    def put_back(self, lifted: Iterable[int]) -> None:
        """Undo :meth:`lift`.  What the guest has written there meanwhile is kept as its own."""
        for physical in lifted:
            patch = self._patches[physical]
            patch.original = self._memory.read(physical, len(patch.written))
            self._memory.write(physical, patch.written)

    def read(self, physical: int, length: int) -> bytes:
        """Guest memory as it is without them."""
        data = self._memory.read(physical, length)
        if not self._patches:
            return data
        whole = bytearray(data)
        for place, patch in self._in(physical, length):
            if self._stands(place, patch):
                _overlay(whole, physical, place, patch.original)
        return bytes(whole)

    def write(self, physical: int, data: bytes) -> None:
        """Write guest memory under them."""
        touched = [pair for pair in self._in(physical, len(data)) if self._stands(*pair)]
        self._memory.write(physical, data)
        for place, patch in touched:
            original = bytearray(patch.original)
            _overlay(original, place, physical, data)
            patch.original = bytes(original)
            self._memory.write(place, patch.written)

    def _stands(self, physical: int, patch: _Patch) -> bool:
        return self._memory.read(physical, len(patch.written)) == patch.written

    def _in(self, physical: int, length: int) -> Iterator[tuple[int, _Patch]]:
        """Those that share a byte with a range; what it costs goes by the shorter of range and list."""
        first, end = physical - len(self.trap.code) + 1, physical + length
        for page in range(first // PAGE, (end - 1) // PAGE + 1):
            here = self._pages.get(page)
            if here:
                wanted = range(max(first, page * PAGE), min(end, (page + 1) * PAGE))
                few = here if len(here) < len(wanted) else wanted
                yield from [(at, self._patches[at]) for at in few if at in here and at in wanted]


def _overlay(target: bytearray, start: int, place: int, data: bytes) -> None:
    """Put ``data``, at address ``place``, over ``target``, at address ``start``, as far as they meet."""
    low, high = max(start, place), min(start + len(target), place + len(data))
    if low < high:
        target[low - start : high - start] = data[low - place : high - place]
