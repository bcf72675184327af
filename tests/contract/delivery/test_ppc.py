"""Interrupts on their way to a PowerPC guest's handlers: what is saved, what MSR becomes, where it goes.

Classic cores: Programming Environments Manual for 32-bit PowerPC (PEM), "Exceptions".  BookE: PPC440x5
manual, "Interrupts and Exceptions"; e500 and e500mc manuals, "Interrupt Definitions".
"""

from __future__ import annotations

import pytest

from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine
from tests.support.ppc_vectors import (
    BOOKE,
    CE,
    CODE,
    DE,
    DR,
    EE,
    FE0,
    FE1,
    FP,
    IP,
    IR,
    ME,
    NOP,
    PR,
    TGPR,
    Vectors,
)

UNMAPPED = 0x1234_5678

TRAP, SC, ILLEGAL = 0x7FE0_0008, 0x4400_0002, 0
MFMSR = 0x7C60_00A6  # mfmsr r3: privileged
LWZ, STW = 0x8064_0000, 0x9064_0000  # r3, 0(r4)
FDIV = 0xFC61_1024  # fdiv f3, f1, f2

CLASSIC = ("ppc:603e", "ppc:750", "ppc:7457")
HASH = ("ppc:750",)
"""Cores that search the page table by themselves; the others (as emulated) leave it to software."""

TRANSLATING = ("ppc:440", "ppc:e500v1", "ppc:e500mc")
"""BookE cores with an MMU; the emulator's e500v2 has none, and finds no memory in place of no translation."""


@pytest.fixture
def guest(fresh: Machine) -> Vectors:
    return Vectors(fresh)


@pytest.mark.parametrize("arch", CLASSIC, scope="module")
class TestClassic:
    @pytest.mark.parametrize(
        ("word", "vector", "cause", "back"),
        [
            (TRAP, 0x700, 0x2_0000, CODE),
            (ILLEGAL, 0x700, 0x8_0000, CODE),
            (FDIV, 0x800, 0, CODE),
            (SC, 0xC00, 0, CODE + 4),
        ],
        ids=["trap", "illegal", "floating-point unavailable", "system call"],
    )
    def test_srr0_srr1_and_the_vector(
        self, guest: Vectors, word: int, vector: int, cause: int, back: int
    ) -> None:
        guest.execute(word, EE | ME)
        assert (guest.pc, guest.srr0, guest.srr1) == (vector, back, EE | ME | cause)
        assert guest.msr == ME

    def test_a_privileged_instruction(self, guest: Vectors) -> None:
        guest.execute(MFMSR, PR | EE)
        assert (guest.pc, guest.srr0, guest.srr1) == (0x700, CODE, PR | EE | 0x4_0000)
        assert guest.msr == 0

    def test_an_enabled_floating_point_exception(self, guest: Vectors) -> None:
        one = 0x3FF0_0000_0000_0000
        guest.execute(FDIV, FP | FE0 | FE1, f1=one, f2=0, fpscr=0x10)  # ZE
        assert (guest.pc, guest.srr0, guest.srr1) == (0x700, CODE, FP | FE0 | FE1 | 0x10_0000)

    def test_the_prefix_is_where_there_is_no_memory(self, guest: Vectors) -> None:
        """MSR[IP]: vectors at 0xfff00000."""
        guest.machine.write(CODE, TRAP.to_bytes(4, "big"))
        guest.machine.backend.write_register("pc", CODE)
        guest.machine.backend.write_register("msr", IP | ME)
        stop = guest.machine.backend.step()
        assert stop.kind is StopKind.EXCEPTION
        assert "there is no code at its vector 0xfff00700" in stop.reason
        assert guest.msr == IP | ME

    def test_a_single_step(self, guest: Vectors) -> None:
        guest.execute(NOP, 0x400 | ME)  # SE
        assert (guest.pc, guest.srr0, guest.srr1) == (0xD00, CODE + 4, 0x400 | ME)

    def test_an_instruction_breakpoint(self, guest: Vectors) -> None:
        guest.execute(NOP, ME, iabr=CODE | 2)
        assert (guest.pc, guest.srr0, guest.srr1) == (0x1300, CODE, ME)


