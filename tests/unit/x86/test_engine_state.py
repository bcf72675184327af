"""The processor's state inside the engine, found whatever else is in memory."""

from __future__ import annotations

import pytest
import unicorn as un

from kvmgdb_x86 import engine_state
from kvmgdb_x86.engine_state import EngineState


@pytest.mark.parametrize("distance", [8, 16, 64, 256])
def test_a_stray_pointer_into_the_processor_does_not_mislead(
    monkeypatch: pytest.MonkeyPatch, distance: int
) -> None:
    """What follows the engine's handle in memory is whatever lies there, old pointers among it."""
    engine = un.Uc(un.UC_ARCH_X86, un.UC_MODE_64)
    processor = EngineState(engine)._processor
    found = engine_state._pointers

    monkeypatch.setattr(engine_state, "_pointers", lambda handle: [processor + distance, *found(handle)])

    assert EngineState(engine)._processor == processor
