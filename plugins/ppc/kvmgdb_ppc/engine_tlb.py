"""The engine's own TLB of a 440: how far a translation holds.

The engine translates one address at a time, and a 440 has pages of 1 KiB, so a transfer of memory would look
up each kilobyte.  What the engine answers is never put in question here; the entry that gives the same answer
says for how many more bytes it does.  The entries are a field of the emulator's structure, found by what the
start state has put into them; should another Unicorn keep them otherwise, each kilobyte is looked up.
"""

from __future__ import annotations

import ctypes
import os
import struct

from kvmgdb_ppc import debug, tlb

_COUNT = 64
_VALID = 0x40  # of ``prot``: beside the six access rights
_BEFORE = 0x100  # how far before the SPRs the pointer to the entries stands, at most


class _Entry(ctypes.Structure):
    """One of them, as the engine has it."""

    _fields_ = (
        ("real", ctypes.c_uint64),
        ("effective", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("rights", ctypes.c_uint32),
        ("space", ctypes.c_uint32),
    )

    def maps(self, address: int, physical: int, pid: int, msr: int) -> bool:
        """Whether it says that ``address`` is at ``physical`` (PPC440x5, "Address Translation")."""
        offset = address - self.effective
        return (
            0 <= offset < self.size
            and self.real + offset == physical
            and bool(self.rights & _VALID)
            and self.pid in (0, pid)
            and self.space & 1 == bool(msr & debug.MSR_DR)
        )


class EngineTlb:
    """The entries of one engine, in its start state when they are looked for."""

    def __init__(self, sprs: ctypes.Array[ctypes.c_uint32]) -> None:
        self._entries = _find(ctypes.addressof(sprs))
        self._last = 0

    def reach(self, address: int, physical: int, pid: int, msr: int) -> int:
        """For how many bytes from ``address`` on, which is at ``physical``, memory goes on there; 0 where no
        entry says so.
        """
        entries = self._entries
        if entries and not entries[self._last].maps(address, physical, pid, msr):
            found = (i for i in range(len(entries)) if entries[i].maps(address, physical, pid, msr))
            self._last = next(found, self._last)
        if entries and (entry := entries[self._last]).maps(address, physical, pid, msr):
            return int(entry.effective) + int(entry.size) - address
        return 0


def _find(sprs: int) -> ctypes.Array[_Entry] | tuple[()]:
    started = [struct.pack("<QIII", page, page, 0, tlb.START_SIZE) for page in tlb.PAGES]
    size = ctypes.sizeof(_Entry)
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a raw descriptor is wanted
        before = os.pread(memory.fileno(), _BEFORE, sprs - _BEFORE)
        for (pointer,) in struct.iter_unpack("<Q", before):
            try:
                found = os.pread(memory.fileno(), size * len(started), pointer)
            except (OSError, OverflowError):
                continue  # not a pointer
            if all(found[size * i :].startswith(entry) for i, entry in enumerate(started)):
                return (_Entry * _COUNT).from_address(pointer)
    return ()
