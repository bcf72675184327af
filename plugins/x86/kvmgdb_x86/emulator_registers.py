"""Where the emulator keeps the registers of the x86 register files."""

from __future__ import annotations

from unicorn import UC_MODE_16, UC_MODE_32, UC_MODE_64
from unicorn import x86_const as uc

from kvmgdb.arch.emulator import ComputedRegister, Engine, Read
from kvmgdb.errors import MemoryFault
from kvmgdb_x86 import paging, segments
from kvmgdb_x86.engine_mode import register_mode
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

_SELECTORS = {
    "cs": uc.UC_X86_REG_CS,
    "ss": uc.UC_X86_REG_SS,
    "ds": uc.UC_X86_REG_DS,
    "es": uc.UC_X86_REG_ES,
    "fs": uc.UC_X86_REG_FS,
    "gs": uc.UC_X86_REG_GS,
}


def _number(name: str) -> int:
    value: int = getattr(uc, f"UC_X86_REG_{name.upper()}")
    return value


def _direct() -> dict[str, int]:
    names = {name: _number(name) for name in GENERAL_64}
    # The engine's calls are 64-bit ones in every mode; the 32-bit file shows their low halves.
    names |= {name: _number("r" + name[1:]) for name in GENERAL_32}
    names |= {"rip": uc.UC_X86_REG_RIP, "eip": uc.UC_X86_REG_RIP, "eflags": uc.UC_X86_REG_EFLAGS}
    names |= {f"xmm{index}": _number(f"xmm{index}") for index in range(16)}
    names |= {f"st{index}": _number(f"st{index}") for index in range(8)}
    names |= {"fctrl": uc.UC_X86_REG_FPCW, "fstat": uc.UC_X86_REG_FPSW, "ftag": uc.UC_X86_REG_FPTAG}
    names |= {"fiseg": uc.UC_X86_REG_FCS, "fioff": uc.UC_X86_REG_FIP, "fop": uc.UC_X86_REG_FOP}
    names |= {"foseg": uc.UC_X86_REG_FDS, "fooff": uc.UC_X86_REG_FDP, "mxcsr": uc.UC_X86_REG_MXCSR}
    names |= {name: _number(name) for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "fs_base", "gs_base")}
    names |= {name: _number(name) for name in ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")}
    return names


DIRECT = _direct()


def segment_state(engine: Engine) -> segments.SegmentState:
    """What the meaning of a selector depends on."""
    return segments.SegmentState(
        cr0=engine.reg_read(uc.UC_X86_REG_CR0),
        eflags=engine.reg_read(uc.UC_X86_REG_EFLAGS),
        efer=engine.msr_read(EFER),
        gdtr_base=engine.reg_read(uc.UC_X86_REG_GDTR)[1],
        gdtr_limit=engine.reg_read(uc.UC_X86_REG_GDTR)[2],
        ldtr_base=engine.reg_read(uc.UC_X86_REG_LDTR)[1],
        cs=engine.reg_read(uc.UC_X86_REG_CS),
    )


def linear_reader(engine: Engine, read: Read) -> segments.ReadLinear:
    """Reads linear memory (a descriptor never crosses a page that is not mapped with it)."""
    state = paging.PagingState(
        engine.reg_read(uc.UC_X86_REG_CR0),
        engine.reg_read(uc.UC_X86_REG_CR3),
        engine.reg_read(uc.UC_X86_REG_CR4),
        engine.msr_read(EFER),
    )

    def read_linear(address: int, length: int) -> bytes | None:
        try:
            physical = paging.translate(state, address, read)
            return read(physical, length) if physical is not None else None
        except MemoryFault:
            return None

    return read_linear


def _base(selector: int) -> ComputedRegister:
    def get(engine: Engine, read: Read) -> int:
        state = segment_state(engine)
        return segments.base(state, engine.reg_read(selector), linear_reader(engine, read))

    return ComputedRegister(get, None)


def _selector(register: int) -> ComputedRegister:
    def put(engine: Engine, value: int) -> None:
        state = segment_state(engine)
        mode = UC_MODE_16 if state.real else UC_MODE_64 if state.efer & segments.EFER_LMA else UC_MODE_32
        with register_mode(engine, mode):
            engine.reg_write(register, value & 0xFFFF)

    return ComputedRegister(lambda engine, read: int(engine.reg_read(register)), put)


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




COMPUTED: dict[str, ComputedRegister] = {
    **{name: _selector(register) for name, register in _SELECTORS.items()},
    **{f"{name}_base": _base(register) for name, register in _SELECTORS.items() if name not in ("fs", "gs")},
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
