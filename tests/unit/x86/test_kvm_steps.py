"""After which instructions the next step needs nothing done; what is found on the stack: tests/kvm."""

from __future__ import annotations

import pytest

from kvmgdb_x86.kvm_steps import steps_on

AT = 0x5000


@pytest.mark.parametrize(
    ("code", "distance", "expected"),
    [
        (b"\x90", 1, True),
        (b"\x48\x89\xc3", 3, True),
        (b"\x9d", 1, False),  # popf
        (b"\x9c", 1, False),  # pushf
        (b"\x66\x9d", 2, False),
        (b"\x48\xcf", 2, False),  # iretq
        (b"\x0f\x22\xd8", 3, False),  # mov cr3, rax: another translation
        (b"\x0f\x01\x3e", 3, False),  # invlpg [rsi]: the same
        (b"\x41\x0f\x01\x38", 4, False),
        (b"\x0f\x1f\x00", 3, True),
        (b"\x74\x10", 2, True),
        (b"\x74\x10", 0x12, True),
        (b"\xeb\xfe", 0, True),
        (b"\xe2\xf0", -14, True),
        (b"\xe8\x00\x01\x00\x00", 0x105, True),  # call
        (b"\xe9\xf0\xff\xff\xff", -11, True),  # jmp
        (b"\x0f\x84\x00\x20\x00\x00", 0x2006, True),  # jz
        (b"\xe8\x00\x01", 0x103, True),  # call, with 16-bit operands
        (b"\xe8\x00\x01\x00\x00", 0x3000, False),
        (b"\xeb\xfe", 0x3000, False),  # an interrupt came instead
        (b"\xc3", 0x100, False),
    ],
)
def test_after_which_instruction_the_next_step_needs_nothing(
    code: bytes, distance: int, expected: bool
) -> None:
    page = bytearray(0x1000)
    page[0x100 : 0x100 + len(code)] = code
    before = AT + 0x100
    assert steps_on(memoryview(page), before, before + distance) is expected


def test_an_instruction_over_the_end_of_the_page_is_doubtful() -> None:
    assert not steps_on(memoryview(bytes(0x1000)), AT + 0xFFE, AT + 0x1001)
    assert not steps_on(memoryview(b"\xeb" * 0x1000), AT + 0xFFF, AT + 0xFEF)
