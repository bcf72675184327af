"""What this host can do: one report of everything a guest, a backend or a debugger may lack."""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.backends.base import BackendInfo, Finding
from kvmgdb.debugger import GDBS
from kvmgdb.errors import KvmgdbError
from kvmgdb.gdb_offers import findings as gdb_findings
from kvmgdb.plugins import Plugins
from kvmgdb.rsp import bulk, framing
from kvmgdb.version import __version__

CHOICE = "your choice"
_COMPILED = "compiled"
_NOT_COMPILED = (
    "at a third of their speed: no C compiler was at hand when kvmgdb was installed; "
    "install one and Python's headers, then kvmgdb again"
)
TIMEOUT = 20
"""Seconds a program may take to say its version."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with what was found."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything."""

    sections: tuple[Section, ...]
    works: bool
    """Whether the backend and the architecture that were asked about work together here."""

    def as_json(self) -> dict[str, object]:
        """For programs: sections with their findings, and whether the choice works."""
        return {"works": self.works, "sections": [asdict(section) for section in self.sections]}


def examine(
    plugins: Plugins, backend: str | None, arch: str | None, tell: Callable[[str], None] = lambda name: None
) -> Report:
    """Look at the host; ``backend`` and ``arch`` are what the user means to run.  ``tell`` is called with the
    name of each section before it is looked at.

    Raises:
        UsageError: there is no such backend or architecture.
    """
    infos = plugins.backends
    chosen = plugins.resolve(arch) if arch is not None else None
    wanted_backend = plugins.backend(backend) if backend is not None else None
    archs = [plugins.arch(info, None) for info in plugins.archs]
    looks: dict[str, Callable[[], Iterable[Finding]]] = {"host": _host, "plugins": partial(_plugins, plugins)}
    looks |= {f"backend {info.name}": partial(info.examine, archs) for info in infos.values()}
    looks |= {"gdb": _gdbs, "limits": _limits}
    if backend is not None or chosen is not None:
        wanted = [wanted_backend] if wanted_backend is not None else list(infos.values())
        looks[CHOICE] = partial(_choice, wanted, [chosen] if chosen is not None else archs)
    sections = tuple(_looked_at(looks, tell))
    choice = [finding.ok for section in sections if section.title == CHOICE for finding in section.findings]
    return Report(tuple(s for s in sections if s.findings), not choice or any(choice))


def _looked_at(
    looks: Mapping[str, Callable[[], Iterable[Finding]]], tell: Callable[[str], None]
) -> Iterator[Section]:
    for title, look in looks.items():
        tell(title)
        yield Section(title, tuple(look()))


def _host() -> Iterator[Finding]:
    yield Finding("kvmgdb", __version__)
    yield Finding("kernel", f"{platform.system()} {platform.release()} on {platform.machine()}")
    yield Finding("Python", platform.python_version())
    for name in ("unicorn", "capstone", "pluggy"):
        yield Finding(name, importlib.metadata.version(name))
    yield Finding("large packets", _COMPILED if bulk.COMPILED else _NOT_COMPILED, bulk.COMPILED)


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    for record in plugins.records:
        if record.name != "core":
            text = f"not used: {record.problem}" if record.problem else record.origin
            yield Finding(record.name, text, ok=not record.problem)


def _programs(names: tuple[str, ...]) -> Iterator[Finding]:
    for name in names:
        path = shutil.which(name)
        if path is None:
            yield Finding(name, "not installed", ok=False)
            continue
        try:
            done = subprocess.run(  # noqa: S603 - a path that was just looked up
                [path, "--version"], capture_output=True, text=True, timeout=TIMEOUT, check=True
            )
        except (OSError, subprocess.SubprocessError) as problem:
            yield Finding(name, f"does not say its version: {problem}", ok=False)
        else:
            yield Finding(name, done.stdout.partition("\n")[0])


def _gdbs() -> Iterator[Finding]:
    for name in GDBS:
        yield from _programs((name,))
        path = shutil.which(name)
        if path is not None:
            yield from gdb_findings(name, path)


def _limits() -> Iterator[Finding]:
    """The host's, and kvmgdb's own."""
    yield Finding("guest memory", f"{_available() >> 20} MiB are free here; 16 MiB if nothing is said")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield Finding("open files", f"{files} (ulimit -n)")
    yield Finding("processors", "1 in a guest")
    yield Finding("debuggers", "1 at a time; others are turned away")
    yield Finding("packets", f"up to {framing.MAX_PACKET >> 10} KiB")
    yield Finding("breakpoints", "any number; those in debug registers as many as the processor has")


def _available() -> int:
    """Bytes (proc(5), ``/proc/meminfo``), or what ulimit -v leaves."""
    text = Path("/proc/meminfo").read_text("ascii")
    free = int(text.partition("MemAvailable:")[2].split()[0]) << 10
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return free if limit == resource.RLIM_INFINITY else min(free, limit)


def _choice(backends: list[BackendInfo], archs: list[Arch]) -> Iterator[Finding]:
    """Each combination of what was asked for; one that works is enough."""
    for backend in backends:
        for arch in archs:
            name = f"{arch.id} on {backend.name}"
            try:
                backend.can_run(arch)
            except KvmgdbError as problem:
                yield Finding(name, str(problem), ok=False)
            else:
                yield Finding(name, "can be run here")
