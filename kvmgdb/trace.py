"""The trace file of ``kvmgdb serve --trace``: every exit and decision, a line of JSON each."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from time import monotonic

from kvmgdb.arch.identity import ArchId
from kvmgdb.arch.stops import Stop
from kvmgdb.arch.trace import TraceRecord
from kvmgdb.errors import KvmgdbError

log = logging.getLogger(__name__)


class TraceFile:
    """One file, written line by line so that it is whole whenever the server ends.  Should there be no more
    room for it, it ends there, and the guest goes on.
    """

    def __init__(self, path: Path, arch: ArchId) -> None:
        """Begin the file anew.

        Raises:
            KvmgdbError: it cannot be written.
        """
        try:
            self._file = path.open("w", encoding="utf-8", buffering=1)
        except OSError as problem:
            raise KvmgdbError(f"the trace file {path} cannot be written: {problem.strerror}") from problem
        self._path = path
        self._arch = str(arch)
        self._begin = monotonic()
        self._seq = 0

    def write(self, stop: Stop, verdict: str) -> None:
        """Add a stop and whose it was."""
        if self._file.closed:
            return
        self._seq += 1
        record = TraceRecord(
            seq=self._seq,
            time=monotonic() - self._begin,
            arch=self._arch,
            event=stop.kind.value,
            pc=stop.pc,
            verdict=verdict,
            why=stop.reason,
            extra=_extra(stop),
        )
        try:
            self._file.write(record.to_json() + "\n")
        except OSError as problem:
            log.warning("the trace file %s ends here: %s", self._path, problem.strerror)
            self.close()

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # it has been told of
            self._file.close()


def _extra(stop: Stop) -> dict[str, object]:
    """What only some stops have: the data address, and the status a guest ended with."""
    extra: dict[str, object] = {}
    if stop.address is not None:
        extra["address"] = hex(stop.address)
    if stop.status is not None:
        extra["status"] = stop.status
    return extra
