"""What runs inside gdb, in gdb's own Python: TAB after ``monitor`` offers kvmgdb's commands.

Not imported by kvmgdb: the gdb of ``serve --gdb`` is given this file, once it is attached.  The commands are
those that ``monitor help`` lists, so plugins' are among them.
"""

from __future__ import annotations

import re

import gdb

_CHOICE = re.compile(r"\[(\w+(?:\|\w+)+)\]")
"""``[on|off]`` in a line of help."""


def _ask(line: str) -> str:
    """One command (GDB manual, "General Query Packets": ``qRcmd``).  kvmgdb answers in one packet."""
    connection = gdb.selected_inferior().connection
    if connection is None or connection.details != OURS:
        raise gdb.GdbError(f"monitor: this gdb is kvmgdb's own, and not attached to it: target remote {OURS}")
    reply: bytes = connection.send_packet(b"qRcmd," + line.encode().hex().encode("ascii"))
    return bytes.fromhex(reply.decode("ascii")).decode()


def _values(name: str, about: str) -> list[str]:
    """What a command takes: the words of a choice, or registers."""
    choice = _CHOICE.search(about)
    if choice is not None:
        return choice[1].split("|")
    if name != "registers":
        return []
    return [str(register) for register in gdb.selected_frame().architecture().registers()]


class Monitor(gdb.Command):  # type: ignore[misc]  # gdb has no types
    """Send a command to kvmgdb: `monitor help` lists them, and TAB completes them."""

    def __init__(self) -> None:
        super().__init__("monitor", gdb.COMMAND_OBSCURE)

    def invoke(self, line: str, _from_tty: bool) -> None:
        """What gdb's own does."""
        gdb.write(_ask(line))

    def complete(self, text: str, _word: str) -> list[str]:
        """The words that may stand last."""
        offers = dict(row.partition(" ")[::2] for row in _ask("help").splitlines())
        words = text.split(" ")
        offered = _values(words[0], offers.get(words[0], "")) if len(words) > 1 else list(offers)
        return [value for value in offered if value.startswith(words[-1])]


if hasattr(gdb, "RemoteTargetConnection") and gdb.selected_inferior().connection is not None:
    OURS = gdb.selected_inferior().connection.details  # gdb 12 or later; an older one keeps its own command
    Monitor()