@pytest.mark.parametrize("arch", HASH, scope="module")
class TestStorageInterrupts:
    @pytest.mark.parametrize(("word", "dsisr"), [(LWZ, 0x4000_0000), (STW, 0x4200_0000)])
    def test_data(self, guest: Vectors, word: int, dsisr: int) -> None:
        guest.execute(word, DR | ME, r4=UNMAPPED)
        assert (guest.pc, guest.srr0, guest.srr1) == (0x300, CODE, DR | ME)
        assert (guest.dar, guest.dsisr) == (UNMAPPED, dsisr)
        assert guest.msr == ME

    def test_data_that_a_block_protects(self, guest: Vectors) -> None:
        """DBAT0: 128 KiB from 0x12340000, Vs and Vp, read only (PP 01)."""
        guest.execute(STW, DR | ME, r4=UNMAPPED, dbat0u=0x1234_0003, dbat0l=0x1)
        assert (guest.pc, guest.dar, guest.dsisr) == (0x300, UNMAPPED, 0x0A00_0000)

    def test_an_instruction_without_a_translation(self, guest: Vectors) -> None:
        guest.execute(NOP, IR | ME)
        assert (guest.pc, guest.srr0, guest.srr1) == (0x400, CODE, IR | ME | 0x4000_0000)

    def test_an_instruction_that_a_block_protects(self, guest: Vectors) -> None:
        guest.execute(NOP, IR | ME, ibat0u=0x3, ibat0l=0x0)  # PP 00: no access
        assert (guest.pc, guest.srr0, guest.srr1) == (0x400, CODE, IR | ME | 0x0800_0000)


@pytest.mark.parametrize("arch", ["ppc:603e"], scope="module")
class TestMissesOfThe603e:
    """603e manual, "Instruction TLB Miss", "Data TLB Miss on Load", "Data TLB Miss on Store"."""

    @pytest.mark.parametrize(
        ("word", "vector", "cause"), [(LWZ, 0x1100, 0), (STW, 0x1200, 0x1_0000)], ids=["load", "store"]
    )
    def test_data(self, guest: Vectors, word: int, vector: int, cause: int) -> None:
        guest.execute(word, DR | ME, r4=UNMAPPED, cr=0x5000_0000)
        assert (guest.pc, guest.srr0, guest.srr1) == (vector, CODE, DR | ME | cause | 0x5000_0000)
        assert guest.dmiss == UNMAPPED

    def test_an_instruction(self, guest: Vectors) -> None:
        guest.execute(NOP, IR | ME)
        assert (guest.pc, guest.srr0, guest.srr1) == (0x1000, CODE, IR | ME | 0x4_0000)
        assert guest.imiss == CODE

    def test_the_handler_has_four_registers_of_its_own(self, guest: Vectors) -> None:
        before = {"r0": 0x10, "r1": 0x11, "r2": 0x12, "r3": 0x13}
        guest.execute(STW, DR | ME, r4=UNMAPPED, **before)
        assert guest.msr == ME | TGPR
        assert [guest.machine.register(name) for name in before] == [0] * 4
        assert guest.srr0 == CODE  # reading an SPR takes an instruction, and leaves both sets alone
        guest.machine.backend.write_register("msr", ME)
        assert {name: guest.machine.register(name) for name in before} == before


@pytest.mark.parametrize("arch", ["ppc:7457"], scope="module")
class TestThe7457:
    @pytest.mark.parametrize(("word", "vector"), [(LWZ, 0x1100), (STW, 0x1200)], ids=["load", "store"])
    def test_data_misses(self, guest: Vectors, word: int, vector: int) -> None:
        guest.execute(word, DR | ME, r4=UNMAPPED)
        assert (guest.pc, guest.srr0, guest.msr) == (vector, CODE, ME)

    def test_altivec_unavailable(self, guest: Vectors) -> None:
        guest.execute(0x1000_04C4, ME)  # vxor v0, v0, v0
        assert (guest.pc, guest.srr0) == (0xF20, CODE)


