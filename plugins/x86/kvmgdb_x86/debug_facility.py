"""The debug facility of the processor on the emulator.

The engine itself breaks on instructions; data watches, I/O breakpoints and DR7.GD are ours.  SDM vol. 3,
"Debug Registers", "Debug Exceptions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unicorn import x86_const as uc

from kvmgdb.arch.emulator import EmulatedMachine, Engine, GuestPoint, Mark
from kvmgdb_x86 import debug
from kvmgdb_x86.engine_state import EngineState
from kvmgdb_x86.events import EFLAGS_RF, Memory

_ADDRESSES = (uc.UC_X86_REG_DR0, uc.UC_X86_REG_DR1, uc.UC_X86_REG_DR2, uc.UC_X86_REG_DR3)
_LONG_CODE, _WIDE_CODE = 1 << 21, 1 << 22
"""L and D of CS."""
_STI = b"\xfb"


class DebugFacility:
    """That of one engine; ``on_alert`` is told whether an instruction may raise a debug exception by what DR7
    holds alone.
    """

    def __init__(self, engine: Engine, state: EngineState, on_alert: Callable[[bool], None]) -> None:
        self._engine = engine
        self._state = state
        self._on_alert = on_alert
        self._ports: list[GuestPoint] = []
        self._touched_at: int | None = None
        self._guarded = self._alert = False
        self._see_alert()

    # -- registers -------------------------------------------------------------------------------------

    @property
    def _dr7(self) -> int:
        value: int = self._engine.reg_read(uc.UC_X86_REG_DR7)
        return value

    @property
    def _addresses(self) -> list[int]:
        return [self._engine.reg_read(number) for number in _ADDRESSES]

    @property
    def _dr6(self) -> int:
        value: int = self._engine.reg_read(uc.UC_X86_REG_DR6)
        return value

    @_dr6.setter
    def _dr6(self, value: int) -> None:
        self._engine.reg_write(uc.UC_X86_REG_DR6, value)

    @property
    def _has_extensions(self) -> bool:
        """CR4.DE."""
        return bool(self._state.paging[2] & debug.CR4_DE)

    def set_rf(self) -> None:
        """The next instruction raises no execution breakpoint."""
        flags = self._engine.reg_read(uc.UC_X86_REG_EFLAGS)
        self._engine.reg_write(uc.UC_X86_REG_EFLAGS, flags | EFLAGS_RF)

    # -- what is armed -----------------------------------------------------------------------------------

    def points(self) -> list[GuestPoint]:
        """The data watches of DR0-3; the engine itself knows the execution breakpoints."""
        dr7, addresses = self._dr7, self._addresses
        self._ports = debug.ports(dr7, addresses)
        self._guarded = bool(dr7 & debug.DR7_GD)
        self._state.ignore_io_breakpoints()
        self._see_alert()
        return debug.watches(dr7, addresses)

    def _see_alert(self) -> None:
        was_alert, self._alert = self._alert, self._guarded or bool(self._ports)
        if self._alert and not was_alert:
            self._engine.ctl_flush_tb()  # blocks translated until now have no marks for it
        self._on_alert(self._alert)

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """HLT and MOV to a debug register; for DR7.GD and I/O breakpoints what they are about."""
        return debug.marked(start, code) + (debug.checked(start, code) if self._alert else [])

    # -- I/O breakpoints -----------------------------------------------------------------------------------

    def on_port(self, machine: EmulatedMachine, port: int, size: int) -> None:
        """The guest accesses a port."""
        if not self._ports or not self._has_extensions:  # R/W 2 means nothing without CR4.DE
            return
        end = port + size
        hit = [p for p in self._ports if p.address < end and p.address + p.length > port]
        if hit:
            self._touched_at = self._state.linear_pc
            machine.touched(hit)

    def _leave_string(self, memory: Memory) -> None:
        """Go past a REP INS or OUTS whose last turn this was: the engine finds only the next time that the
        count is 0.
        """
        at, self._touched_at = self._touched_at, None
        if at is None or at != self._state.linear_pc:
            return
        flags = self._state.segment("cs").flags
        bits = 64 if flags & _LONG_CODE else 32 if flags & _WIDE_CODE else 16
        found = debug.string_io(memory.read(at, 4) or b"\0", bits)
        if found is not None and not self._engine.reg_read(uc.UC_X86_REG_RCX) & (1 << found[1]) - 1:
            self._engine.reg_write(uc.UC_X86_REG_RIP, self._state.rip + found[0])

    # -- debug exceptions ------------------------------------------------------------------------------------

    def note(self, points: Sequence[GuestPoint], memory: Memory) -> None:
        """The guest has met these of its points: the bits of DR6."""
        for point in points:
            self._dr6 |= 1 << point.slot
        self._leave_string(memory)

    def refuses(self, memory: Memory) -> bool:
        """General detect: whether #DB with BD comes in place of a MOV to or from a debug register.  What the
        MOV itself is refused for, its privilege and DR4 and DR5 under CR4.DE, comes first.
        """
        if not self._guarded:
            return False
        pc = self._state.linear_pc
        code = memory.read(pc, 4) or memory.read(pc, 3)  # the last one of a page may be three bytes long
        long = bool(self._state.segment("cs").flags & _LONG_CODE)
        register = debug.moved(code, long=long) if code is not None else None
        if register is None or self._state.cpl or (register in (4, 5) and self._has_extensions):
            return False
        self._dr6 |= debug.DR6_BD
        return True

    def is_held_off(self, pc: int, memory: Memory) -> bool:
        """Whether MOV or POP to SS holds off the breakpoint on the instruction at ``pc`` (SDM vol. 3,
        "Masking Exceptions and Interrupts When Switching Stacks"): then its hit is undone, and it passes.
        The engine notes a load of SS as it does STI.
        """
        if not self._state.inhibits_interrupts or memory.read(pc - 1, 1) == _STI:
            return False
        for slot, address in enumerate(self._addresses):
            if address == pc:
                self._dr6 &= ~(1 << slot)
        self.set_rf()
        return True

    def was_kept(self) -> None:
        """The debugger has got #DB in place of the guest: RF, where an execution breakpoint is on the next
        instruction.  The engine raises it before the instruction, and would do so each time (SDM vol. 3,
        "Instruction-Breakpoint Exception Condition").
        """
        if self._state.linear_pc in debug.executions(self._dr7, self._addresses):
            self.set_rf()

    def was_delivered(self) -> None:
        """The handler of #DB may use the debug registers (SDM vol. 3, "Debug Control Register (DR7)")."""
        if self._guarded:
            self._state.set_debug_register(7, self._dr7 & ~debug.DR7_GD)
            self.points()
