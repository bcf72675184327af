"""Registers and memory as packets carry them."""

from __future__ import annotations

import re

import pytest

from kvmgdb.errors import MemoryFault, RspError
from kvmgdb.guest import Guest
from kvmgdb.session import Session
from tests.support.guests import EVERY, sample
from tests.support.sessions import start

MEMORY = 16 << 20
"""What the sessions of the tests have."""


@pytest.fixture
def guest(session: Session) -> Guest:
    return session.guest


class TestRegisters:
    @pytest.mark.parametrize("arch", EVERY)
    def test_all_of_them_are_as_long_as_the_target_description_says(self, arch: str) -> None:
        guest = start(arch).guest

        assert len(guest.read_bulk()) == guest.arch.registers.bulk_size

    @pytest.mark.parametrize("arch", EVERY)
    def test_each_of_them_can_be_read(self, arch: str) -> None:
        guest = start(arch).guest

        for register in guest.arch.registers:
            assert len(guest.read_register(register)) == register.size, register.name

    @pytest.mark.parametrize("arch", EVERY)
    def test_what_was_read_can_be_written_back_and_changes_nothing(self, arch: str) -> None:
        guest = start(arch).guest
        names = list(guest.arch.registers.by_name)
        before = guest.backend.read_registers(names)

        guest.write_bulk(guest.read_bulk())

        assert guest.backend.read_registers(names) == before

    @pytest.mark.parametrize(
        ("arch", "name"), [("x86:64", "r15"), ("x86:32", "edi"), ("x86:16", "esi"), ("ppc:440", "r31")]
    )
    def test_one_that_is_written_reads_so_alone_and_among_all(self, arch: str, name: str) -> None:
        guest = start(arch).guest
        registers = guest.arch.registers
        register = registers.by_name[name]
        data = bytes(range(1, register.size + 1))

        guest.write_register(register, data)

        assert guest.read_register(register) == data
        offset = sum(r.size for r in registers.bulk if r.number < register.number)
        assert guest.read_bulk()[offset : offset + register.size] == data

    def test_only_what_changes_is_written(
        self, x86_session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Writing a control register, say, has side effects that reading it and writing it back must not."""
        guest = x86_session.guest
        written: list[str] = []
        monkeypatch.setattr(guest.backend, "write_register", lambda name, value: written.append(name))
        data = bytearray(guest.read_bulk())
        data[8] ^= 1  # rbx, after rax

        guest.write_bulk(bytes(data))

        assert written == ["rbx"]

    def test_the_bytes_are_in_the_order_of_the_target(self) -> None:
        x86, ppc = start("x86:64").guest, start("ppc:440").guest

        assert x86.read_register(x86.arch.registers.by_name["rip"]) == (0x100000).to_bytes(8, "little")
        assert ppc.read_register(ppc.arch.registers.by_name["pc"]) == (0x10000).to_bytes(4, "big")

    def test_too_few_bytes_are_refused(self, guest: Guest) -> None:
        register = next(iter(guest.arch.registers))

        with pytest.raises(RspError, match=f"{register.name} is {register.size} bytes; the packet brings 1"):
            guest.write_register(register, b"\0")
        with pytest.raises(RspError, match="G brings 1 bytes"):
            guest.write_bulk(b"\0")

    def test_a_stop_reply_carries_enough_for_a_frame(self, guest: Guest) -> None:
        registers = guest.arch.registers
        numbers = {int(number, 16) for number in re.findall(rb"([0-9a-f]+):", guest.expedited())}

        assert {registers.by_name[registers.pc].number, registers.by_name[registers.sp].number} <= numbers


class TestMemory:
    def test_the_program_is_in_memory(self, session: Session) -> None:
        arch = str(session.guest.arch.id)
        name = sample(arch).symbol("machine_name")

        assert session.guest.read_memory(name, 3) in (b"x86", b"ppc")

    def test_what_is_written_reads_so(self, guest: Guest) -> None:
        guest.write_memory(0x3FFE, b"across a page")

        assert guest.read_memory(0x3FFE, 13) == b"across a page"

    def test_a_read_gives_what_there_is(self, guest: Guest) -> None:
        assert guest.read_memory(MEMORY - 4, 100) == bytes(4)

    @pytest.mark.parametrize("arch", ["x86:16", "x86:32", "ppc:750"])
    def test_also_where_a_translation_goes_on_behind_the_end_of_memory(self, arch: str) -> None:
        guest = start(arch).guest
        assert guest.read_memory(MEMORY - 4, 100) == bytes(4)
        guest.write_memory(MEMORY - 6, b"to it")
        assert guest.read_memory(MEMORY - 6, 100) == b"to it\0"

    def test_a_read_of_nothing_is_an_error(self, guest: Guest) -> None:
        with pytest.raises(MemoryFault, match=hex(MEMORY)):
            guest.read_memory(MEMORY, 4)

    def test_a_write_is_all_or_nothing(self, guest: Guest) -> None:
        with pytest.raises(MemoryFault):
            guest.write_memory(MEMORY - 4, bytes(range(1, 9)))

        assert guest.read_memory(MEMORY - 4, 4) == bytes(4)

    def test_nothing_mapped(self, x86_session: Session) -> None:
        with pytest.raises(MemoryFault, match="nothing is mapped at address 0x8000000000000000"):
            x86_session.guest.read_memory(1 << 63, 4)

    def test_the_end_of_the_address_space_is_no_way_round(self, x86_session: Session) -> None:
        with pytest.raises(MemoryFault):
            x86_session.guest.read_memory((1 << 64) - 2, 4)

    def test_physical_addresses_where_asked_for(self, ppc_session: Session) -> None:
        """The 440's program is mapped one to one; a word of its own translation shows the difference."""
        guest = ppc_session.guest
        unmapped = 0xA000_0000

        with pytest.raises(MemoryFault, match="nothing is mapped"):
            guest.read_memory(unmapped, 4)
        guest.physical = True
        with pytest.raises(MemoryFault, match="no memory at physical address"):
            guest.read_memory(unmapped, 4)

    def test_a_device_is_not_read(self, ppc_session: Session) -> None:
        """Reading a device has effects, so a debugger that looks around must not."""
        with pytest.raises(MemoryFault, match="no memory at physical address 0xf0000000"):
            ppc_session.guest.read_memory(0xF000_0000, 4)

    @pytest.mark.parametrize("virtual", [0x40_0000, 0x40_0FFE])
    def test_through_the_guests_own_translation(self, x86_session: Session, virtual: int) -> None:
        """A page is mapped elsewhere in the running guest's tables."""
        guest = x86_session.guest
        [cr3] = guest.backend.read_registers(["cr3"])
        tables, page = 0x20_0000, 0x30_0000
        guest.write_memory(tables, (tables + 0x1000 | 3).to_bytes(8, "little"))
        guest.write_memory(tables + 0x1000, (tables + 0x2000 | 3).to_bytes(8, "little"))
        guest.write_memory(tables + 0x2000, (0x83).to_bytes(8, "little"))  # 2 MiB, one to one
        guest.write_memory(tables + 0x2008, (0x20_0083).to_bytes(8, "little"))
        guest.write_memory(tables + 0x2010, (tables + 0x3000 | 3).to_bytes(8, "little"))
        guest.write_memory(tables + 0x3000, (page | 3).to_bytes(8, "little"))
        guest.write_memory(tables + 0x3008, (page + 0x5000 | 3).to_bytes(8, "little"))
        guest.write_memory(page + 0xFFE, b"ab")
        guest.write_memory(page + 0x5000, b"cd")
        assert cr3 != tables

        guest.backend.write_register("cr3", tables)

        assert guest.read_memory(0x40_0FFE, 4) == b"abcd"
        guest.write_memory(virtual, b"wxyz")
        guest.physical = True
        assert guest.read_memory(page + virtual % 0x1000, 2) == b"wx"


@pytest.mark.parametrize("arch", EVERY)
def test_what_is_mapped_at_the_start_is_the_start_states(arch: str) -> None:
    """A backend may have run code of its own before, with other translations."""
    backend = start(arch).guest.backend
    before = backend.translate(0)
    name = "r0" if arch.startswith("ppc") else "eflags"
    backend.write_register(name, *backend.read_registers([name]))  # what is mapped is looked up anew

    assert backend.translate(0) == before
