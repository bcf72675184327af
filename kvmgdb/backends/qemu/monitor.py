"""``monitor qemu COMMAND``: QEMU's own monitor, for what it has and kvmgdb does not.

Whoever reaches the debugger's port controls the guest, and must not get at the host's files and programs by
it.  So what is let through is a list, and not what is refused.
"""

from __future__ import annotations

from kvmgdb.arch.monitor import MonitorCommand, MonitorTarget
from kvmgdb.errors import BackendError, RspError

LET_THROUGH = frozenset(
    (
        *("help", "info", "p", "print", "x", "xp", "sum", "gva2gpa", "i", "o", "nmi", "sendkey"),
        *("mouse_move", "mouse_button", "system_powerdown", "savevm", "loadvm", "delvm"),
    )
)
"""What looks at the guest, stirs a device of its, or keeps its state in its own disks."""


def _qemu(session: MonitorTarget, rest: str) -> str:
    human = getattr(session.guest.backend, "human", None)
    if human is None:
        raise RspError(f"this guest runs on the backend {session.guest.backend.name}")
    word = rest.partition(" ")[0].partition("/")[0]
    if word not in LET_THROUGH or not rest.isprintable():
        raise RspError(f"{word!r} is not let through; these are: {', '.join(sorted(LET_THROUGH))}")
    try:
        answer: str = human(rest)
    except BackendError as problem:
        raise RspError(str(problem)) from problem
    return answer.replace("\r\n", "\n").rstrip("\n")


COMMAND = MonitorCommand("qemu", "a command of QEMU's monitor, for a guest on QEMU", _qemu, "[COMMAND]")
