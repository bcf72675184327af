"""SPR numbers, against the cores' manuals."""

from __future__ import annotations

import pytest

from kvmgdb_ppc.sprs import ALL, READ_ONLY, SPRS

# Written in the manuals in decimal, or in hexadecimal where noted so.
GOLDEN = {
    "440": {  # PPC440x5 user's manual, "Special Purpose Registers Sorted by SPR Number", in hexadecimal
        "srr0": 0x01A,
        "csrr0": 0x03A,
        "dear": 0x03D,
        "esr": 0x03E,
        "ivpr": 0x03F,
        "usprg0": 0x100,
        "sprg0": 0x110,
        "sprg7": 0x117,
        "pvr": 0x11F,
        "dbsr": 0x130,
        "dbcr0": 0x134,
        "dbcr2": 0x136,
        "iac1": 0x138,
        "iac4": 0x13B,
        "dac1": 0x13C,
        "dac2": 0x13D,
        "dvc1": 0x13E,
        "tsr": 0x150,
        "tcr": 0x154,
        "ivor0": 0x190,
        "ivor15": 0x19F,
        "mcsrr0": 0x23A,
        "mcsr": 0x23C,
        "mmucr": 0x3B2,
        "ccr0": 0x3B3,
        "dbdr": 0x3F3,
    },
    "e500v2": {  # PowerPC e500 Core Family reference manual, "Special-Purpose Registers"
        "pid": 48,
        "spefscr": 512,
        "ivor32": 528,
        "ivor35": 531,
        "mcsrr1": 571,
        "mas0": 624,
        "mas3": 627,
        "mas6": 630,
        "mas7": 944,
        "hid0": 1008,
        "l1csr0": 1010,
        "bucsr": 1013,
        "svr": 1023,
    },
    "603e": {  # MPC603e user's manual, "PowerPC Register Set"
        "dsisr": 18,
        "dar": 19,
        "sdr1": 25,
        "ibat0u": 528,
        "ibat3l": 535,
        "dbat0u": 536,
        "dbat3l": 543,
        "dmiss": 976,
        "rpa": 982,
        "iabr": 1010,
    },
    "750": {"mmcr0": 952, "pmc1": 953, "sia": 955, "pmc4": 958, "iabr": 1010, "dabr": 1013, "l2cr": 1017},
    "7457": {"msscr0": 1014, "dabr": 1013, "ictc": 1019},
}


@pytest.mark.parametrize("variant", GOLDEN)
def test_numbers_of_the_manual(variant: str) -> None:
    assert {name: SPRS[variant].get(name) for name in GOLDEN[variant]} == GOLDEN[variant]


@pytest.mark.parametrize("variant", SPRS)
def test_a_number_has_one_name_in_a_core(variant: str) -> None:
    numbers = list(SPRS[variant].values())

    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 1024 for number in numbers)


def test_a_name_has_one_number_in_all_cores() -> None:
    assert {(name, number) for sprs in SPRS.values() for name, number in sprs.items()} == set(ALL.items())


@pytest.mark.parametrize("variant", SPRS)
def test_every_core_has_what_an_interrupt_needs(variant: str) -> None:
    assert {"srr0", "srr1", "pvr", "dec", "sprg0"} <= SPRS[variant].keys()


def test_what_is_read_only_exists() -> None:
    assert not READ_ONLY - ALL.keys()
