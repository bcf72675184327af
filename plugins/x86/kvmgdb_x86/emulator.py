"""x86 on the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import unicorn as un
from unicorn import x86_const as uc

from kvmgdb.arch.emulator import (
    ComputedRegister,
    EmulatedMachine,
    Engine,
    GuestPoint,
    Mark,
    Obstacle,
    Read,
)
from kvmgdb.arch.machine import DeviceRegion, Extent, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb_x86 import debug, exceptions, modes, paging
from kvmgdb_x86.debug_facility import DebugFacility
from kvmgdb_x86.delivery import resolve
from kvmgdb_x86.emulator_registers import DIRECT, EFER, computed_registers
from kvmgdb_x86.engine_mode import register_mode, use_64_bit_registers
from kvmgdb_x86.engine_state import EngineState
from kvmgdb_x86.events import Cpu, Event, TaskState, Undeliverable
from kvmgdb_x86.linear import LinearMemory
from kvmgdb_x86.ports import outputs, read_port
from kvmgdb_x86.walks import Walks

_ENGINE_MODES = {"16": un.UC_MODE_16, "32": un.UC_MODE_32, "64": un.UC_MODE_64}
_SEGMENT_REGISTERS = (
    uc.UC_X86_REG_DS,
    uc.UC_X86_REG_ES,
    uc.UC_X86_REG_SS,
    uc.UC_X86_REG_FS,
    uc.UC_X86_REG_GS,
)
_GENERAL = tuple(DIRECT[name] for name in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")) + tuple(
    DIRECT[f"r{index}"] for index in range(8, 16)
)
_RESERVED_ONE = 2  # EFLAGS bit 1
_INT1 = b"\xf1"
_PRESENT = 1 << 15
_WIDE_TASK_STATES = (0x9, 0xB)
_TASK_STATES = (0x1, 0x3, *_WIDE_TASK_STATES)
"""Types of a descriptor (SDM vol. 3, "System-Segment and Gate-Descriptor Types"): available and busy."""


class X86Emulator:
    """One x86 guest on the emulator; implements :class:`kvmgdb.arch.emulator.EmulatorPort`."""

    direct: Mapping[str, int] = DIRECT
    jump_to_next = b"\xeb\x00"
    debug_registers = debug.REGISTERS
    load_targets: tuple[int, ...] = ()
    regions: tuple[Region, ...] = (modes.TABLES,)
    devices: tuple[DeviceRegion, ...] = ()

    def __init__(self, variant: str) -> None:
        self._mode = modes.MODES[variant]
        self._engine_mode = _ENGINE_MODES[variant]
        self._state: EngineState
        self._walks = Walks()
        self._debug: DebugFacility
        self.alert = False
        self.computed: Mapping[str, ComputedRegister] = computed_registers(lambda: self._state)

    def create(self) -> Engine:
        """An engine in the start state's mode, with 64-bit register calls."""
        engine = un.Uc(un.UC_ARCH_X86, self._engine_mode)
        engine.reg_read(uc.UC_X86_REG_EFLAGS)  # the first call builds the processor, by this mode
        use_64_bit_registers(engine, self._engine_mode)
        self._state = EngineState(engine)
        self._debug = DebugFacility(engine, self._state, self._set_alert)
        return engine

    def _set_alert(self, alert: bool) -> None:
        self.alert = alert  # an attribute: it is asked for at every step

    def connect(self, engine: Engine, machine: EmulatedMachine) -> None:
        """Console, serial line and exit device on their ports."""
        handlers = outputs(machine)

        def on_out(_engine: Engine, port: int, size: int, value: int, _data: object) -> None:
            self._debug.on_port(machine, port, size)
            handler = handlers.get(port)
            if handler is not None:
                handler(value & 0xFF)

        def on_in(_engine: Engine, port: int, size: int, _data: object) -> int:
            self._debug.on_port(machine, port, size)
            return read_port(port, size)

        engine.hook_add(un.UC_HOOK_INSN, on_out, None, 1, 0, uc.UC_X86_INS_OUT)
        engine.hook_add(un.UC_HOOK_INSN, on_in, None, 1, 0, uc.UC_X86_INS_IN)

    def reset(self, engine: Engine, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """Start state of the variant at ``start.entry``."""
        mode = self._mode
        memory(modes.TABLES.start, modes.tables())
        engine.reg_write(uc.UC_X86_REG_DR7, 0x400)
        engine.reg_write(uc.UC_X86_REG_CR0, modes.CR0_ET)  # paging off before its tables change
        engine.reg_write(uc.UC_X86_REG_GDTR, (0, modes.GDT if mode.bits > 16 else 0, modes.GDT_LIMIT, 0))
        # The emulator leaves the limit of a real-mode IDT at 0; the processor resets it to 0x3ff.
        engine.reg_write(uc.UC_X86_REG_IDTR, (0, 0, 0x3FF if mode.bits == 16 else 0, 0))
        engine.reg_write(uc.UC_X86_REG_CR4, mode.cr4)
        engine.reg_write(uc.UC_X86_REG_CR3, modes.PAGE_TABLES if mode.bits == 64 else 0)
        engine.msr_write(EFER, mode.efer)
        engine.reg_write(uc.UC_X86_REG_CR0, mode.cr0)
        self._load_segments(engine)
        for number in _GENERAL:
            engine.reg_write(number, 0)
        engine.reg_write(uc.UC_X86_REG_EFLAGS, _RESERVED_ONE)
        engine.reg_write(uc.UC_X86_REG_FPCW, modes.FPU_CONTROL)
        engine.reg_write(uc.UC_X86_REG_FPTAG, 0xFFFF)
        engine.reg_write(uc.UC_X86_REG_MXCSR, modes.MXCSR)
        engine.reg_write(uc.UC_X86_REG_RIP, start.entry)

    def _load_segments(self, engine: Engine) -> None:
        with register_mode(engine, self._engine_mode):
            engine.reg_write(uc.UC_X86_REG_CS, self._mode.code)
            for register in _SEGMENT_REGISTERS:
                engine.reg_write(register, self._mode.data)

    def resume_pc(self, engine: Engine) -> int:
        """RIP."""
        return self._state.rip

    def linear_pc(self, engine: Engine, read: Read) -> int:
        """CS base + RIP."""
        return self._state.linear_pc

    def translate(self, engine: Engine, address: int, read: Read) -> Extent | None:
        """A walk of the page tables."""
        state = self._state.paging
        if not state[0] & paging.CR0_PG:
            return Extent(address, (1 << 64) - address)
        return self._walks.translate(state, address, read)

    def _memory(self, read: Read) -> LinearMemory:
        return LinearMemory(paging.PagingState(*self._state.paging), read)

    def exception(self, engine: Engine, number: int, read: Read) -> GuestException | None:
        """The vector is the engine's number; for traps RIP is already past the instruction."""
        pc = self.linear_pc(engine, read)
        rip = self.resume_pc(engine)
        self._state.clear_exception()
        if number == exceptions.DEBUG and self._debug.is_held_off(pc, self._memory(read)):
            return None
        if self._state.is_software:
            short = exceptions.SHORT_FORMS.get(number)
            pc -= 1 if short is not None and self._memory(read).read(pc - 1, 1) == short else 2
            return exceptions.make(number, pc, rip)
        fault_address = engine.reg_read(uc.UC_X86_REG_CR2) if number == exceptions.PAGE_FAULT else None
        return exceptions.make(number, pc, rip, fault_address)

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """HLT and MOV to a debug register; for DR7.GD and I/O breakpoints what they are about."""
        return self._debug.marked(start, code)

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """The data watches of DR0-3; the engine itself knows the execution breakpoints."""
        return self._debug.points()

    def before(self, engine: Engine, read: Read) -> GuestException | None:
        """General detect."""
        return self._debug_exception() if self._debug.refuses(self._memory(read)) else None

    def after(self, engine: Engine, read: Read) -> GuestException | None:
        """Nothing waits for being enabled."""
        return None

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """#DB with the bits of DR6."""
        self._debug.note(points, self._memory(read))
        return self._debug_exception()

    def _debug_exception(self) -> GuestException:
        return exceptions.make(exceptions.DEBUG, self._state.linear_pc, self._state.rip)

    def keep(self, engine: Engine, exception: GuestException) -> None:
        """RF, where the engine would raise it again."""
        if exception.vector == exceptions.DEBUG:
            self._debug.was_kept()

    def deliver(self, engine: Engine, exception: GuestException, read: Read) -> Obstacle | None:
        """Through the IDT or the vector table; where that cannot be done, what follows from it."""
        state = self._state
        if exception.vector == exceptions.DEBUG:
            state.replace_exception(0)
        raised = Event(exception.vector, state.error_code, state.is_software)
        found = resolve(self._cpu(engine), raised, self._memory(read))
        if isinstance(found, Undeliverable):
            return Obstacle(found.reason, found.shutdown)
        if found is not raised:
            state.replace_exception(found.error_code)
            # Whatever stands in its place is a fault of the instruction, which a trap is already past.
            engine.reg_write(uc.UC_X86_REG_RIP, state.rip - (state.linear_pc - exception.pc))
        if found.address is not None:
            engine.reg_write(uc.UC_X86_REG_CR2, found.address)
        if found.pushes_rf:
            self._debug.set_rf()
        state.deliver(found.vector)
        if found.vector == exceptions.DEBUG:
            self._debug.was_delivered()
        return None

    def _cpu(self, engine: Engine) -> Cpu:
        state = self._state
        stack = state.segment("ss")
        _, ldt_base, ldt_limit, _ = engine.reg_read(uc.UC_X86_REG_LDTR)
        return Cpu(
            cr0=engine.reg_read(uc.UC_X86_REG_CR0),
            efer=engine.msr_read(EFER),
            eflags=engine.reg_read(uc.UC_X86_REG_EFLAGS),
            cpl=state.cpl,
            idt=engine.reg_read(uc.UC_X86_REG_IDTR)[1:3],
            gdt=engine.reg_read(uc.UC_X86_REG_GDTR)[1:3],
            ldt=(ldt_base, ldt_limit),
            tss=_task_state(*engine.reg_read(uc.UC_X86_REG_TR)),
            stack_base=stack.base,
            stack_pointer=engine.reg_read(uc.UC_X86_REG_RSP),
            stack_wide=bool(stack.flags >> 22 & 1),
        )

    def invalid_instruction(self, engine: Engine, read: Read) -> GuestException:
        """#UD; but INT1, which the engine does not know, is #DB, and a trap (SDM vol. 2, "INT n")."""
        pc, rip = self._state.linear_pc, self._state.rip
        self._state.replace_exception(0)
        if self._memory(read).read(pc, 1) == _INT1:
            engine.reg_write(uc.UC_X86_REG_RIP, rip + 1)
            return exceptions.make(exceptions.DEBUG, pc, rip + 1)
        return exceptions.make(exceptions.INVALID_OPCODE, pc, rip)


def _task_state(selector: int, base: int, limit: int, flags: int) -> TaskState:
    """TR; one that names no task-state segment, of which the engine would make an end, as an empty one."""
    kind = flags >> 8 & 0x1F
    is_usable = flags & _PRESENT and kind in _TASK_STATES
    return TaskState(selector, base, limit if is_usable else -1, wide=kind in _WIDE_TASK_STATES)
