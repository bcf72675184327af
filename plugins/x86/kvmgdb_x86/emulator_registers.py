"""Where the emulator keeps the registers of the x86 register files."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from unicorn import UC_MODE_16, UC_MODE_32, UC_MODE_64
from unicorn import x86_const as uc
from unicorn.unicorn_py3.unicorn import uclib

from kvmgdb.arch.emulator import ComputedRegister, Engine, Read
from kvmgdb_x86 import modes
from kvmgdb_x86.engine_mode import register_mode
from kvmgdb_x86.engine_state import SEGMENTS, EngineState, Segment
from kvmgdb_x86.registers import GENERAL_32, GENERAL_64

EFER = 0xC000_0080

_MSRS = {
    "efer": EFER,
    "star": 0xC000_0081,
    "lstar": 0xC000_0082,
    "sfmask": 0xC000_0084,
    "k_gs_base": 0xC000_0102,
    "pat": 0x277,
}
"""SDM vol. 4, "Model-Specific Registers"."""


def _number(name: str) -> int:
    value: int = getattr(uc, f"UC_X86_REG_{name.upper()}")
    return value


def _direct() -> dict[str, int]:
    names = {name: _number(name) for name in GENERAL_64}
    # The engine's calls are 64-bit ones in every mode; the 32-bit file shows their low halves.
    names |= {name: _number("r" + name[1:]) for name in GENERAL_32}
    names |= {"rip": uc.UC_X86_REG_RIP, "eip": uc.UC_X86_REG_RIP, "eflags": uc.UC_X86_REG_EFLAGS}
    names |= {name: _number(name) for name in SEGMENTS}
    names |= {f"xmm{index}": _number(f"xmm{index}") for index in range(16)}
    names |= {f"st{index}": _number(f"st{index}") for index in range(8)}
    names |= {"fctrl": uc.UC_X86_REG_FPCW, "fstat": uc.UC_X86_REG_FPSW, "ftag": uc.UC_X86_REG_FPTAG}
    names |= {"fiseg": uc.UC_X86_REG_FCS, "fioff": uc.UC_X86_REG_FIP, "fop": uc.UC_X86_REG_FOP}
    names |= {"foseg": uc.UC_X86_REG_FDS, "fooff": uc.UC_X86_REG_FDP, "mxcsr": uc.UC_X86_REG_MXCSR}
    names |= {name: _number(name) for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "fs_base", "gs_base")}
    names |= {name: _number(name) for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")}
    return names


DIRECT = _direct()


State = Callable[[], EngineState]
"""The port's engine state, once there is an engine."""


def _hidden(state: State, name: str, part: Callable[[Segment], int]) -> ComputedRegister:
    return ComputedRegister(lambda engine, read: part(state().segment(name)), None)


def _selector(state: State, name: str) -> ComputedRegister:
    register = _number(name)

    def put(engine: Engine, value: int) -> None:
        real = not engine.reg_read(uc.UC_X86_REG_CR0) & modes.CR0_PE
        long = engine.msr_read(EFER) & modes.EFER_LMA
        with register_mode(engine, UC_MODE_16 if real else UC_MODE_64 if long else UC_MODE_32):
            engine.reg_write(register, value & 0xFFFF)

    return ComputedRegister(lambda engine, read: state().segment(name).selector, put)


def _debug(state: State, number: int) -> ComputedRegister:
    """DR0 to DR3 and DR7, with the effect of loading them."""

    def get(engine: Engine, read: Read) -> int:
        return int(engine.reg_read(_number(f"dr{number}")))

    return ComputedRegister(get, lambda engine, value: state().set_debug_register(number, value))


def _msr(number: int) -> ComputedRegister:
    def put(engine: Engine, value: int) -> None:
        engine.msr_write(number, value)

    return ComputedRegister(lambda engine, read: int(engine.msr_read(number)), put)


def _table(register: int, part: int) -> ComputedRegister:
    """One part of a descriptor-table register: (selector, base, limit, flags)."""

    def get(engine: Engine, read: Read) -> int:
        return int(engine.reg_read(register)[part])

    def put(engine: Engine, value: int) -> None:
        parts = list(engine.reg_read(register))
        parts[part] = value
        engine.reg_write(register, tuple(parts))

    return ComputedRegister(get, put)


def _float(index: int) -> ComputedRegister:
    """ST(index), ten bytes: the binding would give the engine eight."""
    register = _number(f"st{index}")

    def put(engine: Engine, value: int) -> None:
        uclib.uc_reg_write(engine._uch, register, ctypes.create_string_buffer(value.to_bytes(16, "little")))

    def get(engine: Engine, read: Read) -> int:
        buffer = ctypes.create_string_buffer(16)
        uclib.uc_reg_read(engine._uch, register, buffer)
        return int.from_bytes(buffer.raw, "little")

    return ComputedRegister(get, put)


def computed_registers(state: State) -> dict[str, ComputedRegister]:
    """The registers that are not simply numbered."""
    return {
        **{name: _selector(state, name) for name in SEGMENTS},
        **{f"{name}_base": _hidden(state, name, lambda s: s.base) for name in ("es", "cs", "ss", "ds")},
        **{f"st{index}": _float(index) for index in range(8)},
        **{f"dr{number}": _debug(state, number) for number in (0, 1, 2, 3, 7)},
        **{name: _msr(number) for name, number in _MSRS.items()},
        "gdtr_base": _table(uc.UC_X86_REG_GDTR, 1),
        "gdtr_limit": _table(uc.UC_X86_REG_GDTR, 2),
        "idtr_base": _table(uc.UC_X86_REG_IDTR, 1),
        "idtr_limit": _table(uc.UC_X86_REG_IDTR, 2),
        "ldtr": _table(uc.UC_X86_REG_LDTR, 0),
        "ldtr_base": _table(uc.UC_X86_REG_LDTR, 1),
        "tr": _table(uc.UC_X86_REG_TR, 0),
        "tr_base": _table(uc.UC_X86_REG_TR, 1),
    }
