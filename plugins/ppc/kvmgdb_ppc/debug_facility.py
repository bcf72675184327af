"""The debug facility of a BookE core on the emulator: DBSR, and when what it holds becomes an interrupt.

An event is recorded in DBSR whatever MSR[DE] is, with IDE where it is 0; the interrupt comes at once, or when
DE is set with the event still recorded (PPC440x5 manual, "Debug Interrupt"; Power ISA, book III-E, "Debug
Events").
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from unicorn import ppc_const as uc

from kvmgdb.arch.emulator import Engine, GuestPoint
from kvmgdb_ppc import debug_booke, instructions
from kvmgdb_ppc.accesses import access
from kvmgdb_ppc.debug import StatusRegister, registers
from kvmgdb_ppc.delivery import MSR_DE, MSR_PR
from kvmgdb_ppc.sprs import SPRS

_RANGES_NEED_DE = frozenset({"440"})
"""Cores on which a range of instructions makes no event while MSR[DE] is 0 (PPC440x5 manual, "IAC Debug Event
Processing")."""


Load = Callable[[int, int], bytes]
"""Reads the guest's memory: (virtual address, length) -> bytes; what is not there is zero."""


class DebugFacility:
    """That of one engine, whose SPRs are ``sprs``."""

    def __init__(
        self,
        variant: str,
        engine: Engine,
        sprs: ctypes.Array[ctypes.c_uint32],
        on_alert: Callable[[bool], None],
    ) -> None:
        self._variant = variant
        self._numbers = SPRS[variant]
        self._names = registers(variant)
        self._engine = engine
        self._sprs = sprs
        self._steps = 0
        self.status = StatusRegister(self._numbers["dbsr"])
        self._on_alert = on_alert

    @property
    def values(self) -> dict[str, int]:
        """The debug registers."""
        return {name: self._sprs[self._numbers[name]] for name in self._names}

    @property
    def _msr(self) -> int:
        value: int = self._engine.reg_read(uc.UC_PPC_REG_MSR)
        return value

    def points(self, pc: int) -> list[GuestPoint]:
        """What the guest has armed; the instruction before ``pc`` may have written it."""
        if not self._msr & MSR_PR and self.status.after((pc - 4) & 0xFFFF_FFFF, self._general):
            self._sprs[self._numbers["dbsr"]] = self.status.value
        values = self.values
        self.status.value = values["dbsr"]
        self._follow_steps(values["dbcr0"] & debug_booke.STEPS)
        self._see_alert()
        return debug_booke.points(values)

    def _general(self, number: int) -> int:
        value: int = self._engine.reg_read(uc.UC_PPC_REG_0 + number)
        return value

    def _follow_steps(self, enabled: int) -> None:
        """The engine translates a block to step or not to step by these bits of DBCR0, and afterwards takes
        it for both.
        """
        if enabled != self._steps:
            self._steps = enabled
            self._engine.ctl_flush_tb()

    def _see_alert(self) -> None:
        """Tell whether something is recorded that may become an interrupt, or a return is an event."""
        control = self._sprs[self._numbers["dbcr0"]]
        self._on_alert(bool(self.status.value & debug_booke.EVENTS or control & debug_booke.RET))

    def raised(self) -> None:
        """The engine has recorded an event of its own."""
        self.status.value = self._sprs[self._numbers["dbsr"]]
        self._see_alert()

    def record(self, events: int, msr: int | None = None) -> bool:
        """Record events that came under ``msr``, by default the present one; whether they are an interrupt
        now.
        """
        is_enabled = bool((self._msr if msr is None else msr) & MSR_DE)
        imprecise = 0 if is_enabled else debug_booke.IMPRECISE
        self.status.value = self._sprs[self._numbers["dbsr"]] | events | imprecise
        self._sprs[self._numbers["dbsr"]] = self.status.value
        self._see_alert()
        return is_enabled and self._is_internal

    def takes_now(self) -> bool:
        """Whether an event is an interrupt at once."""
        return bool(self._msr & MSR_DE) and self._is_internal

    @property
    def _is_internal(self) -> bool:
        """Internal debug mode."""
        return bool(self._sprs[self._numbers["dbcr0"]] & debug_booke.IDM)

    def is_pending(self) -> bool:
        """Whether what is recorded is an interrupt."""
        recorded = self._sprs[self._numbers["dbsr"]] & debug_booke.EVENTS
        return bool(recorded and self._msr & MSR_DE and self._is_internal)

    def meets(self, points: Sequence[GuestPoint], word: int, load: Load) -> bool:
        """The guest meets its points at the instruction ``word``: record what comes of it; whether that is
        an interrupt.
        """
        made = access(word, self._general)
        data = b""
        if made is not None:
            data = load(made.address, made.size) if made.stored is None else made.stored
        met = debug_booke.Met(points, instructions.is_store(word), made, data)
        events = debug_booke.events(self.values, self._msr, met)
        if self._variant in _RANGES_NEED_DE and self._is_internal and not self._msr & MSR_DE:
            events &= ~debug_booke.range_events(self.values)
        return bool(events) and self.record(events)

    def wants(self, event: int) -> bool:
        """Whether an event that is no address compare is enabled."""
        return bool(self._sprs[self._numbers["dbcr0"]] & event)
