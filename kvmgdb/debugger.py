"""The gdb at the other end: how it is told what it cannot know, and how ``serve --gdb`` runs it.

gdb has the terminal and the Ctrl-C key; the server stands behind it, on one thread as ever, and ends with it.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kvmgdb.arch.architecture import Arch
from kvmgdb.config.listen import StdioAddress, UnixAddress
from kvmgdb.config.resolve import Loaded
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.config.tree import Source
from kvmgdb.errors import KvmgdbError, UsageError
from kvmgdb.loader import Image, LoadedImages, variant_of
from kvmgdb.transport import Connection, Listener

MULTIARCH = "gdb-multiarch"
"""The gdb that knows every architecture."""
GDBS = (MULTIARCH, "gdb")
"""What is looked for, in this order."""
ANSWER = 20
"""Seconds gdb may take to say whether it knows an architecture."""
GOODBYE = 5
"""Seconds gdb may take to put the terminal right when it is told to end."""


@dataclass(frozen=True, slots=True)
class Gdb:
    """What ``serve --gdb`` was asked for."""

    command: str = ""
    """The program and arguments of its own, as in a shell; empty: one of :data:`GDBS`."""
    monitor: tuple[str, ...] = ()
    """Monitor commands to begin with."""


@contextmanager
def private_listener(loaded: Loaded) -> Iterator[ServeConfig]:
    """The configuration for a gdb of our own: where it does not say itself where to listen, at a socket that
    only this user can reach, gone at the end.

    Raises:
        UsageError: gdb cannot be on standard input and output; it has the terminal.
    """
    config = loaded.config
    if isinstance(config.listen, StdioAddress):
        raise UsageError(f"{loaded.origins['listen'].place}: --gdb starts gdb itself: leave out listen stdio")
    if loaded.origins["listen"].source is not Source.DEFAULT:
        yield config
        return
    with tempfile.TemporaryDirectory(prefix="kvmgdb-") as folder:
        yield replace(config, listen=UnixAddress(Path(folder, "gdb")))


def attach_words(arch: Arch, images: LoadedImages, address: str) -> list[str]:
    """What gdb is given to attach: symbols, and what neither they nor the target description tell it."""
    words = _of_raw_bytes(arch) if images.symbols is None else _of_elf(arch, images.symbols)
    return [*words, "-ex", f"target remote {address.removeprefix('tcp:').removeprefix('unix:')}"]


def _of_raw_bytes(arch: Arch) -> list[str]:
    words = ["-ex", f"set architecture {arch.registers.architecture}"]
    return [*words, "-ex", "set endian big"] if arch.registers.byteorder == "big" else words


def _of_elf(arch: Arch, elf: Image) -> list[str]:
    """Real-mode code is in a file for the i386; gdb takes it to be for an operating system, too, which it
    does not know for the i8086.  Sources are looked for beside the file as well: one that was built on
    another host names folders that are not here.
    """
    words = [str(elf.path)]
    if _name_for(arch, variant_of(elf, arch.info)) != arch.registers.architecture:
        words += ["-ex", "set osabi none", "-ex", f"set architecture {arch.registers.architecture}"]
    if elf.path.parent != Path():
        words += ["-ex", f"directory {shlex.quote(str(elf.path.parent))}"]
    return words


def _name_for(arch: Arch, variant: str | None) -> str:
    return arch.as_variant(variant).registers.architecture if variant else ""


def attach_hint(words: Sequence[str]) -> str:
    """The command that attaches, for the user to copy."""
    return shlex.join([MULTIARCH, *words])


def first_words(gdb: Gdb) -> list[str]:
    """What gdb does as soon as it is attached: learn kvmgdb's monitor commands, and give some."""
    script = Path(__file__).with_name("monitor_in_gdb.py")
    return ["-ex", f"source {script}", *(word for m in gdb.monitor for word in ("-ex", f"monitor {m}"))]


def gdb_command(gdb: Gdb, architecture: str) -> tuple[str, list[str]]:
    """The gdb to start, and arguments for after those that attach: it obeys them in their order.

    Raises:
        UsageError: the one that was named is not there.
        KvmgdbError: none that knows the architecture is installed.
    """
    if gdb.command:
        return _named(gdb.command)
    for name in GDBS:
        path = shutil.which(name)
        if path is not None and (name == MULTIARCH or _knows(path, architecture)):
            return path, ["-q", *_plain()]
    raise KvmgdbError(
        f"no gdb that knows {architecture} is installed: install {MULTIARCH} (Debian, Ubuntu: "
        f"apt-get install {MULTIARCH}), or name one with --gdb-command"
    )


def _named(command: str) -> tuple[str, list[str]]:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise UsageError(f"--gdb-command: {command!r} is not a command: {problem}") from None
    path = shutil.which(words[0]) if words else None
    if path is None:
        raise UsageError(f"--gdb-command: there is no program {words[0] if words else ''!r}")
    return path, [*words[1:], *_plain()]


def _plain() -> list[str]:
    """What keeps gdb from colouring (https://no-color.org), which it does not look for itself."""
    return ["-iex", "set style enabled off"] if os.environ.get("NO_COLOR") else []


def _knows(path: str, architecture: str) -> bool:
    """Whether a gdb can be set to an architecture; it says so on standard error, with exit code 0."""
    command = [path, "-nx", "-batch", "-ex", f"set architecture {architecture}", "-ex", "show architecture"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603 - a path that was just looked up
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER, check=True
        )
        return f'"{architecture}"' in done.stdout
    return False


class Attended:
    """The listener of a server that ends when the gdb it was started with does."""

    def __init__(self, listener: Listener, process: subprocess.Popen[bytes]) -> None:
        self.address = listener.address
        self._listener = listener
        self._process = process
        self._end = os.pidfd_open(process.pid)
        self._epoll = select.epoll()
        self._epoll.register(self._end, select.EPOLLIN)
        if listener.fd is not None:
            self._epoll.register(listener.fd, select.EPOLLIN)
        self.fd: int | None = self._epoll.fileno()

    def accept(self) -> Connection | None:
        """The next connection of gdb's; None once gdb has ended."""
        ready = {fd for fd, _ in self._epoll.poll()}
        return None if self._end in ready else self._listener.accept()

    def wait(self) -> int:
        """Wait for gdb's end; its exit status, or 128 and the signal that ended it, as shells say it."""
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def close(self) -> None:
        """Stop listening; a gdb that is still there is told to end."""
        self._epoll.close()
        os.close(self._end)
        self._listener.close()
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GOODBYE)
            self._process.kill()


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command)  # noqa: S603 - the user's own gdb
    except OSError as problem:
        raise KvmgdbError(f"{command[0]}: cannot be started: {problem.strerror}") from problem


@contextmanager
def attended(command: Sequence[str], listener: Listener) -> Iterator[Attended]:
    """Start gdb on this terminal, about to connect to ``listener``.

    Ctrl-C goes to every process of the terminal: here it means nothing, to gdb it is what it always is.

    Raises:
        KvmgdbError: it cannot be started.
    """
    old = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, since gdb would inherit SIG_IGN
    try:
        gdb = Attended(listener, _start(command))
        try:
            yield gdb
        finally:
            gdb.close()
    finally:
        signal.signal(signal.SIGINT, old)
