"""RISC-V on the emulator.

Measured with Unicorn 2.1.4: it hands every exception over and delivers none, with the pc four bytes past the
instruction, whatever the instruction's length.  ``ebreak`` alone comes as an instruction it cannot decode.
It has no triggers (Sdtrig): a guest's access to their registers is an illegal instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import unicorn as un
from unicorn import riscv_const as uc

from kvmgdb.arch.emulator import ComputedRegister, EmulatedMachine, Engine, GuestPoint, Mark, Obstacle, Read
from kvmgdb.arch.machine import DeviceRegion, Extent, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb.errors import MemoryFault
from kvmgdb_riscv import exceptions, instructions, paging
from kvmgdb_riscv.registers import CSRS, FLOATING, FLOATING_CSRS, GENERAL, READ_ONLY
from kvmgdb_riscv.variants import RV32, RV64, XLEN

DEVICES = DeviceRegion(0xF000_0000, 0x1000, "console and exit device")
CONSOLE, EXIT = 0x0, 0x8
"""A byte stored at these offsets is printed, or ends the guest with that status."""

_MODES = {RV64: un.UC_MODE_RISCV64, RV32: un.UC_MODE_RISCV32}
_FS_ON = 3 << 13
"""mstatus.FS: where it is 0 there is no fcsr."""


def _engine_number(name: str) -> int:
    number: int = getattr(uc, f"UC_RISCV_REG_{name.upper()}")
    return number


_DIRECT = {name: uc.UC_RISCV_REG_X0 + i for i, name in enumerate(GENERAL)}
_DIRECT |= {name: uc.UC_RISCV_REG_F0 + i for i, name in enumerate(FLOATING)}
_DIRECT |= {"pc": uc.UC_RISCV_REG_PC, "priv": uc.UC_RISCV_REG_PRIV}


@contextmanager
def _held(engine: Engine, number: int, value: int) -> Iterator[None]:
    """Let a register have another value for a moment."""
    kept = engine.reg_read(number)
    engine.reg_write(number, value)
    try:
        yield
    finally:
        engine.reg_write(number, kept)


@contextmanager
def _csr_access(engine: Engine, name: str) -> Iterator[int]:
    """The engine's number of a CSR, while it can be had: the engine gives and takes one only where the guest
    could, and where the guest could not, what it reads is garbage.
    """
    with _held(engine, uc.UC_RISCV_REG_PRIV, exceptions.MACHINE):
        if name not in FLOATING_CSRS:
            yield _engine_number(name)
            return
        status = engine.reg_read(uc.UC_RISCV_REG_MSTATUS)
        with _held(engine, uc.UC_RISCV_REG_MSTATUS, status | _FS_ON):
            yield _engine_number(name)


def _read_csr(engine: Engine, name: str) -> int:
    with _csr_access(engine, name) as number:
        value: int = engine.reg_read(number)
    return value


def _write_csr(engine: Engine, name: str, value: int) -> None:
    with _csr_access(engine, name) as number:
        engine.reg_write(number, value)


def _csr(name: str) -> ComputedRegister:
    def read(engine: Engine, memory: Read) -> int:
        return _read_csr(engine, name)

    def write(engine: Engine, value: int) -> None:
        _write_csr(engine, name, value)

    return ComputedRegister(read, None if name in READ_ONLY else write)


_ZERO = ComputedRegister(lambda engine, memory: 0, lambda engine, value: None)
"""x0, which the processor lets be written to no effect; the engine would keep the value."""


class RiscvEmulator:
    """One RISC-V guest on the emulator; implements :class:`kvmgdb.arch.emulator.EmulatorPort`."""

    direct: Mapping[str, int] = _DIRECT
    computed: Mapping[str, ComputedRegister] = {
        "zero": _ZERO,
        **{name: _csr(name) for name in CSRS},
    }
    jump_to_next = instructions.JAL_NEXT.to_bytes(4, "little")
    load_targets: tuple[int, ...] = tuple(_DIRECT[name] for name in (*GENERAL, *FLOATING))
    debug_registers: frozenset[str] = frozenset()
    regions: tuple[Region, ...] = ()
    devices: tuple[DeviceRegion, ...] = (DEVICES,)
    alert: bool = False

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._mask = (1 << XLEN[variant]) - 1

    def create(self) -> Engine:
        """An engine with the model that has every extension it knows."""
        return un.Uc(un.UC_ARCH_RISCV, _MODES[self._variant])

    def connect(self, engine: Engine, machine: EmulatedMachine) -> None:
        """The device page."""
        outputs: dict[int, Callable[[int], None]] = {CONSOLE: machine.console, EXIT: machine.exit}

        def on_write(_engine: Engine, offset: int, _size: int, value: int, _data: object) -> None:
            handler = outputs.get(offset)
            if handler is not None:
                handler(value & 0xFF)

        engine.mmio_map(DEVICES.start, DEVICES.size, lambda *_: 0, None, on_write, None)

    def reset(self, engine: Engine, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """Machine mode, everything else 0: a new engine is so already."""
        engine.reg_write(uc.UC_RISCV_REG_PC, start.entry)

    def marked(self, start: int, code: bytes) -> list[tuple[int, Mark]]:
        """``wfi``; nothing the guest executes writes a debug register, as the engine has none."""
        return [(start + offset, Mark.HALT) for offset in instructions.places_of(instructions.WFI, code)]

    def guest_points(self, engine: Engine) -> list[GuestPoint]:
        """None: the engine has no triggers."""
        return []

    def debug_exception(
        self, engine: Engine, points: Sequence[GuestPoint], read: Read
    ) -> GuestException | None:
        """None, as there are no points."""
        return None

    def before(self, engine: Engine, read: Read) -> GuestException | None:
        """Nothing is guarded."""
        return None

    def after(self, engine: Engine, read: Read) -> GuestException | None:
        """Nothing waits for being enabled."""
        return None

    def resume_pc(self, engine: Engine) -> int:
        """The pc."""
        value: int = engine.reg_read(uc.UC_RISCV_REG_PC)
        return value

    def linear_pc(self, engine: Engine, read: Read) -> int:
        """The pc: there are no segments in the way."""
        return self.resume_pc(engine)

    def translate(self, engine: Engine, address: int, read: Read) -> Extent | None:
        """Through the page tables of the mode the guest is in; machine mode has none."""
        return self._translate(engine, engine.reg_read(uc.UC_RISCV_REG_PRIV), address, read)

    def _translate(self, engine: Engine, mode: int, address: int, read: Read) -> Extent | None:
        satp = _read_csr(engine, "satp") if mode != exceptions.MACHINE else 0
        if not paging.is_on(self._variant, satp):
            return Extent(address, self._mask + 1 - address)
        return paging.walk(self._variant, satp, address, read)

    def exception(self, engine: Engine, number: int, read: Read) -> GuestException:
        """The engine leaves the pc past the instruction; it is put back on it."""
        pc = (self.resume_pc(engine) - 4) & self._mask
        engine.reg_write(uc.UC_RISCV_REG_PC, pc)
        if number == exceptions.CALL:  # the engine does not tell the modes apart
            number += engine.reg_read(uc.UC_RISCV_REG_PRIV)
        return exceptions.make(number, pc)

    def invalid_instruction(self, engine: Engine, read: Read) -> GuestException:
        """``ebreak``, which the engine does not take for an exception, or an instruction it does not know."""
        pc = self.resume_pc(engine)
        code = self._code(engine, engine.reg_read(uc.UC_RISCV_REG_PRIV), pc, read)
        is_breakpoint = instructions.is_breakpoint(code)
        return exceptions.make(exceptions.BREAKPOINT if is_breakpoint else exceptions.ILLEGAL, pc)

    def deliver(self, engine: Engine, exception: GuestException, read: Read) -> Obstacle | None:
        """Through mtvec or, where medeleg says so, stvec."""
        csrs = {name: _read_csr(engine, name) for name in exceptions.NEEDED}
        entry = exceptions.entry(exception, engine.reg_read(uc.UC_RISCV_REG_PRIV), csrs)
        if not any(self._code(engine, entry.mode, entry.pc, read)):
            return Obstacle(f"there is no code at {entry.pc:#x}, where its trap vector points")
        for name, value in entry.csrs.items():
            _write_csr(engine, name, value)
        engine.reg_write(uc.UC_RISCV_REG_PRIV, entry.mode)
        engine.reg_write(uc.UC_RISCV_REG_PC, entry.pc)
        return None

    def keep(self, engine: Engine, exception: GuestException) -> None:
        """Nothing: the engine raises none by itself after the instruction."""

    def _code(self, engine: Engine, mode: int, address: int, read: Read) -> bytes:
        """The instruction at ``address``; zeros, which are none, where there is no memory."""
        found = b""
        for part in (address, address + 2):  # the second half may be on another page
            place = self._translate(engine, mode, part, read)
            try:
                found += read(place.physical, 2) if place is not None else bytes(2)
            except MemoryFault:
                found += bytes(2)
            if instructions.size(found) == 2:
                break
        return found
