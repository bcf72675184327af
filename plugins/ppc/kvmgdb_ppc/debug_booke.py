"""Debug events of BookE cores: what DBCR0-2, IAC, DAC and DVC arm, and which events an access raises.

PPC440x5 CPU Core User's Manual, 8.3 "Debug Events"; Power ISA, book III-E, "Debug Facility".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.emulator import GuestPoint
from kvmgdb_ppc.accesses import Access

IDM = 0x4000_0000
IRPT, TRAP, RET = 0x0200_0000, 0x0100_0000, 0x8000
"""DBCR0; DBSR has the events at the same places."""
STEPS = 0x0C00_0000
"""ICMP and BRT: a debug event after every instruction, at every branch taken."""
IMPRECISE = 0x8000_0000
EVENTS = 0x4FFF_8060
"""DBSR: every event, and none of the bits that say more of one."""

_IAC = (0x0080_0000, 0x0040_0000, 0x0020_0000, 0x0010_0000)
_DAC = ((0x0008_0000, 0x0004_0000), (0x0002_0000, 0x0001_0000))
"""Reads, writes."""
FIRST_DAC = 4
"""Slots are numbered IAC1-4, DAC1-2; a pair has the number of its first."""

_MASK, _INCLUSIVE, _EXCLUSIVE = 1, 2, 3
_IAC_MODE_SHIFT = {0: 22, 2: 6}
_DAC_MODE_SHIFT = 22
_IAC_STATE_SHIFT, _DAC_STATE_SHIFT = (28, 24, 12, 8), (28, 24)
_USER_SUPERVISOR = {2: 0, 3: 1}
"""IACnUS and DACnUS: which MSR[PR] they want."""
_SPACE = {2: 0, 3: 1}
"""IACnER and DACnER: which address space, MSR[IS] or MSR[DS]."""
MSR_PR, MSR_IS, MSR_DS = 0x4000, 0x20, 0x10
_ALL_BYTES, _ANY_BYTE, _ANY_PAIR = 1, 2, 3
_END = 1 << 32
LARGEST_WATCH = 16 << 20
"""Bytes: a range of data is watched page by page."""

_KINDS = {
    (True, False): BreakpointKind.READ,
    (False, True): BreakpointKind.WRITE,
    (True, True): BreakpointKind.ACCESS,
}


def points(spr: Mapping[str, int]) -> list[GuestPoint]:
    """What the registers' values arm, whether or not it raises an interrupt now."""
    return [*_instruction_points(spr), *_data_points(spr)]


def _instruction_points(spr: Mapping[str, int]) -> Iterator[GuestPoint]:
    for first in (0, 2):
        enabled = [
            slot for slot in (first, first + 1) if spr["dbcr0"] & _IAC[slot] and f"iac{slot + 1}" in spr
        ]
        if not enabled:
            continue
        mode = _instruction_mode(spr, first)
        if mode not in (_INCLUSIVE, _EXCLUSIVE):
            yield from (_instruction(spr, slot) for slot in enabled)
            continue
        low, high = spr[f"iac{first + 1}"] & ~3, spr[f"iac{first + 2}"] & ~3
        for start, end in _spans(mode, low, high):
            yield GuestPoint(BreakpointKind.HARDWARE, start, end - start, first)


def _instruction(spr: Mapping[str, int], slot: int) -> GuestPoint:
    return GuestPoint(BreakpointKind.HARDWARE, spr[f"iac{slot + 1}"] & ~3, 4, slot)


def _instruction_mode(spr: Mapping[str, int], slot: int) -> int:
    return spr["dbcr1"] >> _IAC_MODE_SHIFT[slot & ~1] & 3


def _spans(mode: int, low: int, high: int) -> list[tuple[int, int]]:
    spans = [(low, high)] if mode == _INCLUSIVE else [(0, low), (high, _END)]
    return [(start, end) for start, end in spans if start < end]


def _data_points(spr: Mapping[str, int]) -> Iterator[GuestPoint]:
    control, mode = spr["dbcr0"], spr["dbcr2"] >> _DAC_MODE_SHIFT & 3
    if mode == 0:
        for index, (read, write) in enumerate(_DAC):
            kind = _KINDS.get((bool(control & read), bool(control & write)))
            if kind is not None:
                yield GuestPoint(kind, spr[f"dac{index + 1}"], 1, FIRST_DAC + index)
        return
    reads, writes = (control & (_DAC[0][way] | _DAC[1][way]) for way in (0, 1))
    kind = _KINDS.get((bool(reads), bool(writes)))
    for start, end in _data_spans(mode, spr["dac1"], spr["dac2"]):
        if kind is not None and end - start <= LARGEST_WATCH:
            yield GuestPoint(kind, start, end - start, FIRST_DAC)


