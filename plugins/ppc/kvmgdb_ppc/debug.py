"""The guest's own debug registers on the emulator.

The engine steps for MSR[SE] and DBCR0[ICMP] by itself; IAC, DAC, IABR and DABR it only stores.  So writes
to them are seen, and what they arm is watched for the guest.  BookE: PPC440x5 manual, "Debug Facilities";
classic: MPC7450 and PPC750 manuals, "IABR", "DABR".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint, Mark
from kvmgdb_ppc.instructions import mtspr_target
from kvmgdb_ppc.registers import BOOKE
from kvmgdb_ppc.sprs import SPRS

_BOOKE_REGISTERS = ("dbsr", "dbcr0", "dbcr1", "dbcr2", "iac1", "iac2", "iac3", "iac4", "dac1", "dac2")
_CLASSIC_REGISTERS = ("iabr", "dabr")

DBCR0_IDM = 0x4000_0000
DBCR0_TRAP = DBSR_TRAP = 0x0100_0000
DBSR_IMPRECISE = 0x8000_0000
DBCR0_STEPS = 0x0C00_0000
"""ICMP and BRT: a debug event after every instruction, at every branch taken."""
_IAC_ENABLE = (0x0080_0000, 0x0040_0000, 0x0020_0000, 0x0010_0000)
_DAC_ENABLE = ((0x0008_0000, 0x0004_0000), (0x0002_0000, 0x0001_0000))
"""DBCR0 (and, at the same places, DBSR): reads, writes of DAC1 and DAC2."""
DBCR2_DAC12M = 0x0080_0000
"""DAC1 and DAC2 are the ends of a range."""

IABR_ENABLE, IABR_TRANSLATED = 0x2, 0x1
DABR_READ, DABR_WRITE, DABR_TRANSLATED = 0x1, 0x2, 0x4
MSR_DR, MSR_IR = 0x10, 0x20
DSISR_DABR, DSISR_STORE = 0x0040_0000, 0x0200_0000

_ACCESS = {
    (True, False): BreakpointKind.READ,
    (False, True): BreakpointKind.WRITE,
    (True, True): BreakpointKind.ACCESS,
}
_FIRST_DAC = 4
"""Slots are numbered IAC1-4, DAC1-2; on a classic core IABR 0, DABR 1."""
DABR_SLOT = 1


def registers(variant: str) -> frozenset[str]:
    """The debug registers the core has; none of those that the emulator does not run."""
    names = _BOOKE_REGISTERS if variant in BOOKE else _CLASSIC_REGISTERS
    return frozenset(names) & SPRS.get(variant, {}).keys()


@dataclass(frozen=True, slots=True)
class DebugWrites:
    """Finds the instructions that write them."""

    numbers: frozenset[int]

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """Every ``mtspr`` to a debug register in a block."""
        return [
            (start + offset, Mark.DEBUG_WRITE)
            for offset in range(0, len(code) - 3, 4)
            if mtspr_target(int.from_bytes(code[offset : offset + 4], "big")) in self.numbers
        ]


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


def points(variant: str, spr: Mapping[str, int]) -> list[GuestPoint]:
    """What the registers' values arm."""
    return _booke_points(spr) if variant in BOOKE else _classic_points(spr)


def _booke_points(spr: Mapping[str, int]) -> list[GuestPoint]:
    control = spr["dbcr0"]
    if not control & DBCR0_IDM:
        return []
    found = [
        GuestPoint(BreakpointKind.HARDWARE, spr[name] & ~3, 4, slot)
        for slot, (name, enable) in enumerate(zip(("iac1", "iac2", "iac3", "iac4"), _IAC_ENABLE, strict=True))
        if control & enable and name in spr
    ]
    for index, (read, write) in enumerate(_DAC_ENABLE):
        kind = _ACCESS.get((bool(control & read), bool(control & write)))
        if kind is not None:
            address, length = spr[f"dac{index + 1}"], 1
            if index == 0 and spr["dbcr2"] & DBCR2_DAC12M:
                length = max(1, spr["dac2"] - address)  # from DAC1 up to, and without, DAC2
            found.append(GuestPoint(kind, address, length, _FIRST_DAC + index))
    return found


def _classic_points(spr: Mapping[str, int]) -> list[GuestPoint]:
    found = []
    if spr["iabr"] & IABR_ENABLE:
        found.append(GuestPoint(BreakpointKind.HARDWARE, spr["iabr"] & ~3, 4, 0))
    dabr = spr.get("dabr", 0)
    kind = _ACCESS.get((bool(dabr & DABR_READ), bool(dabr & DABR_WRITE)))
    if kind is not None:
        found.append(GuestPoint(kind, dabr & ~7, 8, DABR_SLOT))
    return found


def booke_status(reached: list[GuestPoint], is_write: bool) -> int:
    """The DBSR bits of the points reached."""
    status = 0
    for point in reached:
        if point.slot < _FIRST_DAC:
            status |= _IAC_ENABLE[point.slot]
        else:
            status |= _DAC_ENABLE[point.slot - _FIRST_DAC][is_write]
    return status


def classic_takes(point: GuestPoint, spr: Mapping[str, int], msr: int) -> bool:
    """Whether the translation bit of the register agrees with the MSR's."""
    if point.slot == DABR_SLOT:
        return bool(spr["dabr"] & DABR_TRANSLATED) == bool(msr & MSR_DR)
    return bool(spr["iabr"] & IABR_TRANSLATED) == bool(msr & MSR_IR)
