"""One processor's registers: each structure fetched once per stop, when somebody needs it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from kvmgdb.arch.kvm import StateBlock, Struct
from kvmgdb.backends.kvm import ioctls
from kvmgdb.backends.kvm.structs import kvm_run
from kvmgdb.errors import BackendError, RspError


class State:
    """Implements :class:`kvmgdb.arch.kvm.VcpuState` on a vCPU's file descriptor.

    What is written goes to the kernel at once: what it refuses is told to who wrote it, and no run finds
    half a change.
    """

    def __init__(
        self, fd: int, blocks: Iterable[StateBlock], shared: kvm_run, offered: int, integers: str
    ) -> None:
        """``offered`` is what KVM_CAP_SYNC_REGS says: the blocks an exit can leave in the shared page, as it
        always does with ``integers``.
        """
        self._fd = fd
        self._blocks = {block.name: block for block in blocks}
        self._synced: dict[str, Struct] = {}
        for block in self._blocks.values():
            if block.sync & offered:
                offset = kvm_run.s.offset + block.sync_offset
                self._synced[block.name] = type(block.make()).from_buffer(shared, offset)
        self._buffers = {name: self._synced.get(name) or b.make() for name, b in self._blocks.items()}
        self._numbers = {
            name: (ioctls.HOST.number(block.get), ioctls.HOST.number(block.set))
            for name, block in self._blocks.items()
        }
        self._known: dict[str, Struct] = {}
        self._shared = shared
        least = {name: struct for name, struct in self._synced.items() if name == integers}
        self._plans = {
            plan is self._synced: (plan, sum(self._blocks[name].sync for name in plan))
            for plan in (least, self._synced)
        }
        self.expect(everything=True)
        self.written = False
        """Whether something has been written since somebody last took this back."""

    def expect(self, *, everything: bool) -> None:
        """Say what the exits to come are to leave in the shared page: all they can, or the integers alone.
        It is cheaper than a call for a block that is needed, and dearer than none.
        """
        self._expected, self._shared.kvm_valid_regs = self._plans[everything]

    def on_exit(self) -> None:
        """The processor has run: nothing that was fetched holds any more, and what the exit brought does."""
        self._known.clear()
        self._known.update(self._expected)

    def get(self, block: str) -> Struct:
        """The structure of a block."""
        known = self._known.get(block)
        return self._fetch(block) if known is None else known

    def synced(self, block: str) -> bytes:
        """A copy of a block, where it can be had without a call; else nothing."""
        struct = self._synced.get(block)
        return bytes(struct) if struct is not None and block in self._known else b""

    def _fetch(self, name: str) -> Struct:
        block, struct = self._blocks[name], self._buffers[name]
        answer = ioctls.raw_ioctl(self._fd, self._numbers[name][0], ctypes.addressof(struct))
        if answer != block.answer:
            reason = os.strerror(ctypes.get_errno())
            raise BackendError(f"KVM does not give the guest's state: {block.get.name}: {reason}")
        self._known[name] = struct
        return struct

    def put(self, name: str) -> None:
        """Give a changed structure to the kernel.

        Raises:
            RspError: it refuses.
        """
        block, struct = self._blocks[name], self._buffers[name]
        self.written = True
        answer = ioctls.raw_ioctl(self._fd, self._numbers[name][1], ctypes.addressof(struct))
        if answer != block.answer:
            self._known.pop(name, None)
            reason = os.strerror(ctypes.get_errno()) if answer < 0 else "not all of them were taken"
            raise RspError(f"KVM refuses the value: {block.set.name}: {reason}")

    def close(self) -> None:
        """Let go of the shared page."""
        self._known.clear()
        self._expected = {}
        self._plans.clear()
        self._synced.clear()
        self._buffers.clear()
        del self._shared
