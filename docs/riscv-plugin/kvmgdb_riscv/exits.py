"""KVM_EXIT_DEBUG on RISC-V: an exit without a payload.

``struct kvm_debug_exit_arch`` has no members there, and KVM makes this exit for one thing only, a breakpoint
exception of the guest's while KVM_SET_GUEST_DEBUG is in force (Linux 6.10 and later, in
``arch/riscv/kvm/vcpu_exit.c``).  So nothing can be decoded; the pc register together with the list of
breakpoints says whose it is.
"""

from __future__ import annotations

from kvmgdb.arch.exits import Armed, DecodedExit, Event, Hit, Owner, PayloadForm, Verdict
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.registers import ByteOrder
from kvmgdb_riscv.debugregs import debug_layout
from kvmgdb_riscv.variants import NAME

FORM = PayloadForm(NAME, ())
_HITS = (Hit(Event.SOFTWARE_BREAKPOINT),)


class RiscvExitDecoder:
    """Debug exits of RISC-V; implements :class:`kvmgdb.arch.exits.ExitDecoder`."""

    form = FORM
    byteorders: tuple[ByteOrder, ...] = ("little",)

    def __init__(self, variant: str) -> None:
        self.layout: DebugLayout = debug_layout(variant)

    def plausible(self, payload: bytes, byteorder: ByteOrder) -> bool:
        """Never: bytes of unknown origin are some other architecture's, as this one has none."""
        return False

    def decode(self, payload: bytes, byteorder: ByteOrder) -> DecodedExit:
        """Read nothing."""
        return DecodedExit(FORM, {}, _HITS, None)

    def verdict(self, decoded: DecodedExit, armed: Armed) -> Verdict:
        """Say whose it is, by what was armed."""
        event, pc = Event.SOFTWARE_BREAKPOINT, armed.pc
        if pc is None or armed.software is None:
            missing = "the pc register" if pc is None else "which software breakpoints were set"
            sentence = (
                "a software breakpoint: KVM on RISC-V says no more, and makes this exit for nothing else"
            )
            return Verdict(event, Owner.UNKNOWN, sentence, pc, address=pc, decide=missing)
        if pc in armed.software:
            return Verdict(event, Owner.OURS, f"a software breakpoint of ours at {pc:#x}", pc, address=pc)
        sentence = f"the ebreak at {pc:#x} is not ours: the guest executed one of its own"
        return Verdict(event, Owner.NOT_OURS, sentence, pc, address=pc)
