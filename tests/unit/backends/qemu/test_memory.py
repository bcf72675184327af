"""What is memory, by QEMU's own list."""

from __future__ import annotations

from kvmgdb.arch.machine import Region
from kvmgdb.backends.qemu.memory import other_memory

TREE = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000bffff (prio 0, ram): ram
  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom
  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000
  0000000000100000-0000000000ffffff (prio 0, ram): ram @0000000000100000
  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic
  00000000fffc0000-00000000ffffffff (prio 0, romd): flash
"""


def test_roms_are_memory_and_devices_are_not() -> None:
    assert other_memory(TREE) == [
        Region(0xC0000, 0x20000, "pc.rom"),
        Region(0xE0000, 0x20000, "pc.bios"),
        Region(0xFFFC0000, 0x40000, "flash"),
    ]


def test_a_list_that_is_not_understood_has_nothing() -> None:
    assert other_memory("unknown command: 'info mtree -f'\n") == []
