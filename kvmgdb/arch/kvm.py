"""What the KVM backend must know of an architecture.

The backend owns the calls, the run loop, breakpoints and memory; a port owns everything that has the
architecture's registers in it.  State is described as *blocks*: one kernel structure each, with the call
that gets it and the call that sets it.  Names are the kernel's (Linux ``include/uapi/linux/kvm.h`` and
``arch/*/include/uapi/asm/kvm.h``; KVM API, ``Documentation/virt/kvm/api.rst``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from kvmgdb.arch.kvm_calls import Ioctl
from kvmgdb.arch.machine import Devices, Extent, ReadPhysical, Region, StartState
from kvmgdb.arch.stops import GuestException

Struct = Any
"""A ``ctypes.Structure``; its fields are the kernel's."""


@dataclass(frozen=True, slots=True)
class StateBlock:
    """One structure of a processor's state."""

    name: str
    get: Ioctl
    set: Ioctl
    make: Callable[[], Struct]
    """A buffer, with what the kernel must be told to fill it (which MSRs)."""
    answer: int = 0
    """What both calls return where all went well; KVM_GET_MSRS and KVM_SET_MSRS count registers."""
    sync: int = 0
    """Its bit of KVM_CAP_SYNC_REGS: a block that an exit can leave in the shared page, where the host does
    that.  0: it is always fetched when it is needed."""
    sync_offset: int = 0
    """Where it is in ``struct kvm_sync_regs``."""


class VcpuState(Protocol):
    """One processor's registers while it stands still: each block is fetched once, when it is needed."""

    def get(self, block: str) -> Struct:
        """The structure of a block; whoever changes it must :meth:`put` it."""
        ...

    def put(self, block: str) -> None:
        """Give the block to the kernel now.

        Raises:
            RspError: the kernel refuses it; the block is forgotten, and what it was stays.
        """
        ...


@dataclass(frozen=True, slots=True)
class KvmRegister:
    """Where one register of the register file is kept."""

    block: str
    read: Callable[[Struct], int]
    write: Callable[[Struct, int, ReadPhysical], None] | None
    """None: read only.  Raises RspError for a value the machine cannot hold."""


class Kvm(Protocol):
    """A file descriptor of KVM's: the device, a machine, or a processor."""

    def call(self, request: Ioctl, argument: int | Struct = 0) -> int:
        """Make a call.

        Raises:
            OSError: the kernel refuses.
        """
        ...


class KvmMachine(Kvm, Protocol):
    """A machine, before its first processor."""

    def enable(self, capability: int, value: int) -> bool:
        """KVM_ENABLE_CAP; False where the host does not offer it."""
        ...


class KvmVcpu(Kvm, Protocol):
    """A processor."""

    def enable(self, capability: int) -> None:
        """KVM_ENABLE_CAP.

        Raises:
            OSError: the kernel refuses.
        """
        ...


class Report(Enum):
    """How a breakpoint instruction of ours comes back."""

    DEBUG = "a debug exit"
    INTERNAL_ERROR = "an internal error"
    """The host cannot execute it: its failure, at an address of ours, is the hit."""
    HALT = "a halt"
    """Where the host leaves traps to the guest, a halt instruction is the trap."""


@dataclass(frozen=True, slots=True)
class KvmTrap:
    """What is written into guest memory for a software breakpoint."""

    code: bytes
    report: Report
    pc_after: int
    """How far past the instruction's start the program counter is then."""


Measured = Mapping[str, str]
"""Name of a trial -> what came of it: :data:`WORKS`, or in a few words what happened instead."""

WORKS = "works"


@dataclass(frozen=True, slots=True)
class TrialExit:
    """How a trial's run ended."""

    reason: int
    """``exit_reason``; -1 if it was still running and had to be ended."""
    data: bytes
    """The union of ``struct kvm_run``."""


class Bench(Protocol):
    """A machine for trials: a few instructions each."""

    control_bits: int
    """The control bits KVM_SET_GUEST_DEBUG takes, as KVM_CAP_SET_GUEST_DEBUG2 says; 0 if it is unknown."""
    enabled: set[int]
    """The capabilities the port has enabled."""

    @property
    def state(self) -> VcpuState:
        """The processor's registers."""
        ...

    def start(self, variant: str, code: bytes) -> None:
        """Put the processor into the start state of ``variant`` with ``code`` at its entry, debugging off."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Write guest memory."""
        ...

    def read(self, address: int, length: int) -> bytes:
        """Read guest memory."""
        ...

    def debug(self, control: int, arch: bytes = b"") -> bool:
        """KVM_SET_GUEST_DEBUG; False where the kernel refuses."""
        ...

    def run(self) -> TrialExit:
        """Run to the next exit; a guest that has none in a few milliseconds is interrupted."""
        ...


TRIAL_ENTRY = 0x1000
"""Where a trial's code is put; a page of zeros is in front of it and several behind it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One question about the host, answered by a guest of a few instructions."""

    name: str
    summary: str
    measure: Callable[[Bench], str]


ReadVirtual = Callable[[int, int], bytes]
"""(linear address, length) -> as much of it as is there, without a debugger's traps."""

Successors = Callable[["VcpuState", bytes], tuple[int, ...]]
"""The linear addresses that the instruction at the program counter, of which the bytes are given, may lead
to."""


