"""PowerPC on the emulator."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import unicorn as un
from unicorn import ppc_const as uc
from unicorn.unicorn_py3.unicorn import uclib

from kvmgdb.arch.emulator import ComputedRegister, EmulatedMachine, Engine, GuestPoint, Mark, Obstacle, Read
from kvmgdb.arch.machine import DeviceRegion, Extent, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb.errors import MemoryFault
from kvmgdb_ppc import debug, debug_booke, delivery, exceptions, instructions, tlb
from kvmgdb_ppc.debug_facility import DebugFacility
from kvmgdb_ppc.devices import CONSOLE, DEVICES, EXIT
from kvmgdb_ppc.engine_state import find_msr, find_pc, find_sprs
from kvmgdb_ppc.engine_tlb import EngineTlb
from kvmgdb_ppc.registers import BOOKE
from kvmgdb_ppc.spr_access import SCRATCH, SprAccess
from kvmgdb_ppc.sprs import READ_ONLY, SET_BY_FAULTS, SPRS

MODELS = {
    "440": uc.UC_CPU_PPC32_440EPB,
    "e500v1": uc.UC_CPU_PPC32_E500_V20,
    "e500v2": uc.UC_CPU_PPC32_E500V2_V30,
    "e500mc": uc.UC_CPU_PPC32_E500MC,
    "603e": uc.UC_CPU_PPC32_603E7,
    "750": uc.UC_CPU_PPC32_750_V3_1,
    "7457": uc.UC_CPU_PPC32_7457_V1_2,
}

_TLB_SETUP = {
    "440": tlb.setup_440,
    "e500v1": tlb.setup_e500,
    "e500v2": tlb.setup_e500,
    "e500mc": tlb.setup_e500,
}

_BAT_VALID, _BAT_PAGE = 0x3, 0xFFFE_0000
"""Of an upper BAT register: Vs and Vp, BEPI."""

_TRANSLATE_READ, _TRANSLATE_FETCH = un.UC_PROT_READ, un.UC_PROT_EXEC


def _direct() -> dict[str, int]:
    names = {f"r{i}": uc.UC_PPC_REG_0 + i for i in range(32)}
    names |= {f"f{i}": uc.UC_PPC_REG_FPR0 + i for i in range(32)}
    names |= {"pc": uc.UC_PPC_REG_PC, "msr": uc.UC_PPC_REG_MSR, "cr": uc.UC_PPC_REG_CR}
    names |= {"lr": uc.UC_PPC_REG_LR, "ctr": uc.UC_PPC_REG_CTR, "xer": uc.UC_PPC_REG_XER}
    return names | {"fpscr": uc.UC_PPC_REG_FPSCR}


DIRECT = _direct()


class PpcEmulator:
    """One PowerPC guest on the emulator; implements :class:`kvmgdb.arch.emulator.EmulatorPort`."""

    direct: Mapping[str, int] = DIRECT
    jump_to_next = struct.pack(">I", instructions.B_NEXT)
    load_targets: tuple[int, ...] = tuple(DIRECT[f"r{i}"] for i in range(32))
    regions: tuple[Region, ...] = (SCRATCH,)
    devices: tuple[DeviceRegion, ...] = (DEVICES,)

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._sprs = SPRS[variant]
        self.computed: Mapping[str, ComputedRegister] = {
            name: self._spr_register(name, number) for name, number in self._sprs.items()
        }
        self.debug_registers = debug.registers(variant)
        numbers = frozenset(self._sprs[name] for name in self.debug_registers)
        self._debug_instructions = debug.DebugInstructions(numbers, is_booke=variant in BOOKE)
        self._facility: DebugFacility | None = None
        self.alert = False
        self._set_by_faults = [self._sprs[name] for name in SET_BY_FAULTS if name in self._sprs]
        self._spr_array: ctypes.Array[ctypes.c_uint32] = (ctypes.c_uint32 * 1024)()  # until it is found
        self._access: SprAccess
        self._pc = self._msr = ctypes.c_uint32()  # until they are found
        self._tlb: EngineTlb | None = None

    def create(self) -> Engine:
        """An engine with the core's model, translation off for now."""
        engine = un.Uc(un.UC_ARCH_PPC, un.UC_MODE_PPC32 | un.UC_MODE_BIG_ENDIAN)
        engine.ctl_set_cpu_model(MODELS[self._variant])
        engine.ctl_set_tlb_mode(un.UC_TLB_VIRTUAL)
        return engine

    def connect(self, engine: Engine, machine: EmulatedMachine) -> None:
        """The device page."""
        outputs: dict[int, Callable[[int], None]] = {CONSOLE: machine.console, EXIT: machine.exit}

        def on_write(_engine: Engine, offset: int, _size: int, value: int, _data: object) -> None:
            handler = outputs.get(offset)
            if handler is not None:
                handler(value & 0xFF)

        engine.mmio_map(DEVICES.start, DEVICES.size, lambda *_: 0, None, on_write, None)

    def reset(self, engine: Engine, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """MSR 0, registers 0; a BookE core with its two initial translations."""
        self._access = SprAccess(engine, memory)
        setup = _TLB_SETUP.get(self._variant)
        if setup is not None:
            code = setup()
            memory(SCRATCH.start, struct.pack(f">{len(code)}I", *code))
            engine.emu_start(SCRATCH.start, 0, 0, len(code))
        self._spr_array = find_sprs(engine, self._access.read, self._access.write)
        self._pc = find_pc(engine, self._spr_array)
        self._msr = find_msr(engine, self._spr_array)
        self._tlb = EngineTlb(self._spr_array) if self._variant == "440" else None
        if self._variant in BOOKE:
            self._facility = DebugFacility(self._variant, engine, self._spr_array, self._set_alert)
        for number in DIRECT.values():
            engine.reg_write(number, 0)
        engine.reg_write(uc.UC_PPC_REG_PC, start.entry)
        engine.ctl_set_tlb_mode(un.UC_TLB_CPU)

    def _set_alert(self, alert: bool) -> None:
        self.alert = alert  # an attribute: it is asked for at every step

    def before(self, engine: Engine, read: Read) -> GuestException | None:
        """A return from an interrupt, where DBCR0[RET] makes it a debug event."""
        pc = self.resume_pc(engine)
        if self._facility is None or not self._facility.returns(self._word(engine, pc, read)):
            return None
        return exceptions.make_debug(exceptions.DEBUG, pc)

    def after(self, engine: Engine, read: Read) -> GuestException | None:
        """The debug interrupt of an event that has been recorded, once MSR[DE] lets it in."""
        if self._facility is None or not self._facility.is_pending():
            return None
        return exceptions.make_debug(exceptions.DEBUG, self.resume_pc(engine))

    def resume_pc(self, engine: Engine) -> int:
        """The pc."""
        return self._pc.value

    def linear_pc(self, engine: Engine, read: Read) -> int:
        """The pc: there are no segments in the way."""
        return self.resume_pc(engine)

    def translate(self, engine: Engine, address: int, read: Read) -> Extent | None:
        """Through the MMU as it is, for data and then for instructions.  Where it finds nothing the engine
        notes that as a fault of the guest's, which is taken back.
        """
        if self._variant not in BOOKE and not self._msr.value & debug.MSR_DR:
            return Extent(address, (1 << 32) - address)
        kept = [(number, self._spr_array[number]) for number in self._set_by_faults]
        try:
            return self._look_up(engine, address)
        finally:
            for number, value in kept:
                self._spr_array[number] = value

    def _look_up(self, engine: Engine, address: int) -> Extent | None:
        physical = ctypes.c_uint64()
        for access in (_TRANSLATE_READ, _TRANSLATE_FETCH):
            status = uclib.uc_vmem_translate(
                engine._uch, ctypes.c_uint64(address), ctypes.c_uint32(access), ctypes.byref(physical)
            )
            if status == un.UC_ERR_OK:
                return Extent(physical.value, self._reach(address, physical.value))
        return None

    def _reach(self, address: int, physical: int) -> int:
        if self._tlb is None:
            return tlb.SMALLEST_PAGE - address % tlb.SMALLEST_PAGE
        pid = self._spr_array[self._sprs["pid"]]
        far = self._tlb.reach(address, physical, pid, self._msr.value)
        return far or tlb.SMALLEST_PAGE_440 - address % tlb.SMALLEST_PAGE_440

    def exception(self, engine: Engine, number: int, read: Read) -> GuestException:
        """The engine leaves the pc past the instruction; it is put back on it, or where a handler
        would return to."""
        pc = (self.resume_pc(engine) - 4) & 0xFFFF_FFFF
        found = exceptions.make(number, pc, self._word(engine, pc, read), self._fault_address(number))
        engine.reg_write(uc.UC_PPC_REG_PC, found.return_pc)
        if number == exceptions.DEBUG and self._facility is not None:
            self._facility.raised()
        return found

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """What writes debug registers or enables their events; that of ours is not the guest's."""
        if start in SCRATCH:
            return []
        if self._facility is not None:
            self._facility.status.note(start, code)
        return self._debug_instructions.marked(start, code)

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """IAC and DAC, or IABR and DABR."""
        if self._facility is not None:
            return self._facility.points(self.resume_pc(engine))
        return debug.classic_points(self._classic_values())

    def _classic_values(self) -> dict[str, int]:
        return {name: self._spr_array[self._sprs[name]] for name in self.debug_registers}

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """BookE: a debug interrupt with the bits of DBSR, while MSR[DE] is set.  Classic: an instruction
        address breakpoint, or a data storage interrupt with DSISR and DAR.
        """
        pc = self.resume_pc(engine)
        msr = engine.reg_read(uc.UC_PPC_REG_MSR)
        if self._facility is not None:
            word = self._word(engine, pc, read)
            is_interrupt = self._facility.meets(points, word, partial(self._load, engine, read))
            return exceptions.make_debug(exceptions.DEBUG, pc) if is_interrupt else None
        point = points[0]
        if not debug.classic_takes(point, self._classic_values(), msr):
            return None
        if point.slot != debug.DABR_SLOT:
            return exceptions.make_debug(exceptions.INSTRUCTION_BREAKPOINT, pc)
        store = debug.DSISR_STORE if instructions.is_store(self._word(engine, pc, read)) else 0
        self._spr_array[self._sprs["dsisr"]] = debug.DSISR_DABR | store
        self._spr_array[self._sprs["dar"]] = point.address
        return exceptions.make_debug(exceptions.DATA_STORAGE, pc)

    def keep(self, engine: Engine, exception: GuestException) -> None:
        """Nothing: what the engine raises by itself it raises after an instruction."""

    def deliver(self, engine: Engine, exception: GuestException, read: Read) -> Obstacle | None:
        """Through SRR0/1 or CSRR0/1 and the core's vectors."""
        msr = engine.reg_read(uc.UC_PPC_REG_MSR)
        facility = self._facility
        event = facility.event_of(exception) if facility is not None else 0
        if event == debug_booke.TRAP and facility is not None and facility.takes_now():
            exception = exceptions.make_debug(exceptions.DEBUG, exception.pc)
        cause, detail = exceptions.cause(exception), self._detail(engine, exception, msr)
        entry = delivery.entry(self._variant, exception.vector, cause, msr, exception.return_pc, detail)
        if entry is None or (entry.ivor is not None and entry.ivor not in self._sprs):
            return Obstacle(f"{self._variant} has no vector for it")
        vector = entry.vector
        if entry.ivor is not None:
            vector = self._read("ivpr") & 0xFFFF_0000 | self._read(entry.ivor) & 0xFFF0
        engine.reg_write(uc.UC_PPC_REG_MSR, entry.msr)  # the handler's translation, not that of what failed
        if not self._has_code(engine, vector, read):
            engine.reg_write(uc.UC_PPC_REG_MSR, msr)
            return Obstacle(f"there is no code at its vector {vector:#x}")
        for name, value in entry.sprs.items():
            self._access.write(self._sprs[name], value)
        engine.reg_write(uc.UC_PPC_REG_PC, vector)
        if event and facility is not None:
            facility.record(event, msr)
        return None

    def _detail(self, engine: Engine, exception: GuestException, msr: int) -> int:
        """What a classic core's SRR1 says of a failed translation."""
        if self._variant in BOOKE:
            return 0
        if exception.vector == exceptions.INSTRUCTION_STORAGE:
            return self._storage_detail(exception.pc)
        if self._variant != "603e" or exception.vector not in delivery.MISSES:
            return 0
        is_fetch = exception.vector == exceptions.INSTRUCTION_MISS
        address = self._spr_array[self._sprs["imiss" if is_fetch else "dmiss"]]
        segment = self._access.read_segment(address >> 28)
        return delivery.miss_detail(exception.vector, engine.reg_read(uc.UC_PPC_REG_CR), segment, msr)

    def _storage_detail(self, pc: int) -> int:
        """A block that covers the address forbids it; else there is no translation."""
        for index in range(4):
            upper = self._read(f"ibat{index}u")
            covered = ~((upper << 15 & 0x0FFE_0000) | 0x1_FFFF) & 0xFFFF_FFFF
            if upper & _BAT_VALID and pc & covered == upper & covered & _BAT_PAGE:
                return delivery.SRR1_PROTECTED
        return delivery.SRR1_NO_TRANSLATION

    def _read(self, name: str) -> int:
        return self._access.read(self._sprs[name])

    def _has_code(self, engine: Engine, address: int, read: Read) -> bool:
        """A word of zeros is no instruction: memory nobody has written a handler to."""
        found = self.translate(engine, address, read)
        try:
            return found is not None and any(read(found.physical, 4))
        except MemoryFault:
            return False

    def invalid_instruction(self, engine: Engine, read: Read) -> GuestException:
        """An instruction the engine does not know."""
        return exceptions.make(exceptions.ILLEGAL, self.resume_pc(engine), 0, None)

    def _word(self, engine: Engine, pc: int, read: Read) -> int:
        """The instruction at ``pc``; 0, which is none, where there is no memory."""
        found = self.translate(engine, pc, read)
        return int.from_bytes(read(found.physical, 4), "big") if found is not None else 0

    def _load(self, engine: Engine, read: Read, address: int, length: int) -> bytes:
        """What a load of the guest's gets; zeros where there is no memory."""
        found = self.translate(engine, address, read)
        try:
            return read(found.physical, length) if found is not None else bytes(length)
        except MemoryFault:
            return bytes(length)

    def _fault_address(self, number: int) -> int | None:
        register = (
            "dear" if number == exceptions.DATA_TLB else "dar" if number == exceptions.DATA_STORAGE else ""
        )
        return self._access.read(self._sprs[register]) if register in self._sprs else None

    def _spr_register(self, name: str, number: int) -> ComputedRegister:
        def put(engine: Engine, value: int) -> None:
            self._access.write(number, value)

        return ComputedRegister(
            lambda engine, read: self._access.read(number), None if name in READ_ONLY else put
        )
