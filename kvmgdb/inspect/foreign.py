"""Debug exits of architectures that no plugin here decodes: recognised, so that a dump is no dead end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kvmgdb.arch.exits import PayloadField, PayloadForm

_ARM64_DEBUG_CLASSES = {0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x38, 0x3C}
"""ESR_EL2.EC of breakpoint, step, watchpoint and BRK exceptions (Arm ARM, D24.2.40)."""
_S390_TYPES = {1, 2, 4, 8}


@dataclass(frozen=True, slots=True)
class Foreign:
    """An architecture KVM debugs and kvmgdb has no plugin for."""

    name: str
    aliases: tuple[str, ...]
    form: PayloadForm
    """``struct kvm_debug_exit_arch`` in its ``asm/kvm.h``."""
    telling: frozenset[str] = frozenset()
    """Names that no other architecture's payload has."""

    @property
    def need(self) -> str:
        """What is missing."""
        return f"no plugin decodes {self.name}: it takes one that implements kvmgdb_exit_decoder"


FOREIGN = (
    Foreign(
        "arm64",
        ("aarch64", "arm"),
        PayloadForm(
            "arm64",
            (
                PayloadField("hsr", 0, 4),
                PayloadField("hsr_high", 4, 4),
                PayloadField("far", 8, 8, address=True),
            ),
        ),
        frozenset({"hsr", "far"}),
    ),
    Foreign(
        "s390",
        ("s390x",),
        PayloadForm("s390", (PayloadField("addr", 0, 8, address=True), PayloadField("type", 8, 1))),
        frozenset({"addr"}),
    ),
    Foreign("riscv", ("riscv64", "riscv32"), PayloadForm("riscv", ())),
)


def by_arch(name: str) -> Foreign | None:
    """Find a foreign architecture by the name a user gives it."""
    base = name.partition(":")[0].lower()
    return next((f for f in FOREIGN if base == f.name or base in f.aliases), None)


@lru_cache(maxsize=64)
def by_fields(names: tuple[str, ...]) -> Foreign | None:
    """Find a foreign architecture by the names of its fields."""
    return next((f for f in FOREIGN if f.telling.intersection(names)), None)


def by_bytes(payload: bytes) -> Foreign | None:
    """Guess by values: an arm64 syndrome of a debug exception, or an s390 type with zero padding."""
    arm64, s390, _ = FOREIGN
    if len(payload) < arm64.form.size:
        return None
    if payload[3] >> 2 in _ARM64_DEBUG_CLASSES:
        return arm64
    if payload[8] in _S390_TYPES and not any(payload[9:16]):
        return s390
    return None
