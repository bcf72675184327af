"""The port, on a real emulator: exceptions on their way to the guest, page tables, what must be undone."""

from __future__ import annotations

import struct
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from kvmgdb import builtin
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.machine import Extent
from kvmgdb.arch.stops import Signal, StopKind
from kvmgdb.backends.base import Backend, GuestSetup
from kvmgdb.errors import RspError
from kvmgdb.loader import LoadedImages
from kvmgdb.plugins import load_plugins
from kvmgdb_riscv.variants import RV32, RV64, XLEN

PLUGINS = load_plugins(builtin, [EntryPoint("riscv", "kvmgdb_riscv.plugin", "kvmgdb")], environment={})

CODE, HANDLER, DATA = 0x1000, 0x2000, 0x4000
USER, SUPERVISOR, MACHINE = 0, 1, 3
NOP, EBREAK, C_EBREAK, ECALL, ILLEGAL = 0x13, 0x0010_0073, 0x0001_9002, 0x73, 0
JUMP_TO_ITSELF = 0x6F
CSRR_TDATA1 = 0x7A10_2573
LOAD = 0x0005_2583  # lw a1, 0(a0)
AMOADD = 0x00B5_25AF  # amoadd.w a1, a1, (a0)
VIRTUAL, FRAME = 0x4000_1000, 0x5000
TABLES = {
    RV64: ({0x1_0008: 0x1_1000, 0x1_1000: 0x1_2000, 0x1_2008: FRAME}, "<Q", 8 << 60),
    RV32: ({0x1_0400: 0x1_1000, 0x1_1004: FRAME}, "<I", 1 << 31),
}
"""Place of an entry -> what it points to; the form of an entry; satp's MODE."""


@pytest.fixture(params=XLEN)
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def guest(variant: str, *words: int) -> Backend:
    """Instructions at :data:`CODE`, and a handler that is a jump to itself."""
    segments = ((CODE, _code(*words)), (HANDLER, _code(JUMP_TO_ITSELF)))
    images = LoadedImages(segments, CODE)
    setup = GuestSetup(PLUGINS.resolve(f"riscv:{variant}"), images, 1 << 20, lambda _: None, {})
    return PLUGINS.backends["emulator"].create(setup)


