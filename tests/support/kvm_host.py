"""What this machine's /dev/kvm can do, for the tests that know what needs what.

A test that a host cannot pass is an expected failure with its reason: strictly, so that a host that can is
noticed.  ``-ra`` (the default here) lists them at the end of the run.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pytest

from kvmgdb.arch.kvm import WORKS, Measured
from kvmgdb.backends.kvm.device import Device
from kvmgdb.backends.kvm.probe import measure
from kvmgdb.errors import BackendError
from kvmgdb_ppc.kvm_book3s64 import Book3s64Kvm
from kvmgdb_x86 import kvm_probe
from kvmgdb_x86.kvm import X86Kvm


@cache
def unavailable() -> str:
    """Why there is no KVM here; empty if there is."""
    try:
        Device().close()
    except BackendError as problem:
        return str(problem)
    return ""


@cache
def measured() -> Measured:
    """What the trials have found."""
    device = Device()
    on_power = platform.machine().startswith("ppc")
    try:
        return measure(device, Book3s64Kvm("power9"), "ppc") if on_power else measure(device, X86Kvm(), "x86")
    finally:
        device.close()


def has(trial: str) -> bool:
    """Whether this host's KVM does what a trial asks."""
    return measured()[trial].startswith(WORKS)


@dataclass(frozen=True)
class Need:
    """Tests, by a pattern of their ids, that need something of KVM's."""

    tests: str
    trials: tuple[str, ...]
    """What must work, by the names of the trials; empty for what no KVM does."""
    reason: str
    enough: tuple[str, ...] = (WORKS,)
    """With what result of a trial the tests pass, by how it begins."""
    one: bool = False
    """Whether one of the trials suffices."""

    @property
    def lacking(self) -> list[str]:
        """The trials that have come to less; none where that does not matter."""
        less = [trial for trial in self.trials if not measured()[trial].startswith(self.enough)]
        return [] if self.one and len(less) < len(self.trials) else less


REPORTED = (WORKS, kvm_probe.INTERNAL_ERROR)
"""Enough where it matters that a trap leaves the guest at all."""

WATCH = (kvm_probe.write_watch(4), kvm_probe.ACCESS)
NO_EXCEPTIONS = "KVM tells of no exception of the guest's: without a handler it is a triple fault"


def expect(items: Iterable[pytest.Item], needs: Iterable[Need]) -> None:
    """Mark what this host cannot pass."""
    if unavailable():
        return
    table = [(re.compile(need.tests), need) for need in needs]
    for item in items:
        for pattern, need in table:
            if pattern.search(item.nodeid) and (need.lacking or not need.trials):
                lacking = ", ".join(f"{trial}: {measured()[trial]}" for trial in need.lacking)
                reason = f"{need.reason} ({lacking})" if lacking else need.reason
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
                break
