"""``g G p P``."""

from __future__ import annotations

from kvmgdb.arch.registers import Register
from kvmgdb.errors import RegisterAbsent, RspError
from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets, replies
from kvmgdb.session import Session


def read_all(session: Session, _packet: packets.ReadRegisters) -> Reply:
    """``g``."""
    return Reply(session.guest.read_bulk().hex().encode("ascii"))


def write_all(session: Session, packet: packets.WriteRegisters) -> Reply:
    """``G``."""
    session.guest.write_bulk(packet.data)
    return Reply(replies.OK)


def _register(session: Session, number: int) -> Register:
    register = session.guest.arch.registers.by_number.get(number)
    if register is None:
        raise RspError(f"{session.guest.arch.id} has no register number {number}")
    return register


def read_one(session: Session, packet: packets.ReadRegister) -> Reply:
    """``p``; one that the backend does not have is unavailable (GDB manual, "Packets": ``g``)."""
    register = _register(session, packet.number)
    try:
        return Reply(session.guest.read_register(register).hex().encode("ascii"))
    except RegisterAbsent:
        return Reply(b"xx" * register.size)


def write_one(session: Session, packet: packets.WriteRegister) -> Reply:
    """``P``."""
    session.guest.write_register(_register(session, packet.number), packet.data)
    return Reply(replies.OK)


HANDLERS = {
    packets.ReadRegisters: read_all,
    packets.WriteRegisters: write_all,
    packets.ReadRegister: read_one,
    packets.WriteRegister: write_one,
}
FEATURES: tuple[str, ...] = ()