def _code(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _write(backend: Backend, **registers: int) -> None:
    for name, value in registers.items():
        backend.write_register(name, value)


def _read(backend: Backend, *names: str) -> list[int]:
    return backend.read_registers(names)


class TestDelivery:
    @pytest.mark.parametrize("mode", [USER, SUPERVISOR, MACHINE])
    @pytest.mark.parametrize(
        ("word", "cause"), [(EBREAK, 3), (C_EBREAK, 3), (ILLEGAL, 2), (CSRR_TDATA1, 2), (ECALL, 8)]
    )
    def test_to_machine_mode(self, variant: str, word: int, cause: int, mode: int) -> None:
        backend = guest(variant, word)
        _write(backend, mtvec=HANDLER, mstatus=1 << 3, priv=mode)
        assert backend.step().kind is StopKind.STEP
        assert backend.pc() == HANDLER
        cause += mode if word == ECALL else 0
        stacked = 1 << 7 | mode << 11  # MPIE and MPP
        assert _read(backend, "mcause", "mepc", "mstatus", "priv") == [cause, CODE, stacked, MACHINE]

    @pytest.mark.parametrize("mode", [USER, SUPERVISOR])
    def test_to_supervisor_mode_where_it_is_delegated(self, variant: str, mode: int) -> None:
        backend = guest(variant, EBREAK)
        _write(backend, stvec=HANDLER, medeleg=1 << 3, mstatus=1 << 1, priv=mode)
        backend.step()
        stacked = 1 << 5 | mode << 8  # SPIE and SPP
        assert backend.pc() == HANDLER
        assert _read(backend, "scause", "sepc", "mstatus", "priv") == [3, CODE, stacked, SUPERVISOR]

    def test_machine_mode_delegates_nothing(self, variant: str) -> None:
        backend = guest(variant, EBREAK)
        _write(backend, mtvec=HANDLER, stvec=DATA, medeleg=1 << 3)
        backend.step()
        assert (backend.pc(), _read(backend, "priv")) == (HANDLER, [MACHINE])

    def test_without_a_handler_it_is_a_stop(self, variant: str) -> None:
        stop = guest(variant, EBREAK).step()
        assert (stop.kind, stop.signal, stop.pc) == (StopKind.EXCEPTION, Signal.TRAP, CODE)
        assert "the guest has no handler" in stop.reason


class TestPageTables:
    """Sv39 and Sv32: one page, for user mode."""

    @pytest.fixture
    def backend(self, variant: str) -> Backend:
        backend = guest(variant)
        rights = 0xDF  # dirty, accessed, user, execute, write, read, valid
        tables, form, satp = TABLES[variant]
        for place, target in tables.items():
            entry = target >> 12 << 10 | (rights if target == FRAME else 1)
            backend.write_physical(place, struct.pack(form, entry))
        backend.write_physical(FRAME, _code(NOP, LOAD, LOAD))
        _write(backend, satp=satp | 0x10, priv=USER, pc=VIRTUAL, a0=VIRTUAL)
        return backend

    def test_they_are_what_the_debugger_looks_through(self, backend: Backend) -> None:
        assert backend.translate(VIRTUAL + 4) == Extent(FRAME + 4, 0xFFC)
        assert backend.translate(VIRTUAL + 0x1000) is None

    def test_machine_mode_does_not(self, backend: Backend) -> None:
        backend.write_register("priv", MACHINE)
        place = backend.translate(VIRTUAL)
        assert place is not None
        assert place.physical == VIRTUAL

    def test_breakpoints_and_watches_are_virtual(self, backend: Backend) -> None:
        backend.insert(BreakpointKind.SOFTWARE, VIRTUAL + 4, 4)
        backend.insert(BreakpointKind.READ, VIRTUAL + 2, 1)
        stops = [backend.resume(None, fresh=True) for _ in range(2)]
        assert [(stop.kind, stop.pc, stop.address) for stop in stops if stop is not None] == [
            (StopKind.BREAKPOINT, VIRTUAL + 4, VIRTUAL + 4),
            (StopKind.WATCHPOINT, VIRTUAL + 4, VIRTUAL + 2),
        ]

    def test_a_page_fault_stands_at_its_instruction(self, backend: Backend) -> None:
        _write(backend, a0=VIRTUAL + 0x1000)
        backend.step()
        stop = backend.step()
        assert (stop.kind, stop.signal, stop.pc) == (StopKind.EXCEPTION, Signal.SEGV, VIRTUAL + 4)
        assert "load page fault" in stop.reason


@pytest.mark.parametrize("kind", [BreakpointKind.WRITE, BreakpointKind.READ, BreakpointKind.ACCESS])
def test_a_watched_atomic_instruction_is_done_once(variant: str, kind: BreakpointKind) -> None:
    """It reads and writes; the stop comes before either."""
    backend = guest(variant, AMOADD, NOP)
    _write(backend, a0=DATA, a1=7)
    backend.write_physical(DATA, (5).to_bytes(4, "little"))
    backend.insert(kind, DATA, 4)
    stop = backend.resume(None, fresh=True)
    assert stop is not None
    assert (stop.kind, stop.pc, _read(backend, "a1")) == (StopKind.WATCHPOINT, CODE, [7])
    backend.remove(kind, DATA, 4)
    backend.step()
    assert _read(backend, "a1") == [5]
    assert backend.read_physical(DATA, 4) == (12).to_bytes(4, "little")


class TestRegisters:
    def test_zero_stays_zero(self, variant: str) -> None:
        backend = guest(variant)
        _write(backend, zero=5)
        assert _read(backend, "zero") == [0]

    @pytest.mark.parametrize("mode", [USER, SUPERVISOR, MACHINE])
    def test_a_csr_is_there_in_every_mode(self, variant: str, mode: int) -> None:
        """Also where the guest could not read it; looking changes neither the mode nor mstatus."""
        backend = guest(variant)
        _write(backend, priv=mode, mscratch=0x1234, fcsr=0x3F)
        assert _read(backend, "mscratch", "fcsr", "mstatus", "priv") == [0x1234, 0x3F, 0, mode]

    def test_the_width_is_in_misa_which_cannot_be_written(self, variant: str) -> None:
        backend = guest(variant)
        assert _read(backend, "misa")[0] >> XLEN[variant] - 2 == {32: 1, 64: 2}[XLEN[variant]]
        with pytest.raises(RspError, match="misa"):
            _write(backend, misa=0)


class Session:
    """As much of a session as ``monitor privilege`` looks at."""

    def __init__(self, backend: Backend, arch: Any) -> None:
        self.guest, self.backend, self.arch = self, backend, arch


def test_monitor_privilege(variant: str) -> None:
    backend, command = guest(variant), PLUGINS.monitor_commands["privilege"]
    session = Session(backend, PLUGINS.resolve(f"riscv:{variant}"))
    assert command.run(session, "") == "machine mode, addresses are physical"
    _write(backend, satp=TABLES[variant][2] | 5, priv=USER)
    assert command.run(session, "").startswith("user mode, through the page tables of satp 0x8")
