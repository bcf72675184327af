"""``qXfer``: the documents gdb reads."""

from __future__ import annotations

from collections.abc import Callable

from kvmgdb.arch.target_xml import target_xml
from kvmgdb.errors import RspError
from kvmgdb.handlers.threads import NAME, described
from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets, replies
from kvmgdb.session import THREAD, Session


def features(session: Session, annex: str) -> bytes:
    """``target.xml``: the register file."""
    if annex != "target.xml":
        raise RspError(f"there is no description {annex!r}, only target.xml")
    return target_xml(session.guest.arch.registers).encode("utf-8")


def memory_map(session: Session, _annex: str) -> bytes:
    """All of the address space as RAM.

    gdb takes what a map leaves out as not there, and its addresses are the guest's virtual ones: what is
    mapped where changes as the guest runs, so the stub answers access by access instead.
    """
    registers = session.guest.arch.registers
    bits = registers.by_name[registers.pc].bits
    length = min(1 << bits, (1 << 64) - 1)
    return (
        '<?xml version="1.0"?>\n'
        '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"'
        ' "http://sourceware.org/gdb/gdb-memory-map.dtd">\n'
        f'<memory-map><memory type="ram" start="0x0" length="{length:#x}"/></memory-map>\n'
    ).encode("ascii")


def threads(session: Session, _annex: str) -> bytes:
    """The processors as threads, each with its mode."""
    return (
        f'<?xml version="1.0"?>\n<threads><thread id="{THREAD:x}" core="0" name="{NAME}">'
        f"{described(session)}</thread></threads>\n"
    ).encode("ascii")


OBJECTS: dict[str, Callable[[Session, str], bytes]] = {
    "features": features,
    "memory-map": memory_map,
    "threads": threads,
}


def read(session: Session, packet: packets.ReadObject) -> Reply:
    """``qXfer:object:read``; an object that does not exist gets the empty reply."""
    make = OBJECTS.get(packet.object)
    if make is None:
        return Reply(replies.EMPTY)
    return Reply(replies.chunk(make(session, packet.annex), packet.offset, packet.length))


HANDLERS = {packets.ReadObject: read}
FEATURES = tuple(f"qXfer:{name}:read+" for name in OBJECTS)
