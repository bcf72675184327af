"""What a load or store accesses (Power ISA, book I, "Fixed-Point Load and Store Instructions").

Only those of one access: load and store multiple, strings and cache instructions make several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_SIZES_D = {
    **dict.fromkeys((32, 33, 36, 37, 48, 49, 52, 53), 4),  # lwz stw lfs stfs, and with update
    **dict.fromkeys((34, 35, 38, 39), 1),  # lbz stb
    **dict.fromkeys((40, 41, 42, 43, 44, 45), 2),  # lhz lha sth
    **dict.fromkeys((50, 51, 54, 55), 8),  # lfd stfd
}
_INTEGER_STORES_D = (36, 37, 38, 39, 44, 45)
_SIZES_X = {
    **dict.fromkeys((20, 23, 55, 534, 535, 567), 4),  # lwarx lwzx lwzux lwbrx lfsx lfsux
    **dict.fromkeys((150, 151, 183, 662, 663, 695), 4),  # stwcx. stwx stwux stwbrx stfsx stfsux
    **dict.fromkeys((87, 119, 215, 247), 1),  # lbzx lbzux stbx stbux
    **dict.fromkeys((279, 311, 343, 375, 790, 407, 439, 918), 2),  # lhzx lhaux lhbrx sthx sthbrx ...
    **dict.fromkeys((599, 631, 727, 759), 8),  # lfdx lfdux stfdx stfdux
}
_INTEGER_STORES_X = (150, 151, 183, 215, 247, 407, 439)
_REVERSED_STORES = (662, 918)
_X_FORM = 31


@dataclass(frozen=True, slots=True)
class Access:
    """One access to memory."""

    address: int
    size: int
    stored: bytes | None
    """What an integer store puts there."""


def access(word: int, general: Callable[[int], int]) -> Access | None:
    """Of the instruction ``word``, by the general registers; None for any other instruction."""
    opcode, target, base = word >> 26, word >> 21 & 0x1F, word >> 16 & 0x1F
    start = general(base) if base else 0
    if opcode == _X_FORM:
        opcode, sizes = word >> 1 & 0x3FF, _SIZES_X
        start += general(word >> 11 & 0x1F)
        is_store, is_reversed = opcode in _INTEGER_STORES_X + _REVERSED_STORES, opcode in _REVERSED_STORES
    else:
        sizes, is_store, is_reversed = _SIZES_D, opcode in _INTEGER_STORES_D, False
        start += (word & 0xFFFF) - ((word & 0x8000) << 1)
    size = sizes.get(opcode)
    if size is None:
        return None
    stored = None
    if is_store:
        value = general(target) & ((1 << 8 * size) - 1)
        stored = value.to_bytes(size, "little" if is_reversed else "big")
    return Access(start & 0xFFFF_FFFF, size, stored)
