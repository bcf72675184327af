"""An exit as it was read, before anybody has decoded it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG
from kvmgdb.arch.registers import ByteOrder
from kvmgdb.arch.trace import TraceRecord


class Form(Enum):
    """How the input is written; the values are what ``--from`` takes."""

    KVM_RUN = "kvm-run"
    PAYLOAD = "payload"
    HEX = "hex"
    JSON = "json"
    JSONL = "jsonl"
    GDB = "gdb"
    KEY_VALUE = "kv"
    TRACE = "trace"


@dataclass(frozen=True, slots=True)
class RawExit:
    """One exit: bytes, or fields by name, or a trace record without either."""

    where: str
    """For messages: ``log.jsonl:12``, ``argument 1``."""
    reason: int = KVM_EXIT_DEBUG
    payload: bytes | None = None
    """The union's bytes, from the exit's own member on."""
    fields: Mapping[str, int] = field(default_factory=dict)
    """The member's fields by the kernel's names, where the input has no bytes."""
    byteorder: ByteOrder | None = None
    """None: not known."""
    arch: str = ""
    """What the input says the architecture is; empty: nothing."""
    trace: TraceRecord | None = None
    notes: tuple[str, ...] = ()
    """What was assumed in reading it."""
