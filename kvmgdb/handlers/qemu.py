"""What scripts written for QEMU's stub send (QEMU manual, "GDB usage")."""

from __future__ import annotations

from kvmgdb.errors import RspError
from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets, replies
from kvmgdb.session import Session

STEP_ENABLE = 0x1
"""QEMU's SSTEP_ENABLE: the one bit that says nothing about interrupts or timers, of which the
emulator delivers none while it steps."""


def physical(session: Session, packet: packets.PhysicalMemory) -> Reply:
    """``qqemu.PhyMemMode``, ``Qqemu.PhyMemMode:``."""
    if packet.enable is None:
        return Reply(b"%d" % session.guest.physical)
    session.guest.physical = packet.enable
    return Reply(replies.OK)


def step_flags(_session: Session, packet: packets.StepFlags) -> Reply:
    """``qqemu.sstepbits``, ``qqemu.sstep``, ``Qqemu.sstep=``."""
    if packet.query == "bits":
        return Reply(b"ENABLE=%x" % STEP_ENABLE)
    if packet.query == "value":
        return Reply(b"%#x" % STEP_ENABLE)
    if packet.value != STEP_ENABLE:
        raise RspError(f"step flags {packet.value:#x}: only {STEP_ENABLE:#x} (ENABLE) can be had")
    return Reply(replies.OK)


HANDLERS = {packets.PhysicalMemory: physical, packets.StepFlags: step_flags}
FEATURES = ("PhyMemMode+",)
