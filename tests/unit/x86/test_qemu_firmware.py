"""The firmware: where things are in it, and what its code is."""

from __future__ import annotations

import capstone
import pytest

from kvmgdb_x86 import modes, qemu_firmware


def _code(variant: str, offset: int, bits: int) -> list[str]:
    image = qemu_firmware.build(modes.MODES[variant]).image
    at = offset - qemu_firmware.BASE
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, bits)
    return [i.mnemonic for i in disassembler.disasm(image[at : at + 0xC0], offset)]


@pytest.mark.parametrize("variant", modes.MODES)
def test_the_tables_are_where_they_are_on_every_backend(variant: str) -> None:
    image = qemu_firmware.build(modes.MODES[variant]).image
    start = modes.TABLES.start - qemu_firmware.BASE
    assert image[start : start + modes.TABLES.size] == modes.tables()
    assert len(image) == qemu_firmware.SIZE


@pytest.mark.parametrize(("variant", "has"), [("16", []), ("32", ["ljmp"]), ("64", ["wrmsr", "ljmp"])])
def test_it_enters_the_mode_and_waits(variant: str, has: list[str]) -> None:
    words = _code(variant, qemu_firmware.CODE, capstone.CS_MODE_16)
    assert words[:3] == ["mov", "mov", "out"]
    assert [word for word in words if word in ("wrmsr", "ljmp")] == has
    firmware = qemu_firmware.build(modes.MODES[variant])
    assert firmware.image[firmware.waits_at - qemu_firmware.BASE :][:2] == b"\xeb\xfe"


def test_the_reset_vector_leads_to_it() -> None:
    firmware = qemu_firmware.build(modes.MODES["64"]).image
    assert firmware[-16] == 0xE9
    distance = int.from_bytes(firmware[-15:-13], "little", signed=True)
    assert 0xFFFFFFF0 + 3 + distance == qemu_firmware.CODE
