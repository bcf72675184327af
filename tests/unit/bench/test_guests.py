"""The bench's guest images, executed: the loops count, and count where the clients look."""

from __future__ import annotations

import struct

import pytest
import unicorn as un

from bench.guests import BASE, CODE, COUNTER, GUESTS, MULTIBOOT_MAGIC, RANDOM, RANDOM_DATA, linux_program, x86
from bench.works import FULL

ENGINES = {
    "x86 in 32-bit mode": ("x86", un.UC_ARCH_X86, un.UC_MODE_32),
    "x86 in 64-bit mode": ("x86", un.UC_ARCH_X86, un.UC_MODE_64),
    "ppc": ("ppc", un.UC_ARCH_PPC, un.UC_MODE_PPC32 | un.UC_MODE_BIG_ENDIAN),
}


@pytest.mark.parametrize("case", ENGINES)
def test_a_turn_of_the_loop_counts_one(case: str) -> None:
    arch, engine_arch, mode = ENGINES[case]
    guest = GUESTS[arch]()
    engine = un.Uc(engine_arch, mode)
    engine.mem_map(0, 16 << 20)
    engine.mem_write(BASE, guest.image)
    set_up = (guest.loop - guest.entry) // 4
    engine.emu_start(guest.entry, 0, 0, set_up + 7 * guest.loop_length)
    assert int.from_bytes(engine.mem_read(COUNTER, 4), guest.byteorder) == 7


@pytest.mark.parametrize("arch", GUESTS)
def test_there_is_room_for_the_many_breakpoints_before_the_random_data(arch: str) -> None:
    guest = GUESTS[arch]()
    assert guest.spare_address(FULL.many) <= RANDOM
    assert guest.spare_address(999) < CODE + 0x1000  # the first thousand share the loop's page
    assert guest.image[RANDOM - BASE :] == RANDOM_DATA


def test_the_x86_image_is_a_multiboot_kernel() -> None:
    magic, flags, check, header, load, _, _, entry = struct.unpack("<8I", x86().image[:32])
    assert magic == MULTIBOOT_MAGIC
    assert (magic + flags + check) & 0xFFFF_FFFF == 0
    assert (header, load, entry) == (BASE, BASE, CODE)


def test_the_linux_program_maps_the_image_where_it_belongs() -> None:
    program = linux_program(x86())
    _, _, offset, address, _, size, _, _ = struct.unpack("<IIQQQQQQ", program[64:120])
    assert address == BASE
    assert program[offset : offset + size] == x86().image
