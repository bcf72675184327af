"""The works that fill the rows of the scoreboard (:mod:`bench.rows`), as a table.

A work drives one server whose guest stands still in its loop with no breakpoint set, leaves it so, and
gives one or more figures.  What a work did is checked against the guest's counter: a stub that answers fast
and wrong has no figure but an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, sleep

from bench.client import Client, ProtocolError, escape, frame, unescape
from bench.guests import COUNTER, COUNTER_MASK, RANDOM, RANDOM_DATA, RANDOM_SIZE, Guest

STEP, CONTINUE = frame(b"vCont;s"), frame(b"vCont;c")

BULK = 128 * 1024 - 16
"""Most bytes of memory in one bulk packet."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how much."""

    rounds: int
    seconds: float
    """For one figure of one server in one round."""
    many: int
    """The many breakpoints."""
    interrupts: int
    conditions: int
    """Times a condition is false before it is true."""
    area: int
    """Bytes of memory that gdb dumps and searches."""


FULL = Scale(rounds=5, seconds=0.3, many=100_000, interrupts=20, conditions=20_000, area=16 << 20)
SHORT = Scale(rounds=2, seconds=0.08, many=5_000, interrupts=10, conditions=2_000, area=1 << 20)


@dataclass(slots=True)
class Session:
    """One server in one work."""

    client: Client
    guest: Guest
    real: bool
    """False for a do-nothing stub: it has no counter to check against."""

    def counter(self) -> int:
        """How many turns the guest has made, modulo 2**32."""
        return int.from_bytes(self.client.read(COUNTER, 4), self.guest.byteorder)

    def turns_since(self, before: int) -> int:
        """Turns since the counter was read."""
        return (self.counter() - before) & COUNTER_MASK

    def point(self, letter: str, kind: int, address: int, size: int | None = None) -> bytes:
        """The frame of a ``Z`` or ``z`` packet."""
        return frame(b"%b%x,%x,%x" % (letter.encode("ascii"), kind, address, size or self.guest.width))

    def done(self, framed: bytes) -> None:
        """Send a frame that must be answered ``OK``."""
        reply = self.client.exchange(framed)
        if reply != b"OK":
            raise ProtocolError(f"{framed!r} was answered {reply[:80]!r}, not OK")

    def check(self, what: str, turns: int, low: int, high: int) -> None:
        """Insist on how far the guest got.

        Raises:
            ProtocolError: it got elsewhere.
        """
        if self.real and not low <= turns <= high:
            raise ProtocolError(f"{what}: the guest made {turns} turns, not {low} to {high}")


Figures = dict[str, float]


def timed(action: Callable[[], object], seconds: float) -> tuple[int, float]:
    """Do something again and again for a while: (how often, seconds it took)."""
    action()
    start = now = perf_counter()
    count = 0
    while now < start + seconds:
        action()
        count += 1
        now = perf_counter()
    return count, now - start


