"""Core's own plugin: its backends and monitor commands come as any plugin's do."""

from __future__ import annotations

from kvmgdb.arch.monitor import MonitorCommand
from kvmgdb.backends.base import Backend, BackendInfo, GuestSetup
from kvmgdb.errors import BackendError
from kvmgdb.hookspec import hookimpl


def _emulator(setup: GuestSetup) -> Backend:
    port = setup.arch.emulator
    if port is None:
        raise BackendError(
            f"the emulator cannot run {setup.arch.id}: choose another variant (`kvmgdb plugins` lists them)"
        )
    from kvmgdb.backends.emulator.backend import EmulatorBackend

    return EmulatorBackend(
        port,
        setup.arch.id.variant,
        setup.arch.breakpoints.watch_before,
        setup.images,
        setup.memory,
        setup.console,
    )


def _kvm(setup: GuestSetup) -> Backend:
    from kvmgdb.backends.kvm.start import start

    return start(setup)


@hookimpl
def kvmgdb_backends() -> list[BackendInfo]:
    """The emulator and KVM."""
    return [
        BackendInfo("emulator", "in-process, any host, any architecture with a port", _emulator),
        BackendInfo("kvm", "the host's own processor through /dev/kvm", _kvm),
    ]


@hookimpl
def kvmgdb_monitor_commands() -> list[MonitorCommand]:
    """``monitor help`` and its like."""
    from kvmgdb.handlers.monitor import COMMANDS

    return list(COMMANDS)
