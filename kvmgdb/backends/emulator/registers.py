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
        self._handle = engine._uch
        self._count = len(numbers)
        self._numbers = (ctypes.c_int * len(numbers))(*numbers)
        self._values = (ctypes.c_char * (SLOT * len(numbers)))()
        start = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * len(numbers))(*(start + SLOT * i for i in range(len(numbers))))
        self._size = SLOT * len(numbers)

    def read(self) -> list[int]:
        """The values, in order; narrower registers are zero-extended."""
        ctypes.memset(self._values, 0, self._size)
        status = uclib.uc_reg_read_batch(self._handle, self._numbers, self._pointers, self._count)
        if status:
            raise BackendError(f"the emulator cannot read its registers (error {status})")
        raw = self._values.raw
        decode = int.from_bytes
        return [decode(raw[i : i + SLOT], "little") for i in range(0, self._size, SLOT)]
