"""What tells the variants apart: the width of a register, which the manuals call XLEN."""

from __future__ import annotations

NAME = "riscv"
RV64, RV32 = "rv64", "rv32"

XLEN = {RV64: 64, RV32: 32}
SAMPLES = {RV64: "sample64.elf", RV32: "sample32.elf"}
