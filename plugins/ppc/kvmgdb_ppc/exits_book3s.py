"""Whose a debug exit of a desktop or server processor is.

Nothing in the payload can be relied on.  KVM HV exits for a software breakpoint with the address and leaves
status as it was; KVM PR exits for a step and writes neither.  So what was armed decides, and the pc
register is read and not the payload.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmgdb.arch.exits import Armed, DecodedExit, Event, Owner, Quirk, Verdict
from kvmgdb_ppc.exits_booke import step_or_software

_NO_STATUS = Quirk("status-not-written", "KVM on Book3S does not write status: what is there is old")
_NO_ADDRESS = Quirk(
    "address-not-written",
    "KVM PR does not write address for a step: it is the pc only if this is a software breakpoint",
)


def quirks(values: Mapping[str, int]) -> tuple[Quirk, ...]:
    """Say what of the payload is not to be trusted."""
    return (_NO_STATUS, _NO_ADDRESS) if values["status"] else (_NO_ADDRESS,)


def verdict(decoded: DecodedExit, armed: Armed) -> Verdict:
    """Say whose the exit is."""
    if armed.pc is not None:
        event, owner, sentence, decide = step_or_software(armed.pc, armed)
        return Verdict(event, owner, sentence, armed.pc, decide=decide, quirks=decoded.quirks)
    address = decoded.values["address"]
    set_here = armed.software is not None and address in armed.software
    if set_here and armed.stepping is False:
        sentence = f"a software breakpoint of ours at {address:#x}"
        return Verdict(
            Event.SOFTWARE_BREAKPOINT, Owner.OURS, sentence, address, address=address, quirks=decoded.quirks
        )
    if armed.software is not None and not set_here and armed.stepping:
        sentence = "a single step; where it ended is not in the payload"
        decide = "the pc register says where"
        return Verdict(Event.STEP, Owner.OURS, sentence, decide=decide, before=True, quirks=decoded.quirks)
    if armed.software is not None and not set_here and armed.stepping is False:
        sentence = (
            f"a debug exit with address {address:#x}, where nothing of ours is, and no step was asked for"
        )
        return Verdict(Event.UNKNOWN, Owner.NOT_OURS, sentence, quirks=decoded.quirks)
    sentence = f"a software breakpoint at {address:#x}, or a step whose exit left an old address there"
    decide = "the pc register, the list of software breakpoints, and whether a step was asked for"
    event = Event.STEP_OR_SOFTWARE_BREAKPOINT
    return Verdict(event, Owner.UNKNOWN, sentence, decide=decide, quirks=decoded.quirks)