@pytest.mark.parametrize("arch", BOOKE, scope="module")
class TestBookE:
    @pytest.mark.parametrize(
        ("word", "ivor", "esr", "back"),
        [
            (TRAP, 6, 0x0200_0000, CODE),
            (ILLEGAL, 6, 0x0800_0000, CODE),
            (SC, 8, 0, CODE + 4),
        ],
        ids=["trap", "illegal", "system call"],
    )
    def test_srr0_srr1_esr_and_the_vector(
        self, guest: Vectors, word: int, ivor: int, esr: int, back: int
    ) -> None:
        """A noncritical interrupt leaves CE, ME and DE."""
        guest.execute(word, CE | EE | ME | DE)
        assert (guest.ivor, guest.srr0, guest.srr1) == (ivor, back, CE | EE | ME | DE)
        assert guest.esr == esr
        assert guest.msr == CE | ME | DE
        assert guest.csrr0 == 0

    def test_a_privileged_instruction(self, guest: Vectors) -> None:
        guest.execute(MFMSR, PR | EE)
        assert (guest.ivor, guest.srr0, guest.srr1, guest.esr) == (6, CODE, PR | EE, 0x0400_0000)

    def test_a_step_saves_where_the_core_saves_critical_ones(self, guest: Vectors, arch: str) -> None:
        """CSRR0/1; of the e500mc DSRR0/1.  A critical interrupt clears CE, EE and DE."""
        guest.execute(NOP, CE | EE | ME | DE, dbcr0=0x4800_0000)  # IDM, IC
        first, second = ("dsrr0", "dsrr1") if arch == "ppc:e500mc" else ("csrr0", "csrr1")
        assert guest.ivor == 15
        assert (guest.machine.register(first), guest.machine.register(second)) == (
            CODE + 4,
            CE | EE | ME | DE,
        )
        assert (guest.srr0, guest.dbsr, guest.msr) == (0, 0x0800_0000, ME)

    def test_an_instruction_address_compare(self, guest: Vectors, arch: str) -> None:
        guest.execute(NOP, ME | DE, iac1=CODE, dbcr0=0x4080_0000)
        saved = guest.machine.register("dsrr0" if arch == "ppc:e500mc" else "csrr0")
        assert (guest.ivor, saved, guest.dbsr) == (15, CODE, 0x0080_0000)

    def test_a_trap_that_is_a_debug_event(self, guest: Vectors, arch: str) -> None:
        """DBCR0[TRAP]; without MSR[DE] it is a program interrupt, and DBSR says so with IDE."""
        guest.execute(TRAP, ME | DE, dbcr0=0x4100_0000)
        saved = guest.machine.register("dsrr0" if arch == "ppc:e500mc" else "csrr0")
        assert (guest.ivor, saved, guest.dbsr, guest.srr0) == (15, CODE, 0x0100_0000, 0)

    def test_a_trap_that_would_be_one_with_debug_interrupts_off(self, guest: Vectors) -> None:
        guest.execute(TRAP, ME, dbcr0=0x4100_0000)
        assert (guest.ivor, guest.srr0, guest.dbsr) == (6, CODE, 0x8100_0000)


@pytest.mark.parametrize(
    ("arch", "names"),
    [
        ("ppc:750", ("dar", "dsisr")),
        ("ppc:603e", ("dmiss", "dcmp", "imiss", "icmp", "hash1", "hash2")),
        ("ppc:440", ("dear", "esr")),
        ("ppc:e500v1", ("dear", "esr", "mas0", "mas1", "mas2", "mas6")),
    ],
    scope="module",
)
def test_looking_where_nothing_is_mapped_changes_nothing(fresh: Machine, names: tuple[str, ...]) -> None:
    """A debugger reads any address; the guest's fault registers are the guest's."""
    fresh.backend.write_register("msr", IR | DR if fresh.guest.arch in CLASSIC else 0)
    before = [fresh.register(name) for name in names]
    for address in (UNMAPPED, 0xA000_0000):
        assert fresh.backend.translate(address) is None
    assert [fresh.register(name) for name in names] == before


@pytest.mark.parametrize("arch", TRANSLATING, scope="module")
@pytest.mark.parametrize("word", [LWZ, STW], ids=["load", "store"])
def test_a_data_tlb_error(guest: Vectors, word: int) -> None:
    guest.execute(word, ME, r4=UNMAPPED)
    assert (guest.ivor, guest.srr0, guest.srr1) == (13, CODE, ME)
    assert (guest.dear, guest.esr) == (UNMAPPED, 0x0080_0000 if word == STW else 0)
