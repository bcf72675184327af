"""Resuming, and the end of a session."""

from __future__ import annotations

from kvmgdb.arch.stops import Stop, StopKind
from kvmgdb.outcomes import Close, Leave, Outcome, Reply, Run, State, Trigger
from kvmgdb.rsp import packets, replies
from kvmgdb.session import THREAD, Session


def halt_reason(session: Session, _packet: packets.HaltReason) -> Reply:
    """``?``."""
    return Reply(session.stop_reply())


def resume(session: Session, packet: packets.Resume) -> Outcome:
    """``vCont`` and the old packets.  The first action that names our one processor counts.

    A signal gdb passes on has no meaning for a machine: the guest goes on without it.
    """
    if packet.address is not None:
        session.after(Trigger.RESUME)  # a guest that cannot go on is left as it is
        session.guest.backend.write_register(session.guest.arch.registers.pc, packet.address)
    for action in packet.actions:
        if action.thread is None or action.thread == THREAD:
            return _act(session, action)
    return Reply(session.stop_reply())


def _act(session: Session, action: packets.Action) -> Outcome:
    is_step = action.kind is packets.ResumeKind.STEP
    session.move(Trigger.RESUME)
    session.refusals.clear()
    if not is_step:  # gdb's step off a breakpoint comes before it puts them all back
        session.points.forget_taken_out()
    if session.pass_trap() and is_step:  # which is all that a step over it does
        pc = session.guest.backend.pc()
        return Reply(session.on_stop(Stop(StopKind.STEP, pc, reason="a trap of the guest's passed")))
    return Run(is_step and action.within is None, _linear(session, action.within))


def _linear(session: Session, within: range | None) -> range | None:
    """A range of the pc register's values as linear addresses; a segment may lie between them."""
    if within is None:
        return None
    [pc] = session.guest.backend.read_registers([session.guest.arch.registers.pc])
    base = session.guest.backend.pc() - pc
    return range(within.start + base, within.stop + base)


def offer(_session: Session, _packet: packets.ResumeOffer) -> Reply:
    """``vCont?``: gdb uses ``vCont`` only where all four are there."""
    return Reply(b"vCont;c;C;s;S;r")


def detach(session: Session, _packet: packets.Detach) -> Close:
    """``D``: the breakpoints go, the guest runs on."""
    session.move(Trigger.LEAVE)
    session.drop_breakpoints(keep_persistent=True)
    return Close(replies.OK, Leave.DETACH)


def kill(session: Session, packet: packets.Kill) -> Close:
    """``k`` and ``vKill``."""
    session.move(Trigger.LEAVE)
    return Close(replies.OK if packet.wants_reply else None, Leave.KILL)


def attached(session: Session, _packet: packets.Attached) -> Reply:
    """``qAttached``: whether gdb detaches (1) or kills (0) when its user quits."""
    return Reply(b"0" if session.state is State.ENDED or session.ends_with_debugger else b"1")


HANDLERS = {
    packets.HaltReason: halt_reason,
    packets.Resume: resume,
    packets.ResumeOffer: offer,
    packets.Detach: detach,
    packets.Kill: kill,
    packets.Attached: attached,
}
FEATURES = ("vContSupported+",)
