"""Debian packages of any architecture, downloaded and unpacked into the cache: nothing is installed.

apt gets a configuration, package lists and a status file of its own, so neither root nor the host's own
release matters.  Versions leave the archive, so they are found at run time, by name pattern.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
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


class Packages:
    """The packages of one architecture (Debian's name of it) from some suites."""

    def __init__(self, architecture: str = "amd64", suites: tuple[Suite, ...] = BOOKWORM) -> None:
        if problem := lacking():
            raise LabError(problem)
        self.architecture = architecture
        self._folder = cache.folder(architecture, "+".join(suite.name for suite in suites))
        for name in ("lists/partial", "archives/partial", "debs", "unpacked"):
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
        """The folder with a package's files, downloaded and unpacked if it is not there.

        ``name`` may say the suite: ``qemu-system-ppc/bookworm-backports``.
        """
        listed = self._run("apt-get", "download", "--print-uris", name).split()
        if len(listed) < 2:
            raise LabError(f"Debian's archive has no package {name} ({self.architecture})")
        file = listed[1]
        deb, tree = self._folder / "debs" / file, self._folder / "unpacked" / file.removesuffix(".deb")
        if tree.exists():
            return tree
        if not deb.exists():
            self._run("apt-get", "download", "-qq", name, cwd=deb.parent)
        part = tree.with_name(f"{tree.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        self._run("dpkg-deb", "--extract", str(deb), str(part))
        part.rename(tree)
        deb.unlink()
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
