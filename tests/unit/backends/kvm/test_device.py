"""What stands in the way of /dev/kvm, each in one line that says what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kvmgdb.backends.kvm.device import DEVICE, Device, obstacle
from kvmgdb.errors import BackendError


def test_no_such_device(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"there is no .*/kvm: correct backend.device"):
        Device(tmp_path / "kvm")


def test_a_device_that_is_not_kvm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (Path("/dev/null"), tmp_path / "file"):
        with pytest.raises(BackendError, match=f"{path} is no KVM device .*correct backend.device"):
            Device(path)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"cannot be opened \(Is a directory\): correct backend.device"):
        Device(tmp_path)


@pytest.mark.parametrize(
    ("number", "todo"),
    [
        (errno.ENOENT, "there is no /dev/kvm: load the module"),
        (errno.ENODEV, "behind /dev/kvm is no module: load the module"),
        (errno.EACCES, "usermod -aG kvm"),
        (errno.EPERM, "--device /dev/kvm"),
    ],
)
def test_each_obstacle_says_what_to_do(number: int, todo: str) -> None:
    assert todo in obstacle(DEVICE, OSError(number, os.strerror(number)))


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
