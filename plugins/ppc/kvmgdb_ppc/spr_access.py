"""Special-purpose and segment registers: the engine has no calls for them, so the instruction is executed."""

from __future__ import annotations

import struct
from collections.abc import Callable

import unicorn as un
from unicorn import ppc_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.arch.machine import Region
from kvmgdb_ppc import instructions
from kvmgdb_ppc.delivery import MSR_TGPR

SCRATCH = Region(0xFFFF_F000, 0x1000, "debugger's scratch page")
"""Where the few instructions lie that reach what the engine has no call for."""

_MFSPR, _MTSPR, _MFSR = (SCRATCH.start + offset for offset in (0x800, 0x804, 0x808))
_CLOBBERED = (uc.UC_PPC_REG_MSR, uc.UC_PPC_REG_3, uc.UC_PPC_REG_PC)


class SprAccess:
    """One engine's registers; ``write_scratch(address, data)`` writes :data:`SCRATCH`."""

    def __init__(self, engine: Engine, write_scratch: Callable[[int, bytes], None]) -> None:
        self._engine = engine
        self._write_scratch = write_scratch

    def read(self, number: int) -> int:
        """An SPR, with the side effects of reading it."""
        return self._execute(_MFSPR, instructions.mfspr(3, number), 0)

    def write(self, number: int, value: int) -> None:
        """Set an SPR, with the side effects of writing it."""
        self._execute(_MTSPR, instructions.mtspr(number, 3), value)

    def read_segment(self, number: int) -> int:
        """A segment register of a classic core."""
        return self._execute(_MFSR, instructions.mfsr(3, number), 0)

    def _execute(self, address: int, word: int, value: int) -> int:
        """Execute one privileged instruction on r3, and leave everything else as it was."""
        engine = self._engine
        kept = [(number, engine.reg_read(number)) for number in _CLOBBERED]
        engine.ctl_set_tlb_mode(un.UC_TLB_VIRTUAL)
        # To leave TGPR alone (CE of a BookE core) is to leave r0 to r3 what they are.
        engine.reg_write(uc.UC_PPC_REG_MSR, engine.reg_read(uc.UC_PPC_REG_MSR) & MSR_TGPR)
        engine.reg_write(uc.UC_PPC_REG_3, value)
        self._write_scratch(address, struct.pack(">I", word))
        engine.ctl_remove_cache(address, address + 4)
        engine.emu_start(address, 0, 0, 1)
        result: int = engine.reg_read(uc.UC_PPC_REG_3)
        for number, old in kept:
            engine.reg_write(number, old)
        engine.ctl_set_tlb_mode(un.UC_TLB_CPU)
        return result
