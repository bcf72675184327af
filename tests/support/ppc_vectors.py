"""A PowerPC guest with a handler at each of its vectors."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine

CODE = 0x2000
PREFIX, IVORS = 0x10000, 0x8000
"""IVPR, and where in its 64 KiB the handlers are."""

NOP, LOOP = 0x6000_0000, 0x4800_0000
EE, PR, FP, ME, FE0, DE, FE1, IP, IR, DR = (
    0x8000,
    0x4000,
    0x2000,
    0x1000,
    0x800,
    0x200,
    0x100,
    0x40,
    0x20,
    0x10,
)
CE, TGPR = 0x2_0000, 0x2_0000

BOOKE = ("ppc:440", "ppc:e500v1", "ppc:e500v2", "ppc:e500mc")


@dataclass
class Vectors:
    """A guest with an endless loop at each vector."""

    machine: Machine

    def __post_init__(self) -> None:
        for offset in range(0x100, 0x2000, 0x20):
            self.machine.write(offset, LOOP.to_bytes(4, "big"))
        if self.machine.guest.arch in BOOKE:
            self.machine.backend.write_register("ivpr", PREFIX)
            for index in self._ivors():
                self.machine.backend.write_register(f"ivor{index}", IVORS + 0x20 * index)
                self.machine.write(PREFIX + IVORS + 0x20 * index, LOOP.to_bytes(4, "big"))

    def _ivors(self) -> list[int]:
        names = {register.name for register in self.machine.arch.registers}
        return [index for index in (*range(16), 32) if f"ivor{index}" in names]

    def execute(self, word: int, msr: int, **registers: int) -> None:
        """One instruction at :data:`CODE`, with these registers."""
        self.prepare((word, NOP, NOP), msr, **registers)
        stop = self.machine.backend.step()
        assert stop.kind is StopKind.STEP, stop

    def prepare(self, words: Sequence[int], msr: int, **registers: int) -> None:
        """Make ``words`` the next instructions."""
        self.machine.write(CODE, struct.pack(f">{len(words)}I", *words))
        for name, value in registers.items():
            self.machine.backend.write_register(name, value)
        self.machine.backend.write_register("pc", CODE)
        self.machine.backend.write_register("msr", msr)

    def __getattr__(self, name: str) -> int:
        """A register of the guest's."""
        return self.machine.register(name)

    @property
    def ivor(self) -> int:
        """The IVOR whose handler the guest is at."""
        index, offset = divmod(self.pc - PREFIX - IVORS, 0x20)
        assert offset == 0, hex(self.pc)
        return index
