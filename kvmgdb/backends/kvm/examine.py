"""What there is to say of this host's KVM, for ``kvmgdb doctor``."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.kvm import WORKS, KvmPort
from kvmgdb.backends.base import Finding
from kvmgdb.backends.kvm.device import DEVICE, Device
from kvmgdb.backends.kvm.probe import measure
from kvmgdb.backends.kvm.start import port_for
from kvmgdb.errors import BackendError, KvmgdbError

CAPABILITIES = {
    "KVM_CAP_IRQCHIP": 0,
    "KVM_CAP_PIT2": 33,
    "KVM_CAP_SYNC_REGS": 74,
    "KVM_CAP_DEBUGREGS": 50,
    "KVM_CAP_VCPU_EVENTS": 41,
    "KVM_CAP_EXCEPTION_PAYLOAD": 164,
    "KVM_CAP_SET_GUEST_DEBUG2": 195,
    "KVM_CAP_PPC_GUEST_DEBUG_SSTEP": 176,
}
"""Those that make a difference and are not required (:data:`kvmgdb.backends.kvm.device.NEEDED`)."""


def can_run(arch: Arch) -> None:
    """Whether a guest of ``arch`` can be started here.

    Raises:
        BackendError: why not.
    """
    port_for(arch)
    Device().close()


def examine(archs: Sequence[Arch]) -> list[Finding]:
    """Device, module, capabilities, and what the trials have found."""
    modules = sorted(path.name for path in Path("/sys/module").glob("kvm*"))
    found = [Finding("modules", ", ".join(modules) or "none, or built in")]
    try:
        device = Device()
    except BackendError as problem:
        return [*found, Finding(str(DEVICE), str(problem), ok=False)]
    try:
        found.append(Finding(str(DEVICE), "opens, and offers all that is required"))
        found += [Finding(name, f"{device.has(number):#x}") for name, number in CAPABILITIES.items()]
        return found + list(_measured(device, archs))
    finally:
        device.close()


def _measured(device: Device, archs: Sequence[Arch]) -> Iterator[Finding]:
    for arch in archs:
        port = _port(arch)
        if port is None:
            continue
        try:
            measured = measure(device, port, arch.info.name)
        except KvmgdbError as problem:
            yield Finding(f"trials of {arch.info.name}", str(problem), ok=False)
            continue
        for name, outcome in measured.items():
            yield Finding(name, outcome, ok=outcome.startswith(WORKS))
        for warning in port.adopt(measured).warnings:
            yield Finding("in consequence", warning)


def _port(arch: Arch) -> KvmPort | None:
    port = arch.kvm
    return port if port is not None and platform.machine() in port.machines else None
