"""KVM_EXIT_DEBUG on x86: ``{u32 exception, u32 pad, u64 pc, u64 dr6, u64 dr7}``.

Sources: KVM API, KVM_EXIT_DEBUG and KVM_SET_GUEST_DEBUG; Linux ``arch/x86/kvm`` (who writes which field);
Intel SDM vol. 3, "Debug Exceptions".  A fault (execution breakpoint) is reported before the instruction,
a trap (watchpoint, step) after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from kvmgdb.arch.arming import ArmedSlot, armed_slots
from kvmgdb.arch.exits import (
    Armed,
    DecodedExit,
    Event,
    Hit,
    Owner,
    PayloadField,
    PayloadForm,
    Quirk,
    Verdict,
)
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.arch.registers import ByteOrder
from kvmgdb_x86 import debugregs

DB_VECTOR = 1
BP_VECTOR = 3

DR6_BD = 1 << 13
DR6_BS = 1 << 14
DR6_BT = 1 << 15
DR6_BLD = 1 << 11
DR6_RTM = 1 << 16
DR6_ACTIVE_LOW = DR6_BLD | DR6_RTM
DR6_EVENTS = 0x0001E80F
DR7_FIXED_ONE = 0x400

_EVENTS = (
    (DR6_BD, Hit(Event.DEBUG_REGISTER_ACCESS)),
    (DR6_BT, Hit(Event.TASK_SWITCH)),
    (DR6_BS, Hit(Event.STEP)),
    (DR6_BLD, Hit(Event.BUS_LOCK)),
)
_SLOT_HITS = tuple((1 << n, Hit(Event.HARDWARE_BREAKPOINT, f"DR{n}")) for n in range(debugregs.SLOTS))

_STALE_DR6 = Quirk("stale-dr6", "dr6 is stale: on a #BP exit KVM writes only exception and pc")
_STALE_DR7 = Quirk("stale-dr7", "dr7 is stale: on a #BP exit KVM writes only exception and pc")
_DR7_UNWRITTEN = Quirk(
    "dr7-unwritten", "dr7 lacks its always-one bit 10: this host never writes it, so it says nothing", "dr7"
)
_RTM = Quirk(
    "active-low-rtm",
    "DR6.RTM (bit 16, active low) reads 0: inside a transaction, or this host does not set the bit",
)
_BLD = Quirk(
    "active-low-bld", "DR6.BLD (bit 11, active low) reads 0: a bus lock, or this host does not set the bit"
)


class X86ExitDecoder:
    """Debug exits of one x86 variant."""

    byteorders: tuple[ByteOrder, ...] = ("little",)

    def __init__(self, variant: str) -> None:
        self.layout: DebugLayout = debugregs.debug_layout(variant)
        self._read_dr7 = lru_cache(maxsize=64)(lambda dr7: armed_slots(self.layout, {"DR7": dr7}))
        registers = debugregs.debug_layout("64").by_name
        self.form = PayloadForm(
            "x86",
            (
                PayloadField("exception", 0, 4),
                PayloadField("pad", 4, 4),
                PayloadField("pc", 8, 8, address=True),
                PayloadField("dr6", 16, 8, registers["DR6"]),
                PayloadField("dr7", 24, 8, registers["DR7"]),
            ),
        )

    def plausible(self, payload: bytes, byteorder: ByteOrder) -> bool:
        """Look for an exception number of a debug exit, and padding that is zero."""
        head = payload[:8]
        return byteorder == "little" and head in (b"\1\0\0\0\0\0\0\0", b"\3\0\0\0\0\0\0\0")

    def decode(self, payload: bytes, byteorder: ByteOrder) -> DecodedExit:
        """Read a payload (see :class:`kvmgdb.arch.exits.ExitDecoder`)."""
        values = self.form.unpack(payload, byteorder)
        exception, pc, dr6, dr7 = values["exception"], values["pc"], values["dr6"], values["dr7"]
        if exception == BP_VECTOR:
            hits: tuple[Hit, ...] = (Hit(Event.SOFTWARE_BREAKPOINT),)
            quirks = [quirk for value, quirk in ((dr6, _STALE_DR6), (dr7, _STALE_DR7)) if value]
        elif exception == DB_VECTOR:
            hits = _hits(dr6)
            quirks = _db_quirks(dr6, dr7)
        else:
            hits, quirks = (), []
        return DecodedExit(self.form, values, hits, pc, tuple(quirks))

    def verdict(self, decoded: DecodedExit, armed: Armed) -> Verdict:
        """Say whose it is (see :class:`kvmgdb.arch.exits.ExitDecoder`)."""
        exit_ = _Exit(decoded, armed, self._armed_slots(decoded, armed))
        if decoded.values["exception"] not in (DB_VECTOR, BP_VECTOR):
            return exit_.unknown_exception()
        if not decoded.hits:
            return exit_.without_event()
        if decoded.hits[0].event is Event.SOFTWARE_BREAKPOINT:
            return exit_.software_breakpoint()
        return exit_.debug_exception()

    def _armed_slots(self, decoded: DecodedExit, armed: Armed) -> tuple[ArmedSlot, ...] | None:
        """Find what is armed as far as anybody says: the caller, or else the payload's own dr7."""
        if armed.slots is not None:
            return armed.slots
        dr7 = decoded.values["dr7"]
        if dr7 & DR7_FIXED_ONE:
            return self._read_dr7(dr7)
        return None


