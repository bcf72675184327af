"""The result: what ``kvmgdb serve`` runs with, and the one place where every default stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmgdb.config.listen import ListenAddress, TcpAddress
from kvmgdb.config.values import MIB, ImageSpec
from kvmgdb.policy import DEFAULT_PRESET, PRESETS, Policy


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """One guest and how it is served."""

    arch: str | None = None
    """``NAME`` or ``NAME:VARIANT``; None leaves it to the image."""
    backend: str = "emulator"
    backend_options: Mapping[str, object] = field(default_factory=dict)
    """What the file's ``backend`` mapping holds besides ``kind``; the backend checks it."""
    images: tuple[ImageSpec, ...] = ()
    """Empty: the sample guest of the architecture."""
    memory: int = 16 * MIB
    """Bytes, a whole number of pages."""
    entry: int | None = None
    """Where the guest starts; None leaves it to the image."""
    listen: ListenAddress = field(default=TcpAddress("127.0.0.1", 1234))
    allow_remote: bool = False
    """Whether ``listen`` may be reached from other machines."""
    once: bool = False
    """Whether to end after the first debugger; always so on standard input and output."""
    run: bool = False
    """Whether the guest starts at once, before a debugger attaches."""
    trace: Path | None = None
    """Where every exit and decision is written; None: nowhere."""
    policy: Policy = PRESETS[DEFAULT_PRESET].policy


DEFAULTS = ServeConfig()
