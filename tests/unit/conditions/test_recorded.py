"""Expressions as gdb 13.1 sent them, for this program, built for x86 (32 and 64 bits) and PowerPC:

    struct item { unsigned char grade; short delta; int price; unsigned stock;
                  long long total; unsigned long long id; const char *name; };
    struct item apple, *shelf;  volatile int counter;  unsigned ucounter;  long long big;
    unsigned long long ubig;  char buf[4];  signed char sc;  unsigned char uc;  int numbers[4];
    const char *word;  int here(int a, unsigned b, long long c);

Where a test says that a condition holds, and for which values, is what it means in C.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kvmgdb.conditions.compile import compile_command, compile_condition
from tests.support.agent import ByteOrder, FakeMachine, Interpreter

GUARD = 64


@dataclass(frozen=True)
class Program:
    """Where one build has its variables, and how to set them."""

    byteorder: ByteOrder
    long_size: int
    addresses: dict[str, int]

    def machine(self, values: dict[str, int | bytes], registers: dict[int, int] | None = None) -> FakeMachine:
        """``name:size`` of integers, ``name`` of bytes, or a number for an address of its own."""
        memory = {}
        for name, value in values.items():
            variable, _, size = name.partition(":")
            if isinstance(value, int):
                mask = (1 << 8 * int(size)) - 1
                value = (value & mask).to_bytes(int(size), self.byteorder)
            memory[self.addresses.get(variable) or int(variable, 0)] = value
        return FakeMachine(memory, registers or {})


X86_64 = Program(
    "little", 8,
    {"counter": 0x102050, "ucounter": 0x102054, "big": 0x102058, "ubig": 0x102060, "buf2": 0x10206A,
     "sc": 0x10206C, "uc": 0x10206D, "numbers3": 0x10207C, "shelf": 0x102048, "price": 0x102024,
     "word": 0x102080},
)  # fmt: skip
X86_32 = Program("little", 4, {"counter": 0x102024, "shelf": 0x102020, "big": 0x102030, "word": 0x102058})
PPC = Program(
    "big", 4,
    {"counter": 0x11003C, "buf2": 0x11005A, "big": 0x110048, "ubig": 0x110050, "sc": 0x11005C,
     "uc": 0x11005D, "shelf": 0x110038, "numbers3": 0x110034, "word": 0x110060, "ucounter": 0x110040},
)  # fmt: skip

Values = dict[str, int | bytes]
Case = tuple[Program, str, str, list[Values], list[Values]]

CONDITIONS: list[Case] = [
    (X86_64, "counter == 11", "2400102050191620220b1327", [{"counter:4": 11}], [{"counter:4": -11}]),
    (PPC, "counter == 11", "240011003c191620220b1327", [{"counter:4": 11}], [{"counter:4": 11 << 24}]),
    (X86_64, "counter < -1", "240010205019162022ff16081427", [{"counter:4": -2}], [{"counter:4": 0}]),
    (X86_64, "ucounter < 12u", "240010205419220c1527", [{"ucounter:4": 11}], [{"ucounter:4": -1}]),
    (PPC, "ucounter < 12u", "240011004019220c1527", [{"ucounter:4": 11}], [{"ucounter:4": -1}]),
    (X86_64, "ucounter / 2 == 5", "24001020541922022a20062a2022052a201327",
     [{"ucounter:4": 11}], [{"ucounter:4": -11}]),
    (X86_64, "big == -1", "24001020581a164022ff16081327", [{"big:8": -1}], [{"big:8": 0xFFFFFFFF}]),
    (PPC, "big == -1", "24001100481a164022ff16081327", [{"big:8": -1}], [{"big:8": 0xFFFFFFFF}]),
    (X86_64, "big < 0", "24001020581a164022001427", [{"big:8": -1}], [{"big:8": 1 << 62}]),
    (X86_64, "big * 2 == -2", "24001020581a1640220204164022fe16081327", [{"big:8": -1}], [{"big:8": 1}]),
    (X86_64, "ubig > 0", "24001020601a22002a402b1527", [{"ubig:8": -1}], [{"ubig:8": 0}]),
    (X86_64, "ubig >= 1ull", "24001020601a2201150e27", [{"ubig:8": 1 << 63}], [{"ubig:8": 0}]),
    (X86_64, "sc == -3", "240010206c17160822fd16081327", [{"sc:1": -3}], [{"sc:1": 3}]),
    (PPC, "sc == -3", "240011005c17160822fd16081327", [{"sc:1": -3}], [{"sc:1": 3}]),
    (X86_64, "uc == 200", "240010206d172300c81327", [{"uc:1": 200}], [{"uc:1": 72}]),
    (X86_64, "uc > 199 || sc > 0",
     "240010206d172300c72b14200022240010206c17160822002b142000222200210024220127",
     [{"uc:1": 200}, {"uc:1": 0, "sc:1": 1}], [{"uc:1": 199, "sc:1": -1}]),
    (X86_64, "counter > 10 && buf[2] == 97",
     "2400102050191620220a2b1420001221002d24001020682202022a4017160822611320002821002d220121002f220027",
     [{"counter:4": 11, "buf2": b"a"}], [{"counter:4": 11, "buf2": b"b"}, {"counter:4": 10}]),
    (PPC, "counter > 10 && buf[2] == 97",
     "240011003c191620220a2b1420001221002b24001100582202022a201722611320002621002b220121002d220027",
     [{"counter:4": 11, "buf2": b"a"}], [{"counter:4": 11, "buf2": b"b"}, {"counter:4": -1}]),
    (X86_64, "shelf == &apple", "24001020481a24001020201327",
     [{"shelf:8": 0x102020}], [{"shelf:8": 0x1_0010_2020}]),
    (X86_64, "shelf->delta == -2", "24001020481a22020218161022fe16081327",
     [{"shelf:8": 0x5000, "0x5002:2": -2}], [{"shelf:8": 0x5000, "0x5002:2": 2}]),
    (X86_32, "shelf->delta == -2", "24001020201922020218161022fe16081327",
     [{"shelf:4": 0x5000, "0x5002:2": -2}], [{"shelf:4": 0x5000, "0x5002:2": 2}]),
    (PPC, "shelf->delta == -2", "24001100381922020218161022fe16081327",
     [{"shelf:4": 0x5000, "0x5002:2": -2}], [{"shelf:4": 0x5000, "0x5002:2": 2}]),
    (PPC, "shelf->total == -9 && shelf->id == 0x8000000000000000ull",
     "2400110038192210021a164022f71608132000172100362400110038192218021a258000000000000000132000312100362201"
     "210038220027",
     [{"shelf:4": 0x5000, "0x5010:8": -9, "0x5018:8": 1 << 63}],
     [{"shelf:4": 0x5000, "0x5010:8": -9, "0x5018:8": 0}, {"shelf:4": 0x5000, "0x5010:8": 9}]),
    (X86_32, "shelf->total == -9 && shelf->id == 0x8000000000000000ull",
     "240010202019220c021a164022f71608132000172100362400102020192214021a258000000000000000132000312100362201"
     "210038220027",
     [{"shelf:4": 0x5000, "0x500c:8": -9, "0x5014:8": 1 << 63}], [{"shelf:4": 0x5000, "0x500c:8": 9}]),
    (X86_64, "numbers[counter - 8] == 4",
     "240010207024001020501916202208031620220404022a4019162022041327",
     [{"counter:4": 11, "numbers3:4": 4}], [{"counter:4": 11, "numbers3:4": 5}]),
    (PPC, "numbers[counter - 8] == 4",
     "2400110028240011003c1916202208031620220404022a2019162022041327",
     [{"counter:4": 11, "numbers3:4": 4}], [{"counter:4": 11, "numbers3:4": 5}]),
    (X86_64, "apple.price / 2 == -2", "2400102020220402191620220205162022fe16081327",
     [{"price:4": -5}], [{"price:4": -6}]),
    (X86_64, "apple.price >> 1 == -3", "240010202022040219162022010a162022fd16081327",
     [{"price:4": -5}], [{"price:4": -7}]),
    (X86_64, "counter % 4 == 3", "2400102050191620220407162022031327",
     [{"counter:4": 11}], [{"counter:4": -11}]),
    (X86_64, "~counter == -12", "240010205019162012162022f416081327",
     [{"counter:4": 11}], [{"counter:4": 12}]),
    (X86_64, "-counter == -11", "2200240010205019162003162022f516081327",
     [{"counter:4": 11}], [{"counter:4": -11}]),
    (X86_64, "!counter", "24001020501916200e27", [{"counter:4": 0}], [{"counter:4": 1 << 31}]),
    (X86_64, "(counter & 3) == 3", "240010205019162022030f22031327",
     [{"counter:4": 11}], [{"counter:4": 12}]),
    (X86_64, "(counter << 2) == 44", "24001020501916202202091620222c1327",
     [{"counter:4": 11}, {"counter:4": 0x4000000B}], [{"counter:4": 12}]),
    (X86_64, "(char)counter == 11", "24001020501916201608220b1327",
     [{"counter:4": 0x10B}], [{"counter:4": 0xB0}]),
    (X86_64, "(counter > 3 ? 5 : 6) == 5", "240010205019162022032b140e2000152205210017220622051327",
     [{"counter:4": 4}], [{"counter:4": 3}]),
    (X86_64, "word[1] == 101", "24001020801a2201022a4017160822651327",
     [{"word:8": 0x6000, "0x6001": b"e"}], [{"word:8": 0x6000, "0x6001": b"E"}]),
    (X86_32, "word[1] == 101", "2400102058192201022a2017160822651327",
     [{"word:4": 0x6000, "0x6001": b"e"}], [{"word:4": 0x6000, "0x6001": b"E"}]),
    (PPC, "word[1] == 101", "2400110060192201022a201722651327",
     [{"word:4": 0xFFFF_FFFF, "0x0000": b"e"}], [{"word:4": 0xFFFF_FFFF, "0x0000": b"E"}]),
    (X86_64, "1", "220127", [{}], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "code", "holds", "fails"),
    [(program, code, holds, fails) for program, _, code, holds, fails in CONDITIONS],
    ids=[f"{case[0].byteorder}-{case[0].long_size * 8}: {case[1]}" for case in CONDITIONS],
)
def test_a_condition_means_what_it_says(
    program: Program, code: str, holds: list[Values], fails: list[Values]
) -> None:
    condition = compile_condition(bytes.fromhex(code), program.byteorder)

    for values, expected in [(v, True) for v in holds] + [(v, False) for v in fails]:
        machine = program.machine(values)
        assert bool(condition.evaluate(machine)) is expected, values
        assert bool(Interpreter(condition.code, program.byteorder, machine).run()) is expected, values


@pytest.mark.parametrize(
    ("program", "code", "registers", "expected"),
    [
        (X86_64, "260000164022031327", {0: 3}, True),  # $rax == 3
        (X86_64, "260000164022031327", {0: 3 + (1 << 32)}, False),
        (X86_32, "260000162022031327", {0: 3}, True),  # $eax == 3
        (X86_32, "2600052a202200130e27", {5: 0}, False),  # $ebp != 0
        (PPC, "2600032a2022012a201327", {3: 1}, True),  # $r3 == 1
        (PPC, "26001f2a2022042a202b1527", {31: 0xFFFF_FFFF}, True),  # $r31 > 4
        (PPC, "2600432a2027", {67: 0}, False),  # $lr
    ],
)
def test_a_condition_on_registers(
    program: Program, code: str, registers: dict[int, int], expected: bool
) -> None:
    condition = compile_condition(bytes.fromhex(code), program.byteorder)

    assert condition.registers == registers.keys()
    assert not condition.reads_memory
    assert bool(condition.evaluate(FakeMachine(registers=registers))) is expected


@pytest.mark.parametrize(
    ("program", "code", "frame", "variables"),
    [
            (X86_64, "26000722080222ec16080219162026000722080222e8160802192b2a202b022a2022032a201327",
         {7: 0x8000}, {"0x7ff4:4": 1, "0x7ff0:4": 2}),
        (X86_32, "260004220402191620260004220402220402192b2a202b022a2022032a201327",
         {4: 0x8000}, {"0x8004:4": 1, "0x8008:4": 2}),
        (PPC, "26000122e816080219162026000122ec160802192b2a202b022a2022032a201327",
         {1: 0x8000}, {"0x7fe8:4": 1, "0x7fec:4": 2}),
    ],
)  # fmt: skip
def test_a_condition_on_arguments(
    program: Program, code: str, frame: dict[int, int], variables: Values
) -> None:
    """``a + b == 3``, found by way of the stack pointer."""
    condition = compile_condition(bytes.fromhex(code), program.byteorder)

    assert condition.evaluate(program.machine(variables, frame))
    assert not condition.evaluate(program.machine(variables | dict.fromkeys(variables, 7), frame))


FORMATS = "2200220034080026257520257820256320257020256c6420256c7520256c6c6420256c6c782031303025255c6e0027"
"""``dprintf *here,"%u %x %c %p %ld %lu %lld %llx 100%%\\n"`` and its arguments: ucounter, ucounter, buf[0],
shelf, big, ubig, big, ubig."""


@pytest.mark.parametrize(
    ("program", "code", "printed"),
    [
        # dprintf *here,"hello %d %s\n", counter, word
        (X86_64, "24001020801a2400102050191620220022003402000e68656c6c6f2025642025735c6e0027",
         b"hello -7 you\n"),
        (PPC, "240011006019240011003c191620220022003402000e68656c6c6f2025642025735c6e0027",
         b"hello -7 you\n"),
        (X86_64, "24001020601a24001020581a164024001020601a24001020581a164024001020481a24001020682200022a4017"
         "1608240010205419240010205419" + FORMATS,
         b"3000000000 b2d05e00 x 0x5000 -1 18446744073709551615 -1 ffffffffffffffff 100%\n"),
        (PPC, "24001100501a24001100481a164024001100501a24001100481a164024001100381924001100582200022a2017"
         "240011004019240011004019" + FORMATS,
         b"3000000000 b2d05e00 x 0x5000 -1 4294967295 -1 ffffffffffffffff 100%\n"),
        # dprintf *here,"plain\n"
        (X86_64, "2200220034000008706c61696e5c6e0027", b"plain\n"),
    ],
)  # fmt: skip
def test_a_dprintf(program: Program, code: str, printed: bytes) -> None:
    pointer = program.long_size
    text = program.addresses["buf2"] - 2
    machine = program.machine(
        {
            "counter:4": -7,
            "ucounter:4": 3_000_000_000,
            "big:8": -1,
            "ubig:8": -1,
            f"shelf:{pointer}": 0x5000,
            f"word:{pointer}": 0x6000,
            "0x6000": b"you".ljust(GUARD, b"\0"),
            hex(text): b"xya",
        }
    )

    compile_command(bytes.fromhex(code), program.byteorder, program.long_size).run(machine)

    assert machine.printed == printed
