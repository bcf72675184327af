"""What kvmgdb calls: the hooks of the x86 plugin."""

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

NAME = "x86"

INFO = ArchInfo(
    name=NAME,
    summary="Intel and AMD processors, 16 to 64 bits",
    variants=(
        Variant("64", "starts in identity-mapped long mode", aliases=("x86_64", "amd64")),
        Variant("32", "starts in flat protected mode", aliases=("i386",)),
        Variant("16", "starts in real mode", aliases=("i8086",)),
    ),
    elf=(ElfMatch("EM_X86_64", 64, "64"), ElfMatch("EM_386", 32, "32")),
)

BREAKPOINTS = BreakpointEncoding(
    # SDM vol. 2, "INT n/INTO/INT3": one byte, reported after the instruction.
    traps=(TrapInstruction("int3", b"\xcc", pc_after=1),),
    instruction_alignment=1,
    # SDM vol. 3, "Data Breakpoint Exception Condition": a trap, after the access.
    watch_before=False,
    max_watch=8,
)

SAMPLES = {"64": "sample64.elf", "32": "sample32.elf", "16": "sample16.elf"}


@hookimpl
def kvmgdb_archs() -> list[ArchInfo]:
    """One architecture in three variants."""
    return [INFO]


@hookimpl
def kvmgdb_registers(arch: ArchId) -> RegisterFile | None:
    """The 64-bit register file, or the 32-bit one for the two smaller variants."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.registers import register_file

    return register_file(arch.variant)


@hookimpl
def kvmgdb_breakpoint_encoding(arch: ArchId) -> BreakpointEncoding | None:
    """INT3, and watchpoints that report after the access."""
    return BREAKPOINTS if arch.name == NAME else None


@hookimpl
def kvmgdb_debug_layout(arch: ArchId) -> DebugLayout | None:
    """The debug registers, as tables."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.debugregs import debug_layout

    return debug_layout(arch.variant)


@hookimpl
def kvmgdb_exit_decoder(arch: ArchId) -> ExitDecoder | None:
    """What reads KVM's payload."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.exits import exit_decoder

    return exit_decoder(arch.variant)


@hookimpl
def kvmgdb_emulator_port(arch: ArchId) -> EmulatorPort | None:
    """The emulator runs every variant."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.emulator import X86Emulator

    return X86Emulator(arch.variant)


@hookimpl
def kvmgdb_kvm_port(arch: ArchId) -> KvmPort | None:
    """KVM runs every variant."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.kvm import X86Kvm

    return X86Kvm()


@hookimpl
def kvmgdb_qemu_port(arch: ArchId) -> QemuPort | None:
    """QEMU runs every variant."""
    if arch.name != NAME:
        return None
    from kvmgdb_x86.qemu import X86Qemu

    return X86Qemu(arch.variant)


@hookimpl
def kvmgdb_sample_guest(arch: ArchId) -> Path | None:
    """The sample of the variant."""
    return Path(__file__).parent / "guests" / SAMPLES[arch.variant] if arch.name == NAME else None
