"""``/dev/kvm``, a machine on it, and what can stand in the way of either."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kvmgdb.arch.kvm import KvmPort, Struct
from kvmgdb.arch.kvm_calls import Ioctl
from kvmgdb.arch.machine import Region
from kvmgdb.backends.kvm import ioctls
from kvmgdb.backends.kvm.structs import kvm_enable_cap, kvm_userspace_memory_region
from kvmgdb.errors import BackendError

DEVICE = Path("/dev/kvm")
API_VERSION = 12
"""The only one there will ever be (KVM API, KVM_GET_API_VERSION)."""

KVM_CAP_USER_MEMORY = 3
KVM_CAP_SET_GUEST_DEBUG = 23
KVM_CAP_IMMEDIATE_EXIT = 136
KVM_CAP_SET_GUEST_DEBUG2 = 195

NEEDED = {
    KVM_CAP_USER_MEMORY: "guest memory of its own (KVM_CAP_USER_MEMORY)",
    KVM_CAP_SET_GUEST_DEBUG: "guest debugging (KVM_CAP_SET_GUEST_DEBUG)",
    KVM_CAP_IMMEDIATE_EXIT: "leaving KVM_RUN at once (KVM_CAP_IMMEDIATE_EXIT, Linux 4.11)",
}

ELSEWHERE = "use --backend emulator meanwhile"


class _Descriptor:
    """A file descriptor that takes calls."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def call(self, request: Ioctl, argument: int | Struct = 0) -> int:
        """Make a call; OSError where the kernel refuses."""
        return ioctls.call(self.fd, request, argument)

    def has(self, capability: int) -> int:
        """What KVM_CHECK_EXTENSION answers; 0 is no."""
        return self.call(ioctls.KVM_CHECK_EXTENSION, capability)

    def close(self) -> None:
        """Close it; a machine goes when its last descriptor is closed."""
        os.close(self.fd)


class Device(_Descriptor):
    """``/dev/kvm``."""

    def __init__(self, path: Path = DEVICE) -> None:
        """Open it.

        Raises:
            BackendError: it cannot be had, or it is not enough; the text says what to do.
        """
        super().__init__(_open(path))
        try:
            self._check(path)
        except BaseException:
            self.close()
            raise

    def _check(self, path: Path) -> None:
        try:
            version = self.call(ioctls.KVM_GET_API_VERSION)
        except OSError as problem:
            raise BackendError(
                f"{path} is no KVM device ({problem.strerror}): correct backend.device, or {ELSEWHERE}"
            ) from problem
        if version != API_VERSION:
            raise BackendError(f"{path} speaks version {version} of the KVM API and not {API_VERSION}")
        for capability, what in NEEDED.items():
            if not self.has(capability):
                raise BackendError(f"this host's KVM does not offer {what}: {ELSEWHERE}")

    @property
    def run_size(self) -> int:
        """Bytes of the page shared with the kernel, and what follows it."""
        return self.call(ioctls.KVM_GET_VCPU_MMAP_SIZE)


_LOAD = "load the module (`sudo modprobe kvm_intel`, kvm_amd or kvm_hv)"
_OBSTACLES = {
    errno.EACCES: (
        "no permission to open {path}: join its group (`sudo usermod -aG kvm $USER`, then log in anew)"
    ),
    errno.EPERM: "this container keeps {path} closed: start it with the device (`--device {path}`)",
    errno.ENOENT: f"there is no {{path}}: {_LOAD}, switch on virtualisation in the firmware",
    errno.ENODEV: f"behind {{path}} is no module: {_LOAD}",
    errno.ENXIO: f"behind {{path}} is no module: {_LOAD}",
}


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as problem:
        raise BackendError(f"{obstacle(path, problem)}, or {ELSEWHERE}") from problem


def obstacle(path: Path, problem: OSError) -> str:
    """Why the device cannot be opened, and what to do about it."""
    if problem.errno == errno.ENOENT and path != DEVICE:
        return f"there is no {path}: correct backend.device"
    known = _OBSTACLES.get(problem.errno or 0, "{path} cannot be opened ({why}): correct backend.device")
    return known.format(path=path, why=problem.strerror)


class Machine(_Descriptor):
    """A virtual machine: memory, and processors that are added to it."""

    def __init__(self, device: Device) -> None:
        """Make an empty one.

        Raises:
            BackendError: KVM makes none.
        """
        self.device = device
        try:
            super().__init__(device.call(ioctls.KVM_CREATE_VM))
        except OSError as problem:
            raise BackendError(
                f"KVM makes no virtual machine ({problem.strerror}): is another hypervisor using the "
                "processor, or is there no memory left?"
            ) from problem
        self._slots = 0
        self.enabled: set[int] = set()
        """The capabilities :meth:`enable` has enabled."""
        self.has_irqchip = False
        """Whether interrupt controllers are in the kernel, and halted processors wait there."""

    def enable(self, capability: int, value: int) -> bool:
        """KVM_ENABLE_CAP; False where the host does not offer it."""
        if not self.has(capability):
            return False
        request = kvm_enable_cap(cap=capability)
        request.args[0] = value
        self.call(ioctls.KVM_ENABLE_CAP, request)
        self.enabled.add(capability)
        return True

    def add_irqchip(self, port: KvmPort) -> None:
        """Interrupt controllers and a timer in the kernel; before the first processor.

        Raises:
            BackendError: there are none.
        """
        try:
            port.create_irqchip(self)
        except OSError as problem:
            raise BackendError(
                f"KVM makes no interrupt controllers ({problem.filename}: {problem.strerror}): leave "
                "backend.irqchip out"
            ) from problem
        self.has_irqchip = True

    def add_memory(self, region: Region, address: int) -> None:
        """Make ``region`` guest memory: the bytes of ours at host ``address``.

        Raises:
            BackendError: KVM does not take it.
        """
        slot = kvm_userspace_memory_region(self._slots, 0, region.start, region.size, address)
        try:
            self.call(ioctls.KVM_SET_USER_MEMORY_REGION, slot)
        except OSError as problem:
            raise BackendError(
                f"KVM does not take {region.size} bytes of memory for the guest's {region.name} "
                f"({problem.strerror}): give it less with --memory"
            ) from problem
        self._slots += 1
