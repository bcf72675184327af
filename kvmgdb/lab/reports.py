"""The files a run is reported in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmgdb.errors import KvmgdbError
from kvmgdb.lab.html import page
from kvmgdb.lab.junit import junit
from kvmgdb.lab.results import LabResult


@dataclass(frozen=True, slots=True)
class Files:
    """The reports that were asked for; None where one was not."""

    junit: Path | None = None
    html: Path | None = None
    json: Path | None = None

    def prepare(self) -> None:
        """Make their folders.

        Raises:
            KvmgdbError: one cannot be written, which is better known before a run than after it.
        """
        for path in filter(None, (self.junit, self.html, self.json)):
            make_folder(path.parent)
            try:
                path.open("a").close()
            except OSError as problem:
                raise KvmgdbError(f"{path}: cannot be written: {problem.strerror}") from None

    def write(self, result: LabResult) -> None:
        """Write them.

        Raises:
            KvmgdbError: one cannot be written.
        """
        for path, text in self._texts(result):
            try:
                path.write_text(text, "utf-8")
            except OSError as problem:
                raise KvmgdbError(f"{path}: cannot be written: {problem.strerror}") from None

    def _texts(self, result: LabResult) -> Iterator[tuple[Path, str]]:
        if self.junit is not None:
            yield self.junit, junit(result)
        if self.html is not None:
            yield self.html, page(result)
        if self.json is not None:
            yield self.json, result.to_json() + "\n"


def make_folder(path: Path) -> None:
    """Make a folder and those it is in, where they are not there.

    Raises:
        KvmgdbError: that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise KvmgdbError(f"{path}: the folder cannot be made: {problem.strerror}") from None
