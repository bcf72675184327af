"""What this host's KVM really delivers: measured once per boot and kernel, remembered in the user's cache."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmgdb.arch.kvm import TRIAL_ENTRY, KvmPort, Measured, Trial, TrialExit
from kvmgdb.arch.machine import Region, StartState
from kvmgdb.backends.kvm.device import KVM_CAP_SET_GUEST_DEBUG2, Device, Machine
from kvmgdb.backends.kvm.vcpu import Vcpu
from kvmgdb.backends.kvm.waker import Waker
from kvmgdb.backends.memory import PhysicalMemory
from kvmgdb.version import __version__

MEMORY = 0x10000
LIMIT = 2.0
"""Seconds for one trial, which takes a few milliseconds even where the host is emulated itself."""
SECOND_LIMIT = 5.0
"""Seconds for it where it has not come back in those: a host may be busy, and what is found is remembered."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def measure(device: Device, port: KvmPort, arch: str) -> Measured:
    """The results of the port's trials: from the cache, or measured now."""
    file = _cache_file(arch)
    known = _read(file, port)
    if known is None:
        known = run_trials(device, port)
        _write(file, known)
    return known


def run_trials(device: Device, port: KvmPort) -> Measured:
    """Make every trial."""
    return {trial.name: _one(device, port, trial) for trial in port.trials}


def _one(device: Device, port: KvmPort, trial: Trial) -> str:
    found, came_back = _try(device, port, trial, LIMIT)
    return found if came_back else _try(device, port, trial, SECOND_LIMIT)[0]


def _try(device: Device, port: KvmPort, trial: Trial, limit: float) -> tuple[str, bool]:
    """What came of it, and whether it was over in ``limit`` seconds."""
    with _deadline(limit) as over:
        bench = TrialBench(device, port, over)
        try:
            found = trial.measure(bench)
        finally:
            bench.close()
        return found, not select.select([over], [], [], 0)[0]


@contextmanager
def _deadline(limit: float) -> Iterator[int]:
    """A descriptor that becomes readable when the time is over."""
    readable, writable = os.pipe()
    timer = threading.Timer(limit, os.write, (writable, b"!"))
    timer.daemon = True
    timer.start()
    try:
        yield readable
    finally:
        timer.cancel()
        timer.join()
        os.close(readable)
        os.close(writable)


class TrialBench:
    """A small machine for one trial; implements :class:`kvmgdb.arch.kvm.Bench`."""

    def __init__(self, device: Device, port: KvmPort, over: int) -> None:
        self._port = port
        self._over = over
        self._memory = PhysicalMemory((Region(0, MEMORY, "ram"), *port.regions))
        self._machine = Machine(device)
        self.control_bits = self._machine.has(KVM_CAP_SET_GUEST_DEBUG2)
        port.set_up_machine(self._machine)
        self.enabled = self._machine.enabled
        for region in self._memory.regions:
            self._machine.add_memory(region, self._memory.pointer(region))
        self._vcpu = Vcpu(device, self._machine, port)
        self._waker = Waker(self._vcpu.unblock)
        self.state = self._vcpu.state

    def start(self, variant: str, code: bytes) -> None:
        """Put the processor into the start state of ``variant`` with ``code`` at its entry."""
        self._port.reset(self.state, StartState(TRIAL_ENTRY, variant), self._memory.write)
        self._memory.write(TRIAL_ENTRY, code)

    def write(self, address: int, data: bytes) -> None:
        """Write guest memory."""
        self._memory.write(address, data)

    def read(self, address: int, length: int) -> bytes:
        """Read guest memory."""
        return self._memory.read(address, length)

    def debug(self, control: int, arch: bytes = b"") -> bool:
        """KVM_SET_GUEST_DEBUG; False where the kernel refuses."""
        return self._vcpu.try_debug(control, arch)

    def run(self) -> TrialExit:
        """Run to the next exit."""
        self._waker.arm(self._over)
        try:
            reason = self._vcpu.run()
        finally:
            self._waker.disarm()
        return TrialExit(reason, self._vcpu.data())

    def close(self) -> None:
        """Give it back."""
        self._waker.close()
        self._vcpu.close()
        self._machine.close()


def _cache_file(arch: str) -> Path:
    """One file per boot, kernel and version: another module may be loaded, or a firmware setting changed."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else "unknown"
    modules = "+".join(sorted(path.name for path in Path("/sys/module").glob("kvm_*"))) or "builtin"
    return Path(home) / "kvmgdb" / f"kvm-{arch}-{__version__}-{platform.release()}-{modules}-{boot}.json"


def _read(file: Path, port: KvmPort) -> Measured | None:
    """What an earlier run has found; None if that is not what would be asked now."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text())
        if isinstance(found, dict) and list(found) == [trial.name for trial in port.trials]:
            return found
    return None


def _write(file: Path, measured: Measured) -> None:
    """Remember; a cache that cannot be written costs the time of the trials, and nothing else."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(measured, indent=1))
        part.replace(file)
