"""The engine's own array of SPRs: for status registers that ``mtspr`` can only clear.

A field of the emulator's structure (``CPUPPCState``), found by marks and checked: SPRG0-3 are given marks
through the instruction, the general registers through the engine's calls, and the processor version must
stand where it belongs.  What is not a pointer is read without faulting, through ``/proc/self/mem``.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable

from unicorn import ppc_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

_HANDLE_SIZE = 0x4000
_SEARCH_SIZE = 0x20000
_GENERAL_MARKS = tuple(0x6B76_0000 + i for i in range(4))
_SPR_MARKS = tuple(0x6D67_0000 + i for i in range(4))
_SPRG0, _PVR = 272, 287
_COUNT = 1024


def find_sprs(
    engine: Engine, read_spr: Callable[[int], int], write_spr: Callable[[int, int], None]
) -> ctypes.Array[ctypes.c_uint32]:
    """The array, indexed by SPR number; r0 to r3 and SPRG0-3 are left at zero.

    Raises:
        BackendError: this Unicorn keeps its SPRs otherwise.
    """
    for index, mark in enumerate(_SPR_MARKS):
        write_spr(_SPRG0 + index, mark)
    version = read_spr(_PVR)
    for index, mark in enumerate(_GENERAL_MARKS):
        engine.reg_write(uc.UC_PPC_REG_0 + index, mark)
    start = _find_array(engine, version)
    for index in range(4):
        engine.reg_write(uc.UC_PPC_REG_0 + index, 0)
        write_spr(_SPRG0 + index, 0)
    return (ctypes.c_uint32 * _COUNT).from_address(start)


def _find_array(engine: Engine, version: int) -> int:
    general, sprgs = struct.pack("<4I", *_GENERAL_MARKS), struct.pack("<4I", *_SPR_MARKS)
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a raw descriptor is wanted
        fd = memory.fileno()
        handle = os.pread(fd, _HANDLE_SIZE, engine._uch.value)
        words = {word for (word,) in struct.iter_unpack("<Q", handle[: len(handle) // 8 * 8])}
        for pointer in words:
            if not 0x1_0000 <= pointer < 1 << 47:
                continue
            try:
                area = os.pread(fd, _SEARCH_SIZE, pointer)
            except OSError:
                continue  # not a pointer
            place = area.find(sprgs) - 4 * _SPRG0
            if general in area and place >= 0:
                (found,) = struct.unpack_from("<I", area, place + 4 * _PVR)
                if found == version:
                    return int(pointer) + place
    raise BackendError("this Unicorn does not keep its SPRs as version 2.1.4 does: install unicorn==2.1.4")
