"""Which guest needs which host, and what the kernel may refuse."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from kvmgdb import builtin
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.start import port_for, refusal, start
from kvmgdb.errors import BackendError
from kvmgdb.loader import LoadedImages
from kvmgdb.plugins import load_plugins
from tests.support import kvm_host


def _setup(arch: str, **options: object) -> GuestSetup:
    plugins = load_plugins(builtin, environment={})
    return GuestSetup(plugins.resolve(arch), LoadedImages((), 0), 1 << 20, lambda _: None, options)


def test_x86_on_a_powerpc_host() -> None:
    with pytest.raises(BackendError, match="x86:64 on KVM needs an x86 host, and this one is ppc64le"):
        port_for(_setup("x86:64").arch, "ppc64le")


def test_powerpc_on_an_x86_host() -> None:
    with pytest.raises(BackendError, match=r"ppc:440 on KVM needs a PowerPC host.*emulator, or QEMU"):
        port_for(_setup("ppc:440").arch, "x86_64")


def test_a_core_that_kvm_is_not_known_to_run() -> None:
    with pytest.raises(BackendError, match="KVM cannot run ppc:970"):
        port_for(_setup("ppc:970").arch)


@pytest.mark.parametrize("machine", ["x86_64", "i686"])
def test_x86_on_an_x86_host(machine: str) -> None:
    assert port_for(_setup("x86:16").arch, machine).host == "an x86 host"


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(BackendError, match=r"there is no /nowhere/kvm: correct backend.device, or use"):
        start(_setup("x86:64", device="/nowhere/kvm"))


@pytest.mark.parametrize(
    ("number", "todo"), [(errno.EMFILE, "ulimit -n"), (errno.ENOMEM, "--memory"), (errno.EIO, "doctor")]
)
def test_what_the_kernel_refuses_is_named_with_what_to_do(number: int, todo: str) -> None:
    text = refusal(OSError(number, os.strerror(number), "KVM_CREATE_VCPU"))
    assert text.startswith(f"KVM cannot make the guest (KVM_CREATE_VCPU: {os.strerror(number)}): ")
    assert todo in text


@pytest.mark.skipif(bool(kvm_host.unavailable()), reason=kvm_host.unavailable())
def test_no_file_left_to_open() -> None:
    """At whichever call the limit is met, it is named, and so is what to do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = os.open("/dev/null", os.O_RDONLY)
    os.close(first)
    try:
        for room in (1, 2, 4):  # for the device; the machine; what waits for a wake-up
            resource.setrlimit(resource.RLIMIT_NOFILE, (first + room, hard))
            with pytest.raises(BackendError, match="Too many open files"):
                start(_setup("x86:64"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
