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
from kvmgdb_x86.delivery import resolve
from kvmgdb_x86.emulator_registers import DIRECT, EFER, computed_registers
from kvmgdb_x86.engine_mode import register_mode, use_64_bit_registers
from kvmgdb_x86.engine_state import EngineState
from kvmgdb_x86.events import EFLAGS_RF, Cpu, Event, TaskState, Undeliverable
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
_DEBUG_ADDRESSES = (uc.UC_X86_REG_DR0, uc.UC_X86_REG_DR1, uc.UC_X86_REG_DR2, uc.UC_X86_REG_DR3)
_RESERVED_ONE = 2  # EFLAGS bit 1
_INT1, _STI = b"\xf1", b"\xfb"
_PRESENT, _LONG_CODE, _WIDE_CODE = 1 << 15, 1 << 21, 1 << 22
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
        self._ports: list[GuestPoint] = []
        self._touched_at: int | None = None
        self._guarded = False
        self.alert = False
        self.computed: Mapping[str, ComputedRegister] = computed_registers(lambda: self._state)

    def create(self) -> Engine:
        """An engine in the start state's mode, with 64-bit register calls."""
        engine = un.Uc(un.UC_ARCH_X86, self._engine_mode)
        engine.reg_read(uc.UC_X86_REG_EFLAGS)  # the first call builds the processor, by this mode
        use_64_bit_registers(engine, self._engine_mode)
        self._state = EngineState(engine)
        return engine

    def connect(self, engine: Engine, machine: EmulatedMachine) -> None:
        """Console, serial line and exit device on their ports."""
        handlers = outputs(machine)

        def on_out(_engine: Engine, port: int, size: int, value: int, _data: object) -> None:
            if self._ports:
                self._touch(machine, port, size)
            handler = handlers.get(port)
            if handler is not None:
                handler(value & 0xFF)

        def on_in(_engine: Engine, port: int, size: int, _data: object) -> int:
            if self._ports:
                self._touch(machine, port, size)
            return read_port(port, size)

        engine.hook_add(un.UC_HOOK_INSN, on_out, None, 1, 0, uc.UC_X86_INS_OUT)
        engine.hook_add(un.UC_HOOK_INSN, on_in, None, 1, 0, uc.UC_X86_INS_IN)

    def _touch(self, machine: EmulatedMachine, port: int, size: int) -> None:
        """Tell of the guest's I/O breakpoints that an access touches; R/W 2 means nothing without CR4.DE."""
        if self._state.paging[2] & debug.CR4_DE:
            ends = (port, port + size)
            hit = [p for p in self._ports if p.address < ends[1] and p.address + p.length > ends[0]]
            if hit:
                self._touched_at = self._state.linear_pc
                machine.touched(hit)

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
        if number == exceptions.DEBUG and self._is_behind_stack_switch(pc, read):
            self._pass_execution(engine, pc)
            return None
        if self._state.is_software:
            short = exceptions.SHORT_FORMS.get(number)
            pc -= 1 if short is not None and self._memory(read).read(pc - 1, 1) == short else 2
            return exceptions.make(number, pc, rip)
        fault_address = engine.reg_read(uc.UC_X86_REG_CR2) if number == exceptions.PAGE_FAULT else None
        return exceptions.make(number, pc, rip, fault_address)

    def _is_behind_stack_switch(self, pc: int, read: Read) -> bool:
        """Whether MOV or POP to SS holds breakpoints off for the instruction at ``pc`` (SDM vol. 3, "Masking
        Exceptions and Interrupts When Switching Stacks"); the engine notes it as it does after STI.
        """
        return self._state.inhibits_interrupts and self._memory(read).read(pc - 1, 1) != _STI

    def _pass_execution(self, engine: Engine, pc: int) -> None:
        """Undo the hit of an execution breakpoint, and let the instruction pass."""
        addresses = [engine.reg_read(number) for number in _DEBUG_ADDRESSES]
        dr6 = engine.reg_read(uc.UC_X86_REG_DR6)
        for slot, address in enumerate(addresses):
            if address == pc:
                dr6 &= ~(1 << slot)
        engine.reg_write(uc.UC_X86_REG_DR6, dr6)
        self._set_rf(engine)

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """HLT and MOV to a debug register; for DR7.GD and I/O breakpoints what they are about."""
        return debug.marked(start, code) + (debug.checked(start, code) if self.alert else [])

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """The data watches of DR0-3; the engine itself knows the execution breakpoints."""
        dr7 = engine.reg_read(uc.UC_X86_REG_DR7)
        addresses = [engine.reg_read(number) for number in _DEBUG_ADDRESSES]
        self._ports = debug.ports(dr7, addresses)
        self._state.ignore_io_breakpoints()
        was_alert, self._guarded = self.alert, bool(dr7 & debug.DR7_GD)
        self.alert = self._guarded or bool(self._ports)
        if self.alert and not was_alert:
            engine.ctl_flush_tb()  # blocks translated until now have no marks for it
        return debug.watches(dr7, addresses)

    def before(self, engine: Engine, read: Read) -> GuestException | None:
        """General detect: #DB with BD, in place of a MOV to or from a debug register.  What the MOV itself
        is refused for, its privilege and DR4 and DR5 under CR4.DE, comes first.
        """
        if not self._guarded:
            return None
        memory, pc = self._memory(read), self._state.linear_pc
        code = memory.read(pc, 4) or memory.read(pc, 3)  # the last one of a page may be three bytes long
        long = bool(self._state.segment("cs").flags & _LONG_CODE)
        register = debug.moved(code, long=long) if code is not None else None
        if register is None or self._cpl or (register in (4, 5) and self._state.paging[2] & debug.CR4_DE):
            return None
        engine.reg_write(uc.UC_X86_REG_DR6, engine.reg_read(uc.UC_X86_REG_DR6) | debug.DR6_BD)
        return exceptions.make(exceptions.DEBUG, pc, self._state.rip)

    def after(self, engine: Engine, read: Read) -> GuestException | None:
        """Nothing waits for being enabled."""
        return None

    @property
    def _cpl(self) -> int:
        return self._state.segment("ss").flags >> 13 & 3

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """#DB with the bits of DR6."""
        dr6 = engine.reg_read(uc.UC_X86_REG_DR6)
        for point in points:
            dr6 |= 1 << point.slot
        engine.reg_write(uc.UC_X86_REG_DR6, dr6)
        self._leave_string(engine, read)
        return exceptions.make(exceptions.DEBUG, self._state.linear_pc, self._state.rip)

    def _leave_string(self, engine: Engine, read: Read) -> None:
        """Go past a REP INS or OUTS whose last turn this was: the engine finds only the next time that the
        count is 0.
        """
        at, self._touched_at = self._touched_at, None
        if at != self._state.linear_pc:
            return
        code = self._state.segment("cs").flags
        bits = 64 if code & _LONG_CODE else 32 if code & _WIDE_CODE else 16
        found = debug.string_io(self._memory(read).read(at, 4) or b"\0", bits)
        if found is not None and not engine.reg_read(uc.UC_X86_REG_RCX) & (1 << found[1]) - 1:
            engine.reg_write(uc.UC_X86_REG_RIP, self._state.rip + found[0])

    def keep(self, engine: Engine, exception: GuestException) -> None:
        """RF, where an execution breakpoint of the guest's is on the next instruction: the engine raises
        it before the instruction, and would do so each time (SDM vol. 3, "Instruction-Breakpoint Exception
        Condition").
        """
        dr7 = engine.reg_read(uc.UC_X86_REG_DR7)
        addresses = [engine.reg_read(number) for number in _DEBUG_ADDRESSES]
        if exception.vector == exceptions.DEBUG and self._state.linear_pc in debug.executions(dr7, addresses):
            self._set_rf(engine)

    def _set_rf(self, engine: Engine) -> None:
        engine.reg_write(uc.UC_X86_REG_EFLAGS, engine.reg_read(uc.UC_X86_REG_EFLAGS) | EFLAGS_RF)

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
            self._set_rf(engine)
        state.deliver(found.vector)
        if found.vector == exceptions.DEBUG and self._guarded:
            self._drop_guard(engine)
        return None

    def _drop_guard(self, engine: Engine) -> None:
        """The handler of #DB may use the debug registers (SDM vol. 3, "Debug Control Register (DR7)")."""
        self._state.set_debug_register(7, engine.reg_read(uc.UC_X86_REG_DR7) & ~debug.DR7_GD)
        self._state.ignore_io_breakpoints()
        self._guarded, self.alert = False, bool(self._ports)

    def _cpu(self, engine: Engine) -> Cpu:
        stack = self._state.segment("ss")
        _, ldt_base, ldt_limit, _ = engine.reg_read(uc.UC_X86_REG_LDTR)
        return Cpu(
            cr0=engine.reg_read(uc.UC_X86_REG_CR0),
            efer=engine.msr_read(EFER),
            eflags=engine.reg_read(uc.UC_X86_REG_EFLAGS),
            cpl=self._cpl,
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
