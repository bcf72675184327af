"""One virtual processor: its shared page, its state, KVM_RUN and KVM_SET_GUEST_DEBUG."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from sys import byteorder

from kvmgdb.arch.kvm import (
    KvmPort,
    Struct,
)
from kvmgdb.arch.kvm_calls import Ioctl
from kvmgdb.arch.kvm_run import UNION_OFFSET, exit_reason
from kvmgdb.backends.kvm import ioctls
from kvmgdb.backends.kvm.device import Device, Machine
from kvmgdb.backends.kvm.state import State
from kvmgdb.backends.kvm.structs import (
    EXIT_UNION_SIZE,
    KVM_MP_STATE_HALTED,
    KVM_MP_STATE_RUNNABLE,
    kvm_enable_cap,
    kvm_mp_state,
    kvm_run,
    kvm_signal_mask,
)
from kvmgdb.errors import BackendError

KVM_GUESTDBG_ENABLE = 1
KVM_GUESTDBG_SINGLESTEP = 2
KVM_GUESTDBG_USE_SW_BP = 0x10000
KVM_GUESTDBG_USE_HW_BP = 0x20000

KVM_CAP_SYNC_REGS = 74

INTERRUPTED = -1
"""What :meth:`Vcpu.run` answers where a signal, or ``immediate_exit``, ended the run."""

_AGAIN = (errno.EINTR, errno.EAGAIN)


def refusal(number: int) -> str:
    """Why KVM_SET_GUEST_DEBUG was refused; it answers EINVAL for a guest whose state it cannot see."""
    hint = ": an encrypted guest (SEV-ES, TDX) cannot be debugged; use --backend emulator"
    return f"KVM refuses to debug the guest: {os.strerror(number)}{hint if number == errno.EINVAL else ''}"


class Vcpu:
    """One processor of a machine."""

    def __init__(self, device: Device, machine: Machine, port: KvmPort, index: int = 0) -> None:
        self.has_irqchip = machine.has_irqchip
        self._fd = machine.call(ioctls.KVM_CREATE_VCPU, index)
        self._map = mmap.mmap(self._fd, device.run_size)
        self.page = memoryview(self._map)
        """The shared page, and what an exit puts behind it."""
        self.shared = kvm_run.from_buffer(self._map)
        offered = device.has(KVM_CAP_SYNC_REGS)
        self.state = State(self._fd, port.blocks, self.shared, offered, port.integers)
        self._run_number = ioctls.HOST.number(ioctls.KVM_RUN)
        self._debug_number = ioctls.HOST.number(ioctls.set_guest_debug(port.debug_arch_size))
        self._debug = (ctypes.c_uint32 * (2 + port.debug_arch_size // 4))()
        self._debug_address = ctypes.addressof(self._debug)
        self._debugged: tuple[int, bytes] | None = None
        port.set_up_vcpu(device, self)

    def call(self, request: Ioctl, argument: int | Struct = 0) -> int:
        """Make a call; OSError where the kernel refuses."""
        return ioctls.call(self._fd, request, argument)

    def enable(self, capability: int) -> None:
        """KVM_ENABLE_CAP; OSError where the kernel refuses."""
        self.call(ioctls.KVM_ENABLE_CAP, kvm_enable_cap(cap=capability))

    def run(self) -> int:
        """KVM_RUN: the exit reason, or :data:`INTERRUPTED`.

        Raises:
            BackendError: KVM cannot run it.
        """
        ended = ioctls.raw_ioctl(self._fd, self._run_number, 0)
        self.state.on_exit()
        if ended == 0:
            reason: int = self.shared.exit_reason
            return reason
        number = ctypes.get_errno()
        if number in _AGAIN:
            return INTERRUPTED
        raise BackendError(f"KVM cannot run the guest: KVM_RUN: {os.strerror(number)}")

    def complete(self) -> int:
        """Finish the access to a device that the last exit was about, and nothing more.

        KVM API, KVM_RUN: the guest's state is whole only after the kernel has been entered again, which
        ``immediate_exit`` lets it leave before the next instruction.
        """
        self.shared.immediate_exit = 1
        try:
            return self.run()
        finally:
            self.shared.immediate_exit = 0

    def is_waiting(self) -> bool:
        """Whether it waits for an interrupt in the kernel; without an irqchip nobody waits there."""
        if not self.has_irqchip:
            return False
        found = kvm_mp_state()
        self.call(ioctls.KVM_GET_MP_STATE, found)
        return bool(found.mp_state == KVM_MP_STATE_HALTED)

    def wait(self) -> None:
        """Have it wait for an interrupt when it is run."""
        self.call(ioctls.KVM_SET_MP_STATE, kvm_mp_state(KVM_MP_STATE_HALTED))

    def end_waiting(self) -> None:
        """Let it run on: somebody has sent it elsewhere."""
        if self.is_waiting():
            self.call(ioctls.KVM_SET_MP_STATE, kvm_mp_state(KVM_MP_STATE_RUNNABLE))

    def debug(self, control: int, arch: bytes = b"") -> None:
        """KVM_SET_GUEST_DEBUG; for a single step it must follow every change of the program counter.

        Raises:
            BackendError: the host refuses (an encrypted guest's processor cannot be debugged).
        """
        if not self.try_debug(control, arch):
            raise BackendError(refusal(ctypes.get_errno()))
        self._debugged = (control, arch)

    def debug_on(self, control: int, arch: bytes) -> None:
        """The same for what lasts, and is not asked for twice: breakpoints, and no step."""
        if self._debugged != (control, arch):
            self.debug(control, arch)

    def try_debug(self, control: int, arch: bytes = b"") -> bool:
        """The same; False where it is refused."""
        self._debug[0] = control
        if arch:
            ctypes.memmove(self._debug_address + 8, arch, len(arch))
        return ioctls.raw_ioctl(self._fd, self._debug_number, self._debug_address) == 0

    def unblock(self, signal_number: int, blocked: set[int]) -> None:
        """Let ``signal_number`` end KVM_RUN although the thread blocks it (KVM_SET_SIGNAL_MASK).

        A signal that is pending already ends it before it begins: so no wake-up is lost.
        """
        mask = sum(1 << number - 1 for number in blocked if number != signal_number)
        request = kvm_signal_mask(8)
        request.sigset[:] = mask.to_bytes(8, byteorder)
        self.call(ioctls.KVM_SET_SIGNAL_MASK, request)

    def data(self) -> bytes:
        """The union of ``struct kvm_run``."""
        return bytes(self.page[UNION_OFFSET : UNION_OFFSET + EXIT_UNION_SIZE])

    def describe(self, reason: int) -> str:
        """What the last exit was, in one sentence."""
        known = exit_reason(reason)
        values = known.form.unpack(self.data(), byteorder) if known.form else {}
        return f"{known.name}: {known.tell(values, byteorder)}"

    def close(self) -> None:
        """Give it back; the machine keeps its number until it is closed itself."""
        self.state.close()
        del self.shared
        self.page.release()
        self._map.close()
        os.close(self._fd)