@dataclass(frozen=True, slots=True)
class HostDebug:
    """How debugging is done on this host, after the trials."""

    traps: Mapping[str, KvmTrap]
    """By the port's name of the processor's mode."""
    executes: bool
    """Whether execution breakpoints fire; if not, traps in memory take their place."""
    watches: bool
    """Whether data watchpoints fire; if not, they are found by stepping and comparing."""
    step_control: int
    """The bits of KVM_SET_GUEST_DEBUG that a single step needs besides ENABLE and SINGLESTEP."""
    successors: Successors | None = None
    """Where KVM steps no single instruction: what is stepped to, by traps."""
    idle_exits: int = 0
    """How many exits in a row may bring nothing before a single step is done."""
    warnings: tuple[str, ...] = ()
    """What does not work as it should and is done another way, one sentence each."""


class KvmPort(Protocol):
    """One architecture on KVM.  One object serves one guest and may keep state."""

    machines: frozenset[str]
    """The hosts that run it, as ``uname -m`` names them."""
    host: str
    """The same for people: ``an x86 host``."""
    regions: tuple[Region, ...]
    """Memory the machine has besides the guest's RAM (start-up tables)."""
    blocks: tuple[StateBlock, ...]
    registers: Mapping[str, KvmRegister]
    debug_registers: frozenset[str]
    """Registers of the guest's whose change changes what must be armed for it."""
    debug_arch_size: int
    """Bytes of ``struct kvm_guest_debug_arch``."""
    halt: int | None
    """The byte that is the instruction that halts; None where there is none."""
    integers: str
    """The block that an instruction's undoing restores: general registers and program counter.  Every exit
    leaves it in the shared page; what else can be left there is so only where it will be asked for."""
    trials: tuple[Trial, ...]

    def set_up_machine(self, machine: KvmMachine) -> None:
        """What a new machine needs before it gets a processor."""
        ...

    def create_irqchip(self, machine: KvmMachine) -> None:
        """Interrupt controllers and a timer in the kernel, where somebody asks for them (KVM API,
        KVM_CREATE_IRQCHIP).  A halted processor waits in the kernel then.

        Raises:
            BackendError: this architecture has none.
            OSError: the kernel refuses.
        """
        ...

    def set_up_vcpu(self, device: Kvm, vcpu: KvmVcpu) -> None:
        """What a processor needs before its first run (CPUID)."""
        ...

    def adopt(self, measured: Measured) -> HostDebug:
        """Take note of what the trials have found."""
        ...

    def reset(self, state: VcpuState, start: StartState, memory: Callable[[int, bytes], None]) -> None:
        """Put the processor into its start state; ``memory(address, data)`` writes the port's own
        regions.
        """
        ...

    def mode(self, state: VcpuState) -> str:
        """The mode the processor is in, as :attr:`HostDebug.traps` names it."""
        ...

    def linear_pc(self, state: VcpuState) -> int:
        """Linear (virtual) address of the next instruction."""
        ...

    def debug_pc(self, run: memoryview, state: VcpuState) -> int:
        """The same after a debug exit, whose payload may have it."""
        ...

    def pass_once(self, state: VcpuState) -> None:
        """Let the instruction at the program counter pass a breakpoint the guest itself has there."""
        ...

    def translate(self, state: VcpuState, address: int, read: ReadPhysical) -> Extent | None:
        """Guest-virtual to guest-physical; None where nothing is mapped."""
        ...

    def device(self, reason: int, run: memoryview, devices: Devices) -> bool:
        """Serve an access to a device: ``run`` is the shared page and what follows it.

        False if no device of the sample machine's is there; nothing has been done then.
        """
        ...

    def is_step(self, run: memoryview) -> bool:
        """Whether a debug exit is a single step and nothing besides."""
        ...

    def steps_on(self, code: memoryview, before: int, after: int) -> bool:
        """Whether a step from ``before`` to ``after`` leaves the processor ready for the next one.

        It does not after whatever may have ended single-stepping or changed the translation: an
        interrupt, a load of the flags.  ``code`` is the page of ``before`` as it was once looked up; a
        doubtful case is answered with False, and costs time.
        """
        ...

    def may_halt(self, state: VcpuState) -> bool:
        """Whether the halt instruction halts; where it is privileged, it is an exception."""
        ...

    def pass_halt(self, state: VcpuState) -> None:
        """Put the program counter behind the halt instruction, as one that has been executed."""
        ...

    def step_leak(
        self, state: VcpuState, before: int, after: int, read: ReadVirtual
    ) -> tuple[int, int] | None:
        """Where a step from linear address ``before`` to ``after``, be it done or ended by something else,
        has let the guest see that it was stepped: the linear address of a byte, and the bits to clear in it.
        """
        ...

    def debug_arch(self, ours: bytes, state: VcpuState) -> bytes:
        """``struct kvm_guest_debug_arch`` for our slots, with the guest's own beside them."""
        ...

    def taken(self, state: VcpuState) -> dict[str, str]:
        """The debug registers the guest uses itself, each with a name for who has it."""
        ...

    def may_access_debug(self, state: VcpuState) -> bool:
        """Whether an access to a debug register that we intercept is one the guest may do."""
        ...

    def debug_exception(self, run: memoryview, state: VcpuState, code: bytes) -> GuestException:
        """A debug exit that is not ours, as the exception the guest would have had; ``code`` is at the
        program counter.
        """
        ...

    def trap_at_pc(self, state: VcpuState, code: bytes) -> GuestException | None:
        """The trap instruction at the program counter (``code`` is there) that this host could not
        execute; None if it is none.
        """
        ...

    def deliver(self, state: VcpuState, exception: GuestException, read: ReadPhysical) -> str | None:
        """Queue ``exception`` for the guest's own handler; None when done, else why it has none."""
        ...
