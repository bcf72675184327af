"""What was armed: ``--armed FILE`` and ``--dr7 VALUE``.

The file is YAML or JSON::

    stepping: true                  # whether a step was asked for
    software: [0x401000]            # addresses of software breakpoints
    hardware:                       # slots by hand ...
      - {slot: DR1, kind: write, address: 0x2000, length: 4}
    registers: {dr7: 0x00d0040a}    # ... or as register contents
    pc: 0x401000                    # the pc register, for payloads without it

What a file does not mention is not known; an empty list says that there was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kvmgdb.arch.arming import ArmedSlot, armed_slots
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import NOTHING_KNOWN, Armed
from kvmgdb.arch.layout import DebugLayout
from kvmgdb.errors import PayloadError, UsageError
from kvmgdb.inspect.numbers import number, shown

KINDS = {
    "execute": BreakpointKind.HARDWARE,
    "write": BreakpointKind.WRITE,
    "read": BreakpointKind.READ,
    "access": BreakpointKind.ACCESS,
}
_KEYS = ("stepping", "software", "hardware", "registers", "pc")
_SLOT_KEYS = ("slot", "kind", "address", "length")


def armed_from(layout: DebugLayout | None, file: Path | None, dr7: str | None) -> Armed:
    """Read what was armed; ``layout`` is of the architecture it is for.

    Raises:
        UsageError: a file that cannot be read, a key or a value that is wrong; the message names it.
    """
    if file is None and dr7 is None:
        return NOTHING_KNOWN
    data = _load(file) if file is not None else {}
    try:
        registers = _registers(data.get("registers"), layout, "registers")
        if dr7 is not None:
            registers |= _registers({"dr7": dr7}, layout, "--dr7")
        return _armed(data, registers, layout)
    except PayloadError as error:
        source = f"{file}: " if file is not None else ""
        raise UsageError(f"{source}{error}") from None


def _load(file: Path) -> Mapping[str, Any]:
    try:
        data = yaml.safe_load(file.read_text())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not text: offset {error.start}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UsageError(f"{place}: {problem}") from None
    if not isinstance(data, Mapping):
        raise UsageError(f"{file}: it takes keys ({', '.join(_KEYS)})")
    for key in data:
        if key not in _KEYS:
            raise UsageError(f"{file}: unknown key {key!r}; it takes {', '.join(_KEYS)}")
    return data


def _registers(value: Any, layout: DebugLayout | None, what: str) -> dict[str, int]:
    if value is None:
        return {}
    if layout is None:
        raise PayloadError(f"{what}: name the architecture with --arch")
    if not isinstance(value, Mapping):
        raise PayloadError(f"{what}: takes register names with values")
    found = {}
    for name, content in value.items():
        register = layout.find(str(name))
        if register is None:
            known = ", ".join(layout.by_name)
            raise PayloadError(f"{what}: {layout.arch} has no register {name!r}; it has {known}")
        number_ = number(content, what if what.startswith("--") else f"{what}.{name}")
        if number_ >> register.bits:
            raise PayloadError(
                f"{what}: {register.name} has {register.bits} bits and {number_:#x} needs more"
            )
        found[register.name] = number_
    return found


def _armed(data: Mapping[str, Any], registers: Mapping[str, int], layout: DebugLayout | None) -> Armed:
    slots: tuple[ArmedSlot, ...] | None = None
    if data.get("hardware") is not None:
        slots = tuple(_slot(item, i, layout) for i, item in enumerate(_list(data, "hardware")))
    if registers and layout is not None:
        slots = (*(slots or ()), *armed_slots(layout, registers))
    software = None
    if data.get("software") is not None:
        items = _list(data, "software")
        software = frozenset(number(item, f"software[{i}]") for i, item in enumerate(items))
    stepping = data.get("stepping")
    if stepping is not None and not isinstance(stepping, bool):
        raise PayloadError(f"stepping: takes true or false, not {stepping!r}")
    pc = data.get("pc")
    return Armed(slots, software, stepping, None if pc is None else number(pc, "pc"))


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data[key]
    if not isinstance(value, list):
        raise PayloadError(f"{key}: takes a list, not {shown(value)}")
    return value


def _slot(item: Any, index: int, layout: DebugLayout | None) -> ArmedSlot:
    what = f"hardware[{index}]"
    if not isinstance(item, Mapping):
        raise PayloadError(f"{what}: takes {', '.join(_SLOT_KEYS)}")
    for key in item:
        if key not in _SLOT_KEYS:
            raise PayloadError(f"{what}: unknown key {key!r}; it takes {', '.join(_SLOT_KEYS)}")
    kind = KINDS.get(str(item.get("kind", "execute")))
    if kind is None:
        raise PayloadError(f"{what}.kind: {item['kind']!r} is none of {', '.join(KINDS)}")
    slot = str(item.get("slot", "")).upper()
    if layout is not None and slot not in layout.slot_by_name:
        known = ", ".join(layout.slot_by_name)
        raise PayloadError(f"{what}.slot: {layout.arch} has no slot {slot!r}; it has {known}")
    address = item.get("address")
    where = None if address is None else number(address, f"{what}.address")
    return ArmedSlot(slot, kind, where, number(item.get("length", 1), f"{what}.length"))
