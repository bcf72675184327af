"""The composition root: from a configuration to a guest that is served."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack

from kvmgdb.arch.architecture import Arch
from kvmgdb.backends.base import Backend, GuestSetup, Observer
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.debugger import Gdb, attach_hint, attach_words, attended, first_words, gdb_command
from kvmgdb.errors import ImageError, UsageError
from kvmgdb.guest import Guest
from kvmgdb.loader import Image, LoadedImages, combine, read_image, variant_of
from kvmgdb.outcomes import State
from kvmgdb.plugins import Plugins
from kvmgdb.policy import Policy, SoftwareBreakpoints, UnclaimedExits
from kvmgdb.server import Server
from kvmgdb.session import Session
from kvmgdb.signals import Terminable
from kvmgdb.trace import TraceFile
from kvmgdb.transport import listen

DEFAULT_ARCH = "x86"

GARBAGE = 100_000
"""New objects after which the garbage collector looks at them; cycles, which it is for, come with errors."""

log = logging.getLogger(__name__)


class Console:
    """The guest's console, on standard error; flushed by the line and whenever the guest stops."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._line = bytearray()

    def put(self, byte: int) -> None:
        """Take one byte."""
        self._line.append(byte)
        if byte == 0x0A or len(self._line) >= 512:
            self.flush()

    def text(self, text: bytes) -> None:
        """Take some bytes."""
        for byte in text:
            self.put(byte)

    def flush(self) -> None:
        """Show what has come so far."""
        if self._line:
            self._write(bytes(self._line))
            self._line.clear()


def serve(
    config: ServeConfig, plugins: Plugins, announce: Callable[[str, str], None], gdb: Gdb | None = None
) -> int:
    """Start the guest and serve it until it is over; the exit status.

    ``announce`` is called once, when debuggers can connect, with the address and a gdb command that does.
    With ``gdb`` that command is run here, the server ends when it does, and its status is ours.

    Raises:
        KvmgdbError: whatever stands in the way, on one line.
    """
    arch, images = choose_guest(config, plugins)
    program, own_words = gdb_command(gdb, arch.registers.architecture) if gdb else ("", [])
    console = Console(lambda data: os.write(sys.stderr.fileno(), data))
    backend = start_backend(config, plugins, arch, images, console)
    log.info("%s on the backend %s", arch.id, backend.name)
    for line in unheld(config.policy, arch, backend):
        log.warning("%s", line)
    with ExitStack() as cleanup:
        cleanup.callback(backend.close)
        session = Session(
            Guest(arch, backend),
            config.policy,
            plugins.monitor_commands,
            console_flush=console.flush,
            say=console.text,
            ends_with_debugger=gdb is not None,
        )
        if config.trace is not None:
            trace = TraceFile(config.trace, arch.id)
            cleanup.callback(trace.close)
            session.trace = trace.write
        if config.run:
            session.state = State.RUNNING
        listener = listen(config.listen)
        cleanup.callback(listener.close)
        cleanup.callback(console.flush)
        cleanup.enter_context(Terminable())
        words = attach_words(arch, images, listener.address)
        log.info("listening on %s", listener.address)
        announce(listener.address, attach_hint(words))
        if gdb is None:
            _get_ready()
            Server(session, listener, once=config.once, run=config.run).serve()
            return 0
        debugger = cleanup.enter_context(attended([program, *words, *first_words(gdb), *own_words], listener))
        _get_ready()
        Server(session, debugger, once=config.once, run=config.run).serve()
        return debugger.wait()


def unheld(policy: Policy, arch: Arch, backend: Observer) -> list[str]:
    """What of a policy comes to nothing on a backend, a line each."""
    name = {"kvm": "this host's KVM", "qemu": "QEMU"}.get(backend.name, backend.name)
    lines = []
    if policy.software_breakpoints is SoftwareBreakpoints.GDB and not backend.sees_written_traps:
        lines.append(
            f"policy {policy.preset}: gdb will write its breakpoints into memory, and {name} does not report "
            f"their {arch.breakpoints.traps[0].name}: gdb will not stop there; take the preset transparent"
        )
    if policy.unclaimed_exits is UnclaimedExits.GDB and not backend.sees_debug_events:
        lines.append(
            f"policy {policy.preset}: the guest's own traps and debug events are to stop in gdb, and {name} "
            "does not report them: the guest's handlers get them"
        )
    return lines


def _get_ready() -> None:
    """Spare the garbage collector from looking again and again through all that is there by now.  What
    packets leave behind, a hundred thousand breakpoints say, is no garbage either.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE)


def choose_guest(config: ServeConfig, plugins: Plugins) -> tuple[Arch, LoadedImages]:
    """The architecture and the images, each of which may decide the other."""
    arch = plugins.resolve(config.arch) if config.arch else None
    if not config.images:
        arch = arch or plugins.resolve(DEFAULT_ARCH)
        sample = arch.sample_guest
        if sample is None:
            raise UsageError(f"{arch.id} has no sample guest: name an image with --image")
        images: tuple[Image, ...] = (read_image(sample, None, config.memory),)
    else:
        images = tuple(read_image(spec.path, spec.address, config.memory) for spec in config.images)
    for image in images:
        if image.machine:
            arch = _arch_for(image, arch, plugins)
    return arch or plugins.resolve(DEFAULT_ARCH), combine(images, config.entry)


def _arch_for(image: Image, arch: Arch | None, plugins: Plugins) -> Arch:
    """The architecture an ELF is for; an error where another one was asked for."""
    if arch is None:
        for info in plugins.archs:
            variant = variant_of(image, info)
            if variant is not None:
                return plugins.arch(info, variant)
        raise ImageError(f"{image.path}: no plugin knows {image.machine} ({image.bits} bits)")
    variant = variant_of(image, arch.info)
    if variant is None:
        raise ImageError(
            f"{image.path}: an ELF for {image.machine} ({image.bits} bits) cannot run on {arch.id}"
        )
    return arch if arch.id.given else plugins.arch(arch.info, variant)


def start_backend(
    config: ServeConfig, plugins: Plugins, arch: Arch, images: LoadedImages, console: Console
) -> Backend:
    """Start the guest on the backend that was asked for."""
    info = plugins.backend(config.backend)
    return info.create(GuestSetup(arch, images, config.memory, console.put, config.backend_options))
