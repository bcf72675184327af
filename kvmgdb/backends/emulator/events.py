"""What the engine tells during a run: callbacks that leave a note and stop it."""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import UcError
from unicorn import unicorn_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.arch.stops import Signal, Stop, StopKind

_ACCESSES = {
    uc.UC_MEM_READ_UNMAPPED: "read from",
    uc.UC_MEM_WRITE_UNMAPPED: "write to",
    uc.UC_MEM_FETCH_UNMAPPED: "instruction fetch from",
}


@dataclass(frozen=True, slots=True)
class Raised:
    """The guest's processor raised an exception."""

    number: int | None
    """The engine's number; None for an instruction it cannot decode."""


class Events:
    """The notes of one engine's runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop: Stop | None = None
        self._raised: Raised | None = None
        engine.hook_add(uc.UC_HOOK_INTR, self._on_interrupt)
        engine.hook_add(uc.UC_HOOK_INSN_INVALID, self._on_invalid)
        engine.hook_add(uc.UC_HOOK_MEM_UNMAPPED, self._on_unmapped)

    def take_exception(self) -> Raised | None:
        """The exception the run ended with; each call gives it once."""
        raised, self._raised = self._raised, None
        return raised

    def take_stop(self) -> Stop | None:
        """Whatever else it ended with; its program counter is not filled in yet."""
        stop, self._stop = self._stop, None
        return stop

    def stop(self, stop: Stop) -> None:
        """End the run with ``stop``, unless something has ended it already."""
        if self._stop is None:
            self._stop = stop
        self._engine.emu_stop()

    def on_error(self, problem: UcError) -> None:
        """The engine gave up: the callback that saw why has said so, or the error itself must do."""
        if self._raised is None and self._stop is None:
            self._stop = Stop(StopKind.SHUTDOWN, 0, Signal.ABRT, f"the emulator stopped: {problem}")

    def _on_interrupt(self, engine: Engine, number: int, _data: object) -> None:
        self._raised = Raised(number)
        engine.emu_stop()

    def _on_invalid(self, _engine: Engine, _data: object) -> bool:
        self._raised = Raised(None)
        return False

    def _on_unmapped(
        self, _engine: Engine, access: int, address: int, _size: int, _value: int, _data: object
    ) -> bool:
        what = _ACCESSES.get(access, "access to")
        reason = f"{what} physical address {address:#x}, where there is no memory"
        self._stop = Stop(StopKind.UNMAPPED, 0, Signal.BUS, reason, address=address)
        return False
