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
    """The guest's configuration file; its images are names of ``images``."""
    images: Mapping[str, bytes]
    """File name -> content."""
    sources: tuple[str, ...]
    """Folders the images come from, where gdb may find sources."""
    files: Mapping[str, bytes]
    """What the session finds in its working folder, the script among it: file name -> content."""
    gdb: tuple[str, ...]
    script: str | None
    """Name of a file of gdb commands."""
    python: str | None
    """Name of a Python script."""
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
    contents, images = {}, []
    for number, image in enumerate(config.images):
        name = f"{number}-{image.path.name}"
        contents[name] = _read(image.path)
        images.append(replace(image, path=Path(name)))
    served = replace(
        config, images=tuple(images), listen=FREE_PORT, allow_remote=False, once=False, trace=None
    )
    scripts = [path for path in (plan.script, plan.python) if path is not None]
    return SessionTask(
        name=plan.name,
        guest=plan.guest,
        task=plan.task,
        settings=document(served),
        images=contents,
        sources=tuple(dict.fromkeys(str(image.path.absolute().parent) for image in config.images)),
        files={path.name: _read(path) for path in (*plan.files, *scripts)},
        gdb=plan.gdb,
        script=None if plan.script is None else plan.script.name,
        python=None if plan.python is None else plan.python.name,
        expect=plan.expect,
        timeout=plan.timeout,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from None
