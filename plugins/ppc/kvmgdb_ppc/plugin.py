"""What kvmgdb calls: the hooks of the PowerPC plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kvmgdb.arch.breakpoints import BreakpointEncoding, TrapInstruction
from kvmgdb.arch.emulator import EmulatorPort
from kvmgdb.arch.identity import ArchId, ArchInfo, ElfMatch, Variant
from kvmgdb.arch.registers import RegisterFile
from kvmgdb.hookspec import hookimpl

if TYPE_CHECKING:  # serving a guest needs neither, and both take a while to import
    from kvmgdb.arch.exits import ExitDecoder
    from kvmgdb.arch.kvm import KvmPort
    from kvmgdb.arch.layout import DebugLayout
    from kvmgdb.arch.qemu import QemuPort

NAME = "ppc"

INFO = ArchInfo(
    name=NAME,
    summary="PowerPC processors, big-endian",
    variants=(
        Variant("440", "BookE, IAC1-4 and DAC1-2"),
        Variant("e500v1", "BookE with a two-level TLB, MPC85xx"),
        Variant("e500v2", "BookE with 36-bit addresses, MPC8548"),
        Variant("e500mc", "BookE with an FPU, QorIQ P4"),
        Variant("603e", "classic, G2"),
        Variant("750", "classic, G3"),
        Variant("7457", "classic, G4"),
        Variant("405", "40x (exits are decoded; no backend runs it)"),
        Variant("970", "64-bit, G5 (exits are decoded; no backend runs it)"),
        Variant("power8", "64-bit (exits are decoded; no backend runs it)"),
        Variant("power9", "64-bit, on a POWER host's KVM"),
        Variant("power10", "64-bit (exits are decoded; no backend runs it)"),
    ),
    aliases=("powerpc", "ppc32"),
    elf=(ElfMatch("EM_PPC", 32, "440"),),
)

BREAKPOINTS = BreakpointEncoding(
    # Power ISA, book I, "Trap Instructions".  gdb writes `trap` (tw 31,0,0); until 2010 it wrote
    # `twge r2,r2`.  Both are reported at the instruction itself.
    traps=(
        TrapInstruction("trap", b"\x7f\xe0\x00\x08", pc_after=0),
        TrapInstruction("twge r2,r2", b"\x7d\x82\x10\x08", pc_after=0),
    ),
    instruction_alignment=4,
    # gdb expects a PowerPC watchpoint before the access (rs6000-tdep.c: nonsteppable), as DABR and
    # DAC report it.
    watch_before=True,
    max_watch=8,
)


@hookimpl
def kvmgdb_archs() -> list[ArchInfo]:
    """One architecture, its cores as variants."""
    return [INFO]


@hookimpl
def kvmgdb_registers(arch: ArchId) -> RegisterFile | None:
    """The core's registers and SPRs; of the cores that a backend can run."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc import book3s64
    from kvmgdb_ppc.registers import register_file
    from kvmgdb_ppc.sprs import SPRS

    if arch.variant in book3s64.VARIANTS:
        return book3s64.register_file()
    return register_file(arch.variant) if arch.variant in SPRS else None


@hookimpl
def kvmgdb_breakpoint_encoding(arch: ArchId) -> BreakpointEncoding | None:
    """Trap words, and watchpoints that report before the access."""
    return BREAKPOINTS if arch.name == NAME else None


@hookimpl
def kvmgdb_debug_layout(arch: ArchId) -> DebugLayout | None:
    """The debug registers, as tables."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc.debugregs import debug_layout

    return debug_layout(arch.variant)


@hookimpl
def kvmgdb_exit_decoder(arch: ArchId) -> ExitDecoder | None:
    """What reads KVM's payload."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc.exits import exit_decoder

    return exit_decoder(arch.variant)


@hookimpl
def kvmgdb_emulator_port(arch: ArchId) -> EmulatorPort | None:
    """Every core but those the emulator does not have."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc.emulator import MODELS, PpcEmulator

    return PpcEmulator(arch.variant) if arch.variant in MODELS else None


@hookimpl
def kvmgdb_kvm_port(arch: ArchId) -> KvmPort | None:
    """The 32-bit cores, and POWER9."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc import book3s64
    from kvmgdb_ppc.kvm import PpcKvm
    from kvmgdb_ppc.kvm_book3s64 import Book3s64Kvm
    from kvmgdb_ppc.sprs import SPRS

    if arch.variant in book3s64.VARIANTS:
        return Book3s64Kvm(arch.variant)
    return PpcKvm(arch.variant) if arch.variant in SPRS else None


@hookimpl
def kvmgdb_qemu_port(arch: ArchId) -> QemuPort | None:
    """The 32-bit cores that a board of QEMU's has."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc.qemu import BOARDS, PpcQemu

    return PpcQemu(arch.variant) if arch.variant in BOARDS else None


@hookimpl
def kvmgdb_sample_guest(arch: ArchId) -> Path | None:
    """One ELF runs on every 32-bit core."""
    if arch.name != NAME:
        return None
    from kvmgdb_ppc.book3s64 import VARIANTS

    return None if arch.variant in VARIANTS else Path(__file__).parent / "guests" / "sample.elf"
