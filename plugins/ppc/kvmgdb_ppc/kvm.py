"""PowerPC on KVM: the 32-bit cores, on a PowerPC host.

Sources: KVM API; Linux ``arch/powerpc/kvm``.  While KVM debugs an embedded guest, it takes MSR[DE] and the
debug registers away from it: a debug event that is not ours can only be a trap of the guest's, so what is
handed back is a program interrupt.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping
from sys import byteorder

from kvmgdb.arch.kvm import (
    TRIAL_ENTRY,
    WORKS,
    Bench,
    HostDebug,
    Kvm,
    KvmMachine,
    KvmRegister,
    KvmTrap,
    KvmVcpu,
    Measured,
    ReadVirtual,
    Report,
    StateBlock,
    Trial,
    VcpuState,
)
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, KVM_EXIT_MMIO, UNION_OFFSET
from kvmgdb.arch.machine import Devices, Extent, ReadPhysical, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb.errors import BackendError, MemoryFault
from kvmgdb_ppc import debug, delivery, exceptions, instructions, kvm_registers, tlb
from kvmgdb_ppc import kvm_structs as kvm
from kvmgdb_ppc.devices import CONSOLE, DEVICES, EXIT
from kvmgdb_ppc.kvm_registers import BLOCKS, DEBUG_INST, REGS
from kvmgdb_ppc.registers import BOOKE

STEP, TRAP_WORD = "single step", "the host's breakpoint instruction"
MODE = "any"
"""The one name for every mode: the trap is the same in all of them."""

_MMIO = struct.Struct(("<" if byteorder == "little" else ">") + "Q8sIB")
_STATUS = struct.Struct(("<" if byteorder == "little" else ">") + "QI")
_ENABLE_AND_STEP, _USE_SW_BP = 3, 0x10000
_NOP = 0x6000_0000


def _step(bench: Bench) -> str:
    trap = bench.state.get(DEBUG_INST).value.value  # an end where steps have none
    bench.start("", struct.pack(">3I", _NOP, _NOP, trap))
    if not bench.debug(_ENABLE_AND_STEP | _USE_SW_BP):
        return "not offered"
    found = bench.run()
    if found.reason == KVM_EXIT_DEBUG and bench.state.get(REGS).pc == TRIAL_ENTRY + 4:
        return WORKS
    return "does not stop"


def _trap_word(bench: Bench) -> str:
    return f"{bench.state.get(DEBUG_INST).value.value:#010x}"


def trap_of(measured: Measured) -> KvmTrap:
    """The host's own breakpoint instruction: gdb's never exits."""
    return KvmTrap(struct.pack(">I", int(measured[TRAP_WORD], 16)), Report.DEBUG, 0)


class PpcKvm:
    """One PowerPC guest on KVM; implements :class:`kvmgdb.arch.kvm.KvmPort`."""

    machines = frozenset({"ppc", "ppc64", "ppc64le"})
    host = "a PowerPC host"
    regions: tuple[Region, ...] = ()
    blocks: tuple[StateBlock, ...] = BLOCKS
    debug_arch_size = 256
    halt: int | None = None
    integers = REGS
    trials: tuple[Trial, ...] = (
        Trial(STEP, "KVM_GUESTDBG_SINGLESTEP stops after one instruction", _step),
        Trial(TRAP_WORD, "KVM_REG_PPC_DEBUG_INST names what must be written", _trap_word),
    )

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self.registers: Mapping[str, KvmRegister] = kvm_registers.registers(variant)
        self.debug_registers = debug.registers(variant)
        self._vcpu: Kvm

    def set_up_machine(self, machine: KvmMachine) -> None:
        """Nothing: the core is the host's."""

    def create_irqchip(self, machine: KvmMachine) -> None:
        """None: which one a core has, and where, is the board's."""
        raise BackendError(f"ppc:{self._variant} has no interrupt controller here: leave backend.irqchip out")

    def set_up_vcpu(self, device: Kvm, vcpu: KvmVcpu) -> None:
        """Kept for KVM_TRANSLATE."""
        self._vcpu = vcpu

    def adopt(self, measured: Measured) -> HostDebug:
        """By the host's own trap, and its debug registers."""
        trap = trap_of(measured)
        failed = measured[STEP] != WORKS
        warning = f"single steps do not work ({measured[STEP]}): this host has none (Book3S HV)"
        return HostDebug(
            {MODE: trap}, executes=True, watches=True, step_control=0, warnings=(warning,) * failed
        )

    def reset(self, state: VcpuState, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """MSR 0, registers 0; an embedded core has the translation KVM gives it, 256 MiB from 0."""
        regs = state.get(REGS)
        ctypes.memset(ctypes.addressof(regs), 0, ctypes.sizeof(regs))
        regs.pc = start.entry
        state.put(REGS)

    def mode(self, state: VcpuState) -> str:
        """Always the same."""
        return MODE

    def linear_pc(self, state: VcpuState) -> int:
        """NIP: there are no segments in the way."""
        pc: int = state.get(REGS).pc
        return pc

    def debug_pc(self, run: memoryview, state: VcpuState) -> int:
        """NIP; the payload's address is the one that was programmed for a data address compare."""
        return self.linear_pc(state)

    def pass_once(self, state: VcpuState) -> None:
        """Nothing: while a debugger is there, the guest has no breakpoints."""

    def translate(self, state: VcpuState, address: int, read: ReadPhysical) -> Extent | None:
        """KVM_TRANSLATE."""
        question = kvm.kvm_translation(address)
        self._vcpu.call(kvm.KVM_TRANSLATE, question)
        if not question.valid:
            return None
        return Extent(int(question.physical_address), tlb.SMALLEST_PAGE_440 - address % tlb.SMALLEST_PAGE_440)

    def device(self, reason: int, run: memoryview, devices: Devices) -> bool:
        """The device page; its reads give 0."""
        if reason != KVM_EXIT_MMIO:
            return False
        address, data, length, is_write = _MMIO.unpack_from(run, UNION_OFFSET)
        offset = address - DEVICES.start
        if not 0 <= offset < DEVICES.size:
            return False
        if not is_write:
            run[UNION_OFFSET + 8 : UNION_OFFSET + 16] = bytes(8)
            return True
        handler = {CONSOLE: devices.console, EXIT: devices.exit}.get(offset)
        if handler is not None:
            handler(data[length - 1])
        return True

    def is_step(self, run: memoryview) -> bool:
        """Status 0 on an embedded core; it also stands for a trap of ours, but none is in the way of a step.
        The other cores write no status that could be trusted, and have nothing else that exits.
        """
        return self._variant not in BOOKE or _STATUS.unpack_from(run, UNION_OFFSET)[1] == 0

    def steps_on(self, code: memoryview, before: int, after: int) -> bool:
        """Never: the kernel is asked for each step."""
        return False

    def may_halt(self, state: VcpuState) -> bool:
        """No: it has no such instruction."""
        return False

    def pass_halt(self, state: VcpuState) -> None:
        """Nothing to pass."""

    def step_leak(
        self, state: VcpuState, before: int, after: int, read: ReadVirtual
    ) -> tuple[int, int] | None:
        """Nothing: MSR[SE] is saved nowhere but by an interrupt, which is not stepped."""
        return None

    def debug_arch(self, ours: bytes, state: VcpuState) -> bytes:
        """Ours alone: the guest has lost its debug registers."""
        return ours

    def taken(self, state: VcpuState) -> dict[str, str]:
        """None, for the same reason."""
        return {}

    def may_access_debug(self, state: VcpuState) -> bool:
        """Nothing is intercepted."""
        return True

    def debug_exception(self, run: memoryview, state: VcpuState, code: bytes) -> GuestException:
        """A trap, as the guest's processor would have raised it."""
        return exceptions.make(exceptions.PROGRAM, self.linear_pc(state), instructions.TRAP, None)

    def trap_at_pc(self, state: VcpuState, code: bytes) -> GuestException | None:
        """A trap the host did not execute."""
        word = int.from_bytes(code[:4], "big")
        if instructions.is_trap(word):
            return exceptions.make(exceptions.PROGRAM, self.linear_pc(state), word, None)
        return None

    def deliver(self, state: VcpuState, exception: GuestException, read: ReadPhysical) -> str | None:
        """Through SRR0/1 and the core's vectors, by writing the registers."""
        msr = self.registers["msr"].read(state.get(self.registers["msr"].block))
        cause = exceptions.cause(exception)
        entry = delivery.entry(self._variant, exception.vector, cause, msr, exception.return_pc)
        if entry is None:
            return f"{self._variant} has no vector for it"
        vector = entry.vector
        if entry.ivor is not None:
            ivpr, ivor = (self._read(state, name) for name in ("ivpr", entry.ivor))
            vector = ivpr & 0xFFFF_0000 | ivor & 0xFFF0
        if not self._has_code(state, vector, read):
            return f"there is no code at its vector {vector:#x}"
        for name, value in {**entry.sprs, "msr": entry.msr, "pc": vector}.items():
            self._write(state, name, value, read)
        return None

    def _read(self, state: VcpuState, name: str) -> int:
        register = self.registers[name]
        return register.read(state.get(register.block))

    def _write(self, state: VcpuState, name: str, value: int, read: ReadPhysical) -> None:
        register = self.registers[name]
        if register.write is not None:
            register.write(state.get(register.block), value, read)
            state.put(register.block)

    def _has_code(self, state: VcpuState, address: int, read: ReadPhysical) -> bool:
        found = self.translate(state, address, read)
        try:
            return found is not None and any(read(found.physical, 4))
        except MemoryFault:
            return False
