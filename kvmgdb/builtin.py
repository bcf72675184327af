"""Core's own plugin: its backends and monitor commands come as any plugin's do."""

from __future__ import annotations

from collections.abc import Callable

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
        setup.arch.registers.byteorder,
        setup.arch.breakpoints.watch_before,
        setup.images,
        setup.memory,
        setup.console,
    )


@hookimpl
def kvmgdb_backends() -> list[BackendInfo]:
    """The emulator."""
    create: Callable[[GuestSetup], Backend] = _emulator
    return [BackendInfo("emulator", "in-process, any host, any architecture with a port", create)]


@hookimpl
def kvmgdb_monitor_commands() -> list[MonitorCommand]:
    """``monitor help`` and its like."""
    from kvmgdb.handlers.monitor import COMMANDS

    return list(COMMANDS)
