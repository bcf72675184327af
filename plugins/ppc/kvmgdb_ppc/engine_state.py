"""The engine's own array of SPRs, for status registers that ``mtspr`` can only clear; and its program
counter and MSR, which are asked for several times at every stop and take the engine's call 25 times as long.

Fields of the emulator's structure (``CPUPPCState``), found by marks and checked: SPRG0-3 are given marks
through the instruction, the general registers and the program counter through the engine's calls, and the
processor version must stand where it belongs.  What is not a pointer is read without faulting, through
``/proc/self/mem``.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator

from unicorn import ppc_const as uc

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

_HANDLE_SIZE = 0x4000
_SEARCH_SIZE = 0x20000
_GENERAL_MARKS = tuple(0x6B76_0000 + i for i in range(4))
_SPR_MARKS = tuple(0x6D67_0000 + i for i in range(4))
_LIVE_MARK = 0x6D67_00FF
_PC_MARKS = (0x6D67_6400, 0x6D67_6404)
_MSR_MARKS = (0x9000, 0x1000, 0x8000)  # of EE and ME, which change nothing while nothing is executed
_DISTANCE = 0x400  # before the SPRs, at most
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
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a raw descriptor is wanted
        fd = memory.fileno()
        candidates = list(_candidates(fd, engine, version))
        write_spr(_SPRG0, _LIVE_MARK)  # copies of the array, in memory that was read before, do not follow
        live = [c for c in candidates if _word(fd, c + 4 * _SPRG0) == _LIVE_MARK]
    for index in range(4):
        engine.reg_write(uc.UC_PPC_REG_0 + index, 0)
        write_spr(_SPRG0 + index, 0)
    if not live:
        raise BackendError(_WRONG_VERSION)
    return (ctypes.c_uint32 * _COUNT).from_address(live[0])


def find_pc(engine: Engine, sprs: ctypes.Array[ctypes.c_uint32]) -> ctypes.c_uint32:
    """The program counter, which is left at zero; it stands before the SPRs.

    Raises:
        BackendError: this Unicorn keeps it otherwise.
    """
    return _find_register(engine, sprs, uc.UC_PPC_REG_PC, _PC_MARKS)


def find_msr(engine: Engine, sprs: ctypes.Array[ctypes.c_uint32]) -> ctypes.c_uint32:
    """The machine state register, likewise."""
    return _find_register(engine, sprs, uc.UC_PPC_REG_MSR, _MSR_MARKS)


def _find_register(
    engine: Engine, sprs: ctypes.Array[ctypes.c_uint32], number: int, marks: tuple[int, ...]
) -> ctypes.c_uint32:
    end = ctypes.addressof(sprs)
    found = set(range(end - _DISTANCE, end, 4))
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a raw descriptor is wanted
        for mark in marks:
            engine.reg_write(number, mark)
            found = {place for place in found if _word(memory.fileno(), place) == mark}
    engine.reg_write(number, 0)
    if len(found) != 1:
        raise BackendError(_WRONG_VERSION)
    return ctypes.c_uint32.from_address(found.pop())


def _word(fd: int, address: int) -> int | None:
    try:
        return int.from_bytes(os.pread(fd, 4, address), "little")
    except OSError:
        return None  # no longer there


def _candidates(fd: int, engine: Engine, version: int) -> Iterator[int]:
    """Addresses of what looks like the array."""
    general, sprgs = struct.pack("<4I", *_GENERAL_MARKS), struct.pack("<4I", *_SPR_MARKS)
    handle = os.pread(fd, _HANDLE_SIZE, engine._uch.value)
    words = {word for (word,) in struct.iter_unpack("<Q", handle[: len(handle) // 8 * 8])}
    for pointer in words:
        if not 0x1_0000 <= pointer < 1 << 47:
            continue
        try:
            area = os.pread(fd, _SEARCH_SIZE, pointer)
        except OSError:
            continue  # not a pointer
        place = area.find(sprgs)
        while place >= 0:
            start = place - 4 * _SPRG0
            if general in area and start >= 0 and area[start + 4 * _PVR :][:4] == struct.pack("<I", version):
                yield int(pointer) + start
            place = area.find(sprgs, place + 1)


_WRONG_VERSION = "this Unicorn does not keep its registers as version 2.1.4 does: install unicorn==2.1.4"
