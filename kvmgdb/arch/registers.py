"""A register file: what gdb is told of a machine's registers, and in which order they travel.

Numbers and feature names are gdb's ("Standard Target Features" in the GDB manual, and the
``features/`` descriptions gdb ships).  Everything else (the target XML, the ``g`` packet, ``monitor
registers``) follows from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Register:
    """One register as gdb sees it."""

    name: str
    bits: int
    number: int
    """gdb's number: the ``n`` of ``p n``, and the place in the ``g`` packet."""
    type: str = "int"
    """A target-XML type: predefined (``int``, ``code_ptr``, ``ieee_double``) or one of the feature's."""
    group: str = "general"
    """gdb's register group; ``system`` for what a program does not see."""

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return self.bits // 8


@dataclass(frozen=True, slots=True)
class FlagField:
    """One named bit or bit range of a flags register (GDB manual, "Target Description Format")."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FlagsType:
    """A register type printed by gdb as the names of its set bits."""

    id: str
    size: int
    fields: tuple[FlagField, ...]


@dataclass(frozen=True, slots=True)
class VectorType:
    """A vector of ``count`` elements of another type."""

    id: str
    element: str
    count: int


@dataclass(frozen=True, slots=True)
class UnionType:
    """Several views of one register, such as an SSE register as floats or integers."""

    id: str
    members: tuple[tuple[str, str], ...]
    """(name, type) pairs."""


RegisterType = FlagsType | VectorType | UnionType


@dataclass(frozen=True, slots=True)
class Feature:
    """A group of registers under one feature name."""

    name: str
    registers: tuple[Register, ...]
    types: tuple[RegisterType, ...] = ()
    bulk: bool = True
    """Whether the registers travel in ``g``.  gdb asks for the others one by one with ``p``, when it
    needs them; so a feature that is slow to read and seldom looked at should not be bulk.  Bulk
    registers must be numbered below all others."""


@dataclass(frozen=True, slots=True)
class ModeName:
    """How people call the state a processor is in: ``long mode, ring 0``."""

    registers: tuple[str, ...]
    """What it depends on."""
    of: Callable[..., str]
    """Their values, in that order -> the name."""


@dataclass(frozen=True)
class RegisterFile:
    """All registers of one machine, in gdb's order."""

    architecture: str
    """The name gdb gives it (``set architecture``): ``i386:x86-64``, ``powerpc:common``."""
    byteorder: ByteOrder
    features: tuple[Feature, ...]
    pc: str
    sp: str
    expedited: tuple[str, ...] = field(default=())
    """What a stop reply carries, so that gdb can print a frame without asking."""
    triple: str = ""
    """The name LLVM gives the machine, for LLDB: ``x86_64-unknown-unknown``; empty: none that LLDB needs."""
    return_address: str = ""
    """The link register, where there is one."""
    dwarf: Mapping[str, int] = field(default_factory=dict)
    """DWARF's numbers (the psABI has them) where LLDB does not know the architecture's."""
    mode: ModeName | None = None
    """For ``info threads``; None where there is nothing to tell apart."""

    def __iter__(self) -> Iterator[Register]:
        return iter(self.by_number.values())

    @cached_property
    def by_number(self) -> dict[int, Register]:
        """Gdb's number -> register, ascending."""
        found = [register for feature in self.features for register in feature.registers]
        return {register.number: register for register in sorted(found, key=lambda r: r.number)}

    @cached_property
    def by_name(self) -> dict[str, Register]:
        """Name -> register."""
        return {register.name: register for register in self}

    @cached_property
    def bulk(self) -> tuple[Register, ...]:
        """The registers of ``g`` and ``G``, in order."""
        return tuple(
            sorted(
                (r for feature in self.features if feature.bulk for r in feature.registers),
                key=lambda r: r.number,
            )
        )

    @cached_property
    def bulk_size(self) -> int:
        """Bytes of a ``g`` packet's payload."""
        return sum(register.size for register in self.bulk)

    def encode(self, register: Register, value: int) -> bytes:
        """``value`` as the wire carries it: the register's size, in target byte order."""
        return (value & ((1 << register.bits) - 1)).to_bytes(register.size, self.byteorder)

    def decode(self, data: bytes) -> int:
        """The value of wire bytes in target byte order."""
        return int.from_bytes(data, self.byteorder)
