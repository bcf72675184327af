"""The PowerPC register files, with gdb's numbers (``ppc-tdep.h``).

``org.kvmgdb.power.spr`` holds the special-purpose registers of the core, among them the debug ones; their
numbers are 512 + the SPR number.
"""

from __future__ import annotations

from kvmgdb.arch.registers import Feature, FlagField, FlagsType, ModeName, Register, RegisterFile
from kvmgdb_ppc.sprs import SPRS

CORE = "org.gnu.gdb.power.core"
FPU = "org.gnu.gdb.power.fpu"
SPR = "org.kvmgdb.power.spr"

SPR_NUMBER = 512

BOOKE = frozenset({"440", "e500v1", "e500v2", "e500mc"})
WITHOUT_FPU = frozenset({"e500v1", "e500v2"})
"""Cores whose floating point works on the general registers (SPE): no f0-f31."""

DWARF = {f"r{number}": number for number in range(32)} | {"cr": 64, "lr": 65, "ctr": 66}
"""Power Architecture 32-bit ABI supplement, "DWARF Register Number Mapping"; the last as GCC has them."""


def _bits(names: str) -> tuple[FlagField, ...]:
    """``"EE:15"`` -> a field; places count from the least significant bit, as gdb does."""
    return tuple(
        FlagField(name, int(place), int(place))
        for name, _, place in (n.partition(":") for n in names.split())
    )


# Power ISA book III, "Machine State Register"; PPC440x5, "MSR": bits 9 and 10 differ by family.
MSR_CLASSIC = FlagsType(
    "msr_flags",
    4,
    _bits(
        "LE:0 RI:1 PM:2 DR:4 IR:5 IP:6 FE1:8 BE:9 SE:10 FE0:11 ME:12 FP:13 PR:14 EE:15 ILE:16 POW:18 VEC:25"
    ),
)
MSR_BOOKE = FlagsType(
    "msr_flags",
    4,
    _bits("DS:4 IS:5 FE1:8 DE:9 DWE:10 FE0:11 ME:12 FP:13 PR:14 EE:15 CE:17 WE:18 SPE:25"),
)


_MSR_PR = 1 << 14


def _mode(msr: int) -> str:
    """Power ISA book III, "Machine State Register": PR."""
    return "user mode" if msr & _MSR_PR else "supervisor mode"


MODE = ModeName(("msr",), _mode)


def register_file(variant: str) -> RegisterFile:
    """The register file of ``ppc:variant``."""
    features = [_core(MSR_BOOKE if variant in BOOKE else MSR_CLASSIC)]
    if variant not in WITHOUT_FPU:
        features.append(fpu())
    features.append(_sprs(variant))
    return RegisterFile(
        architecture="powerpc:common",
        triple="powerpc-unknown-unknown",
        byteorder="big",
        features=tuple(features),
        pc="pc",
        sp="r1",
        return_address="lr",
        dwarf=DWARF,
        mode=MODE,
        expedited=("pc", "r1", "r31", "lr"),
    )


def _core(msr: FlagsType) -> Feature:
    general = [Register(f"r{i}", 32, i, "data_ptr" if i == 1 else "uint32") for i in range(32)]
    return Feature(
        CORE,
        (
            *general,
            Register("pc", 32, 64, "code_ptr"),
            Register("msr", 32, 65, msr.id),
            Register("cr", 32, 66, "uint32"),
            Register("lr", 32, 67, "code_ptr"),
            Register("ctr", 32, 68, "uint32"),
            Register("xer", 32, 69, "uint32"),
        ),
        (msr,),
    )


def fpu() -> Feature:
    """The floating-point registers."""
    floats = tuple(Register(f"f{i}", 64, 32 + i, "ieee_double", "float") for i in range(32))
    return Feature(FPU, (*floats, Register("fpscr", 32, 70, "uint32", "float")))


def _sprs(variant: str) -> Feature:
    registers = (
        Register(name, 32, SPR_NUMBER + number, "uint32", "system")
        for name, number in sorted(SPRS[variant].items(), key=lambda item: item[1])
    )
    return Feature(SPR, tuple(registers), bulk=False)
