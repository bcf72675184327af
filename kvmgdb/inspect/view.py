"""What every way of printing shows of an exit: the same rows, whatever they are drawn with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kvmgdb.arch.exits import Owner, PayloadField
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG
from kvmgdb.arch.layout import DebugRegister, FieldValue
from kvmgdb.inspect.image import Image, Place
from kvmgdb.inspect.judge import Judged


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the payload."""

    name: str
    value: int
    size: int
    register: DebugRegister | None
    text: str = ""
    """What the value means, in a word or two."""

    @property
    def digits(self) -> str:
        """The value in hex, as wide as the field where its bits matter."""
        return f"{self.value:#0{2 + 2 * self.size}x}" if self.register else f"{self.value:#x}"

    def telling(self) -> list[FieldValue]:
        """List the fields worth a line: what holds, and what is not zero."""
        if self.register is None:
            return []
        return [f for f in self.register.fields_of(self.value) if f.is_set]


_VECTORS = {1: "#DB, debug exception", 3: "#BP, breakpoint"}


def rows(judged: Judged) -> Iterator[Row]:
    """Make a row of each field of the payload."""
    if judged.form is None or judged.values is None:
        return
    for field in judged.form.fields:
        if field.name in judged.values and not _unused(judged, field):
            value = judged.values[field.name]
            yield Row(field.name, value, field.size, field.register, _text(field, value))


def _unused(judged: Judged, field: PayloadField) -> bool:
    """Leave out padding that is zero, and array items past the array's end."""
    if judged.values is None or judged.values[field.name]:
        return False
    return field.name in ("pad", "reserved") or "[" in field.name


def _text(field: PayloadField, value: int) -> str:
    if field.name == "exception":
        return _VECTORS.get(value, "")
    return ""


def place_of(judged: Judged, image: Image | None) -> Place | None:
    """Find the instruction an exit is about in the image."""
    verdict = judged.verdict
    if image is None or verdict.pc is None:
        return None
    return image.place(verdict.pc, verdict.before)


def title(judged: Judged) -> str:
    """Name the exit: ``KVM_EXIT_DEBUG, x86:64``."""
    names = [judged.reason.name]
    if judged.arch:
        names.append(judged.arch)
    if judged.byteorder == "big" and judged.form is not None:
        names.append("big-endian")
    return ", ".join(names)


def owner(judged: Judged) -> str:
    """Say whose it is; empty for an exit that is nobody's debug event."""
    if judged.reason.number != KVM_EXIT_DEBUG or (judged.is_told and judged.verdict.owner is Owner.UNKNOWN):
        return ""
    return {
        Owner.OURS: "ours",
        Owner.NOT_OURS: "not ours",
        Owner.UNKNOWN: "owner not known",
    }[judged.verdict.owner]


def recorded(judged: Judged) -> str:
    """Repeat what a trace record says for itself."""
    record = judged.raw.trace
    if record is None:
        return ""
    parts = [f"#{record.seq} at {record.time:.6f} s, {record.event}"]
    parts += [text for text in (record.verdict, record.why) if text]
    return ": ".join(parts)
