"""Guest-physical memory: RAM as a mapping shared with QEMU, whatever else is memory through its stub.

Reading RAM is a slice of bytes.  Writing goes through QEMU, which then knows that code it has translated is
no longer what it was.  Where the board may put a ROM over RAM, QEMU is asked, too; devices are never touched.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from itertools import pairwise

from kvmgdb.arch.machine import Region
from kvmgdb.backends.qemu.remote import Remote
from kvmgdb.errors import MemoryFault

_LINE = re.compile(r"^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom|romd)\): (\S+)", re.MULTILINE)
"""A line of ``info mtree -f``."""


def other_memory(tree: str) -> list[Region]:
    """The regions of memory that are not the guest's RAM, as the processor sees them, in what ``info mtree
    -f`` has answered.
    """
    for view in tree.split("FlatView")[1:]:
        if 'AS "cpu-memory-0"' in view:
            found = [(int(low, 16), int(high, 16), name) for low, high, _, name in _LINE.findall(view)]
            return [Region(low, high - low + 1, name) for low, high, name in found if name != "ram"]
    return []


class GuestMemory:
    """The memory of one guest."""

    def __init__(
        self, ram: mmap.mmap, remote: Remote, overlaid: range, look: Callable[[], list[Region]]
    ) -> None:
        self._ram = ram
        self._size = len(ram)
        self._remote = remote
        self._overlaid = overlaid
        self._look = look
        self._others = look()
        self._is_current = True
        self._rom_start, self._rom = 0, b""

    def know(self, start: int, rom: bytes) -> None:
        """What is in a ROM: the page tables a guest starts with, say, which are looked at again and again."""
        self._rom_start, self._rom = start, rom

    def moved(self) -> None:
        """The guest has run, and may have moved what is not RAM."""
        self._is_current = False

    @property
    def regions(self) -> tuple[Region, ...]:
        """RAM, and the rest as it was last seen."""
        others = [region for region in self._others if region.start >= self._size]
        return tuple(sorted((Region(0, self._size, "ram"), *others), key=lambda region: region.start))

    def _holds(self, address: int, length: int) -> bool:
        """Whether a range is memory and not in RAM."""
        end = address + length
        if any(r.start <= address and end <= r.end for r in self._others):
            return True
        if self._is_current:
            return False
        self._others, self._is_current = self._look(), True
        return any(r.start <= address and end <= r.end for r in self._others)

    def _is_plain(self, address: int, length: int) -> bool:
        end = address + length
        is_over = address < self._overlaid.stop and self._overlaid.start < end
        return end <= self._size and not is_over

    def read(self, address: int, length: int) -> bytes:
        """``length`` bytes, or :class:`MemoryFault`."""
        if self._is_plain(address, length):
            return self._ram[address : address + length]
        at = address - self._rom_start
        if 0 <= at <= len(self._rom) - length:
            return self._rom[at : at + length]
        self._check(address, length)
        cuts = [self._overlaid.start, self._overlaid.stop, self._size]
        ends = [address, *(cut for cut in cuts if address < cut < address + length), address + length]
        return b"".join([self._piece(start, end - start) for start, end in pairwise(ends)])

    def _piece(self, address: int, length: int) -> bytes:
        if self._is_plain(address, length):
            return self._ram[address : address + length]
        found = self._remote.read_memory(address, length)
        if len(found) < length:
            raise MemoryFault(f"QEMU does not read physical address {address + len(found):#x}")
        return found

    def write(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing and :class:`MemoryFault`."""
        if not self._is_plain(address, len(data)):
            self._check(address, len(data))
        if not self._remote.write_memory(address, data):
            raise MemoryFault(f"QEMU does not write physical address {address:#x}")

    def clear(self) -> None:
        """Fill RAM with zeros, for QEMU too, before the guest has run and anything of it is translated."""
        self._ram.madvise(mmap.MADV_REMOVE)

    def _check(self, address: int, length: int) -> None:
        if address + length <= self._size or self._holds(address, length):
            return
        if address < self._size:
            raise MemoryFault(
                f"physical memory ends at {self._size:#x}; {address:#x} + {length:#x} goes past it"
            )
        raise MemoryFault(f"no memory at physical address {address:#x}")
