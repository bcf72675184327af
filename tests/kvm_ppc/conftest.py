"""A guest of a few instructions on a POWER host's KVM."""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Protocol

import pytest

from kvmgdb import builtin
from kvmgdb.backends.base import GuestSetup
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb.loader import LoadedImages
from kvmgdb.plugins import ENTRY_POINT_GROUP, load_plugins
from tests.support import kvm_host
from tests.support.guests import sample
from tests.support.machines import Machine

ARCH = "ppc:power9"
ENTRY = 0x1000
MEMORY = 1 << 20
PLUGIN = EntryPoint("ppc", "kvmgdb_ppc.plugin", ENTRY_POINT_GROUP)


def _unavailable() -> str:
    if platform.machine() not in ("ppc64", "ppc64le"):
        return "it needs a POWER host: `make test-kvm-ppc` boots one in QEMU"
    return kvm_host.unavailable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, where there is no such host."""
    if reason := _unavailable():
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.skip(reason=reason))


class StartGuest(Protocol):
    """Starts a guest of a few instructions, as words."""

    def __call__(self, *code: int) -> Machine: ...


@pytest.fixture
def start() -> Iterator[StartGuest]:
    """``start(NOP, TRAP)``: a guest at its entry, on the backend."""
    with ExitStack() as stack:

        def make(*code: int) -> Machine:
            return stack.enter_context(_guest(struct.pack(f">{len(code)}I", *code)))

        yield make


@contextmanager
def _guest(code: bytes) -> Iterator[Machine]:
    plugins = load_plugins(builtin, [PLUGIN], environment={})
    arch = plugins.resolve(ARCH)
    printed = bytearray()
    images = LoadedImages(((ENTRY, code),), ENTRY)
    backend = plugins.backends["kvm"].create(GuestSetup(arch, images, MEMORY, printed.append, {}))
    assert isinstance(backend, KvmBackend)
    try:
        yield Machine(arch, sample("ppc:440"), backend, printed)
    finally:
        backend.close()
