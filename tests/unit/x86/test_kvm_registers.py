"""Registers in KVM's structures."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.errors import MemoryFault, RspError
from kvmgdb_x86 import kvm_structs as kvm
from kvmgdb_x86.kvm_registers import BLOCKS, REGISTERS
from kvmgdb_x86.registers import register_file

MAKE = {block.name: block.make for block in BLOCKS}


def _no_memory(address: int, length: int) -> bytes:
    raise MemoryFault(f"no memory at physical address {address:#x}")


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_every_register_of_the_file_has_its_place(variant: str) -> None:
    assert {register.name for register in register_file(variant)} <= set(REGISTERS)


@given(st.data())
def test_what_is_written_is_read(data: st.DataObject) -> None:
    odd = {"cs", "ss", "ds", "es", "fs", "gs", "ftag"}
    names = sorted(name for name, register in REGISTERS.items() if register.write and name not in odd)
    name = data.draw(st.sampled_from(names))
    register = REGISTERS[name]
    block = MAKE[register.block]()
    bits = next((r.bits for v in ("64", "32") for r in register_file(v) if r.name == name), 64)
    width = {"fctrl": 16, "fstat": 16, "fop": 16, "gdtr_limit": 16, "idtr_limit": 16, "tr": 16, "ldtr": 16}
    value = data.draw(st.integers(0, (1 << width.get(name, bits)) - 1))
    assert register.write is not None
    register.write(block, value, _no_memory)
    assert register.read(block) == value


def test_a_32_bit_name_is_the_low_half_of_a_64_bit_register() -> None:
    regs = kvm.kvm_regs(rsp=0x1122_3344_5566_7788)
    assert REGISTERS["esp"].read(regs) == 0x5566_7788


# SDM vol. 1, "x87 FPU Tag Word": 0 valid, 1 zero, 2 special, 3 empty; by physical register.
VALID, ZERO, SPECIAL = (1 << 63, 0x3FFF), (0, 0), (1 << 63, 0x7FFF)


def test_the_tag_word_follows_from_the_contents() -> None:
    area = kvm.kvm_xsave(fsw=6 << 11, ftw=0b1100_0001)  # TOP is 6: st0 is physical 6, st1 7, st2 0
    for index, (fraction, exponent) in enumerate([VALID, ZERO, SPECIAL]):
        area.st[index][:10] = struct.pack("<QH", fraction, exponent)
    tags = {6: 0, 7: 1, 0: 2}
    assert REGISTERS["ftag"].read(area) == sum(tags.get(index, 3) << 2 * index for index in range(8))


def test_a_tag_word_written_says_which_are_empty() -> None:
    area = kvm.kvm_xsave()
    write = REGISTERS["ftag"].write
    assert write is not None
    write(area, 0xFFFC, _no_memory)
    assert area.ftw == 1
    assert area.xstate_bv & 1


# -- segment registers ---------------------------------------------------------------------------------

GDT = struct.pack(
    "<QQQQ", 0, 0x00CF_9B00_0000_FFFF, 0x12CF_9334_5678_FFFF, 0x0000_9300_0000_FFFF & ~(1 << 47)
)


def _sregs(cr0: int) -> kvm.kvm_sregs:
    sregs = kvm.kvm_sregs(cr0=cr0)
    sregs.gdt.base, sregs.gdt.limit = 0x800, len(GDT) - 1
    return sregs


def _read_gdt(address: int, length: int) -> bytes:
    return GDT[address - 0x800 : address - 0x800 + length]


def _load(sregs: kvm.kvm_sregs, name: str, selector: int) -> None:
    write = REGISTERS[name].write
    assert write is not None
    write(sregs, selector, _read_gdt)


def test_real_mode_makes_the_base_of_the_selector() -> None:
    sregs = _sregs(0x10)
    _load(sregs, "ds", 0x1234)
    assert (sregs.ds.selector, sregs.ds.base) == (0x1234, 0x12340)


def test_protected_mode_reads_the_descriptor() -> None:
    sregs = _sregs(0x11)
    _load(sregs, "es", 0x10)
    segment = sregs.es
    assert (segment.selector, segment.base, segment.limit) == (0x10, 0x1234_5678, 0xFFFF_FFFF)
    assert (segment.type, segment.s, segment.present, segment.db, segment.g) == (3, 1, 1, 1, 1)


def test_a_null_selector_makes_a_data_segment_unusable() -> None:
    sregs = _sregs(0x11)
    _load(sregs, "fs", 0x10)
    _load(sregs, "fs", 0)
    assert sregs.fs.unusable == 1


@pytest.mark.parametrize("selector", [0x18, 0x20, 0xFFF8], ids=["not present", "past the end", "far past"])
def test_a_selector_without_a_segment_is_refused(selector: int) -> None:
    with pytest.raises(RspError, match=f"ds cannot be {selector:#x}"):
        _load(_sregs(0x11), "ds", selector)
