"""Starting a guest on QEMU, or saying in one line why that cannot be; what ``kvmgdb doctor`` says of it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from kvmgdb.arch.architecture import Arch
from kvmgdb.arch.qemu import Board, QemuPort
from kvmgdb.backends.base import Finding, GuestSetup
from kvmgdb.backends.qemu.backend import QemuBackend
from kvmgdb.backends.qemu.child import Command
from kvmgdb.errors import BackendError, ConfigError

TIMEOUT = 20
"""Seconds a QEMU may take to say its version, or which machines it has."""

TAKEN = {
    "-S": "the guest waits for the debugger anyway; --run starts it",
    "-s": "kvmgdb is the server",
    "-gdb": "kvmgdb is the server",
    "-accel": "kvmgdb needs QEMU's own emulation (tcg); for KVM there is --backend kvm",
    "-enable-kvm": "kvmgdb needs QEMU's own emulation (tcg); for KVM there is --backend kvm",
    "-smp": "a guest has one processor",
    "-m": "the guest's memory is guest.memory (--memory)",
    "-machine": "that is backend.machine",
    "-M": "that is backend.machine",
    "-cpu": "that is backend.cpu",
    "-action": "kvmgdb has to know when the machine goes down",
    "-no-shutdown": "kvmgdb has to know when the machine goes down",
    "-daemonize": "QEMU is kvmgdb's child",
}
"""Options of QEMU's that are not for ``backend.arguments``, and why."""


class Start(Enum):
    """Where a guest begins."""

    IMAGE = "image"
    """At the entry of its image, as on every backend."""
    MACHINE = "machine"
    """At the processor's reset, with QEMU's firmware and whatever ``arguments`` has it load."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the mapping ``backend`` of a configuration holds besides ``kind``."""

    program: str = ""
    machine: str = ""
    cpu: str = ""
    arguments: tuple[str, ...] = ()
    start: Start = Start.IMAGE


def start(setup: GuestSetup) -> QemuBackend:
    """Start a guest.

    Raises:
        BackendError: this host cannot.
        ConfigError: an option that there is not.
    """
    options = _read(setup.options)
    port = port_for(setup.arch)
    board = port.board
    bare = options.start is Start.IMAGE
    command = Command(
        program=find(options.program or board.program, board),
        machine=options.machine or board.machine,
        cpu=options.cpu or ("" if options.machine else board.cpu),
        memory=-(-setup.memory // board.memory_step) * board.memory_step,
        firmware=port.firmware() if bare else None,
        reboots=not bare,
        arguments=(*(board.arguments if bare else ()), *options.arguments),
    )
    return QemuBackend(
        *(setup.arch, port, command, setup.images, setup.console),
        bare=bare,
        devices=bare and not options.machine,
    )


def can_run(arch: Arch) -> None:
    """Whether a guest of ``arch`` can be started here.

    Raises:
        BackendError: why not.
    """
    board = port_for(arch).board
    find(board.program, board)


def port_for(arch: Arch) -> QemuPort:
    """The port that runs ``arch``.

    Raises:
        BackendError: there is none.
    """
    port = arch.qemu
    if port is None:
        raise BackendError(f"QEMU does not run {arch.id} here: choose another variant or another backend")
    return port


def find(program: str, board: Board) -> str:
    """Where a QEMU is.

    Raises:
        BackendError: it is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise BackendError(
            f"{program} is not installed (Debian, Ubuntu: apt-get install {board.package}): install it, or "
            "use --backend emulator"
        )
    return path


def examine(archs: Sequence[Arch]) -> list[Finding]:
    """Each QEMU with its version, and whether it has the machines that guests get."""
    boards = {}
    for arch in archs:
        for variant in arch.info.variants:
            port = arch.as_variant(variant.name).qemu
            if port is not None:
                boards[f"{arch.info.name}:{variant.name}"] = port.board
    found: list[Finding] = []
    for program in dict.fromkeys(board.program for board in boards.values()):
        found += _examine(program, {name: b for name, b in boards.items() if b.program == program})
    return found


def _examine(program: str, boards: Mapping[str, Board]) -> Iterator[Finding]:
    try:
        path = find(program, next(iter(boards.values())))
        version, machines = _ask(path, "--version"), _ask(path, "-machine", "help")
    except BackendError as problem:
        yield Finding(program, str(problem), ok=False)
        return
    yield Finding(program, version.partition("\n")[0])
    names = {line.split()[0] for line in machines.splitlines()[1:] if line.strip()}
    for machine in dict.fromkeys(board.machine for board in boards.values()):
        users = ", ".join(name for name, board in boards.items() if board.machine == machine)
        if machine in names:
            yield Finding(f"machine {machine}", f"for {users}")
        else:
            yield Finding(f"machine {machine}", f"not in this QEMU: {users} need it", ok=False)


def _ask(path: str, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a path that was just looked up
            [path, *words], capture_output=True, text=True, timeout=TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise BackendError(f"does not answer: {problem}") from problem
    return done.stdout


def _read(options: Mapping[str, object]) -> Options:
    for name in ("program", "machine", "cpu"):
        if not isinstance(options.get(name, ""), str):
            raise ConfigError(f"backend.{name} is a name, and not {options[name]!r}")
    arguments = _words(options.get("arguments", []))
    for word in arguments:
        why = TAKEN.get(word.replace("--", "-", 1))
        if why:
            raise ConfigError(f"backend.arguments: {word} is not for here: {why}")
    begin = options.get("start", Start.IMAGE.value)
    if begin not in [choice.value for choice in Start]:
        raise ConfigError(f"backend.start is image or machine, and not {begin!r}")
    names = {name: str(options.get(name, "")) for name in ("program", "machine", "cpu")}
    return Options(**names, arguments=tuple(arguments), start=Start(begin))


def _words(value: object) -> list[str]:
    """A list of words, or a line of them as a shell reads it."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as problem:
            raise ConfigError(f"backend.arguments: {problem}: {value!r}") from None
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    raise ConfigError(f"backend.arguments is a list of words for QEMU, or a line of them, and not {value!r}")
