"""Single values of a configuration: sizes, addresses, listeners, images.

Every ``parse_*`` takes what YAML or the command line holds (text, or a number that YAML has already
read) and raises :class:`ValueError` with one clause: what was expected, what was found.  The layer above
knows where the value stands and makes a :class:`~kvmgdb.errors.ConfigError` of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from kvmgdb.config.text import did_you_mean, shown

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"GiB": GIB, "MiB": MIB, "KiB": KIB}
_FACTORS = {unit[0].lower(): factor for unit, factor in _UNITS.items()}

# Number lengths are bounded so that int() is never handed a megabyte of digits.
_SIZE = re.compile(
    r"(?P<hex>0x[0-9a-f]{1,16})|(?P<count>0|[1-9][0-9]{0,19})\s*(?:(?P<unit>[kmg])(?:ib)?)?", re.I
)
_DECIMAL_UNIT = re.compile(r"([0-9]{1,20})\s*([kmg])b", re.I)
_ADDRESS = re.compile(r"0x[0-9a-f]{1,16}|0|[1-9][0-9]{0,19}", re.I)
_BARE_HEX = re.compile(r"[0-9a-f]{1,16}", re.I)
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"

ARCH_PATTERN = rf"^{_NAME}(:{_NAME})?$"
"""What ``arch`` may look like; whether a plugin knows it is asked later."""
BACKEND_PATTERN = rf"^{_NAME}$"

PAGE_SIZE = 4096
MEMORY_LIMIT = 3 * GIB
"""Most guest memory, in bytes.  It is one block from address 0, and a 32-bit machine (every PowerPC here)
and a PC both keep the top of the first 4 GiB for devices, boot ROM and, on x86, the local APIC."""
ADDRESS_LIMIT = 1 << 64

_Choice = TypeVar("_Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """A guest image to load."""

    path: Path
    address: int | None = None
    """Where a raw image goes (guest-physical); an ELF file says it itself."""

    def __str__(self) -> str:
        return str(self.path) if self.address is None else f"{self.path}@{self.address:#x}"


def parse_size(value: object) -> int:
    """Read a size in bytes: ``16MiB``, ``4M``, ``1048576``, ``0x1000``; the units are powers of 1024."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a size such as 16MiB, 4M or 1048576, found {shown(value)}{_unit(value)}")
    if match["hex"]:
        return int(match["hex"], 16)
    return int(match["count"]) * _FACTORS.get((match["unit"] or "").lower(), 1)


def _unit(value: object) -> str:
    match = _DECIMAL_UNIT.fullmatch(value) if isinstance(value, str) else None
    return f'; did you mean "{match[1]}{match[2].upper()}iB"?' if match else ""


def format_size(size: int) -> str:
    """Write ``size`` (bytes) with its largest whole unit; :func:`parse_size` reads it back."""
    for unit, factor in _UNITS.items():
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def parse_memory(value: object) -> int:
    """Read the guest's memory in bytes: a size that a machine can have."""
    size = parse_size(value)
    if size == 0 or size % PAGE_SIZE:
        raise ValueError(f"expected a multiple of {format_size(PAGE_SIZE)} (a page), found {shown(value)}")
    if size > MEMORY_LIMIT:
        raise ValueError(
            f"expected at most {format_size(MEMORY_LIMIT)}, found {shown(value)}: "
            "the rest of the first 4GiB belongs to devices and boot ROM"
        )
    return size


def parse_address(value: object) -> int:
    """Read a guest address: a number, or text such as ``0x7c00`` or ``31744``; below 2^64."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _ADDRESS.fullmatch(value):
        number = int(value, 0)
    if number is None or not 0 <= number < ADDRESS_LIMIT:
        bare = isinstance(value, str) and _BARE_HEX.fullmatch(value)
        hint = f'; did you mean "0x{value}"?' if bare else ""
        raise ValueError(f"expected an address such as 0x7c00, found {shown(value)}{hint}")
    return number


def parse_arch(value: object) -> str:
    """Read an architecture as ``NAME`` or ``NAME:VARIANT``."""
    if isinstance(value, str) and re.fullmatch(ARCH_PATTERN, value):
        return value
    raise ValueError(f"expected an architecture such as x86 or ppc:440, found {shown(value)}")


def parse_backend(value: object) -> str:
    """Read the name of a backend; whether there is one is asked later."""
    if isinstance(value, str) and re.fullmatch(BACKEND_PATTERN, value):
        return value
    raise ValueError(f"expected a backend such as emulator, kvm or qemu, found {shown(value)}")


def parse_path(value: object) -> Path:
    """Read a file name."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"expected a file name, found {shown(value)}")
    return Path(value)


def parse_image(value: object) -> ImageSpec:
    """Read an image as ``FILE`` or ``FILE@ADDRESS``.

    What follows the last ``@`` is an address if it is a number; otherwise it belongs to the name.
    """
    name, at, address = value.rpartition("@") if isinstance(value, str) else ("", "", "")
    if at and name and (_ADDRESS.fullmatch(address) or address.lower().startswith("0x")):
        return ImageSpec(parse_path(name), parse_address(address))
    return ImageSpec(parse_path(value))


_SWITCH = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def parse_switch(value: object) -> bool:
    """Read true or false, as YAML and as the environment write it (``1``, ``yes``, ``on``)."""
    setting = _SWITCH.get(str(value).lower()) if isinstance(value, (str, bool, int)) else None
    if setting is None:
        raise ValueError(f"expected true or false, found {shown(value)}")
    return setting


def parse_choice(choices: type[_Choice], value: object) -> _Choice:
    """Read a word that is the value of one member of ``choices``."""
    names = [str(choice.value) for choice in choices]
    if isinstance(value, str) and value in names:
        return choices(value)
    raise ValueError(expected_one_of(names, value))


def expected_one_of(names: list[str], value: object) -> str:
    """Write the message for a word that is none of ``names``."""
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    return f"expected {', '.join(names[:-1])} or {names[-1]}, found {shown(value)}{hint}"
