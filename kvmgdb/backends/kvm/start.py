"""Starting a guest on KVM, or saying in one line why that cannot be."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.kvm import KvmPort
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb.backends.kvm.device import DEVICE, Device
from kvmgdb.backends.kvm.probe import measure
from kvmgdb.errors import BackendError, ConfigError

log = logging.getLogger(__name__)


def start(setup: GuestSetup) -> KvmBackend:
    """Start a guest.

    Raises:
        BackendError: this host cannot.
        ConfigError: an option KVM does not have.
    """
    path = _device_path(setup.options)
    port = port_for(setup.arch)
    device = Device(path)
    try:
        host = port.adopt(measure(device, port, setup.arch.info.name))
        for warning in host.warnings:
            log.warning("KVM on this host: %s", warning)
        return KvmBackend(setup.arch, port, device, host, setup.images, setup.memory, setup.console)
    except BaseException:
        device.close()
        raise


def port_for(arch: Arch, machine: str = "") -> KvmPort:
    """The port that runs ``arch`` on a host (by default this one).

    Raises:
        BackendError: there is none, or it needs another host.
    """
    port = arch.kvm
    if port is None:
        raise BackendError(f"KVM cannot run {arch.id}: use --backend emulator")
    if (machine or platform.machine()) not in port.machines:
        raise BackendError(
            f"{arch.id} on KVM needs {port.host}, and this one is {machine or platform.machine()}: use "
            "--backend emulator, or QEMU"
        )
    return port


def _device_path(options: Mapping[str, object]) -> Path:
    unknown = sorted(options.keys() - {"device"})
    if unknown:
        raise ConfigError(f"the backend kvm has no option {unknown[0]!r} (it has: device)")
    value = options.get("device", str(DEVICE))
    if not isinstance(value, str):
        raise ConfigError(f"backend.device is a path, such as {DEVICE}, and not {value!r}")
    return Path(value)
