"""Binary input: a dump of ``struct kvm_run``, or bare payloads one after another."""

from __future__ import annotations

from collections.abc import Iterator

from kvmgdb.arch.kvm_run import (
    EXIT_REASON_OFFSET,
    EXIT_REASONS,
    HIGHEST_REASON,
    KVM_EXIT_DEBUG,
    UNION_OFFSET,
    exit_reason,
)
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.errors import PayloadError
from kvmgdb.inspect.decoders import Decoders, lengths, union_offset
from kvmgdb.inspect.raw import Form, RawExit

_PADDING = slice(2, 8)
"""``padding1`` of struct kvm_run."""


def form_of(data: bytes, decoders: Decoders) -> Form:
    """Tell a dump of struct kvm_run from bare payloads.

    Raises:
        PayloadError: it is neither.
    """
    if payload_size(data, decoders) is not None:
        return Form.PAYLOAD
    if len(data) >= UNION_OFFSET and _reason(data) is not None:
        return Form.KVM_RUN
    sizes = ", ".join(f"{d.form.size} ({d.form.arch})" for d in decoders.defaults)
    if len(data) < UNION_OFFSET:
        raise PayloadError(
            f"{len(data)} bytes are too few: a payload has {sizes}, a struct kvm_run 288 or more"
        )
    word = data[EXIT_REASON_OFFSET : EXIT_REASON_OFFSET + 4].hex(" ")
    raise PayloadError(
        f"{len(data)} bytes are no payload ({sizes} each), and no struct kvm_run: "
        f"exit_reason, at offset {EXIT_REASON_OFFSET}, is {word}"
    )


def payload_size(data: bytes, decoders: Decoders) -> int | None:
    """Find the size of each payload in ``data``; None where it does not look like payloads."""
    named = (decoders.named(decoders.given),) if decoders.decodable else decoders.defaults
    candidates = [decoder for decoder in named if decoder.form.fields]  # some exits have no payload
    for decoder in candidates:
        size = decoder.form.size
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        if len(data) % size == 0 and data and _all_plausible(decoders, chunks, decoder.form.arch):
            return size
    return len(data) if len(data) in {s for d in candidates for s in lengths(d)} else None


def _all_plausible(decoders: Decoders, chunks: list[bytes], arch: str) -> bool:
    decoder = next(d for d in decoders.defaults if d.form.arch == arch)
    return any(
        all(decoder.plausible(chunk, order) and any(chunk) for chunk in chunks)
        for order in decoder.byteorders
    )


def _reason(data: bytes) -> tuple[int, ByteOrder] | None:
    """Read exit_reason in the byte order that makes it one."""
    if any(data[_PADDING]):
        return None
    word = data[EXIT_REASON_OFFSET : EXIT_REASON_OFFSET + 4]
    orders: tuple[ByteOrder, ...] = ("little", "big")
    for order in orders:
        number = int.from_bytes(word, order)
        if number in EXIT_REASONS or number <= HIGHEST_REASON:
            return number, order
    return None


def read_kvm_run(data: bytes, where: str, decoders: Decoders) -> RawExit:
    """Read one dump of struct kvm_run; it may end anywhere after the fields of its exit.

    Raises:
        PayloadError: it ends too early, or exit_reason is none.
    """
    start = union_offset(decoders.given)
    if len(data) < EXIT_REASON_OFFSET + 4:
        raise PayloadError(f"a struct kvm_run of {len(data)} bytes ends before exit_reason (offset 8)")
    found = _reason(data)
    if found is None:
        word = data[EXIT_REASON_OFFSET : EXIT_REASON_OFFSET + 4].hex(" ")
        raise PayloadError(f"no struct kvm_run: exit_reason, at offset {EXIT_REASON_OFFSET}, is {word}")
    number, order = found
    reason = exit_reason(number)
    needs = reason.form is not None or number == KVM_EXIT_DEBUG
    if needs and len(data) <= start:
        raise PayloadError(
            f"a struct kvm_run of {len(data)} bytes ends before its {reason.name} data, at offset {start}"
        )
    return RawExit(where, number, data[start:], byteorder=order)


def read_payloads(data: bytes, where: str, decoders: Decoders) -> Iterator[RawExit]:
    """Read bare payloads, one after another.

    Raises:
        PayloadError: the length fits no payload.
    """
    if not data:
        raise PayloadError("it is empty")
    size = payload_size(data, decoders) or len(data)
    for at in range(0, len(data), size):
        name = where if size == len(data) else f"{where}:{at:#x}"
        yield RawExit(name, payload=data[at : at + size])
