"""Whose a debug exit of an embedded core is.

While userspace debugs, the guest has no debug facility of its own (MSR[DE] is taken from it): a compare
that matched was programmed from outside.  Only the software breakpoint can be the guest's: the debug
instruction is an illegal one there, and a guest may execute it.
"""

from __future__ import annotations

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import Armed, DecodedExit, Event, Owner, Quirk, Verdict
from kvmgdb_ppc.kvm_debug import KvmppcDebug

_PROGRAMMED = Quirk(
    "address-programmed", "address is the one programmed into the DAC, not the one the guest touched"
)
_ONE_KIND = Quirk(
    "access-names-one-kind",
    "the host tests for a write before a read: an access watchpoint reports one of them only",
)


def verdict(decoded: DecodedExit, armed: Armed) -> Verdict:
    """Say whose the exit is."""
    if not decoded.hits:
        sentence = f"status {decoded.values['status']:#x} is none that a kernel writes"
        return Verdict(Event.UNKNOWN, Owner.UNKNOWN, sentence, quirks=decoded.quirks)
    event = decoded.hits[0].event
    if event is Event.HARDWARE_BREAKPOINT:
        return _hardware_breakpoint(decoded, armed)
    if event is Event.WATCHPOINT:
        return _watchpoint(decoded, armed)
    return _step_or_software(decoded, armed)


def _hardware_breakpoint(decoded: DecodedExit, armed: Armed) -> Verdict:
    pc = decoded.values["address"]
    event, kind = Event.HARDWARE_BREAKPOINT, BreakpointKind.HARDWARE
    before = f"before the instruction at {pc:#x}"
    if armed.slots is None:
        return Verdict(
            event,
            Owner.UNKNOWN,
            f"a hardware breakpoint, one of the IACs, {before}",
            pc,
            kind=kind,
            address=pc,
            decide="which addresses were armed",
            quirks=decoded.quirks,
        )
    found = next((a for a in armed.slots if a.kind is kind and _covers(a, pc)), None)
    if found is None:
        sentence = f"a hardware breakpoint {before}, which no IAC of ours holds"
        return Verdict(event, Owner.NOT_OURS, sentence, pc, kind=kind, address=pc, quirks=decoded.quirks)
    sentence = f"a hardware breakpoint, {found.slot}, {before}"
    return Verdict(
        event, Owner.OURS, sentence, pc, found.slot, kind, found.address, found.length, quirks=decoded.quirks
    )


def _covers(armed: ArmedSlot, address: int) -> bool:
    return armed.address is not None and armed.address <= address < armed.address + armed.length


def _watchpoint(decoded: DecodedExit, armed: Armed) -> Verdict:
    address, status = decoded.values["address"], decoded.values["status"]
    wrote = bool(status & KvmppcDebug.WATCH_WRITE)
    seen = "a write" if wrote else "a read"
    kind = BreakpointKind.WRITE if wrote else BreakpointKind.READ
    quirks = (*decoded.quirks, _PROGRAMMED)
    if armed.slots is None:
        return Verdict(
            Event.WATCHPOINT,
            Owner.UNKNOWN,
            f"a watchpoint, the DAC programmed with {address:#x}, hit by {seen}",
            kind=kind,
            address=address,
            decide="which addresses were armed; the pc is not in the payload",
            quirks=quirks,
        )
    found = next((a for a in armed.slots if a.kind and a.kind.is_watch and a.address == address), None)
    if found is None or found.kind is None:
        sentence = f"a watchpoint on {address:#x} hit by {seen}, which no DAC of ours holds"
        return Verdict(Event.WATCHPOINT, Owner.NOT_OURS, sentence, kind=kind, address=address, quirks=quirks)
    if found.kind is BreakpointKind.ACCESS:
        quirks = (*quirks, _ONE_KIND)
    sentence = f"a {found.length}-byte {found.kind.label}, {found.slot} at {address:#x}, hit by {seen}"
    return Verdict(
        Event.WATCHPOINT,
        Owner.OURS,
        sentence,
        armed.pc,
        found.slot,
        found.kind,
        address,
        found.length,
        quirks=quirks,
    )


def _step_or_software(decoded: DecodedExit, armed: Armed) -> Verdict:
    pc = decoded.values["address"]
    event, owner, sentence, decide = step_or_software(pc, armed)
    address = None if event is Event.STEP else pc
    before = event is Event.STEP
    return Verdict(
        event, owner, sentence, pc, address=address, decide=decide, before=before, quirks=decoded.quirks
    )


def step_or_software(pc: int, armed: Armed) -> tuple[Event, Owner, str, str]:
    """Tell a step from a software breakpoint at ``pc``: event, owner, sentence, what would decide."""
    both, software = Event.STEP_OR_SOFTWARE_BREAKPOINT, Event.SOFTWARE_BREAKPOINT
    known = armed.software is not None
    set_here = armed.software is not None and pc in armed.software
    if set_here and armed.stepping is False:
        return software, Owner.OURS, f"a software breakpoint of ours at {pc:#x}", ""
    if set_here:
        decide = "whether the pc moved: a step moves it, the breakpoint is reported where it stands"
        sentence = f"at {pc:#x}: a software breakpoint of ours, or a step that ended on one"
        return both, Owner.OURS if armed.stepping else Owner.UNKNOWN, sentence, decide
    if known and armed.stepping:
        return Event.STEP, Owner.OURS, f"a single step that ended at {pc:#x}", ""
    if known and armed.stepping is False:
        sentence = f"the debug instruction at {pc:#x} is not ours: the guest executed one of its own"
        return software, Owner.NOT_OURS, sentence, ""
    if armed.stepping is False:
        sentence = f"a software breakpoint at {pc:#x}: no step was asked for"
        return software, Owner.UNKNOWN, sentence, "whether the breakpoint is on our list"
    sentence = f"at {pc:#x}: a single step or a software breakpoint (status 0 stands for both)"
    decide = f"whether a software breakpoint is set at {pc:#x}, and whether a step was asked for"
    return both, Owner.UNKNOWN, sentence, decide
