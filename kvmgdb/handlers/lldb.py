"""What LLDB asks besides (LLDB's "GDB Remote Protocol Extensions")."""

from __future__ import annotations

from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets, replies
from kvmgdb.session import THREAD, Session


def host_info(session: Session, packet: packets.HostInfo) -> Reply:
    """``qHostInfo`` and ``qProcessInfo``: the processor, as LLVM names it."""
    registers = session.guest.arch.registers
    fields = {"triple": registers.triple.encode("ascii").hex()} if registers.triple else {}
    fields |= {
        "endian": registers.byteorder,
        "ptrsize": str(registers.by_name[registers.pc].size),
    }
    if packet.process:
        fields["pid"] = f"{THREAD:x}"
    return Reply("".join(f"{name}:{value};" for name, value in fields.items()).encode("ascii"))


def memory_region(session: Session, packet: packets.MemoryRegion) -> Reply:
    """``qMemoryRegionInfo``; without permissions, there is no memory.

    Which ones there are depends on the privilege the guest runs with: a debugger has all of them.
    """
    registers = session.guest.arch.registers
    length, is_memory = session.guest.span(packet.address)
    length = min(length, (1 << registers.by_name[registers.pc].bits) - packet.address)
    permissions = b"permissions:rwx;" if is_memory else b""
    return Reply(b"start:%x;size:%x;%b" % (packet.address, length, permissions))


def error_strings(session: Session, _packet: packets.EnableErrorStrings) -> Reply:
    """``QEnableErrorStrings``: from now on."""
    session.lldb = True
    return Reply(replies.OK)


HANDLERS = {
    packets.HostInfo: host_info,
    packets.MemoryRegion: memory_region,
    packets.EnableErrorStrings: error_strings,
}
FEATURES: tuple[str, ...] = ()
