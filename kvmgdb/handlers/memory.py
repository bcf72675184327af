"""``m x M X``: memory as the guest sees it, or physical memory where that was asked for."""

from __future__ import annotations

from kvmgdb.outcomes import Reply
from kvmgdb.policy import SoftwareBreakpoints
from kvmgdb.rsp import framing, packets, replies
from kvmgdb.session import Session

MAX_READ = framing.MAX_PACKET // 2 - 16
"""Most bytes of one reply: its hex, or its binary with every byte escaped, fits a packet.  A longer
request is answered with this much, as the protocol allows."""


def read(session: Session, packet: packets.ReadMemory) -> Reply:
    """``m`` and ``x``: what there is from the address on; an error only where there is nothing."""
    if packet.length == 0:
        return Reply(b"b" if packet.binary else replies.OK)
    data = session.guest.read_memory(packet.address, min(packet.length, MAX_READ))
    if packet.binary:
        return Reply(b"b" + framing.escape(data))
    return Reply(framing.hexadecimal(data))


def write(session: Session, packet: packets.WriteMemory) -> Reply:
    """``M`` and ``X``.  gdb probes for ``X`` with a write of nothing."""
    if packet.data:
        guest = session.guest
        if session.policy.software_breakpoints is SoftwareBreakpoints.GDB and not guest.physical:
            before = guest.read_memory(packet.address, len(packet.data))
            guest.write_memory(packet.address, packet.data)
            session.traps.on_write(packet.address, before, packet.data)
        else:
            guest.write_memory(packet.address, packet.data)
    return Reply(replies.OK)


HANDLERS = {packets.ReadMemory: read, packets.WriteMemory: write}
FEATURES = ("binary-upload+",)