def _hits(dr6: int) -> tuple[Hit, ...]:
    """Name the events of DR6, breakpoint slots first: a step must not hide them."""
    events = (dr6 ^ DR6_ACTIVE_LOW) & DR6_EVENTS
    return tuple(hit for mask, hit in (*_SLOT_HITS, *_EVENTS) if events & mask)


def _db_quirks(dr6: int, dr7: int) -> list[Quirk]:
    quirks = []
    missing = debugregs.DR6_ALWAYS_ONE & ~dr6
    if missing:
        quirks.append(
            Quirk("dr6-ones-missing", f"dr6 lacks always-one bits ({missing:#x}): this host cleared them")
        )
    if not dr6 & DR6_RTM:
        quirks.append(_RTM)
    if not dr6 & DR6_BLD:
        quirks.append(_BLD)
    if not dr7 & DR7_FIXED_ONE:
        quirks.append(_DR7_UNWRITTEN)
    return quirks


@dataclass(frozen=True, slots=True)
class _Exit:
    """One exit with everything known about it, on the way to its verdict."""

    decoded: DecodedExit
    armed: Armed
    slots: tuple[ArmedSlot, ...] | None

    @property
    def pc(self) -> int:
        return self.decoded.values["pc"]

    def _verdict(
        self, event: Event, owner: Owner, sentence: str, decide: str = "", **more: object
    ) -> Verdict:
        quirks = self.decoded.quirks
        return Verdict(event, owner, sentence, self.pc, decide=decide, quirks=quirks, **more)  # type: ignore[arg-type]

    def unknown_exception(self) -> Verdict:
        number = self.decoded.values["exception"]
        sentence = f"exception {number} is neither #DB (1) nor #BP (3): no kernel reports it as a debug exit"
        return self._verdict(Event.UNKNOWN, Owner.UNKNOWN, sentence)

    def without_event(self) -> Verdict:
        sentence = f"a #DB before {self.pc:#x} that DR6 gives no reason for, as an INT1 (opcode F1) leaves it"
        decide = "the byte before the pc, or on Intel's processors the one at it: F1 is an INT1"
        return self._verdict(Event.UNKNOWN, Owner.UNKNOWN, sentence, decide, before=True)

    def software_breakpoint(self) -> Verdict:
        where = f"an INT3 at {self.pc:#x}"
        software = self.armed.software
        event = Event.SOFTWARE_BREAKPOINT
        if software is None:
            decide = "the list of software breakpoints: an INT3 that is not on it is the guest's own"
            return self._verdict(
                event, Owner.UNKNOWN, f"a software breakpoint: {where}", decide, address=self.pc
            )
        if self.pc in software:
            return self._verdict(
                event, Owner.OURS, f"a software breakpoint of ours: {where}", address=self.pc
            )
        return self._verdict(
            event, Owner.NOT_OURS, f"{where} that is not ours: the guest's own", address=self.pc
        )

    def debug_exception(self) -> Verdict:
        hits = [hit for hit in self.decoded.hits if hit.slot]
        on = [hit for hit in hits if self._is_on(hit.slot)]
        if on:
            verdict = self._slot_hit(on[0].slot, [hit.slot for hit in on[1:]])
        elif len(hits) < len(self.decoded.hits):
            verdict = self._other(self.decoded.hits[len(hits)].event)
        else:
            verdict = self._slot_hit(hits[0].slot, [])
        off = [hit.slot for hit in hits if hit not in on]
        if not off:
            return verdict
        return replace(verdict, quirks=(*verdict.quirks, *map(_slot_off, off)))

    def _is_on(self, slot: str) -> bool:
        return self.slots is None or any(armed.slot == slot for armed in self.slots)

    def _slot_hit(self, slot: str, others: list[str]) -> Verdict:
        """Judge a breakpoint register that matched."""
        also = "".join(f"; {other} matched too" for other in others)
        if any(hit.event is Event.STEP for hit in self.decoded.hits):
            also += "; a single step ended here too"
        armed = next((a for a in self.slots or () if a.slot == slot), None)
        if armed is not None:
            return self._armed_hit(armed, also)
        event = Event.HARDWARE_BREAKPOINT
        if self.slots is None:
            sentence = f"{slot} matched, at or before {self.pc:#x}: a breakpoint or a watchpoint{also}"
            return self._verdict(event, Owner.UNKNOWN, sentence, "DR7 as it was armed", slot=slot)
        sentence = (
            f"{slot} matched at or before {self.pc:#x}, but it is not armed here: the guest's own{also}"
        )
        return self._verdict(event, Owner.NOT_OURS, sentence, slot=slot)

    def _armed_hit(self, armed: ArmedSlot, also: str) -> Verdict:
        ours = self.armed.slots is not None
        owner = Owner.OURS if ours else Owner.UNKNOWN
        decide = "" if ours else "what was armed from outside: the guest's own dr7 looks the same"
        at = "" if armed.address is None else f" at {armed.address:#x}"
        facts = {"slot": armed.slot, "kind": armed.kind, "address": armed.address, "length": armed.length}
        if armed.kind is None:
            sentence = (
                f"an I/O breakpoint, {armed.slot}{at}, hit by the instruction before {self.pc:#x}{also}"
            )
            return self._verdict(Event.IO_BREAKPOINT, owner, sentence, decide, before=True, **facts)
        if armed.kind.is_watch:
            what = f"{armed.length}-byte {armed.kind.label}"
            sentence = f"a {what}, {armed.slot}{at}, hit by the instruction before {self.pc:#x}{also}"
            return self._verdict(Event.WATCHPOINT, owner, sentence, decide, before=True, **facts)
        facts["address"] = self.pc if armed.address is None else armed.address
        event = Event.HARDWARE_BREAKPOINT
        if armed.address not in (None, self.pc):
            sentence = f"{armed.slot} matched at {self.pc:#x}, but ours is{at}: the guest's own{also}"
            return self._verdict(
                event, Owner.NOT_OURS, sentence, slot=armed.slot, kind=armed.kind, address=self.pc
            )
        sentence = f"a hardware breakpoint, {armed.slot}, before the instruction at {self.pc:#x}{also}"
        return self._verdict(event, owner, sentence, decide, **facts)

    def _other(self, event: Event) -> Verdict:
        return _OTHERS[event](self)

    def step(self) -> Verdict:
        after = f"the instruction before {self.pc:#x} completed"
        stepping = self.armed.stepping
        if stepping is None:
            decide = "whether a step was asked for: if not, it is the guest's own EFLAGS.TF"
            return self._verdict(Event.STEP, Owner.UNKNOWN, f"a single step: {after}", decide, before=True)
        if stepping:
            return self._verdict(Event.STEP, Owner.OURS, f"a single step: {after}", before=True)
        sentence = f"a single step nobody here asked for: {after} with the guest's own EFLAGS.TF"
        return self._verdict(Event.STEP, Owner.NOT_OURS, sentence, before=True)

    def debug_register_access(self) -> Verdict:
        sentence = f"the guest's instruction at {self.pc:#x} accesses a debug register while DR7.GD is set"
        return self._verdict(Event.DEBUG_REGISTER_ACCESS, Owner.NOT_OURS, sentence)

    def task_switch(self) -> Verdict:
        sentence = f"a task switch to a TSS with its T flag, before {self.pc:#x}: the guest's own"
        return self._verdict(Event.TASK_SWITCH, Owner.NOT_OURS, sentence)

    def bus_lock(self) -> Verdict:
        sentence = (
            f"a bus lock taken by the instruction before {self.pc:#x}, unless this host leaves DR6.BLD clear"
        )
        decide = "whether bus-lock detection is on (DEBUGCTL bit 2)"
        return self._verdict(Event.BUS_LOCK, Owner.NOT_OURS, sentence, decide, before=True)


_OTHERS = {
    Event.STEP: _Exit.step,
    Event.DEBUG_REGISTER_ACCESS: _Exit.debug_register_access,
    Event.TASK_SWITCH: _Exit.task_switch,
    Event.BUS_LOCK: _Exit.bus_lock,
}


def _slot_off(slot: str) -> Quirk:
    number = slot[2:]
    text = f"DR6.B{number} is set although DR7 has {slot} off: the processor may set it, it means nothing"
    return Quirk("slot-off", text)


def exit_decoder(variant: str) -> X86ExitDecoder:
    """Make the decoder of ``x86:VARIANT``."""
    return X86ExitDecoder(variant)
