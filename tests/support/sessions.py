"""Real sessions on the emulator for a test, and a way to talk to them without a wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from kvmgdb import builtin
from kvmgdb.app import Console, choose_guest, start_backend
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.dispatch import dispatch
from kvmgdb.guest import Guest
from kvmgdb.outcomes import Close, Reply
from kvmgdb.plugins import Plugins, load_plugins
from kvmgdb.policy import PRESETS
from kvmgdb.rsp import replies
from kvmgdb.session import Session

GDB_13 = b"qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;error-message+;xmlRegisters=i386"
"""What a present-day gdb says of itself; without it the stub answers as to an old one."""


@cache
def plugins() -> Plugins:
    """Core's plugin and the installed ones."""
    return load_plugins(builtin, environment={})


def start(
    arch: str, *, preset: str = "transparent", console: Callable[[bytes], object] = lambda data: None
) -> Session:
    """The sample guest of ``arch``, at its entry, under a policy."""
    config = replace(DEFAULTS, arch=arch, policy=PRESETS[preset].policy)
    chosen, images = choose_guest(config, plugins())
    screen = Console(console)
    backend = start_backend(config, plugins(), chosen, images, screen)
    commands = plugins().monitor_commands
    return Session(Guest(chosen, backend), config.policy, commands, console_flush=screen.flush)


def ask(session: Session, payload: bytes) -> bytes:
    """The answer to one packet; a guest that is resumed runs to its stop."""
    outcome = dispatch(session, payload)
    if isinstance(outcome, Reply):
        return outcome.payload
    if isinstance(outcome, Close):
        return outcome.payload or b""
    backend = session.guest.backend
    stop = backend.step() if outcome.step else backend.resume(None, True, outcome.within)
    assert stop is not None
    return session.on_stop(stop)


def monitor(session: Session, command: str) -> str:
    """What ``monitor COMMAND`` shows."""
    return bytes.fromhex(ask(session, b"qRcmd," + replies.hex_text(command)).decode()).decode()


def error_text(session: Session, payload: bytes) -> str:
    """Why a packet is refused, as a gdb that knows ``error-message+`` shows it."""
    ask(session, GDB_13)
    answer = ask(session, payload)
    assert answer.startswith(b"E."), answer
    return answer[2:].decode()
