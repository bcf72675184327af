"""One engine for every mode of the processor.

The engine's register calls go by the mode it was created with: an engine made for real mode cuts the
instruction pointer to 16 bits for ever, though its processor has long since entered long mode.  The mode
is the second word of the engine's structure; changed there, all calls go by the new one.  That is an
internal of one Unicorn version, so it is verified before it is used.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from unicorn import UC_MODE_64, UC_QUERY_MODE

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

_MODE_OFFSET = 4


def _mode_word(engine: Engine) -> ctypes.c_uint32:
    handle = engine._uch
    return ctypes.c_uint32.from_address((handle.value or 0) + _MODE_OFFSET)


def use_64_bit_registers(engine: Engine, created_as: int) -> None:
    """Make every register call of ``engine`` a 64-bit one.

    Raises:
        BackendError: this Unicorn keeps its mode elsewhere.
    """
    word = _mode_word(engine)
    if word.value == created_as:
        word.value = UC_MODE_64
        if created_as == UC_MODE_64 or engine.query(UC_QUERY_MODE) != created_as:
            return
        word.value = created_as
    raise BackendError(
        "this Unicorn does not keep its processor mode where version 2.1.4 does: install unicorn==2.1.4"
    )


@contextmanager
def register_mode(engine: Engine, mode: int) -> Iterator[None]:
    """Go by another mode for a while: a selector written then loads its segment as that mode does."""
    word = _mode_word(engine)
    kept = word.value
    word.value = mode
    try:
        yield
    finally:
        word.value = kept
