"""Core's own plugin: its backends and monitor commands come as any plugin's do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.emulator import EmulatorPort
from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.backends.base import Backend, BackendInfo, BackendOption, Finding, GuestSetup
from kvmgdb.errors import BackendError
from kvmgdb.hookspec import hookimpl


def _emulator_port(arch: Arch) -> EmulatorPort:
    port = arch.emulator
    if port is None:
        raise BackendError(
            f"the emulator cannot run {arch.id}: choose another variant (`kvmgdb plugins` lists them)"
        )
    return port


def _emulator_can_run(arch: Arch) -> None:
    _emulator_port(arch)


def _emulator(setup: GuestSetup) -> Backend:
    port = _emulator_port(setup.arch)
    from kvmgdb.backends.emulator.backend import EmulatorBackend

    return EmulatorBackend(
        port,
        setup.arch.id.variant,
        setup.arch.registers.byteorder,
        setup.arch.breakpoints.watch_before,
        setup.images,
        setup.memory,
        setup.console,
    )


def _kvm(setup: GuestSetup) -> Backend:
    from kvmgdb.backends.kvm.start import start

    return start(setup)


def _kvm_can_run(arch: Arch) -> None:
    from kvmgdb.backends.kvm.examine import can_run

    can_run(arch)


def _kvm_supports(arch: Arch) -> None:
    from kvmgdb.backends.kvm.start import supported

    supported(arch)


def _examine_kvm(archs: Sequence[Arch]) -> list[Finding]:
    from kvmgdb.backends.kvm.examine import examine

    return examine(archs)


def _qemu(setup: GuestSetup) -> Backend:
    from kvmgdb.backends.qemu.start import start

    return start(setup)


def _qemu_can_run(arch: Arch) -> None:
    from kvmgdb.backends.qemu.start import can_run

    can_run(arch)


def _qemu_supports(arch: Arch) -> None:
    from kvmgdb.backends.qemu.start import port_for

    port_for(arch)


def _examine_qemu(archs: Sequence[Arch]) -> list[Finding]:
    from kvmgdb.backends.qemu.start import examine

    return examine(archs)


@hookimpl
def kvmgdb_backends() -> list[BackendInfo]:
    """The emulator, KVM and QEMU."""
    return [
        BackendInfo(
            "emulator",
            "in-process, any host, any architecture with a port",
            _emulator,
            _emulator_can_run,
            options=(),
            supports=_emulator_can_run,
        ),
        BackendInfo(
            "kvm",
            "the host's own processor through /dev/kvm",
            _kvm,
            _kvm_can_run,
            _examine_kvm,
            options=(
                BackendOption("device", Path, "The device, in place of /dev/kvm."),
                BackendOption("irqchip", bool, "Interrupt controllers and a timer in the kernel."),
            ),
            supports=_kvm_supports,
        ),
        BackendInfo(
            "qemu",
            "a whole machine of QEMU's, as a child",
            _qemu,
            _qemu_can_run,
            _examine_qemu,
            options=(
                BackendOption("program", Path, "Another QEMU."),
                BackendOption("machine", str, "Another machine of that QEMU."),
                BackendOption("cpu", str, "Another processor, or features of it."),
                BackendOption("arguments", list, "More for QEMU's command line."),
                BackendOption("start", str, "machine: begin at the processor's reset, with QEMU's firmware."),
            ),
            supports=_qemu_supports,
            sees_written_traps=False,
            sees_debug_events=False,
        ),
    ]


@hookimpl
def kvmgdb_monitor_commands() -> list[MonitorCommand]:
    """``monitor help`` and its like, and QEMU's own."""
    from kvmgdb.backends.qemu.monitor import COMMAND
    from kvmgdb.handlers.monitor import COMMANDS

    return [*COMMANDS, COMMAND]
