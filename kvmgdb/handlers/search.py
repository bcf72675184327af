"""``qSearch:memory`` and ``qCRC``: a question about much memory, answered without sending it.

gdb asks for them on ``find`` and ``compare-sections``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from kvmgdb.errors import RspError
from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets
from kvmgdb.session import Session

FIRST_CHUNK: Final = 1 << 12
"""Bytes looked at first.  gdb goes on from each place found, and the next may be near."""
CHUNK: Final = 1 << 20
"""Most bytes looked at together; from the first chunk on, each is twice the one before."""
MAX_LENGTH: Final = 1 << 28
"""Most bytes one packet may go through: a second or two, which is as long as gdb waits for an answer before
it asks again."""

_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Every byte with its bits in the opposite order."""


def search(session: Session, packet: packets.SearchMemory) -> Reply:
    """``qSearch:memory``: where the pattern first is, all of it in the range.

    Memory that is not there ends the search: what was found before it is found, else it is an error (gdb's
    own search stops there too).
    """
    pattern, tail = packet.pattern, b""
    for address, data in _chunks(session, packet.address, packet.length):
        window = tail + data
        at = window.find(pattern)
        if at >= 0:
            return Reply(b"1,%x" % (address - len(tail) + at))
        tail = window[len(window) - min(len(window), len(pattern) - 1) :]
    return Reply(b"0")


def checksum(session: Session, packet: packets.ChecksumMemory) -> Reply:
    """``qCRC``: polynomial 0x04c11db7, the high bit of every byte first, begun with all ones.

    zlib's CRC-32 is the same with all bits in the opposite order, and inverted in the end.
    """
    crc = 0
    for _, data in _chunks(session, packet.address, packet.length):
        crc = zlib.crc32(data.translate(_REVERSED), crc)
    return Reply(b"C%x" % int(f"{crc ^ 0xFFFF_FFFF:032b}"[::-1], 2))


def _chunks(session: Session, address: int, length: int) -> Iterator[tuple[int, bytes]]:
    """The memory of a range as (address, bytes), one after the other.

    Raises:
        MemoryFault: where it goes on at an address that is not mapped.
        RspError: the range is too long to go on.
    """
    end, limit, size = address + length, address + MAX_LENGTH, FIRST_CHUNK
    while address < end:
        if address >= limit:
            raise RspError(f"{MAX_LENGTH:#x} bytes were gone through: go on from {address:#x}")
        data = session.guest.read_memory(address, min(size, end - address))
        yield address, data
        address += len(data)
        size = min(2 * size, CHUNK)


HANDLERS = {packets.SearchMemory: search, packets.ChecksumMemory: checksum}
FEATURES: tuple[str, ...] = ()
