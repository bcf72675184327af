"""From an exit as read to what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kvmgdb.arch.exits import Armed, Event, Owner, PayloadForm, Verdict
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, ExitReason, exit_reason
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.trace import TO_THE_DEBUGGER, TO_THE_GUEST, TraceRecord
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.foreign import Foreign
from kvmgdb.inspect.raw import RawExit

ASKED_FOR = ("breakpoint", "watchpoint", "step")
"""What a trace calls the events a debugger has asked for; it gets others, such as a crash, without asking."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One exit, decoded, with its verdict."""

    raw: RawExit
    reason: ExitReason
    verdict: Verdict
    arch: str = ""
    form: PayloadForm | None = None
    values: Mapping[str, int] | None = None
    payload: bytes = b""
    byteorder: ByteOrder = "little"
    notes: tuple[str, ...] = ()

    @property
    def is_told(self) -> bool:
        """Whether all there is to know is what a trace record says of itself."""
        return self.raw.trace is not None and self.form is None

    @property
    def label(self) -> str:
        """What it is counted as: the event of a debug exit, the name of another, a record's own word."""
        if self.raw.trace is not None and self.verdict.event is Event.UNKNOWN:
            return self.raw.trace.event
        return self.verdict.event.value if self.reason.number == KVM_EXIT_DEBUG else self.reason.name

    @property
    def address(self) -> int | None:
        """The address it is counted under."""
        return self.verdict.pc if self.verdict.address is None else self.verdict.address


def judge(raw: RawExit, decoders: Decoders, armed: Armed) -> Judged:
    """Decode one exit and say what it means.

    Raises:
        PayloadError: its bytes or fields cannot be decoded.
    """
    if raw.reason != KVM_EXIT_DEBUG:
        return _neighbour(raw)
    if raw.trace is not None and raw.payload is None:
        return Judged(raw, exit_reason(raw.reason), _told(raw.trace), raw.arch, notes=raw.notes)
    return _debug(raw, decoders, armed)


def _debug(raw: RawExit, decoders: Decoders, armed: Armed) -> Judged:
    chosen = decoders.choose(raw)
    reason = exit_reason(raw.reason)
    notes = (*raw.notes, *chosen.notes)
    if isinstance(chosen.reader, Foreign):
        form = chosen.reader.form
        sentence = f"a debug exit of {chosen.arch}: {chosen.reader.need}"
        verdict = Verdict(Event.UNKNOWN, Owner.UNKNOWN, sentence)
        values: Mapping[str, int] = form.unpack(chosen.payload, chosen.byteorder)
    else:
        decoded = chosen.reader.decode(chosen.payload, chosen.byteorder)
        form, values = decoded.form, decoded.values
        verdict = chosen.reader.verdict(decoded, armed)
        if chosen.missing:
            kept = tuple(q for q in verdict.quirks if q.field not in chosen.missing)
            verdict = replace(verdict, quirks=kept)
    return Judged(raw, reason, verdict, chosen.arch, form, values, chosen.payload, chosen.byteorder, notes)


def _neighbour(raw: RawExit) -> Judged:
    """Decode an exit that is no debug exit."""
    reason = exit_reason(raw.reason)
    order = raw.byteorder or "little"
    form, notes = reason.form, raw.notes
    if form is None or (raw.payload is None and not raw.fields):
        sentence = (
            reason.tell({}, order) if form is None else f"{reason.name}; its fields are not in the input"
        )
        return Judged(raw, reason, Verdict(Event.UNKNOWN, Owner.UNKNOWN, sentence), raw.arch, notes=notes)
    if raw.payload is None:
        members = _members(form, raw.fields, order)
        payload = form.pack(members, order)
        missing = [field.name for field in form.fields if field.name not in members]
        if missing:
            notes = (*notes, f"not in the input, taken as 0: {', '.join(missing)}")
    else:
        payload = raw.payload[: form.size]
    if len(payload) < form.size:
        notes = (
            *notes,
            f"the dump ends {form.size - len(payload)} bytes before the end of {form.arch}: taken as 0",
        )
    values = form.unpack(payload.ljust(form.size, b"\0"), order)
    verdict = Verdict(Event.UNKNOWN, Owner.UNKNOWN, reason.tell(values, order), values.get("rip"))
    return Judged(raw, reason, verdict, raw.arch, form, values, payload, order, notes)


def _members(form: PayloadForm, fields: Mapping[str, int], order: ByteOrder) -> dict[str, int]:
    """Take the form's fields out of ``fields``; bytes given one by one (mmio.data) are put together."""
    found = {}
    for field in form.fields:
        if field.name in fields:
            found[field.name] = fields[field.name]
        elif f"{field.name}[0]" in fields:
            data = bytes(fields.get(f"{field.name}[{i}]", 0) & 0xFF for i in range(field.size))
            found[field.name] = int.from_bytes(data, order)
    return found


def _told(record: TraceRecord) -> Verdict:
    """Take over what a trace record without a payload says."""
    known = {event.value: event for event in Event}
    event = known.get(record.verdict) or known.get(record.event) or Event.UNKNOWN
    owner = Owner.UNKNOWN
    if record.verdict == TO_THE_GUEST:
        owner = Owner.NOT_OURS
    elif record.verdict == TO_THE_DEBUGGER and record.event in ASKED_FOR:
        owner = Owner.OURS
    sentence = ": ".join(text for text in (record.verdict, record.why) if text) or record.event
    return Verdict(event, owner, sentence, record.pc)
