"""The servers under test: how each is started with the guest work, and brought to its loop.

All listen on the loopback interface by TCP.  Each lives in a process group of its own, which is killed
when its :class:`Running` is closed, whatever happened.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic

from bench.client import Client, ProtocolError, connect, frame
from bench.guests import BASE, Guest, linux_program

START_SECONDS = 20.0
"""How long a server may take until it listens and its guest is at the loop."""

REPLY_SECONDS = 20.0
"""How long one reply may take, be it the slowest of a stub with 100,000 breakpoints."""


LAST_WORDS_SECONDS = 0.5
"""How long a server that hung up may take to end."""


class Role(Enum):
    """What a server is to the comparison."""

    KVMGDB = "kvmgdb"
    PEER = "peer"
    FLOOR = "floor"


class UnavailableError(Exception):
    """A server that this host does not have; the text says what is missing."""


@dataclass(slots=True)
class Files:
    """Where the guest's files and compiled helpers are, in a directory that goes away."""

    directory: Path

    def image(self, guest: Guest) -> Path:
        """The raw image."""
        return self._write(f"{guest.arch}.bin", guest.image)

    def program(self, guest: Guest) -> Path:
        """The image as a Linux program."""
        return self._write(f"{guest.arch}.elf", linux_program(guest))

    def _write(self, name: str, data: bytes) -> Path:
        path = self.directory / name
        if not path.exists():
            path.write_bytes(data)
            path.chmod(0o755)
        return path

    def floor(self) -> Path:
        """The do-nothing stub, compiled."""
        path = self.directory / "floor"
        if not path.exists():
            source = Path(__file__).with_name("floor.c")
            subprocess.run(["gcc", "-O2", "-o", str(path), str(source)], check=True, timeout=60)
        return path


Command = Callable[[Guest, Files, int], list[str]]
"""The command line, from the guest, the files, and a free port."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """One server and how to start it."""

    name: str
    role: Role
    arch: str
    program: str
    """What must be installed."""
    command: Command
    announces: re.Pattern[bytes] | None = None
    """The line that says the port; None for a server that takes the port it is given."""
    arrive: Callable[[Client, Guest], None] = lambda client, guest: None
    """Bring the guest to its first instruction."""
    on_kvm: bool = False
    """A kvmgdb whose backend is the host's KVM; without it this server does not come up, and says why."""

    def start(self, guest: Guest, files: Files, *, awake: bool = True) -> Running:
        """Start the server, connect, bring the guest to its entry.

        Raises:
            UnavailableError: the program is not installed.
            ProtocolError, OSError: it does not come up; the text says how far it got.
        """
        if shutil.which(self.program) is None:
            raise UnavailableError(f"{self.program} is not installed")
        port = 0 if self.announces else _free_port()
        process = spawn(self.command(guest, files, port))
        try:
            if self.announces is not None:
                port = int(wait_for_line(process, self.announces, START_SECONDS)[1])
            client = connect("127.0.0.1", port, REPLY_SECONDS, awake=awake)
            client.handshake()
            self.arrive(client, guest)
        except BaseException:
            end(process)
            raise
        return Running(process, client)


