"""Starting a guest on KVM, or saying in one line why that cannot be."""

from __future__ import annotations

import errno
import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.kvm import KvmPort, Report
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb.backends.kvm.device import DEVICE, ELSEWHERE, Device
from kvmgdb.backends.kvm.probe import measure
from kvmgdb.errors import BackendError

log = logging.getLogger(__name__)

SILENT = (
    "with irqchip a halt tells nobody: where software breakpoints are HLT, the guest runs by single steps "
    "while one is set"
)

_TODO = {
    errno.EMFILE: "let this process open more files (`ulimit -n`)",
    errno.ENOMEM: "this host has too little memory left; give the guest less with --memory",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the mapping ``backend`` of a configuration holds besides ``kind``."""

    device: Path = DEVICE
    irqchip: bool = False
    """Whether interrupt controllers and a timer are made in the kernel."""

    @staticmethod
    def of(given: Mapping[str, object]) -> Options:
        """From what the configuration holds; names and types have been checked (:class:`BackendInfo`)."""
        return Options(Path(str(given.get("device", DEVICE))), given.get("irqchip") is True)


def start(setup: GuestSetup) -> KvmBackend:
    """Start a guest.

    Raises:
        BackendError: this host cannot.
    """
    options = Options.of(setup.options)
    port = port_for(setup.arch)
    device = Device(options.device)
    try:
        return _start(setup, options, port, device)
    except BaseException as problem:
        device.close()
        if isinstance(problem, OSError):  # of a call that no other error tells of
            raise BackendError(refusal(problem)) from problem
        raise


def refusal(problem: OSError) -> str:
    """What the kernel has refused while the guest was made, and what to do about it."""
    call = f"{problem.filename}: " if problem.filename else ""
    todo = _TODO.get(problem.errno or 0, f"`kvmgdb doctor` examines this host, or {ELSEWHERE}")
    return f"KVM cannot make the guest ({call}{problem.strerror}): {todo}"


def _start(setup: GuestSetup, options: Options, port: KvmPort, device: Device) -> KvmBackend:
    host = port.adopt(measure(device, port, setup.arch.info.name))
    for warning in host.warnings:
        log.warning("KVM on this host: %s", warning)
    if options.irqchip and any(trap.report is Report.HALT for trap in host.traps.values()):
        log.warning("KVM on this host: %s", SILENT)
    return KvmBackend(
        *(setup.arch, port, device, host, setup.images, setup.memory, setup.console), irqchip=options.irqchip
    )


def supported(arch: Arch) -> KvmPort:
    """The port for ``arch``, whatever the host.

    Raises:
        BackendError: there is none.
    """
    if arch.kvm is None:
        elsewhere = ": use --backend emulator" if arch.emulator else ", and neither can the emulator"
        raise BackendError(f"KVM cannot run {arch.id}{elsewhere}")
    return arch.kvm


def port_for(arch: Arch, machine: str = "") -> KvmPort:
    """The port that runs ``arch`` on a host (by default this one).

    Raises:
        BackendError: there is none, or it needs another host.
    """
    port = supported(arch)
    if (machine or platform.machine()) not in port.machines:
        elsewhere = "--backend emulator, or QEMU" if arch.emulator else "QEMU"
        here = machine or platform.machine()
        raise BackendError(f"{arch.id} on KVM needs {port.host}, and this one is {here}: use {elsewhere}")
    return port
