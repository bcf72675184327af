"""Loads and stores after they were made: where they went, what they stored, and what to undo.

Power ISA book I, "Fixed-Point Load and Store Instructions", "Floating-Point Load and Store Instructions":
D-form by opcode, X-form (opcode 31) by extended opcode.  An update form has put the effective address into
rA.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from kvmgdb.arch.qemu import Access, ReadRegister

MSR_IR, MSR_DR = 1 << 5, 1 << 4
MSR_OF_SRR1 = 0x87C0_FFFF
"""The bits of a classic core's SRR1 that are of the MSR (Power ISA book III, "Interrupt Processing")."""

_X_FORM = 31
_WORD = 0xFFFF_FFFF


class _Kind(Enum):
    LOAD = "load"
    STORE = "store"
    FLOAT = "float"
    """A load or store of a floating-point register."""
    CONDITIONAL = "conditional"
    """One that cannot be made again: the reservation is gone."""


class _Row(NamedTuple):
    kind: _Kind
    size: int
    updates: bool = False
    reversed: bool = False


_LOAD, _STORE, _FLOAT, _CONDITIONAL = _Kind
_D = {
    **{op: _Row(_LOAD, size, bool(op & 1)) for op, size in ((32, 4), (33, 4), (34, 1), (35, 1))},
    **{op: _Row(_LOAD, 2, bool(op & 1)) for op in (40, 41, 42, 43)},
    **{op: _Row(_STORE, size, bool(op & 1)) for op, size in ((36, 4), (37, 4), (38, 1), (39, 1))},
    **{op: _Row(_STORE, 2, bool(op & 1)) for op in (44, 45)},
    **{op: _Row(_FLOAT, 8 if op & 2 else 4, bool(op & 1)) for op in range(48, 56)},
}
_X = {
    **{op: _Row(_LOAD, size, op in (55, 119)) for op, size in ((23, 4), (55, 4), (87, 1), (119, 1))},
    **{op: _Row(_LOAD, 2, op in (311, 375)) for op in (279, 311, 343, 375)},
    **{op: _Row(_STORE, size, op in (183, 247)) for op, size in ((151, 4), (183, 4), (215, 1), (247, 1))},
    **{op: _Row(_STORE, 2, op == 439) for op in (407, 439)},
    534: _Row(_LOAD, 4, reversed=True),
    790: _Row(_LOAD, 2, reversed=True),
    662: _Row(_STORE, 4, reversed=True),
    918: _Row(_STORE, 2, reversed=True),
    **{op: _Row(_FLOAT, 4, op in (567, 695)) for op in (535, 567, 663, 695, 983)},
    **{op: _Row(_FLOAT, 8, op in (631, 759)) for op in (599, 631, 727, 759)},
    20: _Row(_CONDITIONAL, 4),
    150: _Row(_CONDITIONAL, 4),
}
_LMW, _STMW = 46, 47


class _Instruction(NamedTuple):
    row: _Row
    target: int
    base: int
    indexed_by: int | None
    """rB; None: there is a displacement."""
    displacement: int

    def offset(self, read: ReadRegister) -> int:
        return self.displacement if self.indexed_by is None else read(f"r{self.indexed_by}")


def _decode(word: int) -> _Instruction | None:
    opcode, target, base = word >> 26, word >> 21 & 31, word >> 16 & 31
    displacement = (word & 0xFFFF) - (word << 1 & 0x1_0000)
    if opcode in (_LMW, _STMW):
        row = _Row(_LOAD if opcode == _LMW else _STORE, 4 * (32 - target))
        return _Instruction(row, target, base, None, displacement)
    if opcode in _D:
        return _Instruction(_D[opcode], target, base, None, displacement)
    extended = word >> 1 & 0x3FF
    if opcode == _X_FORM and extended in _X:
        return _Instruction(_X[extended], target, base, word >> 11 & 31, 0)
    return None


def access(word: int, read: ReadRegister) -> Access | None:
    """What an instruction that was just executed accessed; None for what does not access memory in one of the
    ways known here, or has loaded over the registers of its own address.

    The target of a load keeps what was loaded: to load it again gives the same.
    """
    found = _decode(word)
    if found is None or _has_lost_its_address(found):
        return None
    row, offset = found.row, found.offset(read)
    base = read(f"r{found.base}") if found.base or row.updates else 0
    address = (base if row.updates else base + offset) & _WORD
    back = {"pc": read("pc") - 4}
    if row.updates:
        back[f"r{found.base}"] = (base - offset) & _WORD
    return Access(address, row.size, None if row.kind is _CONDITIONAL else back)


def _has_lost_its_address(found: _Instruction) -> bool:
    if found.row.updates and found.indexed_by == found.base:
        return True
    if found.row.kind is not _LOAD:
        return False
    loaded = range(found.target, found.target + max(1, found.row.size // 4))
    return (found.base != 0 and found.base in loaded) or found.indexed_by in loaded


def stored(word: int, read: ReadRegister) -> tuple[int, int] | None:
    """Effective address and last byte of a store of one register that was just made; None: it was none."""
    found, made = _decode(word), access(word, read)
    if found is None or made is None or found.row.kind is not _STORE:
        return None
    shift = 8 * (found.row.size - 1) if found.row.reversed else 0
    return made.address, read(f"r{found.target}") >> shift & 0xFF
