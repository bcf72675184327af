"""PowerPC on the emulator."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping, Sequence

import unicorn as un
from unicorn import ppc_const as uc
from unicorn.unicorn_py3.unicorn import uclib

from kvmgdb.arch.emulator import ComputedRegister, Engine, GuestPoint, Mark, Read
from kvmgdb.arch.machine import DeviceRegion, Devices, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb.errors import MemoryFault
from kvmgdb_ppc import debug, delivery, exceptions, instructions, tlb
from kvmgdb_ppc.devices import CONSOLE, DEVICES, EXIT
from kvmgdb_ppc.engine_state import find_sprs
from kvmgdb_ppc.registers import BOOKE
from kvmgdb_ppc.sprs import READ_ONLY, SPRS

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

SCRATCH = Region(0xFFFF_F000, 0x1000, "debugger's scratch page")
"""Where the few instructions lie that reach what the engine has no call for."""
_MFSPR, _MTSPR = SCRATCH.start + 0x800, SCRATCH.start + 0x804

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
        self._debug_writes = debug.DebugWrites(frozenset(self._sprs[name] for name in self.debug_registers))
        self._status = debug.StatusRegister(self._sprs.get("dbsr"))
        self._spr_array: ctypes.Array[ctypes.c_uint32]
        self._write_scratch: Callable[[int, bytes], None]

    def create(self) -> Engine:
        """An engine with the core's model, translation off for now."""
        engine = un.Uc(un.UC_ARCH_PPC, un.UC_MODE_PPC32 | un.UC_MODE_BIG_ENDIAN)
        engine.ctl_set_cpu_model(MODELS[self._variant])
        engine.ctl_set_tlb_mode(un.UC_TLB_VIRTUAL)
        return engine

    def connect(self, engine: Engine, devices: Devices) -> None:
        """The device page."""
        outputs: dict[int, Callable[[int], None]] = {CONSOLE: devices.console, EXIT: devices.exit}

        def on_write(_engine: Engine, offset: int, _size: int, value: int, _data: object) -> None:
            handler = outputs.get(offset)
            if handler is not None:
                handler(value & 0xFF)

        engine.mmio_map(DEVICES.start, DEVICES.size, lambda *_: 0, None, on_write, None)

    def reset(self, engine: Engine, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """MSR 0, registers 0; a BookE core with its two initial translations."""
        self._write_scratch = memory
        setup = _TLB_SETUP.get(self._variant)
        if setup is not None:
            code = setup()
            memory(SCRATCH.start, struct.pack(f">{len(code)}I", *code))
            engine.emu_start(SCRATCH.start, 0, 0, len(code))
        self._spr_array = find_sprs(
            engine,
            lambda number: self._read_spr(engine, number),
            lambda number, value: self._write_spr(engine, number, value),
        )
        for number in DIRECT.values():
            engine.reg_write(number, 0)
        engine.reg_write(uc.UC_PPC_REG_PC, start.entry)
        engine.ctl_set_tlb_mode(un.UC_TLB_CPU)

    def resume_pc(self, engine: Engine) -> int:
        """The pc."""
        value: int = engine.reg_read(uc.UC_PPC_REG_PC)
        return value

    def linear_pc(self, engine: Engine, read: Read) -> int:
        """The pc: there are no segments in the way."""
        return self.resume_pc(engine)

    def translate(self, engine: Engine, address: int, read: Read) -> int | None:
        """Through the MMU as it is, for data and then for instructions."""
        physical = ctypes.c_uint64()
        for access in (_TRANSLATE_READ, _TRANSLATE_FETCH):
            status = uclib.uc_vmem_translate(
                engine._uch, ctypes.c_uint64(address), ctypes.c_uint32(access), ctypes.byref(physical)
            )
            if status == un.UC_ERR_OK:
                return physical.value
        return None

    def exception(self, engine: Engine, number: int, read: Read) -> GuestException:
        """The engine leaves the pc past the instruction; it is put back on it, or where a handler
        would return to."""
        pc = (self.resume_pc(engine) - 4) & 0xFFFF_FFFF
        found = exceptions.make(
            number, pc, self._is_trap(engine, pc, read), self._fault_address(engine, number)
        )
        engine.reg_write(uc.UC_PPC_REG_PC, found.return_pc)
        if number == exceptions.DEBUG:
            self._status.value = self._spr_array[self._sprs["dbsr"]]
        return found

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """Writes to debug registers; those of ours are not the guest's."""
        if start in SCRATCH:
            return []
        self._status.note(start, code)
        return self._debug_writes.marked(start, code)

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """IAC and DAC, or IABR and DABR."""
        written = (self.resume_pc(engine) - 4) & 0xFFFF_FFFF
        if self._status.after(written, lambda number: engine.reg_read(uc.UC_PPC_REG_0 + number)):
            self._spr_array[self._sprs["dbsr"]] = self._status.value
        return debug.points(self._variant, self._debug_values())

    def _debug_values(self) -> dict[str, int]:
        return {name: self._spr_array[self._sprs[name]] for name in self.debug_registers}

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """BookE: a debug interrupt with the bits of DBSR, while MSR[DE] is set.  Classic: an instruction
        address breakpoint, or a data storage interrupt with DSISR and DAR.
        """
        pc = self.resume_pc(engine)
        msr = engine.reg_read(uc.UC_PPC_REG_MSR)
        if self._variant in BOOKE:
            if not msr & delivery.MSR_DE:
                return None
            self._status.value = self._spr_array[self._sprs["dbsr"]] | debug.booke_status(
                list(points), instructions.is_store(self._word(engine, pc, read))
            )
            self._spr_array[self._sprs["dbsr"]] = self._status.value
            return exceptions.make_debug(exceptions.DEBUG, pc)
        point = points[0]
        if not debug.classic_takes(point, self._debug_values(), msr):
            return None
        if point.slot != debug.DABR_SLOT:
            return exceptions.make_debug(exceptions.INSTRUCTION_BREAKPOINT, pc)
        store = debug.DSISR_STORE if instructions.is_store(self._word(engine, pc, read)) else 0
        self._spr_array[self._sprs["dsisr"]] = debug.DSISR_DABR | store
        self._spr_array[self._sprs["dar"]] = point.address
        return exceptions.make_debug(exceptions.DATA_STORAGE, pc)

    def deliver(self, engine: Engine, exception: GuestException, read: Read) -> str | None:
        """Through SRR0/1 or CSRR0/1 and the core's vectors."""
        msr = engine.reg_read(uc.UC_PPC_REG_MSR)
        entry = delivery.entry(
            self._variant, exception.vector, exceptions.cause(exception), msr, exception.return_pc
        )
        if entry is None or (entry.ivor is not None and entry.ivor not in self._sprs):
            return f"{self._variant} has no vector for it"
        vector = entry.vector
        if entry.ivor is not None:
            vector = self._read("ivpr", engine) & 0xFFFF_0000 | self._read(entry.ivor, engine) & 0xFFF0
        if not self._has_code(engine, vector, read):
            return f"there is no code at its vector {vector:#x}"
        for name, value in entry.sprs.items():
            self._write_spr(engine, self._sprs[name], value)
        engine.reg_write(uc.UC_PPC_REG_MSR, entry.msr)
        engine.reg_write(uc.UC_PPC_REG_PC, vector)
        return None

    def _read(self, name: str, engine: Engine) -> int:
        return self._read_spr(engine, self._sprs[name])

    def _has_code(self, engine: Engine, address: int, read: Read) -> bool:
        """A word of zeros is no instruction: memory nobody has written a handler to."""
        physical = self.translate(engine, address, read)
        try:
            return physical is not None and any(read(physical, 4))
        except MemoryFault:
            return False

    def invalid_instruction(self, engine: Engine, read: Read) -> GuestException:
        """An instruction the engine does not know."""
        return exceptions.make(exceptions.ILLEGAL, self.resume_pc(engine), False, None)

    def _is_trap(self, engine: Engine, pc: int, read: Read) -> bool:
        return instructions.is_trap(self._word(engine, pc, read))

    def _word(self, engine: Engine, pc: int, read: Read) -> int:
        """The instruction at ``pc``; 0, which is none, where there is no memory."""
        physical = self.translate(engine, pc, read)
        return int.from_bytes(read(physical, 4), "big") if physical is not None else 0

    def _fault_address(self, engine: Engine, number: int) -> int | None:
        register = (
            "dear" if number == exceptions.DATA_TLB else "dar" if number == exceptions.DATA_STORAGE else ""
        )
        return self._read_spr(engine, self._sprs[register]) if register in self._sprs else None

    # -- SPRs: the engine has no calls for them, so the instruction itself is executed ----------------

    def _spr_register(self, name: str, number: int) -> ComputedRegister:
        def put(engine: Engine, value: int) -> None:
            self._write_spr(engine, number, value)

        return ComputedRegister(
            lambda engine, read: self._read_spr(engine, number), None if name in READ_ONLY else put
        )

    def _read_spr(self, engine: Engine, number: int) -> int:
        return self._execute(engine, _MFSPR, instructions.mfspr(3, number), 0)

    def _write_spr(self, engine: Engine, number: int, value: int) -> None:
        self._execute(engine, _MTSPR, instructions.mtspr(number, 3), value)

    def _execute(self, engine: Engine, address: int, word: int, value: int) -> int:
        """Execute one privileged instruction on r3, and leave everything else as it was."""
        kept = [(number, engine.reg_read(number)) for number in _CLOBBERED]
        engine.ctl_set_tlb_mode(un.UC_TLB_VIRTUAL)
        engine.reg_write(uc.UC_PPC_REG_MSR, 0)
        engine.reg_write(uc.UC_PPC_REG_3, value)
        self._write_scratch(address, struct.pack(">I", word))
        engine.ctl_remove_cache(address, address + 4)
        engine.emu_start(address, 0, 0, 1)
        result: int = engine.reg_read(uc.UC_PPC_REG_3)
        for number, old in kept:
            engine.reg_write(number, old)
        engine.ctl_set_tlb_mode(un.UC_TLB_CPU)
        return result


_CLOBBERED = (uc.UC_PPC_REG_MSR, uc.UC_PPC_REG_3, uc.UC_PPC_REG_PC)
