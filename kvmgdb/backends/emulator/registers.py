"""Registers of the engine, many in one call.

A call per register costs about a microsecond in the binding; one batch call with its arrays made once
costs about that for all of them together.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from unicorn.unicorn_py3.unicorn import uclib

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

SLOT = 16
"""Bytes for one value: as wide as the widest register read in a batch (SSE)."""


class Batch:
    """A fixed list of engine registers, read together."""

    def __init__(self, engine: Engine, numbers: Sequence[int]) -> None:
        count = len(numbers)
        self._values = (ctypes.c_uint64 * (2 * count))()  # narrower registers leave the rest of a slot at 0
        start = ctypes.addressof(self._values)
        pointers = (ctypes.c_void_p * count)(*(start + SLOT * i for i in range(count)))
        self._arguments = (engine._uch, (ctypes.c_int * count)(*numbers), pointers, count)

    def read(self) -> list[int]:
        """The values, in order; narrower registers are zero-extended."""
        status = uclib.uc_reg_read_batch(*self._arguments)
        if status:
            raise BackendError(f"the emulator cannot read its registers (error {status})")
        halves = self._values[:]
        low, high = halves[::2], halves[1::2]
        return [b << 64 | a for a, b in zip(low, high, strict=True)] if any(high) else low
