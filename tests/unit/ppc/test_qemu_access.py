"""Loads and stores, read backwards: where they went, what they stored, what leads back in front of them."""

from __future__ import annotations

import pytest

from kvmgdb.arch.qemu import Access
from kvmgdb_ppc.qemu_access import access, stored

REGISTERS = {f"r{index}": 0x1000 * index for index in range(32)} | {"pc": 0x204, "r3": 0xA1B2C3D4}
BACK = {"pc": 0x200}


@pytest.mark.parametrize(
    ("word", "made"),
    [
        (0x98640000, Access(0x4000, 1, BACK)),  # stb r3, 0(r4)
        (0x9064FFFC, Access(0x3FFC, 4, BACK)),  # stw r3, -4(r4)
        (0x9421FFF0, Access(0x1000, 4, BACK | {"r1": 0x1010})),  # stwu r1, -16(r1)
        (0x7C64296E, Access(0x4000, 4, BACK | {"r4": 0x4000 - 0x5000 + (1 << 32)})),  # stwux r3, r4, r5
        (0x7C60292E, Access(0x5000, 4, BACK)),  # stwx r3, 0, r5
        (0x80640008, Access(0x4008, 4, BACK)),  # lwz r3, 8(r4)
        (0xD8640000, Access(0x4000, 8, BACK)),  # stfd f3, 0(r4)
        (0xC0840000, Access(0x4000, 4, BACK)),  # lfs f4, 0(r4)
        (0xBFC10008, Access(0x1008, 8, BACK)),  # stmw r30, 8(r1)
        (0x7C60292D, Access(0x5000, 4, None)),  # stwcx. r3, 0, r5
        (0x80840000, None),  # lwz r4, 0(r4): its address is gone
        (0x7C852A14, None),  # add r4, r5, r5: no access
    ],
)
def test_an_access(word: int, made: Access | None) -> None:
    assert access(word, REGISTERS.__getitem__) == made


@pytest.mark.parametrize(
    ("word", "store"),
    [
        (0x98640000, (0x4000, 0xD4)),  # stb
        (0xB0640008, (0x4008, 0xD4)),  # sth: its last byte is the lowest
        (0x7C60252C, (0x4000, 0xA1)),  # stwbrx r3, 0, r4: reversed
        (0x80640008, None),
        (0xD8640000, None),
    ],
)
def test_what_a_store_has_written(word: int, store: tuple[int, int] | None) -> None:
    assert stored(word, REGISTERS.__getitem__) == store
