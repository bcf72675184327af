"""Conditions that the stub evaluates: false for many turns of the loop, then true."""

from __future__ import annotations

from time import perf_counter

from bench.client import frame
from bench.guests import COUNTER, COUNTER_MASK
from bench.works import CONTINUE, Figures, Scale, Session


def condition(count: int) -> bytes:
    """Agent expression for ``counter == count``: const32, ref32, const32, equal, end (GDB manual, "The GDB
    Agent Expression Mechanism").
    """
    code = b"\x24%b\x19\x24%b\x13\x27" % (COUNTER.to_bytes(4, "big"), count.to_bytes(4, "big"))
    return b";X%x,%b" % (len(code), code.hex().encode("ascii"))


def _evaluated(session: Session, kind: int, address: int, size: int, hits: int) -> float | None:
    """Evaluations per second; None where the stub stopped although the condition was false."""
    before = session.counter()
    suffix = condition((before + hits) & COUNTER_MASK)
    session.done(frame(b"Z%d,%x,%x%b" % (kind, address, size, suffix)))
    start = perf_counter()
    session.client.stop(CONTINUE)
    seconds = perf_counter() - start
    turns = session.turns_since(before)
    session.done(session.point("z", kind, address, size))
    return hits / seconds if turns >= hits - 1 else None


def breakpoint_conditions(session: Session, scale: Scale) -> Figures:
    """On an instruction of the loop, where the stub offers to evaluate."""
    if not session.real or session.client.features.get("ConditionalBreakpoints") != "+":
        return {}
    rate = _evaluated(session, 0, session.guest.loop, session.guest.width, scale.conditions)
    return {"condition": rate} if rate is not None else {}


def watch_conditions(session: Session, scale: Scale) -> Figures:
    """On the counter's writes.  gdb sends no such packet, and a stub that does not know it stops at once."""
    if not session.real or session.client.features.get("ConditionalBreakpoints") != "+":
        return {}
    rate = _evaluated(session, 2, COUNTER, 4, scale.conditions)
    return {"watch_condition": rate} if rate is not None else {}
