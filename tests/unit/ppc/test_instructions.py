"""Instructions against the words GNU as 2.40 makes of them (``as -m440``, ``as -me500``)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb_ppc.instructions import (
    TRAP,
    is_store,
    is_trap,
    lis,
    load,
    mfspr,
    mtspr,
    mtspr_target,
    ori,
    successors,
    tlbwe,
)


@pytest.mark.parametrize(
    ("source", "made", "word"),
    [
        ("lis 3,0x1234", lis(3, 0x1234), 0x3C60_1234),
        ("lis 3,-1", lis(3, 0xFFFF), 0x3C60_FFFF),
        ("ori 3,3,0x5678", ori(3, 0x5678), 0x6063_5678),
        ("ori 31,31,0xffff", ori(31, 0xFFFF), 0x63FF_FFFF),
        ("mfspr 3,304", mfspr(3, 304), 0x7C70_4AA6),
        ("mfspr 31,1013", mfspr(31, 1013), 0x7FF5_FAA6),
        ("mfspr 3,26", mfspr(3, 26), 0x7C7A_02A6),
        ("mtspr 304,3", mtspr(304, 3), 0x7C70_4BA6),
        ("mtspr 1023,0", mtspr(1023, 0), 0x7C1F_FBA6),
        ("tlbwe 3,4,0", tlbwe(3, 4, 0), 0x7C64_07A4),
        ("tlbwe 3,4,2", tlbwe(3, 4, 2), 0x7C64_17A4),
        ("tlbwe", tlbwe(), 0x7C00_07A4),
    ],
)
def test_words(source: str, made: int, word: int) -> None:
    assert made == word, source


@given(st.integers(0, 31), st.integers(0, 0xFFFF_FFFF))
def test_a_constant_is_loaded_in_two_halves(target: int, value: int) -> None:
    high, low = load(target, value)

    assert (high, low) == (lis(target, value >> 16), ori(target, value & 0xFFFF))
    assert (high & 0xFFFF) << 16 | low & 0xFFFF == value


@pytest.mark.parametrize(
    ("source", "word", "trap"),
    [
        ("trap", 0x7FE0_0008, True),
        ("twge 2,2", 0x7D82_1008, True),
        ("tweq 1,2", 0x7C81_1008, True),
        ("tweqi 3,7", 0x0C83_0007, True),
        ("add 3,3,4", 0x7C63_2214, False),
        ("sc", 0x4400_0002, False),
        ("rfi", 0x4C00_0064, False),
        ("nop", 0x6000_0000, False),
        ("not an instruction", 0, False),
    ],
)
def test_traps(source: str, word: int, trap: bool) -> None:
    assert is_trap(word) is trap, source


@given(st.integers(0, 1023), st.integers(0, 31))
def test_the_spr_an_instruction_writes(spr: int, register: int) -> None:
    assert mtspr_target(mtspr(spr, register)) == spr
    assert mtspr_target(mfspr(register, spr)) is None


@pytest.mark.parametrize("word", [0x7C63_2214, 0x6000_0000, 0, 0xFFFF_FFFF])
def test_other_instructions_write_none(word: int) -> None:
    assert mtspr_target(word) is None


STORES = {
    "stw 3,0(4)": 0x9064_0000,
    "stwu 3,4(4)": 0x9464_0004,
    "stb 3,0(4)": 0x9864_0000,
    "stbu 3,1(4)": 0x9C64_0001,
    "sth 3,0(4)": 0xB064_0000,
    "sthu 3,2(4)": 0xB464_0002,
    "stmw 28,0(4)": 0xBF84_0000,
    "stfs 1,0(4)": 0xD024_0000,
    "stfsu 1,4(4)": 0xD424_0004,
    "stfd 1,0(4)": 0xD824_0000,
    "stfdu 1,8(4)": 0xDC24_0008,
    "stwx 3,4,5": 0x7C64_292E,
    "stbx 3,4,5": 0x7C64_29AE,
    "sthux 3,4,5": 0x7C64_2B6E,
    "stwbrx 3,4,5": 0x7C64_2D2C,
    "stwcx. 3,4,5": 0x7C64_292D,
    "stswi 3,4,8": 0x7C64_45AA,
    "stfdx 1,4,5": 0x7C24_2DAE,
    "dcbz 4,5": 0x7C04_2FEC,
}
LOADS = {
    "lwz 3,0(4)": 0x8064_0000,
    "lwzu 3,4(4)": 0x8464_0004,
    "lbz 3,0(4)": 0x8864_0000,
    "lhz 3,0(4)": 0xA064_0000,
    "lmw 28,0(4)": 0xBB84_0000,
    "lfs 1,0(4)": 0xC024_0000,
    "lfd 1,0(4)": 0xC824_0000,
    "lwzx 3,4,5": 0x7C64_282E,
    "lbzx 3,4,5": 0x7C64_28AE,
    "lhax 3,4,5": 0x7C64_2AAE,
    "lwbrx 3,4,5": 0x7C64_2C2C,
    "lwarx 3,4,5": 0x7C64_2828,
    "lswi 5,4,8": 0x7CA4_44AA,
    "lfdx 1,4,5": 0x7C24_2CAE,
    "dcbt 4,5": 0x7C04_2A2C,
}


@pytest.mark.parametrize(
    ("word", "store"),
    [
        *(pytest.param(word, True, id=source) for source, word in STORES.items()),
        *(pytest.param(word, False, id=source) for source, word in LOADS.items()),
    ],
)
def test_which_accesses_are_stores(word: int, store: bool) -> None:
    assert is_store(word) is store


PC, LR, CTR, SRR0 = 0x1000, 0x2000, 0x3000, 0x4000


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param(0x6000_0000, {PC + 4}, id="nop"),
        pytest.param(0x4800_0010, {PC + 0x10}, id="b .+16"),
        pytest.param(0x4BFF_FFF9, {PC - 8}, id="bl .-8"),
        pytest.param(0x4800_0102, {0x100}, id="ba 0x100"),
        pytest.param(0x4182_FFF0, {PC + 4, PC - 0x10}, id="beq .-16"),
        pytest.param(0x4182_0102, {PC + 4, 0x100}, id="beqa 0x100"),
        pytest.param(0x4200_0008, {PC + 4, PC + 8}, id="bdnz .+8"),
        pytest.param(0x4E80_0020, {PC + 4, LR}, id="blr"),
        pytest.param(0x4E80_0421, {PC + 4, CTR}, id="bctrl"),
        pytest.param(0x4C00_0024, {SRR0}, id="rfid"),
        pytest.param(0x4400_0002, {PC + 4, 0xC00}, id="sc"),
        pytest.param(TRAP, {PC + 4, 0x700}, id="trap"),
        pytest.param(0x0B03_0000, {PC + 4, 0x700}, id="tdi"),
    ],
)
def test_where_an_instruction_may_lead(word: int, expected: set[int]) -> None:
    assert set(successors(word, PC, LR, CTR, SRR0)) == expected
