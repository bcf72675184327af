"""The states of a session, and what can come of a packet.

The session is always in one :class:`State`; :data:`TRANSITIONS` is the whole of what is legal.

* HALTED: the guest stands still, every packet is answered.
* RUNNING: the guest runs; only an interrupt may come in, and a stop ends it.
* ENDED: the guest is over (it used its exit device); only queries, detach and kill make sense.
* CLOSED: the debugger has detached or killed the guest; nothing more is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple


class State(StrEnum):  # which hashes faster than Enum: twice a step
    """Where a session is."""

    HALTED = "halted"
    RUNNING = "running"
    ENDED = "ended"
    CLOSED = "closed"


class Trigger(StrEnum):
    """What moves a session."""

    RESUME = "resume"
    STOP = "stop"
    GUEST_EXIT = "guest exit"
    RESET = "reset"
    LEAVE = "detach or kill"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.HALTED, Trigger.RESUME): State.RUNNING,
    (State.RUNNING, Trigger.STOP): State.HALTED,
    (State.RUNNING, Trigger.GUEST_EXIT): State.ENDED,
    (State.HALTED, Trigger.RESET): State.HALTED,
    (State.ENDED, Trigger.RESET): State.HALTED,
    (State.HALTED, Trigger.LEAVE): State.CLOSED,
    (State.ENDED, Trigger.LEAVE): State.CLOSED,
}


class Leave(Enum):
    """How a debugger ends its session."""

    DETACH = "detach"
    KILL = "kill"


class Reply(NamedTuple):  # which is made faster than a frozen dataclass: one for each packet
    """Answer, and wait for the next packet."""

    payload: bytes


class Run(NamedTuple):
    """Run the guest; the answer is the stop."""

    step: bool
    within: range | None = None
    """Step until the program counter is no longer in it."""


@dataclass(frozen=True, slots=True)
class Close:
    """Answer (None: say nothing) and end the session."""

    payload: bytes | None
    how: Leave


Outcome = Reply | Run | Close
