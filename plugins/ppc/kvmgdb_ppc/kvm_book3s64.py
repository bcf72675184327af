"""64-bit server processors on KVM: POWER9 by kvm-hv.

Sources: Linux ``arch/powerpc/kvm/book3s_hv.c``, ``book3s.c``.  KVM HV reports the software breakpoint and
nothing else of what a debugger wants: it steps no instruction and arms no debug register.  So a step is made
of traps on what may follow, and watchpoints are found by such steps.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

from kvmgdb.arch.kvm import (
    TRIAL_ENTRY,
    WORKS,
    Bench,
    HostDebug,
    Kvm,
    KvmVcpu,
    Measured,
    Trial,
    VcpuState,
)
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, exit_reason
from kvmgdb.arch.machine import Extent, ReadPhysical, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb_ppc import instructions, tlb
from kvmgdb_ppc import kvm_structs as kvm
from kvmgdb_ppc.book3s64 import MSR_DR, MSR_SF
from kvmgdb_ppc.kvm import MODE, STEP, PpcKvm, trap_of
from kvmgdb_ppc.kvm_debug import KvmppcDebug
from kvmgdb_ppc.kvm_registers import DEBUG_INST, REGS

KVM_CAP_PPC_PAPR = 68

EXECUTION, WATCH = "execution breakpoint", "write watch of 4 bytes"
_ENABLE_WITH_TRAPS, _USE_HW_BP = 0x10001, 0x20000
_NOP, _STW_R4_R3 = 0x6000_0000, 0x9083_0000
_DATA = 0x5000

_REAL_ADDRESS = (1 << 60) - 1
"""Power ISA 3.0 Book III, "Real Mode Addressing": the first four bits of an effective address are ignored."""
_LOW = (1 << 32) - 1


def _fires(bench: Bench, code: int, address: int, kind: KvmppcDebug) -> str:
    """A debug register on ``address``, and an end behind the instruction."""
    trap = bench.state.get(DEBUG_INST).value.value
    bench.start("", struct.pack(">3I", _NOP, code, trap))
    bench.state.get(REGS).gpr[3] = _DATA
    bench.state.put(REGS)
    entry = kvm.kvm_guest_debug_entry(address, kind)
    if not bench.debug(_ENABLE_WITH_TRAPS | _USE_HW_BP, bytes(kvm.kvm_guest_debug_arch((entry,)))):
        return "not offered"
    found = bench.run()
    if found.reason != KVM_EXIT_DEBUG:
        return exit_reason(found.reason).name
    return WORKS if bench.state.get(REGS).pc < TRIAL_ENTRY + 8 else "never fires"


_TRIALS = (
    Trial(
        EXECUTION,
        "a debug register stops before an instruction",
        lambda bench: _fires(bench, _NOP, TRIAL_ENTRY + 4, KvmppcDebug.BREAKPOINT),
    ),
    Trial(
        WATCH,
        "a debug register stops at a store",
        lambda bench: _fires(bench, _STW_R4_R3, _DATA, KvmppcDebug.WATCH_WRITE),
    ),
)


class Book3s64Kvm(PpcKvm):
    """One 64-bit guest."""

    trials = (*PpcKvm.trials, *_TRIALS)

    host = "a POWER host"
    machines = frozenset({"ppc64", "ppc64le"})

    def set_up_vcpu(self, device: Kvm, vcpu: KvmVcpu) -> None:
        """KVM HV runs guests that make PAPR's hypercalls, and no others."""
        super().set_up_vcpu(device, vcpu)
        vcpu.enable(KVM_CAP_PPC_PAPR)

    def adopt(self, measured: Measured) -> HostDebug:
        """Traps for everything that KVM HV leaves out."""
        steps, executes, watches = (measured[name] == WORKS for name in (STEP, EXECUTION, WATCH))
        lacking = {
            "execution breakpoints do not fire: traps in memory take their place": executes,
            "data watchpoints do not fire: write watchpoints are found by steps and comparing": watches,
            "there are no single steps: they are made of traps on what may follow": steps,
        }
        return HostDebug(
            {MODE: trap_of(measured)},
            executes=executes,
            watches=watches,
            step_control=0,
            successors=None if steps else successors,
            warnings=tuple(text for text, works in lacking.items() if not works),
        )

    def reset(self, state: VcpuState, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """64-bit mode without translation, registers 0."""
        regs = state.get(REGS)
        ctypes.memset(ctypes.addressof(regs), 0, ctypes.sizeof(regs))
        regs.pc, regs.msr = start.entry, MSR_SF
        state.put(REGS)

    def translate(self, state: VcpuState, address: int, read: ReadPhysical) -> Extent | None:
        """One to one without translation; a guest of ours has no way to give KVM a process table."""
        msr = state.get(REGS).msr
        if msr & MSR_DR:
            return None
        effective = address if msr & MSR_SF else address & _LOW
        return Extent(effective & _REAL_ADDRESS, tlb.SMALLEST_PAGE - address % tlb.SMALLEST_PAGE)

    def deliver(self, state: VcpuState, exception: GuestException, read: ReadPhysical) -> str | None:
        """Never: the guest's own traps do not leave it, so this is the host's breakpoint instruction."""
        return "it is the instruction of the host's debugger"


def successors(state: VcpuState, code: bytes) -> tuple[int, ...]:
    """Where the instruction at the program counter may lead, in the processor's mode."""
    regs = state.get(REGS)
    found = instructions.successors(int.from_bytes(code, "big"), regs.pc, regs.lr, regs.ctr, regs.srr0)
    limit = (1 << 64) - 1 if regs.msr & MSR_SF else _LOW
    return tuple(address & limit for address in found)
