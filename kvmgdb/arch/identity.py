"""Names of architectures: what ``--arch NAME:VARIANT`` means."""

from __future__ import annotations

from dataclasses import dataclass, field

PLUGIN_API = 1
"""The version of the contract in :mod:`kvmgdb.hookspec`; a plugin states the one it was written for."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One member of an architecture family, such as ``x86:16`` or ``ppc:440``."""

    name: str
    summary: str
    aliases: tuple[str, ...] = ()
    """Names that select this variant without a colon: ``i8086`` for ``x86:16``."""


@dataclass(frozen=True, slots=True)
class ArchInfo:
    """What a plugin says of one architecture it knows."""

    name: str
    summary: str
    variants: tuple[Variant, ...]
    """The first one is the default where nothing else decides."""
    aliases: tuple[str, ...] = ()
    api: int = PLUGIN_API
    elf: tuple[ElfMatch, ...] = ()
    """Which ELF files choose which variant when ``--arch`` names none; first match wins."""


@dataclass(frozen=True, slots=True)
class ElfMatch:
    """An ELF header that belongs to a variant (``e_machine`` and ``EI_CLASS``)."""

    machine: str
    """The name pyelftools uses, such as ``EM_X86_64``."""
    bits: int
    variant: str


@dataclass(frozen=True, slots=True)
class ArchId:
    """A chosen architecture: what every other hook is asked about."""

    name: str
    variant: str
    given: bool = field(default=True, compare=False)
    """Whether the user named the variant (if not, an ELF image may choose another)."""

    def __str__(self) -> str:
        return f"{self.name}:{self.variant}"
