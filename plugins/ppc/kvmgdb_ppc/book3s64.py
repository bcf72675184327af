"""64-bit server processors: their register file, with gdb's numbers (``ppc-tdep.h``), and what names it.

Sources: Power ISA 3.0 Book III, "Machine State Register", "Special Purpose Registers".
"""

from __future__ import annotations

from kvmgdb.arch.registers import Feature, FlagField, FlagsType, Register, RegisterFile
from kvmgdb_ppc.registers import CORE, DWARF, MODE, SPR, SPR_NUMBER, fpu

VARIANTS = frozenset({"power9"})

SPRS = {
    "dsisr": 18,
    "dar": 19,
    "srr0": 26,
    "srr1": 27,
    "pid": 48,
    "dawr0": 180,
    "ciabr": 187,
    "dawrx0": 188,
    **{f"sprg{index}": 272 + index for index in range(4)},
    "pvr": 287,
}
"""Those that KVM gives."""

MSR_SF, MSR_IR, MSR_DR = 1 << 63, 1 << 5, 1 << 4

MSR = FlagsType(
    "msr_flags",
    8,
    tuple(
        FlagField(name, place, place)
        for name, place in (
            *(("LE", 0), ("RI", 1), ("DR", 4), ("IR", 5), ("FE1", 8), ("BE", 9), ("SE", 10), ("FE0", 11)),
            *(
                ("ME", 12),
                ("FP", 13),
                ("PR", 14),
                ("EE", 15),
                ("VSX", 23),
                ("VEC", 25),
                ("HV", 60),
                ("SF", 63),
            ),
        )
    ),
)


def register_file() -> RegisterFile:
    """The register file of ``ppc:power9``."""
    return RegisterFile(
        architecture="powerpc:common64",
        triple="powerpc64-unknown-unknown",
        byteorder="big",
        features=(_core(), fpu(), _sprs()),
        pc="pc",
        sp="r1",
        return_address="lr",
        dwarf=DWARF,
        mode=MODE,
        expedited=("pc", "r1", "r31", "lr"),
    )


def _core() -> Feature:
    general = (Register(f"r{i}", 64, i, "data_ptr" if i == 1 else "uint64") for i in range(32))
    return Feature(
        CORE,
        (
            *general,
            Register("pc", 64, 64, "code_ptr"),
            Register("msr", 64, 65, MSR.id),
            Register("cr", 32, 66, "uint32"),
            Register("lr", 64, 67, "code_ptr"),
            Register("ctr", 64, 68, "uint64"),
            Register("xer", 32, 69, "uint32"),
        ),
        (MSR,),
    )


def _sprs() -> Feature:
    registers = (Register(name, 64, SPR_NUMBER + number, "uint64", "system") for name, number in SPRS.items())
    return Feature(SPR, tuple(registers), bulk=False)
