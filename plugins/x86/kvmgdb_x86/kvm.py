"""x86 on KVM."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

from kvmgdb.arch.kvm import (
    HostDebug,
    Kvm,
    KvmMachine,
    KvmRegister,
    KvmVcpu,
    Measured,
    ReadVirtual,
    StateBlock,
    Struct,
    Trial,
    VcpuState,
)
from kvmgdb.arch.kvm_run import KVM_EXIT_IO, UNION_OFFSET
from kvmgdb.arch.machine import Devices, Extent, ReadPhysical, Region, StartState
from kvmgdb.arch.stops import GuestException
from kvmgdb_x86 import debug, debugregs, exceptions, kvm_host, kvm_probe, kvm_steps, modes, paging
from kvmgdb_x86 import kvm_structs as kvm
from kvmgdb_x86.exits import BP_VECTOR, DB_VECTOR, DR6_BS
from kvmgdb_x86.kvm_delivery import (
    cannot_deliver,
    events_of,
    inject_breakpoint,
    inject_debug,
    inject_software_interrupt,
)
from kvmgdb_x86.kvm_registers import (
    BLOCKS,
    DEBUGREGS,
    EFLAGS_VM,
    EVENTS,
    REGISTERS,
    REGS,
    SREGS,
    XSAVE,
    load_descriptor,
)
from kvmgdb_x86.ports import outputs, read_port
from kvmgdb_x86.segments import Descriptor
from kvmgdb_x86.walks import Walks

IDENTITY_MAP_ADDRESS, TSS_ADDRESS = 0xFFFB_C000, 0xFFFB_D000
"""A page, and three, that Intel hosts without unrestricted guests need; where no RAM and no table is."""

_RESERVED_ONE = 2  # EFLAGS bit 1
_EFLAGS_RF = 1 << 16
_TSS_BUSY_32 = 11
_LDT = 2
_REAL_LIMIT = 0xFFFF
_DATA, _CODE = 0x3, 0xB  # accessed; data writable, code readable (SDM vol. 3, "Code- and Data-Segment Types")
_DR7_GD = 1 << 13
_DIRECTION_OUT = 1
_IO = struct.Struct("<BBHIQ")  # direction, size, port, count, data_offset
INT1 = b"\xf1"
_DEBUG = struct.Struct("<IIQQQ")  # exception, pad, pc, dr6, dr7


class X86Kvm:
    """One x86 guest on KVM; implements :class:`kvmgdb.arch.kvm.KvmPort`."""

    machines = frozenset({"x86_64", "i686"})
    host = "an x86 host"
    regions: tuple[Region, ...] = (modes.TABLES,)
    blocks: tuple[StateBlock, ...] = BLOCKS
    registers: Mapping[str, KvmRegister] = REGISTERS
    debug_registers = debug.REGISTERS
    debug_arch_size = 64
    halt: int | None = kvm_probe.HLT[0]
    integers = REGS
    trials: tuple[Trial, ...] = kvm_probe.TRIALS

    def __init__(self) -> None:
        self._payloads = False
        self._return_after = True
        self._general_detect = False
        self._events = 0
        self._walks = Walks()

    # -- starting ------------------------------------------------------------------------------------

    def set_up_machine(self, machine: KvmMachine) -> None:
        """What Intel hosts want to know before there is a processor; payloads of exceptions, if offered."""
        machine.call(kvm.KVM_SET_IDENTITY_MAP_ADDR, ctypes.c_uint64(IDENTITY_MAP_ADDRESS))
        machine.call(kvm.KVM_SET_TSS_ADDR, TSS_ADDRESS)
        self._payloads = machine.enable(kvm.KVM_CAP_EXCEPTION_PAYLOAD, 1)

    def create_irqchip(self, machine: KvmMachine) -> None:
        """Both PICs, the I/O APIC, a local APIC for each processor, and the PIT."""
        machine.call(kvm.KVM_CREATE_IRQCHIP)
        machine.call(kvm.KVM_CREATE_PIT2, kvm.kvm_pit_config(kvm.KVM_PIT_SPEAKER_DUMMY))

    def set_up_vcpu(self, device: Kvm, vcpu: KvmVcpu) -> None:
        """Every feature of the host's processor that KVM supports."""
        supported = kvm.kvm_cpuid2(kvm.MAX_CPUID_ENTRIES)
        device.call(kvm.KVM_GET_SUPPORTED_CPUID, supported)
        vcpu.call(kvm.KVM_SET_CPUID2, supported)

    def adopt(self, measured: Measured) -> HostDebug:
        """The debugger's part is the answer; how exceptions are given back is kept."""
        self._return_after = kvm_host.pushes_after(measured)
        self._general_detect = kvm_host.detects(measured)
        return kvm_host.host_debug(measured)

    def reset(self, state: VcpuState, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """Start state of the variant at ``start.entry``: the same as on the emulator."""
        memory(modes.TABLES.start, modes.tables())
        _reset_system(state.get(SREGS), modes.MODES[start.variant])
        state.put(SREGS)
        regs = state.get(REGS)
        for name in kvm.GENERAL:
            setattr(regs, name, 0)
        regs.rip, regs.rflags = start.entry, _RESERVED_ONE
        state.put(REGS)
        xsave = state.get(XSAVE)
        xsave.fcw, xsave.mxcsr = modes.FPU_CONTROL, modes.MXCSR
        xsave.fsw = xsave.ftw = 0
        xsave.xstate_bv |= 3
        state.put(XSAVE)

    # -- looking -------------------------------------------------------------------------------------

    def mode(self, state: VcpuState) -> str:
        """``16`` in real and virtual-8086 mode, ``32`` and ``64`` by the code segment."""
        sregs = state.get(SREGS)
        if not sregs.cr0 & modes.CR0_PE:
            return "16"
        return "64" if sregs.efer & modes.EFER_LMA and sregs.cs.l else "32"

    def linear_pc(self, state: VcpuState) -> int:
        """CS base + RIP."""
        base: int = state.get(SREGS).cs.base
        rip: int = state.get(REGS).rip
        return base + rip

    def debug_pc(self, run: memoryview, state: VcpuState) -> int:
        """The payload's: linear."""
        pc: int = _DEBUG.unpack_from(run, UNION_OFFSET)[2]
        return pc

    def pass_once(self, state: VcpuState) -> None:
        """Set EFLAGS.RF (SDM vol. 3, "Instruction-Breakpoint Exception Condition")."""
        state.get(REGS).rflags |= _EFLAGS_RF
        state.put(REGS)

    def translate(self, state: VcpuState, address: int, read: ReadPhysical) -> Extent | None:
        """A walk of the page tables."""
        sregs = state.get(SREGS)
        cr0 = sregs.cr0
        if not cr0 & paging.CR0_PG:
            return Extent(address, (1 << 64) - address)
        return self._walks.translate((cr0, sregs.cr3, sregs.cr4, sregs.efer), address, read)

    # -- exits ---------------------------------------------------------------------------------------

    def device(self, reason: int, run: memoryview, devices: Devices) -> bool:
        """Every port answers, as on the emulator: those without a device with all ones."""
        if reason != KVM_EXIT_IO:
            return False
        direction, size, port, count, offset = _IO.unpack_from(run, UNION_OFFSET)
        if direction != _DIRECTION_OUT:
            run[offset : offset + size * count] = read_port(port, size).to_bytes(size, "little") * count
            return True
        handler = outputs(devices).get(port)
        if handler is not None:
            for index in range(count):
                handler(run[offset + index * size])
        return True

    def is_step(self, run: memoryview) -> bool:
        """#DB with DR6.BS and nothing else."""
        exception, _, _, dr6, _ = _DEBUG.unpack_from(run, UNION_OFFSET)
        return bool(exception == DB_VECTOR and events_of(dr6) & ~_UNSURE == DR6_BS)

    def steps_on(self, code: memoryview, before: int, after: int) -> bool:
        """Straight on, or by a short jump, and nothing that touches flags or translation."""
        return kvm_steps.steps_on(code, before, after)

    def may_halt(self, state: VcpuState) -> bool:
        """At privilege level 0 (SDM vol. 2, "HLT")."""
        sregs = state.get(SREGS)
        if not sregs.cr0 & modes.CR0_PE:
            return True
        return bool(sregs.ss.dpl == 0 and not state.get(REGS).rflags & EFLAGS_VM)

    def pass_halt(self, state: VcpuState) -> None:
        """The next RIP, and an end to what an STI in front of it held off."""
        state.get(REGS).rip += 1
        state.put(REGS)
        queued = state.get(EVENTS)
        queued.interrupt.shadow, queued.flags = 0, queued.flags | kvm.KVM_VCPUEVENT_VALID_SHADOW
        state.put(EVENTS)

    def step_leak(
        self, state: VcpuState, before: int, after: int, read: ReadVirtual
    ) -> tuple[int, int] | None:
        """The trap flag, which is ours, where PUSHF or an exception has pushed it."""
        return kvm_steps.step_leak(state, self.mode(state), before, after, read)

    def debug_exception(self, run: memoryview, state: VcpuState, code: bytes) -> GuestException:
        """#BP, or #DB with the events of the payload.

        Without any, it is an INT1.  On Intel's processors KVM stands on it while it debugs, and not behind
        it, as the guest alone would.
        """
        exception, _, pc, dr6, _ = _DEBUG.unpack_from(run, UNION_OFFSET)
        rip = state.get(REGS).rip
        if exception == BP_VECTOR:
            return exceptions.make(BP_VECTOR, pc, rip + 1)
        self._events = events_of(dr6) & ~_UNSURE
        if not self._events and code[:1] == INT1:
            return self._int1(state)
        return exceptions.make(DB_VECTOR, pc, rip)

    def trap_at_pc(self, state: VcpuState, code: bytes) -> GuestException | None:
        """INT3, INT n and INT1 (SDM vol. 2, "INT n")."""
        pc, rip = self.linear_pc(state), state.get(REGS).rip
        match code[0]:
            case 0xCC:
                return exceptions.make(BP_VECTOR, pc, rip + 1)
            case 0xCD if code[1:2] == b"\x03":
                return exceptions.make(BP_VECTOR, pc, rip + 2)
            case 0xCD if len(code) > 1:
                return replace(exceptions.make(code[1], pc, rip + 2), name=f"INT {code[1]:#x}", trap=True)
            case 0xF1:
                return self._int1(state)
        return None

    def _int1(self, state: VcpuState) -> GuestException:
        """A trap: what it reports is the next instruction."""
        pc, rip = self.linear_pc(state), state.get(REGS).rip
        self._events = 0
        state.get(REGS).rip = rip + 1
        state.put(REGS)
        return exceptions.make(DB_VECTOR, pc, rip + 1)

    def deliver(self, state: VcpuState, exception: GuestException, read: ReadPhysical) -> str | None:
        """Through the guest's own IDT or vector table, by KVM."""
        vector, software = exception.vector, exception.trap
        problem = cannot_deliver(state, vector, read, software=software)
        if problem is not None:
            return problem
        if not software:
            inject_debug(state, self._events, payload=self._payloads)
            return None
        if vector != BP_VECTOR or not self._return_after:
            state.get(REGS).rip = exception.return_pc
            state.put(REGS)
        if vector == BP_VECTOR:
            inject_breakpoint(state)
        else:
            inject_software_interrupt(state, vector)
        return None

    # -- the guest's own debug registers -------------------------------------------------------------

    def taken(self, state: VcpuState) -> dict[str, str]:
        """The slots that the guest's DR7 enables."""
        dr7 = state.get(DEBUGREGS).dr7
        used = (n for n in range(debugregs.SLOTS) if dr7 >> 2 * n & 3)
        return {f"DR{n}": "a breakpoint of the guest's own" for n in used}

    def debug_arch(self, ours: bytes, state: VcpuState) -> bytes:
        """Ours and the guest's in one: while KVM_GUESTDBG_USE_HW_BP is on, the guest's are not looked at.

        General detect shows the guest's accesses to its debug registers, where the host knows it.
        """
        values = list(struct.unpack("<8Q", ours))
        guest = state.get(DEBUGREGS)
        for n in range(debugregs.SLOTS):
            if guest.dr7 >> 2 * n & 3:
                values[n] = guest.db[n]
                values[7] |= guest.dr7 & (3 << 2 * n | 0xF << 16 + 4 * n)
        if self._general_detect:
            values[7] |= _DR7_GD
        return struct.pack("<8Q", *values)

    def may_access_debug(self, state: VcpuState) -> bool:
        """Unless it has set DR7.GD itself."""
        return not state.get(DEBUGREGS).dr7 & _DR7_GD


_UNSURE = 1 << 11 | 1 << 16
"""DR6.BLD and RTM, active low: some hosts leave them clear, so clear says nothing (facts of the host)."""


def _reset_system(sregs: Struct, mode: modes.Mode) -> None:
    _load_segments(sregs, mode)
    sregs.gdt.base, sregs.gdt.limit = modes.GDT if mode.bits > 16 else 0, modes.GDT_LIMIT
    sregs.idt.base, sregs.idt.limit = 0, 0x3FF if mode.bits == 16 else 0
    sregs.cr0, sregs.cr2, sregs.cr4, sregs.cr8 = mode.cr0, 0, mode.cr4, 0
    sregs.cr3 = modes.PAGE_TABLES if mode.bits == 64 else 0
    sregs.efer = mode.efer


def _load_segments(sregs: Struct, mode: modes.Mode) -> None:
    for name in ("cs", "ds", "es", "fs", "gs", "ss"):
        segment = getattr(sregs, name)
        if mode.bits == 16:
            segment.base = segment.selector = segment.dpl = segment.db = segment.g = segment.l = 0
            segment.limit, segment.present, segment.s, segment.unusable = _REAL_LIMIT, 1, 1, 0
            segment.type = _CODE if name == "cs" else _DATA
            continue
        selector = mode.code if name == "cs" else mode.data
        load_descriptor(segment, selector, Descriptor(modes.DESCRIPTORS[selector]))
    for name, kind in (("tr", _TSS_BUSY_32), ("ldt", _LDT)):
        segment = getattr(sregs, name)
        segment.base = segment.selector = segment.s = segment.dpl = segment.db = segment.g = segment.l = 0
        segment.limit, segment.type, segment.present, segment.unusable = _REAL_LIMIT, kind, 1, 0