def _data_spans(mode: int, first: int, second: int) -> list[tuple[int, int]]:
    """The range of addresses; of a mask, the block that holds every address it lets match.  What lies outside
    a range is not watched.
    """
    if mode == _MASK:
        size = 1 << (~second & 0xFFFF_FFFF).bit_length()
        start = first & -size
        return [(start, start + size)]
    return _spans(mode, first, second) if mode == _INCLUSIVE else []


@dataclass(frozen=True, slots=True)
class Met:
    """What the guest has met: some of its points, at one instruction."""

    points: Sequence[GuestPoint]
    is_store: bool
    access: Access | None
    """None where the instruction makes several; each of them is then as good as the one that matched."""
    data: bytes
    """What it loads or stores."""


def events(spr: Mapping[str, int], msr: int, met: Met) -> int:
    """The bits of DBSR that it raises: IDE is one where MSR[DE] is 0."""
    found = 0
    for point in met.points:
        if point.slot < FIRST_DAC:
            found |= _instruction_events(spr, msr, point.slot)
        else:
            found |= _data_events(spr, msr, point.slot - FIRST_DAC, met)
    return found


def _instruction_events(spr: Mapping[str, int], msr: int, slot: int) -> int:
    state = spr["dbcr1"] >> _IAC_STATE_SHIFT[slot]
    if not _state_takes(state, bool(msr & MSR_PR), bool(msr & MSR_IS)):
        return 0
    if _instruction_mode(spr, slot) in (_INCLUSIVE, _EXCLUSIVE):
        return spr["dbcr0"] & (_IAC[slot] | _IAC[slot + 1])
    return _IAC[slot]


def _data_events(spr: Mapping[str, int], msr: int, index: int, met: Met) -> int:
    state = spr["dbcr2"] >> _DAC_STATE_SHIFT[index]
    if not _state_takes(state, bool(msr & MSR_PR), bool(msr & MSR_DS)):
        return 0
    mode = spr["dbcr2"] >> _DAC_MODE_SHIFT & 3
    if met.access is not None and not _address_matches(spr, mode, index, met.access.address):
        return 0
    slots = (index,) if mode == 0 else (0, 1)
    found = 0
    for slot in slots:
        if value_matches(spr, slot, met):
            found |= spr["dbcr0"] & _DAC[slot][met.is_store]
    return found


def _state_takes(field: int, is_user: bool, space: bool) -> bool:
    """US and ER, the low four bits of ``field``."""
    wanted = _USER_SUPERVISOR.get(field >> 2 & 3, is_user), _SPACE.get(field & 3, space)
    return wanted == (is_user, space)


def _address_matches(spr: Mapping[str, int], mode: int, index: int, address: int) -> bool:
    """The address compared is the one an access starts at."""
    if mode == 0:
        return address == spr[f"dac{index + 1}"]
    first, second = spr["dac1"], spr["dac2"]
    if mode == _MASK:
        return (address ^ first) & second == 0
    return first <= address < second


def value_matches(spr: Mapping[str, int], index: int, met: Met) -> bool:
    """DVC: whether the bytes accessed are those wanted, in one of the aligned words touched."""
    control = spr["dbcr2"] if "dvc1" in spr else 0
    mode, enables = control >> (18, 16)[index] & 3, control >> (8, 0)[index] & 0xF
    if not mode or not enables or met.access is None:
        return True
    wanted = spr[f"dvc{index + 1}"].to_bytes(4, "big")
    start = met.access.address
    words: dict[int, list[bool]] = {}
    for place, byte in enumerate(met.data, start):
        words.setdefault(place & ~3, [False] * 4)[place & 3] = byte == wanted[place & 3]
    return any(_lanes_match(mode, enables, lanes) for lanes in words.values())


def _lanes_match(mode: int, enables: int, lanes: list[bool]) -> bool:
    enabled = [bool(enables >> 3 - lane & 1) for lane in range(4)]
    good = [on and match for on, match in zip(enabled, lanes, strict=True)]
    if mode == _ALL_BYTES:
        return good == enabled
    if mode == _ANY_BYTE:
        return any(good)
    return (good[0] and good[1]) or (good[2] and good[3])


def range_events(spr: Mapping[str, int]) -> int:
    """The bits of DBSR of instruction compares that work as a range."""
    found = 0
    for first in (0, 2):
        if _instruction_mode(spr, first) in (_INCLUSIVE, _EXCLUSIVE):
            found |= _IAC[first] | _IAC[first + 1]
    return found
