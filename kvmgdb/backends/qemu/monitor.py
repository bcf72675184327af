"""``monitor qemu COMMAND``: QEMU's own monitor, for what it has and kvmgdb does not."""

from __future__ import annotations

from kvmgdb.arch.monitor import MonitorCommand, MonitorTarget
from kvmgdb.errors import BackendError, RspError

NOT_HERE = {
    **dict.fromkeys(("c", "cont", "s", "stop"), "gdb runs the guest: `continue`, Ctrl-C"),
    **dict.fromkeys(("q", "quit"), "`kill` in gdb ends both"),
    "system_reset": "`monitor reset` starts the guest anew",
    "gdbserver": "kvmgdb is the server",
}


def _qemu(session: MonitorTarget, rest: str) -> str:
    human = getattr(session.guest.backend, "human", None)
    if human is None:
        raise RspError(f"this guest runs on the backend {session.guest.backend.name}")
    word = rest.partition(" ")[0]
    if word in NOT_HERE:
        raise RspError(f"{word} is not for here: {NOT_HERE[word]}")
    try:
        answer: str = human(rest or "help")
    except BackendError as problem:
        raise RspError(str(problem)) from problem
    return answer.replace("\r\n", "\n").rstrip("\n")


COMMAND = MonitorCommand("qemu", "a command of QEMU's monitor, for a guest on QEMU", _qemu, "[COMMAND]")
