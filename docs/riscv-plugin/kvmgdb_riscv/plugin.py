"""What kvmgdb calls: the hooks of the RISC-V plugin.

A hook that answers for one architecture is asked about all of them, and returns None for the others.  What it
answers with is imported when it is asked for: the name of an architecture is wanted at every start, its debug
registers hardly ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kvmgdb.arch.breakpoints import BreakpointEncoding, TrapInstruction
from kvmgdb.arch.emulator import EmulatorPort
from kvmgdb.arch.identity import ArchId, ArchInfo, ElfMatch, Variant
from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.arch.registers import RegisterFile
from kvmgdb.hookspec import hookimpl
from kvmgdb_riscv.instructions import C_EBREAK, EBREAK
from kvmgdb_riscv.variants import NAME, RV32, RV64, SAMPLES

if TYPE_CHECKING:  # serving a guest needs neither, and both take a while to import
    from kvmgdb.arch.exits import ExitDecoder
    from kvmgdb.arch.layout import DebugLayout

INFO = ArchInfo(
    name=NAME,
    summary="RISC-V processors, little-endian",
    variants=(
        Variant(RV64, "RV64GC", aliases=("riscv64",)),
        Variant(RV32, "RV32GC", aliases=("riscv32",)),
    ),
    api=1,
    elf=(ElfMatch("EM_RISCV", 64, RV64), ElfMatch("EM_RISCV", 32, RV32)),
)

BREAKPOINTS = BreakpointEncoding(
    # gdb writes c.ebreak over an instruction of two bytes, ebreak over one of four (riscv-tdep.c).  The
    # exception is reported at the instruction itself (privileged architecture, mepc).
    traps=(
        TrapInstruction("c.ebreak", C_EBREAK.to_bytes(2, "little"), pc_after=0),
        TrapInstruction("ebreak", EBREAK.to_bytes(4, "little"), pc_after=0),
    ),
    instruction_alignment=2,
    # gdb expects a watchpoint before the access (riscv-tdep.c: nonsteppable), which is what a trigger's
    # timing 0 means.
    watch_before=True,
    max_watch=8,
)


@hookimpl
def kvmgdb_archs() -> list[ArchInfo]:
    """One architecture; the width of its registers is the variant."""
    return [INFO]


@hookimpl
def kvmgdb_registers(arch: ArchId) -> RegisterFile | None:
    """The general and floating-point registers, the CSRs, and the privilege mode."""
    if arch.name != NAME:
        return None
    from kvmgdb_riscv.registers import register_file

    return register_file(arch.variant)


@hookimpl
def kvmgdb_breakpoint_encoding(arch: ArchId) -> BreakpointEncoding | None:
    """Two trap instructions, and watchpoints that report before the access."""
    return BREAKPOINTS if arch.name == NAME else None


@hookimpl
def kvmgdb_debug_layout(arch: ArchId) -> DebugLayout | None:
    """The triggers."""
    if arch.name != NAME:
        return None
    from kvmgdb_riscv.debugregs import debug_layout

    return debug_layout(arch.variant)


@hookimpl
def kvmgdb_exit_decoder(arch: ArchId) -> ExitDecoder | None:
    """What judges KVM's debug exits, which carry no payload."""
    if arch.name != NAME:
        return None
    from kvmgdb_riscv.exits import RiscvExitDecoder

    return RiscvExitDecoder(arch.variant)


@hookimpl
def kvmgdb_emulator_port(arch: ArchId) -> EmulatorPort | None:
    """The emulator runs both variants."""
    if arch.name != NAME:
        return None
    from kvmgdb_riscv.emulator import RiscvEmulator

    return RiscvEmulator(arch.variant)


@hookimpl
def kvmgdb_sample_guest(arch: ArchId) -> Path | None:
    """One program, built twice."""
    return Path(__file__).parent / "guests" / SAMPLES[arch.variant] if arch.name == NAME else None


@hookimpl
def kvmgdb_monitor_commands() -> list[MonitorCommand]:
    """``monitor privilege``."""
    from kvmgdb_riscv.monitor import PRIVILEGE

    return [PRIVILEGE]