def steps(session: Session, scale: Scale) -> Figures:
    """One instruction a packet."""
    before = session.counter()
    count, seconds = timed(lambda: session.client.stop(STEP), scale.seconds)
    turns, length = session.turns_since(before), session.guest.loop_length
    session.check(f"{count + 1} steps", turns, (count + 1) // length - 1, (count + 1) // length + 1)
    return {"step": count / seconds}


def small_reads(session: Session, scale: Scale) -> Figures:
    """A pointer's worth of memory a packet."""
    request = frame(b"m%x,8" % RANDOM)
    count, seconds = timed(lambda: session.client.exchange(request), scale.seconds)
    if session.real and session.client.read(RANDOM, 8) != RANDOM_DATA[:8]:
        raise ProtocolError("an 8-byte m gave other bytes than are there")
    return {"read8": count / seconds}


def _megabytes(session: Session, requests: list[bytes], size: int, seconds: float) -> float:
    def all_of_them() -> None:
        for request in requests:
            session.client.exchange(request)

    count, took = timed(all_of_them, seconds)
    return count * len(requests) * size / took / 1e6


def _chunks(size: int) -> range:
    return range(0, RANDOM_SIZE - size + 1, size)


def bulk_hex(session: Session, scale: Scale) -> Figures:
    """A mebibyte by ``m``, in pieces as large as the stub takes."""
    size = min(BULK, session.client.packet_size // 2 - 16)
    if session.real and session.client.read(RANDOM, size) != RANDOM_DATA[:size]:
        raise ProtocolError("a bulk m gave other bytes than are there")
    requests = [frame(b"m%x,%x" % (RANDOM + offset, size)) for offset in _chunks(size)]
    return {"bulk_m": _megabytes(session, requests, size, scale.seconds)}


def bulk_binary(session: Session, scale: Scale) -> Figures:
    """A mebibyte by ``x``, where it is offered."""
    if session.client.features.get("binary-upload") != "+":
        return {}
    size = min(BULK, session.client.packet_size // 2 - 16)
    requests = [frame(b"x%x,%x" % (RANDOM + offset, size)) for offset in _chunks(size)]
    reply = session.client.exchange(requests[0])
    if session.real and unescape(reply) != b"b" + RANDOM_DATA[:size]:
        raise ProtocolError("a bulk x gave other bytes than are there")
    return {"bulk_x": _megabytes(session, requests, size, scale.seconds)}


def bulk_write(session: Session, scale: Scale) -> Figures:
    """A mebibyte by ``X``, where the probe that gdb sends is answered."""
    if session.client.ask(b"X%x,0:" % RANDOM) != b"OK":
        return {}
    size = min(BULK, session.client.packet_size * 9 // 10 - 32)  # room for the escapes of random data
    requests = [
        frame(b"X%x,%x:%b" % (RANDOM + offset, size, escape(RANDOM_DATA[offset : offset + size])))
        for offset in _chunks(size)
    ]
    for request in requests:
        session.done(request)
    megabytes = _megabytes(session, requests, size, scale.seconds)
    if session.real and session.client.read(RANDOM, 64) != RANDOM_DATA[:64]:
        raise ProtocolError("a bulk X left other bytes than it brought")
    return {"bulk_X": megabytes}


def _cycles(session: Session, seconds: float) -> float:
    """The way gdb goes on from a breakpoint, per second: step off it, set it, continue to it, take it out."""
    client = session.client
    insert, remove = (session.point(letter, 0, session.guest.loop) for letter in "Zz")
    session.done(insert)
    client.stop(CONTINUE)
    session.done(remove)
    before = session.counter()

    def cycle() -> None:
        client.stop(STEP)
        session.done(insert)
        client.stop(CONTINUE)
        session.done(remove)

    count, took = timed(cycle, seconds)
    session.check("a breakpoint cycle each turn", session.turns_since(before), count + 1, count + 1)
    return count / took


def breakpoint_cycles(session: Session, scale: Scale) -> Figures:
    """The only breakpoint there is."""
    return {"cycle": _cycles(session, scale.seconds)}


def watch_hits(session: Session, scale: Scale) -> Figures:
    """A write watchpoint on the counter.

    Where hardware reports a watchpoint before the access (PowerPC), gdb takes it out, steps and puts it
    back for every hit; so does this.  Elsewhere a hit is one ``c``.
    """
    client = session.client
    insert, remove = (session.point(letter, 2, COUNTER, 4) for letter in "Zz")

    def hit() -> None:
        client.stop(CONTINUE)
        if session.guest.watch_before:
            session.done(remove)
            client.stop(STEP)
            session.done(insert)

    session.done(insert)
    hit()
    before = session.counter()
    count, seconds = timed(hit, scale.seconds)
    turns = session.turns_since(before)
    session.done(remove)
    session.check("a watch hit each turn", turns, count + 1, count + 1)
    return {"watch": count / seconds}


def _turns(session: Session, seconds: float) -> float:
    """Turns per second of a free run, from ``c`` to the stop reply."""
    before = session.counter()
    start = perf_counter()
    session.client.send(CONTINUE)
    sleep(seconds)
    session.client.interrupt()
    seconds = perf_counter() - start
    turns = session.turns_since(before)
    if session.real and not turns:
        raise ProtocolError("the guest did not move while it ran")
    return turns / seconds


def loop_speed(session: Session, scale: Scale) -> Figures:
    """Free, with one breakpoint in the same page, with a thousand."""
    guest = session.guest
    if not session.real:
        return {}
    _turns(session, 0.05)
    free = _turns(session, scale.seconds)
    figures = {"loop": free / 1e6}
    for key, count in (("loop_1", 1), ("loop_1k", 1000)):
        addresses = [guest.spare_address(999 - index) for index in range(count)]
        for address in addresses:
            session.done(session.point("Z", 0, address))
        figures[key] = 100 * _turns(session, scale.seconds) / free
        for address in addresses:
            session.done(session.point("z", 0, address))
    return figures


def loop_after_watch(session: Session, scale: Scale) -> Figures:
    """What a watchpoint leaves behind once it was hit and taken out."""
    if not session.real:
        return {}
    free = _turns(session, scale.seconds)
    session.done(session.point("Z", 2, COUNTER, 4))
    session.client.stop(CONTINUE)
    session.done(session.point("z", 2, COUNTER, 4))
    return {"loop_watched": 100 * _turns(session, scale.seconds) / free}


def many_breakpoints(session: Session, scale: Scale) -> Figures:
    """A debugger with very many breakpoints, none of which the guest gets to.  They are left set."""
    guest = session.guest
    free = _turns(session, scale.seconds) if session.real else 0.0
    inserts = [session.point("Z", 0, guest.spare_address(index)) for index in range(scale.many)]
    for insert in inserts[:10]:
        session.done(insert)
    with_ten = _steady_cycles(session, scale)
    start = perf_counter()
    for insert in inserts[10:]:
        session.done(insert)
    figures = {"insert": perf_counter() - start}
    if session.real:
        figures["loop_many"] = 100 * _turns(session, scale.seconds) / free
    figures["cycle_many"] = 100 * _steady_cycles(session, scale) / with_ten
    return figures


def _steady_cycles(session: Session, scale: Scale) -> float:
    """The median of some: this work is done in one round only, and one figure says little."""
    return median(_cycles(session, scale.seconds) for _ in range(scale.rounds))


def interrupts(session: Session, scale: Scale) -> Figures:
    """How long the user waits after Ctrl-C."""
    waits = []
    for _ in range(scale.interrupts):
        session.client.send(CONTINUE)
        sleep(0.005)
        start = perf_counter()
        session.client.interrupt()
        waits.append(perf_counter() - start)
    return {"interrupt": median(waits) * 1e3}
