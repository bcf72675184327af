"""The RISC-V register file, with gdb's names, features and numbers (``riscv-tdep.h``).

The names of the features are gdb's own: they are what makes it know a register (GDB manual, "RISC-V
Features").  A control and status register has the number 65 + its address.
"""

from __future__ import annotations

from kvmgdb.arch.registers import Feature, Register, RegisterFile
from kvmgdb_riscv.variants import XLEN

GENERAL = (
    *("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1"),
    *(f"a{i}" for i in range(8)),
    *(f"s{i}" for i in range(2, 12)),
    *("t3", "t4", "t5", "t6"),
)
"""x0 to x31 under the names of the calling convention."""

FLOATING = (
    *(f"ft{i}" for i in range(8)),
    *("fs0", "fs1"),
    *(f"fa{i}" for i in range(8)),
    *(f"fs{i}" for i in range(2, 12)),
    *(f"ft{i}" for i in range(8, 12)),
)
"""f0 to f31."""

# Privileged architecture, "Control and Status Registers (CSRs)".
CSRS = {
    "fflags": 0x001,
    "frm": 0x002,
    "fcsr": 0x003,
    "sstatus": 0x100,
    "sie": 0x104,
    "stvec": 0x105,
    "scounteren": 0x106,
    "sscratch": 0x140,
    "sepc": 0x141,
    "scause": 0x142,
    "stval": 0x143,
    "sip": 0x144,
    "satp": 0x180,
    "mstatus": 0x300,
    "misa": 0x301,
    "medeleg": 0x302,
    "mideleg": 0x303,
    "mie": 0x304,
    "mtvec": 0x305,
    "mcounteren": 0x306,
    "mscratch": 0x340,
    "mepc": 0x341,
    "mcause": 0x342,
    "mtval": 0x343,
    "mip": 0x344,
    "mhartid": 0xF14,
}
FLOATING_CSRS = frozenset({"fflags", "frm", "fcsr"})
READ_ONLY = frozenset({"misa", "mhartid"})

PC_NUMBER = 32
_FIRST_FLOATING, _FIRST_CSR = 33, 65
_PRIV_NUMBER = _FIRST_CSR + 0x1000


def register_file(variant: str) -> RegisterFile:
    """The register file of ``riscv:VARIANT``."""
    xlen = XLEN[variant]
    return RegisterFile(
        architecture=f"riscv:{variant}",
        byteorder="little",
        features=(_cpu(xlen), _fpu(), _csr(xlen), _virtual()),
        pc="pc",
        sp="sp",
        expedited=("pc", "sp", "fp", "ra"),
    )


def _cpu(xlen: int) -> Feature:
    types = {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr", "fp": "data_ptr"}
    general = [Register(name, xlen, i, types.get(name, "int")) for i, name in enumerate(GENERAL)]
    return Feature("org.gnu.gdb.riscv.cpu", (*general, Register("pc", xlen, PC_NUMBER, "code_ptr")))


def _fpu() -> Feature:
    values = (
        Register(name, 64, _FIRST_FLOATING + i, "ieee_double", "float") for i, name in enumerate(FLOATING)
    )
    return Feature("org.gnu.gdb.riscv.fpu", tuple(values))


def _csr(xlen: int) -> Feature:
    """Asked for one by one: there are many, they are slow to read, and most sessions want none.  gdb also
    takes the three of the floating-point unit from here.
    """
    registers = [
        Register(name, 32, _FIRST_CSR + number, "int", "float")
        if name in FLOATING_CSRS
        else Register(name, xlen, _FIRST_CSR + number, "int", "system")
        for name, number in CSRS.items()
    ]
    return Feature("org.gnu.gdb.riscv.csr", tuple(registers), bulk=False)


def _virtual() -> Feature:
    """The privilege mode, which is no register to the processor: 0 user, 1 supervisor, 3 machine."""
    mode = Register("priv", 8, _PRIV_NUMBER, "int", "system")
    return Feature("org.gnu.gdb.riscv.virtual", (mode,), bulk=False)
