"""A session with all that it needs, so that any process on any machine can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kvmgdb.config.lab import FREE_PORT, Expect, Lab, SessionPlan
from kvmgdb.config.written import document
from kvmgdb.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SessionTask:
    """One session: values only, files with their content."""

    name: str
    guest: str
    task: str
    settings: Mapping[str, object]
    """The guest's configuration file; its images are names of ``files``."""
    files: Mapping[str, bytes]
    """File name -> content."""
    gdb: tuple[str, ...]
    script: str | None
    """Text of a file of gdb commands."""
    python: str | None
    """Text of a Python script."""
    expect: Expect
    timeout: float

    @property
    def arch(self) -> str:
        """The architecture as the file says it; empty where the image decides."""
        return str(self.settings.get("arch", ""))

    @property
    def backend(self) -> str:
        """What runs the guest."""
        backend = self.settings["backend"]
        return str(backend["kind"]) if isinstance(backend, dict) else str(backend)


def task_of(lab: Lab, plan: SessionPlan) -> SessionTask:
    """Read in what a session needs.

    Raises:
        ConfigError: a file cannot be read.
    """
    config = lab.guests[plan.guest].config
    files, images = {}, []
    for number, image in enumerate(config.images):
        name = f"{number}-{image.path.name}"
        files[name] = _read(image.path)
        images.append(replace(image, path=Path(name)))
    served = replace(
        config, images=tuple(images), listen=FREE_PORT, allow_remote=False, once=False, trace=None
    )
    return SessionTask(
        plan.name,
        plan.guest,
        plan.task,
        document(served),
        files,
        plan.gdb,
        None if plan.script is None else _text(plan.script),
        None if plan.python is None else _text(plan.python),
        plan.expect,
        plan.timeout,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None


def _text(path: Path) -> str:
    return _read(path).decode("utf-8", "replace")
