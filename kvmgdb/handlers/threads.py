"""Threads: a guest's processors.  There is one, thread 1."""

from __future__ import annotations

from kvmgdb.arch.stops import StopKind
from kvmgdb.errors import RspError
from kvmgdb.outcomes import Reply
from kvmgdb.rsp import packets, replies
from kvmgdb.session import THREAD, Session

NAME = "vCPU 0"
"""The one processor's."""


def thread_list(_session: Session, packet: packets.ThreadList) -> Reply:
    """``qfThreadInfo``, ``qsThreadInfo``."""
    return Reply(b"m%x" % THREAD if packet.first else b"l")


def current(_session: Session, _packet: packets.CurrentThread) -> Reply:
    """``qC``."""
    return Reply(b"QC%x" % THREAD)


def _check(thread: int) -> None:
    if thread not in (-1, 0, THREAD):
        raise RspError(f"there is no thread {thread}: the guest has one processor, thread {THREAD}")


def select(_session: Session, packet: packets.SelectThread) -> Reply:
    """``H``."""
    _check(packet.thread)
    return Reply(replies.OK)


def alive(_session: Session, packet: packets.ThreadAlive) -> Reply:
    """``T``."""
    _check(packet.thread)
    return Reply(replies.OK)


def described(session: Session) -> str:
    """The processor's architecture and mode, and whether it waits for an interrupt."""
    words = [str(session.guest.arch.id)]
    mode = session.guest.arch.registers.mode
    if mode is not None:
        words.append(mode.of(*session.guest.backend.read_registers(mode.registers)))
    if session.last_stop is not None and session.last_stop.kind is StopKind.HALT:
        words.append("halted until an interrupt")
    return ", ".join(words)


def extra(session: Session, packet: packets.ThreadExtra) -> Reply:
    """``qThreadExtraInfo``: what ``info threads`` shows behind the name."""
    _check(packet.thread)
    return Reply(replies.hex_text(f"{NAME}: {described(session)}"))


HANDLERS = {
    packets.ThreadList: thread_list,
    packets.CurrentThread: current,
    packets.SelectThread: select,
    packets.ThreadAlive: alive,
    packets.ThreadExtra: extra,
}
FEATURES: tuple[str, ...] = ()
