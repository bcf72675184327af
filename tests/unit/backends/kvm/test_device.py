"""What stands in the way of /dev/kvm, each in one line that says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kvmgdb.backends.kvm.device import Device
from kvmgdb.errors import BackendError


def test_no_such_device(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"there is no .*/kvm: load the module .*modprobe"):
        Device(tmp_path / "kvm")


def test_a_device_that_is_not_kvm() -> None:
    with pytest.raises(BackendError, match="/dev/null is no KVM device"):
        Device(Path("/dev/null"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make itself somebody else")
def test_no_permission(tmp_path: Path) -> None:
    """Asked as a user who may not: root may open anything."""
    path = tmp_path / "kvm"
    path.touch(mode=0)
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 - the folder, not the file, is for everybody
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(BackendError, match=r"no permission to open .*usermod -aG kvm"):
            Device(path)
    finally:
        os.seteuid(0)
