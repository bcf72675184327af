"""The plugin contract: every hook, on one page.

A plugin is a module (or object) named in the entry-point group ``kvmgdb`` that implements some of these
hooks with :data:`hookimpl`.  Hooks register, objects do the work: each is called once, when an
architecture is resolved, and nothing goes through pluggy while a guest runs.

Hooks marked *collected* are asked of every plugin; the others stop at the first answer that is not
None, the plugin registered last being asked first, so that a third party can replace one part of an
architecture (a vendor's exit decoder, say) and keep the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from kvmgdb.arch.breakpoints import BreakpointEncoding
from kvmgdb.arch.emulator import EmulatorPort
from kvmgdb.arch.identity import ArchId, ArchInfo
from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.arch.registers import RegisterFile
from kvmgdb.backends.base import BackendInfo

if TYPE_CHECKING:  # serving a guest needs neither, and both take a while to import
    from kvmgdb.arch.exits import ExitDecoder
    from kvmgdb.arch.kvm import KvmPort
    from kvmgdb.arch.layout import DebugLayout
    from kvmgdb.arch.qemu import QemuPort

PROJECT = "kvmgdb"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def kvmgdb_archs() -> list[ArchInfo]:
    """Name the architectures this plugin knows, with variants and aliases (*Collected.*)."""
    raise NotImplementedError


@hookspec(firstresult=True)
def kvmgdb_registers(arch: ArchId) -> RegisterFile | None:
    """Describe the register file of ``arch``; target XML and the ``g`` packet follow from it."""


@hookspec(firstresult=True)
def kvmgdb_breakpoint_encoding(arch: ArchId) -> BreakpointEncoding | None:
    """Describe how ``arch`` encodes breakpoints: trap instructions, alignment, watch order."""


@hookspec(firstresult=True)
def kvmgdb_debug_layout(arch: ArchId) -> DebugLayout | None:
    """Describe the debug registers of ``arch``: fields by mask, slots, kinds, lengths, alignment.

    Slot allocation, register contents, KVM's payload and the pictures follow from it.
    """


@hookspec(firstresult=True)
def kvmgdb_exit_decoder(arch: ArchId) -> ExitDecoder | None:
    """Make the decoder of debug exits: payload bytes to events, and with what is armed, whose they are."""


@hookspec(firstresult=True)
def kvmgdb_emulator_port(arch: ArchId) -> EmulatorPort | None:
    """Make a port for one guest on the emulator; None where the emulator cannot run ``arch``."""


@hookspec(firstresult=True)
def kvmgdb_kvm_port(arch: ArchId) -> KvmPort | None:
    """Make a port for one guest on KVM; None where no KVM host runs ``arch``."""


@hookspec(firstresult=True)
def kvmgdb_qemu_port(arch: ArchId) -> QemuPort | None:
    """Make a port for one guest on QEMU; None where no QEMU runs ``arch``."""


@hookspec(firstresult=True)
def kvmgdb_sample_guest(arch: ArchId) -> Path | None:
    """Name the ELF of the sample guest that ``kvmgdb serve`` runs when no image is given."""


@hookspec
def kvmgdb_backends() -> list[BackendInfo]:
    """Name the backends this plugin brings; core's own come the same way (*Collected.*)."""
    raise NotImplementedError


@hookspec
def kvmgdb_monitor_commands() -> list[MonitorCommand]:
    """Add commands to gdb's ``monitor``; core's own come the same way (*Collected.*)."""
    raise NotImplementedError
