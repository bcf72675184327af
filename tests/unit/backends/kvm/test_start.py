"""Which guest needs which host; the backend's own options."""

from __future__ import annotations

import pytest

from kvmgdb import builtin
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.start import port_for, start
from kvmgdb.errors import BackendError, ConfigError
from kvmgdb.loader import LoadedImages
from kvmgdb.plugins import load_plugins


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
    with pytest.raises(BackendError, match="KVM cannot run ppc:power9"):
        port_for(_setup("ppc:power9").arch)


@pytest.mark.parametrize("machine", ["x86_64", "i686"])
def test_x86_on_an_x86_host(machine: str) -> None:
    assert port_for(_setup("x86:16").arch, machine).host == "an x86 host"


def test_an_option_nobody_knows() -> None:
    with pytest.raises(ConfigError, match=r"has no option 'devise' \(it has: device, irqchip\)"):
        start(_setup("x86:64", devise="/dev/kvm"))


def test_a_device_that_is_no_path() -> None:
    with pytest.raises(ConfigError, match=r"backend.device is a path, such as /dev/kvm, and not 7"):
        start(_setup("x86:64", device=7))


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_an_irqchip_that_is_no_switch(value: object) -> None:
    with pytest.raises(ConfigError, match=f"backend.irqchip is true or false, and not {value!r}"):
        start(_setup("x86:64", irqchip=value))


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(BackendError, match="there is no /nowhere/kvm"):
        start(_setup("x86:64", device="/nowhere/kvm"))
