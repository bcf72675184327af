"""Whatever is in a guest's descriptor tables, an exception ends in a handler or in a stop, not in a crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmgdb.arch.stops import StopKind
from tests.support.machines import Machine
from tests.support.x86_tables import (
    ABSENT_DATA,
    ABSENT_STACK,
    HANDLERS,
    HOLE,
    KERNEL_CODE,
    KERNEL_DATA,
    KERNEL_STACK,
    OTHER_STACK,
    TASK,
    USER_CODE,
    USER_DATA,
    Tables,
)

UD2, INT3, INT_0x80, WRITE_HOLE = b"\x0f\x0b", b"\xcc", b"\xcd\x80", b"\xa2\0\0\x40\0\0\0\0\0"
VECTORS = (3, 6, 8, 10, 11, 12, 13, 14, 0x80)

SELECTORS = (0, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA, TASK, ABSENT_DATA, ABSENT_STACK, 0x58, 0xFFFC)
STACKS = (
    *(KERNEL_STACK, OTHER_STACK, KERNEL_STACK + 4, HOLE + 8, HOLE, HOLE + 0x40_0000, 0, 8, 0x1000, 4),
    *(0xFF_FFFC, 0x100_0000, 0x100_0008, 0xFFFF_FFFF, 1 << 31),
)
LONG_STACKS = (1 << 47, (1 << 47) + 16, (1 << 64) - 8, 0xFFFF_8000_0000_0008)

kinds = st.sampled_from((0xE, 0xE, 0xE, 0xF, 0x5, 0x6, 0x7, 0x0, 0xC, 0x1E))
levels = st.sampled_from((0, 3))
selectors = st.one_of(st.just(KERNEL_CODE), st.sampled_from(SELECTORS))
presence = st.sampled_from((True, True, True, False))


@pytest.fixture(params=["x86:64", "x86:32"], scope="module")
def arch(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@settings(max_examples=40)
@given(data=st.data())
def test_there_is_always_an_answer(shared: Machine, data: st.DataObject) -> None:
    shared.backend.reset()
    tables = Tables(shared)
    for vector in VECTORS:
        tables.gate(
            vector,
            kind=data.draw(kinds),
            dpl=data.draw(levels),
            table=data.draw(st.integers(0, 7)) if tables.wide else 0,
            selector=data.draw(selectors),
            present=data.draw(presence),
        )
    for index in range(8 if tables.wide else 1):
        top = data.draw(st.sampled_from(STACKS + LONG_STACKS * tables.wide))
        tables.stack(index, top, data.draw(st.sampled_from((KERNEL_DATA, *SELECTORS))))
    is_virtual_8086 = not tables.wide and data.draw(st.booleans())
    choices = (UD2, INT3, INT_0x80) if is_virtual_8086 else (UD2, INT3, INT_0x80, WRITE_HOLE)
    tables.start(
        data.draw(st.sampled_from(choices)),
        level=data.draw(levels),
        idt_limit=data.draw(st.sampled_from((0xFFF, 0xFFF, 0x80, 0))),
        virtual_8086=is_virtual_8086,
    )
    stop = shared.backend.step()
    assert stop.kind in (StopKind.STEP, StopKind.SHUTDOWN, StopKind.EXCEPTION)
    if stop.kind is StopKind.STEP:
        assert stop.pc in range(HANDLERS, HANDLERS + 0x1000, 16), hex(stop.pc)
    else:
        assert "the guest has no handler" in stop.reason
