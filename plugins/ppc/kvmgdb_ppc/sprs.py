"""The special-purpose registers of each core, by the numbers ``mfspr`` takes.

Names and numbers are those of the cores' manuals (PPC440x5, PowerPC e500 Core Family, e500mc, G2 (603e),
750, MPC7450 Family).  Only registers every read of which is harmless are listed.
"""

from __future__ import annotations

from itertools import chain

Sprs = dict[str, int]


def _run(prefix: str, first: int, count: int, start: int = 0) -> Sprs:
    return {f"{prefix}{start + i}": first + i for i in range(count)}


_COMMON: Sprs = {
    "dec": 22,
    "srr0": 26,
    "srr1": 27,
    "tbl": 268,
    "tbu": 269,
    **_run("sprg", 272, 4),
    "pvr": 287,
}

_BOOKE: Sprs = _COMMON | {
    "pid": 48,
    "csrr0": 58,
    "csrr1": 59,
    "dear": 61,
    "esr": 62,
    "ivpr": 63,
    "usprg0": 256,
    **_run("sprg", 276, 4, start=4),
    "pir": 286,
    "tsr": 336,
    "tcr": 340,
    **_run("ivor", 400, 16),
    "dbsr": 304,
    **_run("dbcr", 308, 3),
    **_run("iac", 312, 2, start=1),
    **_run("dac", 316, 2, start=1),
}

_440: Sprs = _BOOKE | {
    **_run("iac", 314, 2, start=3),
    **_run("dvc", 318, 2, start=1),
    "mcsrr0": 570,
    "mcsrr1": 571,
    "mcsr": 572,
    "mmucr": 946,
    "ccr0": 947,
    "dbdr": 1011,
}

_MAS: Sprs = {**_run("mas", 624, 5), "mas6": 630, "mas7": 944}

_E500: Sprs = _BOOKE | {
    **_run("ivor", 529, 3, start=33),
    "mcsrr0": 570,
    "mcsrr1": 571,
    "mcsr": 572,
    **_MAS,
    "hid0": 1008,
    "hid1": 1009,
    "l1csr0": 1010,
    "l1csr1": 1011,
    "bucsr": 1013,
    "svr": 1023,
}

_SPE: Sprs = {"spefscr": 512, "ivor32": 528}

_BATS: Sprs = {
    f"{kind}{i}{half}": base + 2 * i + offset
    for kind, base in (("ibat", 528), ("dbat", 536))
    for i in range(4)
    for half, offset in (("u", 0), ("l", 1))
}

_CLASSIC: Sprs = _COMMON | {
    "dsisr": 18,
    "dar": 19,
    "sdr1": 25,
    "ear": 282,
    **_BATS,
    "hid0": 1008,
    "hid1": 1009,
    "iabr": 1010,
}

_PMCS: Sprs = {
    "mmcr0": 952,
    **_run("pmc", 953, 2, start=1),
    "sia": 955,
    "mmcr1": 956,
    **_run("pmc", 957, 2, start=3),
}

SPRS: dict[str, Sprs] = {
    "440": _440,
    "e500v1": _E500 | _SPE,
    "e500v2": _E500 | _SPE,
    "e500mc": _E500 | {"dsrr0": 574, "dsrr1": 575},
    "603e": _CLASSIC
    | {"dmiss": 976, "dcmp": 977, "hash1": 978, "hash2": 979, "imiss": 980, "icmp": 981, "rpa": 982},
    "750": _CLASSIC | _PMCS | {"dabr": 1013, "l2cr": 1017, "ictc": 1019},
    "7457": _CLASSIC | _PMCS | {"dabr": 1013, "l2cr": 1017, "ictc": 1019, "msscr0": 1014},
}

SET_BY_FAULTS = ("dar", "dsisr", "dear", "esr", "dmiss", "dcmp", "imiss", "icmp", "hash1", "hash2", *_MAS)
"""What an access that cannot be translated leaves behind, on the cores that have it."""

READ_ONLY = frozenset({"pvr", "tbl", "tbu", "svr", "pir"})
"""Written through other numbers, or not at all."""

ALL: Sprs = dict(chain.from_iterable(sprs.items() for sprs in SPRS.values()))