@dataclass(slots=True)
class Running:
    """A server that runs, and the client connected to it."""

    process: subprocess.Popen[bytes]
    client: Client

    def last_words(self) -> str:
        """The last line the server has printed, and how it ended if it did; for the report of a failure."""
        seen = b""
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)
            seen = self.process.stdout.read() or b""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LAST_WORDS_SECONDS)
        status = "still runs" if self.process.returncode is None else f"ended with {self.process.returncode}"
        line = (seen.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        return f"the server {status}, its last words: {line}"

    def close(self) -> None:
        """Hang up and end the server with everything it started."""
        self.client.close()
        end(self.process)


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the bench does, be it by SIGKILL (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own; its output, errors too, is one pipe."""
    return subprocess.Popen(
        command,
        preexec_fn=_die_with_parent,  # safe: the bench has one thread
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group and wait for its leader."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def wait_for_line(
    process: subprocess.Popen[bytes], wanted: re.Pattern[bytes], seconds: float
) -> re.Match[bytes]:
    """Read a program's output until a pattern appears.

    Raises:
        ProtocolError: it ended or stayed silent; the text has what it printed.
    """
    if process.stdout is None:
        raise ProtocolError("its output is not a pipe")
    deadline, seen = monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not (found := wanted.search(seen)):
            ready = selector.select(max(0.0, deadline - monotonic()))
            data = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not data:
                raise ProtocolError(
                    f"{process.args!r} never said where it listens: {seen.decode(errors='replace')}"
                )
            seen += data
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


# -- the servers -----------------------------------------------------------------------------------


def kvmgdb_program() -> str:
    """The ``kvmgdb`` beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("kvmgdb")
    return str(beside) if beside.exists() else "kvmgdb"


LISTENING = re.compile(rb"listening on tcp:127\.0\.0\.1:(\d+)\s")


def _kvmgdb(arch: str, *more: str) -> Command:
    def command(guest: Guest, files: Files, _port: int) -> list[str]:
        image = f"{files.image(guest)}@{BASE:#x}"
        return [
            *(kvmgdb_program(), "serve", "--arch", arch, "--image", image, "--entry", f"{guest.entry:#x}"),
            *("--memory", "32MiB", "--listen", "tcp:127.0.0.1:0", *more),
        ]

    return command


_QEMU = ("-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none", "-S", "-gdb")


def _qemu_x86(guest: Guest, files: Files, port: int) -> list[str]:
    image = str(files.image(guest))
    return ["qemu-system-x86_64", "-M", "pc", "-kernel", image, *_QEMU, f"tcp:127.0.0.1:{port}"]


def _boot(client: Client, guest: Guest) -> None:
    """From reset through the BIOS and the multiboot loader to the loop, in flat protected mode."""
    client.demand(b"Z1,%x,%x" % (guest.entry, guest.width), b"OK")
    client.stop(frame(b"vCont;c"))
    client.demand(b"z1,%x,%x" % (guest.entry, guest.width), b"OK")


def _qemu_ppc(guest: Guest, files: Files, port: int) -> list[str]:
    loader = f"loader,file={files.image(guest)},addr={BASE:#x},force-raw=on"
    machine = ("qemu-system-ppc", "-M", "g3beige", "-cpu", "750")
    return [*machine, "-device", loader, *_QEMU, f"tcp:127.0.0.1:{port}"]


def _set_ppc_pc(client: Client, guest: Guest) -> None:
    """Number 64 is gdb's for the PowerPC's pc; translation is off at reset, in QEMU and in kvmgdb.

    QEMU takes ``P`` only from a client that has asked for its target description.
    """
    client.demand(b"qXfer:features:read:target.xml:0,ff0", b"l")
    client.demand(b"P40=%08x" % guest.entry, b"OK")


def _gdbserver(guest: Guest, files: Files, _port: int) -> list[str]:
    return ["gdbserver", "127.0.0.1:0", str(files.program(guest))]


def _floor_c(_guest: Guest, files: Files, _port: int) -> list[str]:
    return [str(files.floor())]


def _floor_python(_guest: Guest, _files: Files, _port: int) -> list[str]:
    return [sys.executable, "-m", "bench.floor"]


LAUNCHERS = (
    Launcher("kvmgdb x86:32", Role.KVMGDB, "x86", kvmgdb_program(), _kvmgdb("x86:32"), LISTENING),
    Launcher("kvmgdb x86:64", Role.KVMGDB, "x86", kvmgdb_program(), _kvmgdb("x86:64"), LISTENING),
    Launcher(
        *("kvmgdb x86:64 KVM", Role.KVMGDB, "x86", kvmgdb_program()),
        *(_kvmgdb("x86:64", "--backend", "kvm"), LISTENING),
        on_kvm=True,
    ),
    Launcher("QEMU x86", Role.PEER, "x86", "qemu-system-x86_64", _qemu_x86, None, _boot),
    Launcher(
        "gdbserver", Role.PEER, "x86", "gdbserver", _gdbserver, re.compile(rb"Listening on port (\d+)\s")
    ),
    Launcher("nothing (C)", Role.FLOOR, "x86", "gcc", _floor_c, LISTENING),
    Launcher("nothing (Python)", Role.FLOOR, "x86", sys.executable, _floor_python, LISTENING),
    Launcher("kvmgdb ppc:750", Role.KVMGDB, "ppc", kvmgdb_program(), _kvmgdb("ppc:750"), LISTENING),
    Launcher("kvmgdb ppc:440", Role.KVMGDB, "ppc", kvmgdb_program(), _kvmgdb("ppc:440"), LISTENING),
    Launcher("nothing (C)", Role.FLOOR, "ppc", "gcc", _floor_c, LISTENING),
    Launcher("QEMU ppc 750", Role.PEER, "ppc", "qemu-system-ppc", _qemu_ppc, None, _set_ppc_pc),
)
"""For each architecture the first kvmgdb is the one that ratios are made with."""
