"""Threads: a guest's processors.  There is one, thread 1."""

from __future__ import annotations

from kvmgdb.errors import RspError
from kvmgdb.rsp import packets, replies
from kvmgdb.session import THREAD, Reply, Session


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


def extra(session: Session, packet: packets.ThreadExtra) -> Reply:
    """``qThreadExtraInfo``: what ``info threads`` shows behind the number."""
    _check(packet.thread)
    return Reply(replies.hex_text(f"cpu0 ({session.guest.arch.id}, {session.state.value})"))


HANDLERS = {
    packets.ThreadList: thread_list,
    packets.CurrentThread: current,
    packets.SelectThread: select,
    packets.ThreadAlive: alive,
    packets.ThreadExtra: extra,
}
FEATURES: tuple[str, ...] = ()
