"""One processor's registers: each structure fetched once per stop, when somebody needs it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from kvmgdb.arch.kvm import StateBlock, Struct
from kvmgdb.backends.kvm import ioctls
from kvmgdb.errors import BackendError, RspError


class State:
    """Implements :class:`kvmgdb.arch.kvm.VcpuState` on a vCPU's file descriptor.

    What is written goes to the kernel at once: what it refuses is told to who wrote it, and no run finds
    half a change.
    """

    def __init__(self, fd: int, blocks: Iterable[StateBlock]) -> None:
        self._fd = fd
        self._buffers = {block.name: (block.make(), block) for block in blocks}
        self._numbers = {
            block.name: (ioctls.HOST.number(block.get), ctypes.addressof(struct))
            for struct, block in self._buffers.values()
        }
        self._known: dict[str, Struct] = {}
        self.forget = self._known.clear
        """The processor has run: nothing that was fetched holds any more."""

    def get(self, block: str) -> Struct:
        """The structure of a block."""
        known = self._known.get(block)
        return self._fetch(block) if known is None else known

    def _fetch(self, block: str) -> Struct:
        number, address = self._numbers[block]
        struct, description = self._buffers[block]
        if ioctls.raw_ioctl(self._fd, number, address) != description.answer:
            reason = os.strerror(ctypes.get_errno())
            raise BackendError(f"KVM does not give the guest's state: {description.get.name}: {reason}")
        self._known[block] = struct
        return struct

    def put(self, block: str) -> None:
        """Give a changed structure to the kernel.

        Raises:
            RspError: it refuses.
        """
        struct, description = self._buffers[block]
        answer = ioctls.raw_ioctl(self._fd, ioctls.HOST.number(description.set), ctypes.addressof(struct))
        if answer != description.answer:
            self._known.pop(block, None)
            reason = os.strerror(ctypes.get_errno()) if answer < 0 else "not all of them were taken"
            raise RspError(f"KVM refuses the value: {description.set.name}: {reason}")
