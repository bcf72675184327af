"""``Z`` and ``z``: by policy, and into the table."""

from __future__ import annotations

import errno

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.breakpoints import Breakpoint
from kvmgdb.conditions.compile import Command, Condition, compile_command, compile_condition
from kvmgdb.errors import RspError
from kvmgdb.outcomes import Reply
from kvmgdb.policy import Decision, SoftwareBreakpoints, decide_insert
from kvmgdb.rsp import packets, replies
from kvmgdb.session import Session

MAX_WATCH = 1 << 20
"""Longest watch, in bytes: more is a mistake in a packet sooner than a wish."""

_DONE = Reply(replies.OK)


def insert(session: Session, packet: packets.InsertBreakpoint) -> Reply:
    """``Z``.  The empty reply where the policy leaves this kind to gdb."""
    decision = decide_insert(session.policy, packet.kind)
    if decision is Decision.DECLINE:
        return Reply(replies.EMPTY)
    try:
        _set(session, packet, decision)
    except RspError as problem:
        session.refusals.append(problem.text)
        raise
    return _DONE


def _set(session: Session, packet: packets.InsertBreakpoint, decision: Decision) -> None:
    _check(session, packet)
    conditions, commands = _expressions(session, packet)
    known = session.points.get(packet.kind, packet.address, packet.length)
    # gdb manual: inserting a breakpoint twice is one breakpoint
    point = known or Breakpoint(
        packet.kind, packet.address, packet.length, _armed_as(session, packet, decision)
    )
    point.conditions, point.commands, point.persist = conditions, commands, packet.persist
    session.arm(point)


def _armed_as(session: Session, packet: packets.InsertBreakpoint, decision: Decision) -> BreakpointKind:
    kind = BreakpointKind.HARDWARE if decision is Decision.PROMOTE else packet.kind
    if session.policy.software_breakpoints is SoftwareBreakpoints.HARDWARE:
        _check_slots(session, (kind, packet.address, packet.length if kind.is_watch else 1))
    return kind


def _expressions(
    session: Session, packet: packets.InsertBreakpoint
) -> tuple[tuple[Condition, ...], tuple[Command, ...]]:
    """The packet's conditions and commands, compiled; all of them can be run on this machine."""
    if not packet.conditions and not packet.commands:
        return (), ()
    registers = session.guest.arch.registers
    long_size = registers.by_name[registers.pc].size
    conditions = tuple(compile_condition(code, registers.byteorder) for code in packet.conditions)
    commands = tuple(compile_command(code, registers.byteorder, long_size) for code in packet.commands)
    used = {number for c in conditions for number in c.registers}
    used |= {number for c in commands for number in c.registers}
    unknown = sorted(used - {register.number for register in registers if register.bits <= 64})
    if unknown:
        raise RspError(f"agent expression: {unknown[0]} is no register of at most 64 bits here")
    return conditions, commands


def _check(session: Session, packet: packets.InsertBreakpoint) -> None:
    problem = session.guest.arch.breakpoints.kind_error(packet.kind, packet.address, packet.length)
    if problem is None and packet.kind.is_watch and packet.length > MAX_WATCH:
        problem = (
            f"a {packet.kind.label} of {packet.length} bytes: at most {MAX_WATCH} can be watched at once"
        )
    if problem is not None:
        raise RspError(problem)


def _check_slots(session: Session, wanted: tuple[BreakpointKind, int, int]) -> None:
    """Under a policy that wants hardware, breakpoints are as many as the machine has slots, also where
    the backend could take more.
    """
    from kvmgdb.arch.slots import Refusal, Request, allocate

    held = {(p.armed_as, p.address, p.length if p.kind.is_watch else 1) for p in session.points}
    requests = [Request(*key) for key in sorted(held - {wanted})]
    answer = allocate(session.guest.arch.layout, [*requests, Request(*wanted)])
    if isinstance(answer, Refusal):
        raise RspError(answer.reason, errno.ENOSPC)


def remove(session: Session, packet: packets.RemoveBreakpoint) -> Reply:
    """``z``: what is not there is as good as removed."""
    if decide_insert(session.policy, packet.kind) is Decision.DECLINE:
        return Reply(replies.EMPTY)
    point = session.points.get(packet.kind, packet.address, packet.length)
    if point is not None:
        session.disarm(point)
    return _DONE


HANDLERS = {packets.InsertBreakpoint: insert, packets.RemoveBreakpoint: remove}
FEATURES = ("swbreak+", "hwbreak+", "ConditionalBreakpoints+", "BreakpointCommands+")
