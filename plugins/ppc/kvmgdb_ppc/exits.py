"""KVM_EXIT_DEBUG on PowerPC: ``{u64 address, u32 status, u32 reserved}``.

Sources: KVM API, KVM_EXIT_DEBUG; Linux ``arch/powerpc/kvm/booke.c`` (``kvmppc_handle_debug``) and
``book3s_hv.c``, ``book3s_pr.c``.  Book E writes all of it, but one status stands for two events.  Book3S
writes less: HV never writes ``status``, PR writes neither ``status`` nor ``address`` for a step.
"""

from __future__ import annotations

from kvmgdb.arch.exits import (
    Armed,
    DecodedExit,
    Event,
    ExitDecoder,
    Hit,
    PayloadField,
    PayloadForm,
    Quirk,
    Verdict,
)
from kvmgdb.arch.layout import BitField, DebugLayout, DebugRegister
from kvmgdb.arch.registers import ByteOrder
from kvmgdb_ppc import debugregs, exits_book3s, exits_booke
from kvmgdb_ppc.kvm_debug import KvmppcDebug

BOOK_E = ("405", "440", "e500v1", "e500v2", "e500mc")

STATUS = DebugRegister(
    "status",
    32,
    "what the host saw in DBSR",
    "linux asm/kvm.h, KVMPPC_DEBUG_*",
    (
        BitField("WATCH_READ", int(KvmppcDebug.WATCH_READ), "a data address compare, read"),
        BitField("WATCH_WRITE", int(KvmppcDebug.WATCH_WRITE), "a data address compare, write"),
        BitField("BREAKPOINT", int(KvmppcDebug.BREAKPOINT), "an instruction address compare"),
    ),
)

FORM = PayloadForm(
    "ppc",
    (
        PayloadField("address", 0, 8, address=True),
        PayloadField("status", 8, 4, STATUS),
        PayloadField("reserved", 12, 4),
    ),
)

_HITS = (
    (KvmppcDebug.BREAKPOINT, Hit(Event.HARDWARE_BREAKPOINT, "IAC")),
    (KvmppcDebug.WATCH_WRITE, Hit(Event.WATCHPOINT, "DAC")),
    (KvmppcDebug.WATCH_READ, Hit(Event.WATCHPOINT, "DAC")),
)
_STEP_OR_SOFTWARE = (Hit(Event.STEP_OR_SOFTWARE_BREAKPOINT),)


BYTE_ORDERS: tuple[ByteOrder, ...] = ("big", "little")


def _plausible(payload: bytes, byteorder: ByteOrder) -> bool:
    """Look for a status a kernel writes, and an address where programs or Linux' kernel are."""
    values = FORM.unpack(payload[: FORM.size].ljust(FORM.size, b"\0"), byteorder)
    address = values["address"]
    near = address >> 32 == 0 or address >> 60 == 0xC
    return near and not values["status"] & ~STATUS.named and not values["reserved"]


class BookEExitDecoder:
    """Debug exits of the embedded cores."""

    form = FORM
    byteorders = BYTE_ORDERS
    plausible = staticmethod(_plausible)

    def __init__(self, variant: str) -> None:
        self.layout: DebugLayout = debugregs.debug_layout(variant)

    def decode(self, payload: bytes, byteorder: ByteOrder) -> DecodedExit:
        """Read a payload (see :class:`kvmgdb.arch.exits.ExitDecoder`)."""
        values = FORM.unpack(payload, byteorder)
        status = values["status"]
        hits = tuple(hit for flag, hit in _HITS if status & flag)
        quirks = []
        if status & ~STATUS.named:
            unknown = status & ~STATUS.named
            quirks.append(Quirk("status-unknown-bits", f"status has bits no kernel writes ({unknown:#x})"))
        elif not hits:
            hits = _STEP_OR_SOFTWARE
        if values["reserved"]:
            quirks.append(Quirk("reserved-not-zero", f"reserved is {values['reserved']:#x}: stale bytes"))
        watch = bool(hits) and hits[0].event is Event.WATCHPOINT
        return DecodedExit(FORM, values, hits, None if watch else values["address"], tuple(quirks))

    def verdict(self, decoded: DecodedExit, armed: Armed) -> Verdict:
        """Say whose it is (see :class:`kvmgdb.arch.exits.ExitDecoder`)."""
        return exits_booke.verdict(decoded, armed)


class Book3SExitDecoder:
    """Debug exits of the desktop and server processors."""

    form = FORM
    byteorders = BYTE_ORDERS
    plausible = staticmethod(_plausible)

    def __init__(self, variant: str) -> None:
        self.layout: DebugLayout = debugregs.debug_layout(variant)

    def decode(self, payload: bytes, byteorder: ByteOrder) -> DecodedExit:
        """Read a payload; neither status nor address is taken at its word."""
        values = FORM.unpack(payload, byteorder)
        return DecodedExit(FORM, values, _STEP_OR_SOFTWARE, None, exits_book3s.quirks(values))

    def verdict(self, decoded: DecodedExit, armed: Armed) -> Verdict:
        """Say whose it is (see :class:`kvmgdb.arch.exits.ExitDecoder`)."""
        return exits_book3s.verdict(decoded, armed)


def exit_decoder(variant: str) -> ExitDecoder:
    """Make the decoder of ``ppc:VARIANT``."""
    return BookEExitDecoder(variant) if variant in BOOK_E else Book3SExitDecoder(variant)
