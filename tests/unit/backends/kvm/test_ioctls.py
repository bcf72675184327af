"""Ioctl numbers, against the kernel's own headers for both encodings."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kvmgdb.arch.kvm_calls import Ioctl
from kvmgdb.backends.kvm import ioctls
from kvmgdb.backends.kvm.ioctls import GENERIC, POWERPC, Encoding, encoding_of
from kvmgdb_ppc import kvm_structs as ppc
from kvmgdb_x86 import kvm_structs as x86
from tests.support import headers

COMMON = [value for value in vars(ioctls).values() if isinstance(value, Ioctl)]
OF_PPC = [value for value in vars(ppc).values() if isinstance(value, Ioctl)]
OF_X86 = [value for value in vars(x86).values() if isinstance(value, Ioctl)]


@pytest.mark.parametrize(
    ("arch", "encoding", "calls"),
    [
        ("x86", GENERIC, [*COMMON, *OF_X86, ioctls.set_guest_debug(64)]),
        ("ppc", POWERPC, [*COMMON, *OF_PPC, ioctls.set_guest_debug(256)]),
    ],
)
def test_numbers_are_the_headers(arch: str, encoding: Encoding, calls: list[Ioctl], tmp_path: Path) -> None:
    expected = headers.values(headers.COMPILERS[arch], [call.name for call in calls], tmp_path)
    assert {call.name: hex(encoding.number(call)) for call in calls} == {
        name: hex(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("machine", "encoding"),
    [("x86_64", GENERIC), ("aarch64", GENERIC), ("ppc64le", POWERPC), ("ppc64", POWERPC), ("ppc", POWERPC)],
)
def test_a_host_by_its_name(machine: str, encoding: Encoding) -> None:
    assert encoding_of(machine) is encoding


def test_a_refused_call_says_which_one() -> None:
    with Path("/dev/null").open("rb") as file, pytest.raises(OSError, match="KVM_RUN") as caught:
        ioctls.call(file.fileno(), ioctls.KVM_RUN)
    assert caught.value.errno == errno.ENOTTY
    assert os.strerror(errno.ENOTTY) in str(caught.value)
