"""The guest's own debug registers on the emulator.

The engine steps for MSR[SE] and DBCR0[ICMP] by itself; IAC, DAC, IABR and DABR it only stores.  So writes
to them are seen, and what they arm is watched for the guest.  BookE: :mod:`kvmgdb_ppc.debug_booke`; classic:
MPC7450 and PPC750 manuals, "IABR", "DABR".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint, Mark
from kvmgdb_ppc.instructions import may_enable_debug, mtspr_target
from kvmgdb_ppc.registers import BOOKE
from kvmgdb_ppc.sprs import SPRS

_BOOKE_REGISTERS = ("dbsr", "dbcr0", "dbcr1", "dbcr2", "iac1", "iac2", "iac3", "iac4", "dac1", "dac2")
_BOOKE_VALUES = ("dvc1", "dvc2")
_CLASSIC_REGISTERS = ("iabr", "dabr")

IABR_ENABLE, IABR_TRANSLATED = 0x2, 0x1
DABR_READ, DABR_WRITE, DABR_TRANSLATED = 0x1, 0x2, 0x4
MSR_DR, MSR_IR = 0x10, 0x20
DSISR_DABR, DSISR_STORE = 0x0040_0000, 0x0200_0000

_ACCESS = {
    (True, False): BreakpointKind.READ,
    (False, True): BreakpointKind.WRITE,
    (True, True): BreakpointKind.ACCESS,
}
DABR_SLOT = 1
"""IABR is 0."""


def registers(variant: str) -> frozenset[str]:
    """The debug registers the core has; none of those that the emulator does not run."""
    names = _BOOKE_REGISTERS + _BOOKE_VALUES if variant in BOOKE else _CLASSIC_REGISTERS
    return frozenset(names) & SPRS.get(variant, {}).keys()


@dataclass(frozen=True, slots=True)
class DebugInstructions:
    """Finds the instructions that write them; on a BookE core also those that may enable its debug
    interrupts, or are a debug event.
    """

    numbers: frozenset[int]
    is_booke: bool

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """Those of a block."""
        found = []
        for offset in range(0, len(code) - 3, 4):
            word = int.from_bytes(code[offset : offset + 4], "big")
            if mtspr_target(word) in self.numbers:
                found.append((start + offset, Mark.DEBUG_WRITE))
            elif self.is_booke and may_enable_debug(word):
                found.append((start + offset, Mark.DEBUG_CHECK))
        return found


@dataclass(slots=True)
class StatusRegister:
    """DBSR.  Software clears its bits by writing ones ("Debug Status Register"); the engine means to do
    the same, but ANDs with the negative of what is written in place of its complement.
    """

    number: int | None
    """Its SPR; None on a core that has none."""
    value: int = 0
    _writes: dict[int, int] = field(default_factory=dict)
    """Where it is written -> from which general register."""

    def note(self, start: int, code: bytes) -> None:
        """Remember the writes of one block."""
        for offset in range(0, len(code) - 3, 4):
            word = int.from_bytes(code[offset : offset + 4], "big")
            self._writes.pop(start + offset, None)
            if self.number is not None and mtspr_target(word) == self.number:
                self._writes[start + offset] = word >> 21 & 0x1F

    def after(self, instruction: int, general: Callable[[int], int]) -> bool:
        """Whether ``instruction`` wrote it; ``value`` is then what should be in it."""
        source = self._writes.get(instruction)
        if source is None:
            return False
        self.value &= ~general(source)
        return True


def classic_points(spr: Mapping[str, int]) -> list[GuestPoint]:
    """What IABR and DABR arm."""
    found = []
    if spr["iabr"] & IABR_ENABLE:
        found.append(GuestPoint(BreakpointKind.HARDWARE, spr["iabr"] & ~3, 4, 0))
    dabr = spr.get("dabr", 0)
    kind = _ACCESS.get((bool(dabr & DABR_READ), bool(dabr & DABR_WRITE)))
    if kind is not None:
        found.append(GuestPoint(kind, dabr & ~7, 8, DABR_SLOT))
    return found


def classic_takes(point: GuestPoint, spr: Mapping[str, int], msr: int) -> bool:
    """Whether the translation bit of the register agrees with the MSR's."""
    if point.slot == DABR_SLOT:
        return bool(spr["dabr"] & DABR_TRANSLATED) == bool(msr & MSR_DR)
    return bool(spr["iabr"] & IABR_TRANSLATED) == bool(msr & MSR_IR)
