"""Debian packages of any architecture, downloaded and unpacked into the cache: nothing is installed.

apt gets a configuration, package lists and a status file of its own, so neither root nor the host's own
release matters.  Versions leave the archive, so they are found at run time, by name pattern.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tests.kvmlab import cache
from tests.kvmlab.cache import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FRESH = 24 * 3600.0
"""Seconds for which package lists are taken as they are."""
TOOLS = ("apt-get", "apt-cache", "dpkg-deb")


@dataclass(frozen=True, slots=True)
class Suite:
    """One line of ``sources.list``."""

    name: str
    mirror: str = "http://deb.debian.org/debian"

    @property
    def line(self) -> str:
        """The line."""
        return f"deb [signed-by={KEYRING}] {self.mirror} {self.name} main"


BOOKWORM = (
    Suite("bookworm"),
    Suite("bookworm-security", "http://deb.debian.org/debian-security"),
)
"""Debian 12: its kernel is the newest that runs nested under QEMU's and Bochs' processors."""

# Read after the host's own files, so that its proxies hold and its hooks do not.
_CONFIG = """\
#clear APT::Update;
#clear DPkg::Post-Invoke;
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Cache::pkgcache "{folder}/pkgcache.bin";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/parts";
Dir::Etc::preferencesparts "{folder}/parts";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
"""


def newest(names: Iterable[str]) -> str:
    """The name with the highest numbers in it: ``linux-image-6.1.0-56-amd64`` before ``...-9-amd64``.

    Raises:
        LabError: there is none.
    """
    found = sorted(names, key=_natural)
    if not found:
        raise LabError("no package has such a name")
    return found[-1]


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def lacking() -> str:
    """What this host lacks to get packages at all; empty if nothing."""
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return f"{tool} is not installed (the lab takes its kernel from Debian's archive)"
    return "" if KEYRING.exists() else f"{KEYRING} is missing: apt-get install debian-archive-keyring"


def program_of(root: Path, path: str) -> tuple[str, ...]:
    """The words that start an amd64 program of a root (:meth:`Packages.root`) with that root's libraries."""
    folders = ":".join(str(root / folder / "x86_64-linux-gnu") for folder in ("lib", "usr/lib"))
    return (str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", folders, str(root / path))


class Packages:
    """The packages of one architecture (Debian's name of it) from some suites."""

    def __init__(self, architecture: str = "amd64", suites: tuple[Suite, ...] = BOOKWORM) -> None:
        if problem := lacking():
            raise LabError(problem)
        self.architecture = architecture
        self._folder = cache.folder(architecture, "+".join(suite.name for suite in suites))
        for name in ("lists/partial", "archives/partial", "debs", "unpacked", "roots", "parts"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        (self._folder / "sources.list").write_text("".join(suite.line + "\n" for suite in suites))
        self._config = self._folder / "apt.conf"
        self._config.write_text(_CONFIG.format(folder=self._folder, architecture=architecture))
        self._refresh()

    def newest(self, pattern: str) -> str:
        """The newest package whose name is ``pattern`` (a regular expression) from end to end."""
        names = self._run("apt-cache", "pkgnames").split()
        try:
            return newest(name for name in names if re.fullmatch(pattern, name))
        except LabError as problem:
            raise LabError(f"{problem}: {pattern} ({self.architecture})") from None

    def unpacked(self, name: str) -> Path:
        """The folder with the files of one package and nothing it depends on, downloaded if it is not there.

        ``name`` may say the suite: ``qemu-system-ppc/bookworm-backports``.

        Raises:
            LabError: there is no such package, or no network to get it by.
        """
        listed = self._files("download", name)
        return self._unpack(self._folder / "unpacked" / listed[0].removesuffix(".deb"), listed, [name])

    def root(self, *names: str) -> Path:
        """The folder with packages and all they depend on, as they would stand on a machine of their own.

        Raises:
            LabError: there is no such package, or no network to get it by.
        """
        listed = self._files("install", "--yes", "--no-install-recommends", *names)
        digest = hashlib.sha256("\n".join(listed).encode()).hexdigest()[:12]
        exact = ["=".join(unquote(file).split("_")[:2]) for file in listed]
        label = names[0].partition("/")[0]
        return self._unpack(self._folder / "roots" / f"{label}-{digest}", listed, exact)

    def _files(self, *command: str) -> list[str]:
        """The file names of what an apt-get command would download."""
        lines = self._run("apt-get", "-qq", "--print-uris", *command).splitlines()
        files = [line.split()[1] for line in lines if line.startswith("'")]
        if not files:
            raise LabError(f"apt-get {' '.join(command)}: nothing to download ({self.architecture})")
        return files

    def _unpack(self, tree: Path, files: list[str], names: list[str]) -> Path:
        """Unpack ``files``, which ``apt-get download`` knows as ``names``, into ``tree``, all or nothing."""
        if tree.exists():
            return tree
        debs = self._folder / "debs"
        wanted = [name for file, name in zip(files, names, strict=True) if not (debs / file).exists()]
        if wanted:
            self._run("apt-get", "-qq", "download", *wanted, cwd=debs)
        part = tree.with_name(f"{tree.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for file in files:
            self._run("dpkg-deb", "--extract", str(debs / file), str(part))
        part.rename(tree)
        for file in files:
            (debs / file).unlink()
        return tree

    def _refresh(self) -> None:
        """New package lists once a day; old ones where there is no network."""
        stamp = self._folder / "lists" / "refreshed"
        wanted = (self._folder / "sources.list").read_text()
        if stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH and stamp.read_text() == wanted:
            return
        try:
            self._run("apt-get", "update", "-qq", "--error-on=any")
        except LabError:
            if not stamp.exists():
                raise
        else:
            stamp.write_text(wanted)

    def _run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        config = ("-c", str(self._config)) if tool.startswith("apt") else ()
        done = subprocess.run(
            [tool, *config, *arguments], cwd=cwd, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise LabError(f"{tool} {' '.join(arguments)}: {said[0] if said else done.returncode}")
        return done.stdout
