"""What runs inside gdb, in gdb's own Python: a session's commands, and a look at what is expected.

Not imported by kvmgdb: gdb is given this file.  The plan is JSON, in the file that ``KVMGDB_LAB_PLAN`` names;
what was found goes to the file that it names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdb

_WHOLE = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_FLAGS)


def say_and_do(command: str) -> dict[str, str]:
    """One command, as if it was typed; what gdb has against it, if anything."""
    print("(gdb) " + command.rstrip("\n").replace("\n", "\n>"), flush=True)  # noqa: T201
    try:
        gdb.execute(command)
    except gdb.error as problem:
        print(problem, flush=True)  # noqa: T201
        return {"command": command, "error": str(problem)}
    return {}


def value(expression: str) -> str:
    """A number in decimal, or what gdb's ``print`` would show."""
    found = gdb.parse_and_eval(expression)
    if found.type.strip_typedefs().code in _WHOLE:
        return str(int(found))
    return str(found.format_string())


def register(name: str) -> str:
    """A register as an unsigned number in hex, whatever type of whole number gdb gives it."""
    found = gdb.parse_and_eval(f"${name}")
    kind = found.type.strip_typedefs().code
    if kind == gdb.TYPE_CODE_VOID:
        raise ValueError(f"gdb knows no register {name} here")
    if kind not in _WHOLE:
        raise ValueError(f"no whole number, but {found.type}: look at ${name} or a part of it under values")
    return hex(int(found) % (1 << 8 * found.type.sizeof))


def memory(address: str, length: int) -> str:
    """Bytes in hex."""
    start = int(gdb.parse_and_eval(address))
    return bytes(gdb.selected_inferior().read_memory(start, length)).hex()


def looked_up(look: Callable[..., str], *arguments: Any) -> dict[str, str]:
    """What was found, or why not."""
    try:
        return {"found": look(*arguments)}
    except (gdb.error, ValueError, OverflowError) as problem:
        return {"problem": str(problem)}


def main() -> None:
    """Do the commands, then look."""
    plan = json.loads(Path(os.environ["KVMGDB_LAB_PLAN"]).read_text("utf-8"))
    errors = [error for error in map(say_and_do, plan["commands"]) if error]
    gdb.execute("set print null-stop on")  # of text, what is behind its end is nobody's
    found = {
        "errors": errors,
        "values": {text: looked_up(value, text) for text in plan["values"]},
        "registers": {name: looked_up(register, name) for name in plan["registers"]},
        "memory": {text: looked_up(memory, text, length) for text, length in plan["memory"].items()},
    }
    Path(plan["answer"]).write_text(json.dumps(found), "utf-8")
    if gdb.selected_inferior().pid and not plan["goes_on"]:
        gdb.execute("kill")  # else it would go on when gdb leaves, and print what nobody has asked for


main()
