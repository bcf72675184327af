"""Who owns a debug event: the policy, its presets, and what follows from them.

Pure: a policy is data, a decision is a look-up.  The wire's side of it is the GDB manual, "Packets"
(``Z`` packets) and "Standard Replies": the empty reply to a ``Z`` packet tells gdb that the target does
not have this kind, and for ``Z0`` gdb then writes the trap instruction into memory itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from kvmgdb.arch.breakpoints import BreakpointKind


class Decision(Enum):
    """What becomes of a request to set a breakpoint or watchpoint."""

    ACCEPT = "accept"
    """The stub sets it, as the kind that was asked for."""
    PROMOTE = "promote"
    """The stub sets a hardware breakpoint in its place (a Z0 treated as Z1)."""
    DECLINE = "decline"
    """The empty reply.  Never an error reply: after one gdb gives up instead of helping itself."""


class _Choice(Enum):
    """A word of the configuration, and what it makes of a request."""

    decision: Decision

    def __new__(cls, word: str, decision: Decision) -> Self:
        """A member whose value is the word."""
        member = object.__new__(cls)
        member._value_ = word
        member.decision = decision
        return member


class SoftwareBreakpoints(_Choice):
    """Z0, a software breakpoint: stub (set here), gdb (gdb writes the trap), hardware (treated as Z1)."""

    STUB = "stub", Decision.ACCEPT
    GDB = "gdb", Decision.DECLINE
    HARDWARE = "hardware", Decision.PROMOTE


class HardwareBreakpoints(_Choice):
    """Z1, a hardware breakpoint: stub (set here), refuse (gdb is told that there are none)."""

    STUB = "stub", Decision.ACCEPT
    REFUSE = "refuse", Decision.DECLINE


class Watchpoints(_Choice):
    """Z2 to Z4, watchpoints: stub (set here), refuse (gdb is told that there are none; it steps and compares
    instead after ``set can-use-hw-watchpoints 0``)."""

    STUB = "stub", Decision.ACCEPT
    REFUSE = "refuse", Decision.DECLINE


class UnclaimedExits(Enum):
    """A debug exit that is nobody's here: guest (hand it back), gdb (stop)."""

    GUEST = "guest"
    GDB = "gdb"


class OnDisconnect(Enum):
    """The guest, once a connection ends without a detach: run (goes on), pause (waits), exit (ends)."""

    RUN = "run"
    PAUSE = "pause"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the stub does with a request and with an exit."""

    preset: str
    """The preset it began as; single values may differ from it."""
    software_breakpoints: SoftwareBreakpoints
    hardware_breakpoints: HardwareBreakpoints
    watchpoints: Watchpoints
    unclaimed_exits: UnclaimedExits
    on_disconnect: OnDisconnect

    @property
    def contradiction(self) -> str | None:
        """Why its values cannot stand together, as one clause; None if they can."""
        promoted = self.software_breakpoints is SoftwareBreakpoints.HARDWARE
        if promoted and self.hardware_breakpoints is HardwareBreakpoints.REFUSE:
            return (
                "software_breakpoints: hardware makes every Z0 a hardware breakpoint, "
                "but hardware_breakpoints: refuse turns those away"
            )
        return None


@dataclass(frozen=True, slots=True)
class Preset:
    """A named policy."""

    policy: Policy
    use: str
    """One sentence: when to choose it."""


_TABLE = (
    Preset(
        Policy(
            "transparent",
            SoftwareBreakpoints.STUB,
            HardwareBreakpoints.STUB,
            Watchpoints.STUB,
            UnclaimedExits.GUEST,
            OnDisconnect.RUN,
        ),
        "The default: the stub sets every kind, guest memory stays as it is, and what is not ours goes "
        "to the guest, so that a debugger inside it keeps working.",
    ),
    # From here on a broken connection may leave traps of gdb's in guest memory.  Those that are known are
    # taken out, but a guest that ran on could meet one that is not: it waits for the next debugger instead.
    Preset(
        Policy(
            "gdb-owned",
            SoftwareBreakpoints.GDB,
            HardwareBreakpoints.STUB,
            Watchpoints.STUB,
            UnclaimedExits.GUEST,
            OnDisconnect.PAUSE,
        ),
        "For a debugger that keeps its own list: gdb writes its traps into memory, and the stub knows "
        "them by watching the writes.",
    ),
    Preset(
        Policy(
            "minimal",
            SoftwareBreakpoints.GDB,
            HardwareBreakpoints.REFUSE,
            Watchpoints.STUB,
            UnclaimedExits.GUEST,
            OnDisconnect.PAUSE,
        ),
        "For keeping every debug register free for watchpoints: the stub does only what gdb cannot do "
        "by writing memory (the plan of 2008).",
    ),
    Preset(
        Policy(
            "hardware",
            SoftwareBreakpoints.HARDWARE,
            HardwareBreakpoints.STUB,
            Watchpoints.STUB,
            UnclaimedExits.GUEST,
            OnDisconnect.RUN,
        ),
        "For code that is not loaded yet, ROM, or a guest that checks itself: every breakpoint takes a "
        "hardware slot, and there are only a few.",
    ),
    # Every exit is meant for a debugger: without one, the guest waits for it at once.
    Preset(
        Policy(
            "catch-all",
            SoftwareBreakpoints.STUB,
            HardwareBreakpoints.STUB,
            Watchpoints.STUB,
            UnclaimedExits.GDB,
            OnDisconnect.PAUSE,
        ),
        "For finding out what a guest does with debug events of its own: every debug exit stops in gdb.",
    ),
)

PRESETS: dict[str, Preset] = {preset.policy.preset: preset for preset in _TABLE}
"""Every preset by its name."""

DEFAULT_PRESET = "transparent"


def decide_insert(policy: Policy, kind: BreakpointKind) -> Decision:
    """Decide what becomes of a request for a breakpoint of ``kind`` (a ``Z`` packet, or its ``z``)."""
    if kind is BreakpointKind.SOFTWARE:
        return policy.software_breakpoints.decision
    if kind is BreakpointKind.HARDWARE:
        return policy.hardware_breakpoints.decision
    return policy.watchpoints.decision
