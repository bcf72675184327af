"""Where the program's own words go: standard error, one line each, and a file if one is named."""

from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path
from typing import TextIO

from kvmgdb.errors import UsageError
from kvmgdb.version import __version__

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_FILE_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
_FILE_TIME = "%Y-%m-%d %H:%M:%S"

PREFIX = "kvmgdb: "
WITHOUT_PREFIX = {"prefix": ""}
"""The ``extra`` of a line that begins with its own place: FILE:LINE:COLUMN, where an editor looks for it."""

log = logging.getLogger(__name__)


class _Screen(logging.StreamHandler[TextIO]):
    """Standard error as it is now: a progress line stands in for it while it is shown."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_OneLine())

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _OneLine(logging.Formatter):
    """The message; where an error of ours comes from only for who wants to know everything."""

    def format(self, record: logging.LogRecord) -> str:
        line = str(getattr(record, "prefix", PREFIX)) + record.getMessage()
        if record.exc_info and says(logging.DEBUG):
            line += "\n" + self.formatException(record.exc_info)
        return line


class _File(logging.FileHandler):
    """The file of ``--log-file``; should it come to be full, it ends there and the program goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say so once."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):
            super().handleError(record)
        elif self.level <= logging.CRITICAL:
            self.setLevel(logging.CRITICAL + 1)
            log.warning("the log file %s ends here: %s", self.baseFilename, problem.strerror)


_screen = _Screen()


def configure(verbose: int = 0, quiet: bool = False, file: Path | None = None) -> None:
    """Choose how much is said.  A file gets what -v says, and all of -vv with it, even where the terminal is
    quiet.

    Raises:
        UsageError: the file cannot be written.
    """
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    _screen.setLevel(logging.ERROR if quiet else level)
    handlers: list[logging.Handler] = [_screen]
    if file is not None:
        handlers.append(_to_file(file, min(level, logging.INFO)))
    logging.basicConfig(level=min(handler.level for handler in handlers), handlers=handlers, force=True)
    log.info("version %s: %s", __version__, shlex.join(sys.argv[1:]))


def _to_file(file: Path, level: int) -> logging.Handler:
    try:
        handler = _File(file, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"--log-file: {file} cannot be written: {problem.strerror}") from None
    handler.setFormatter(logging.Formatter(_FILE_FORMAT, _FILE_TIME))
    handler.setLevel(level)
    return handler


def says(level: int) -> bool:
    """Whether standard error gets lines of this level."""
    return level >= _screen.level
