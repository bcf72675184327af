"""The one way to learn that QEMU is no more."""

from __future__ import annotations

from kvmgdb.errors import RspError


class QemuGone(RspError):  # noqa: N818 - it is a fact before it is an error
    """A channel to QEMU was hung up: it has ended, or is ending."""

    def __init__(self) -> None:
        super().__init__("QEMU has ended: `monitor reset` starts it anew")
