"""Processor state of the engine that its calls do not give: segment bases, the exception in flight.

These are fields of the emulator's own structure (``CPUX86State``), at offsets that are not promised.  So
nothing is assumed: registers that do have calls are given marks, the structure is found by the first
marks (read through ``/proc/self/mem``, which cannot fault), each field by the marks beside it, and what is
found is checked.  Unicorn's version is pinned; should another one get here, it is told apart.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unicorn import x86_const as uc
from unicorn.unicorn_py3.unicorn import uclib

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
"""The order of the segment registers, everywhere on x86 (SDM vol. 2, "Sreg")."""

_HANDLE_SIZE = 0x4000  # the engine's handle: 14.6 KiB in 2.1.4, searched for the pointer to the processor
_SEARCH_SIZE = 0x10000  # how far behind such a pointer the processor's state may begin
_STATE_SIZE = 0x4000  # how much of the state is looked at

_SEGMENT_SIZE = 24  # selector u32, padding, base u64, limit u32, flags u32
_RIP_OFFSET = 16 * 8  # behind the general registers
_NO_EXCEPTION = 0xFFFF_FFFF
_NO_VECTOR = -1

_do_interrupt = uclib.x86_cpu_do_interrupt_x86_64
_do_interrupt.argtypes = (ctypes.c_void_p,)
_do_interrupt.restype = None
_set_dr = uclib.helper_set_dr_x86_64
_set_dr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64)
_set_dr.restype = None

_MARKS = tuple(0x6B76_6D67_6462_0000 + i for i in range(10))
_RIP_MARK = _MARKS[-1] + 1
_LIVE_MARK = 0x6B76_6D67_6462_00FF
_GENERAL = (uc.UC_X86_REG_RAX, uc.UC_X86_REG_RCX, uc.UC_X86_REG_RDX, uc.UC_X86_REG_RBX)
_BASES = (uc.UC_X86_REG_FS_BASE, uc.UC_X86_REG_GS_BASE)
_FAULT_ADDRESS, _PAGE_TABLES = 0x6B76_6D67_6462_0100, 0x6B76_6000  # marks for CR2 and CR3
_EFER = 0xC000_0080
_EFER_MARKS = (0x801, 0x800, 0x001)  # SCE and NXE: bits that change nothing while no guest runs
_IO_BREAKPOINTS = 1 << 24
"""HF_IOBPT in ``hflags``: the engine looks at DR7 at every IN and OUT."""
_INHIBITS_INTERRUPTS = 1 << 3
"""HF_INHIBIT_IRQ: between STI, or a load of SS, and the end of the next instruction."""
_DR7_AT_REST, _DR7_IO = 0x400, 0x2_0402
_DEBUG = (uc.UC_X86_REG_DR0, uc.UC_X86_REG_DR1, uc.UC_X86_REG_DR2, uc.UC_X86_REG_DR3)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment register with its hidden part."""

    selector: int
    base: int
    limit: int
    flags: int
    """The high word of the descriptor: type, S, DPL, P, L, D, G."""


class EngineState:
    """The fields, of one engine."""

    def __init__(self, engine: Engine) -> None:
        """Find them; the registers used as marks are left at zero.

        Raises:
            BackendError: this Unicorn keeps them otherwise.
        """
        marks = dict(zip(_GENERAL + _BASES + _DEBUG, _MARKS, strict=True))
        for register, mark in marks.items():
            engine.reg_write(register, mark)
        start, processors = _find_state(engine, _pack(marks[r] for r in _GENERAL))
        state = ctypes.string_at(start, _STATE_SIZE)
        fs_base = state.find(_pack((marks[_BASES[0]],)))
        debug = state.find(_pack(marks[r] for r in _DEBUG))
        engine.reg_write(uc.UC_X86_REG_RIP, _RIP_MARK)
        self._rip = ctypes.c_uint64.from_address(start + _RIP_OFFSET)
        rip_is_there = self._rip.value == _RIP_MARK
        for register in (*marks, uc.UC_X86_REG_RIP):
            engine.reg_write(register, 0)
        segments = fs_base - 8 - SEGMENTS.index("fs") * _SEGMENT_SIZE
        gs_mark = state[fs_base + _SEGMENT_SIZE : fs_base + _SEGMENT_SIZE + 8]
        # CPUX86State: int error_code, exception_is_int; u64 exception_next_eip, dr[8]; four pointers;
        # int old_exception.
        old_exception = debug + 64 + 32
        found = state[old_exception : old_exception + 4] if debug > 16 else b""
        if (
            not rip_is_there
            or segments < 0
            or gs_mark != _pack((marks[_BASES[1]],))
            or found != struct.pack("<I", _NO_EXCEPTION)
        ):
            raise BackendError(_WRONG_VERSION)
        self._control, self._efer = _find_control(engine, start)
        self._segments = (ctypes.c_char * (_SEGMENT_SIZE * len(SEGMENTS))).from_address(start + segments)
        code_base = start + segments + SEGMENTS.index("cs") * _SEGMENT_SIZE + 8
        self._code_base = ctypes.c_uint64.from_address(code_base)
        error_code = start + debug - 16
        self._error_code = ctypes.c_uint32.from_address(error_code)
        self._is_software = ctypes.c_uint32.from_address(error_code + 4)
        self._processor, self._vector = _find_vector(processors, error_code)
        self._start = start
        self._old_exception = ctypes.c_uint32.from_address(start + old_exception)
        self._flags = ctypes.c_uint32.from_address(start + segments - 8)
        before = self._flags.value
        self.set_debug_register(7, _DR7_IO)
        if self._flags.value != before | _IO_BREAKPOINTS:
            raise BackendError(_WRONG_VERSION)
        self.set_debug_register(7, _DR7_AT_REST)

    def segment(self, name: str) -> Segment:
        """One segment register, as the processor uses it."""
        offset = SEGMENTS.index(name) * _SEGMENT_SIZE
        return Segment(*struct.unpack_from("<I4xQII", self._segments, offset))

    @property
    def cpl(self) -> int:
        """The privilege level."""
        return self.segment("ss").flags >> 13 & 3

    @property
    def rip(self) -> int:
        """RIP; it is asked for several times a step, and a call of the engine's takes ten times as long."""
        return self._rip.value

    @property
    def linear_pc(self) -> int:
        """The base of CS + RIP."""
        return self._code_base.value + self._rip.value

    @property
    def paging(self) -> tuple[int, int, int, int]:
        """CR0, CR3, CR4 and EFER: what paging depends on, asked for at every look at memory."""
        control = self._control
        return control[0], control[3], control[4], self._efer.value

    @property
    def is_software(self) -> bool:
        """Whether the last exception came from INT n or INT3."""
        return bool(self._is_software.value)

    def deliver(self, vector: int) -> None:
        """Enter the guest's handler, as the processor does: gate, stack, frame, new CS and RIP.

        The error code and the return address are the last exception's.  The caller has made sure that
        nothing on the way can fault (:mod:`kvmgdb_x86.delivery`): a fault here ends the process.
        """
        self._vector.value = vector
        _do_interrupt(self._processor)
        self._vector.value = _NO_VECTOR

    def set_debug_register(self, number: int, value: int) -> None:
        """Load DR0 to DR3 or DR7 so that the engine breaks on what they arm: its own call only stores."""
        _set_dr(self._start, number, value)

    def ignore_io_breakpoints(self) -> None:
        """Have the engine not look at them, until DR7 is loaded the next time."""
        self._flags.value &= ~_IO_BREAKPOINTS

    @property
    def inhibits_interrupts(self) -> bool:
        """Whether the instruction before was STI or loaded SS."""
        return bool(self._flags.value & _INHIBITS_INTERRUPTS)

    @property
    def error_code(self) -> int:
        """The last exception's error code."""
        return self._error_code.value

    def replace_exception(self, error_code: int) -> None:
        """Make the last exception one of the processor's that returns to RIP as it is."""
        self._error_code.value = error_code
        self._is_software.value = 0

    def clear_exception(self) -> None:
        """Forget the exception in flight.

        The engine believes it is still being delivered, since it never delivers any: the next one would
        be taken for a double fault, and the one after for a triple fault, without a word.
        """
        self._old_exception.value = _NO_EXCEPTION


_WRONG_VERSION = (
    "this Unicorn does not keep its processor state as version 2.1.4 does: install unicorn==2.1.4"
)


def _pack(values: Iterator[int] | tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


def _find_state(engine: Engine, marks: bytes) -> tuple[int, list[int]]:
    """The address of the processor's state, which begins with the general registers, and those at which the
    processor object around it may begin, which holds a pointer to it: behind the handle, memory is read that
    is others' and may point anywhere.

    Memory that was read here before may hold copies of both: the state is the one that follows a change.
    """
    found = []
    with open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - a raw descriptor is wanted
        fd = memory.fileno()
        handle = os.pread(fd, _HANDLE_SIZE, engine._uch.value)
        for pointer in _pointers(handle):
            area = _read(fd, pointer, _SEARCH_SIZE)
            for place in _places(area, marks):
                state = pointer + place
                if area.find(state.to_bytes(8, "little"), 0, place) >= 0:
                    found.append((pointer, state))
        engine.reg_write(_GENERAL[0], _LIVE_MARK)
        found = [pair for pair in found if _read(fd, pair[1], 8) == _pack((_LIVE_MARK,))]
    if not found:
        raise BackendError(_WRONG_VERSION)
    _, state = max(found)  # the innermost: other objects lie before it in memory
    return state, [pointer for pointer, inner in found if inner == state]


def _find_control(engine: Engine, start: int) -> tuple[ctypes.Array[ctypes.c_uint64], ctypes.c_uint64]:
    """CR0 to CR4, by marks in CR2 and CR3; EFER, by the one place that follows every change of it."""
    engine.reg_write(uc.UC_X86_REG_CR2, _FAULT_ADDRESS)
    engine.reg_write(uc.UC_X86_REG_CR3, _PAGE_TABLES)
    state = ctypes.string_at(start, _STATE_SIZE)
    control = state.find(_pack((_FAULT_ADDRESS, _PAGE_TABLES))) - 2 * 8
    efer = engine.msr_read(_EFER)
    places = set(range(_STATE_SIZE))
    for mark in _EFER_MARKS:
        engine.msr_write(_EFER, mark)
        places &= set(_places(ctypes.string_at(start, _STATE_SIZE), _pack((engine.msr_read(_EFER),))))
    engine.msr_write(_EFER, efer)
    for register in (uc.UC_X86_REG_CR2, uc.UC_X86_REG_CR3):
        engine.reg_write(register, 0)
    if control < 0 or len(places) != 1:
        raise BackendError(_WRONG_VERSION)
    return (
        (ctypes.c_uint64 * 5).from_address(start + control),
        ctypes.c_uint64.from_address(start + places.pop()),
    )


def _read(fd: int, address: int, length: int) -> bytes:
    try:
        return os.pread(fd, length, address)
    except OSError:
        return b""  # not an address


def _places(area: bytes, marks: bytes) -> Iterator[int]:
    place = area.find(marks)
    while place >= 0:
        yield place
        place = area.find(marks, place + 1)


def _pointers(handle: bytes) -> list[int]:
    words = {word for (word,) in struct.iter_unpack("<Q", handle[: len(handle) // 8 * 8])}
    return [word for word in words if 0x1_0000 <= word < 1 << 47]


def _find_vector(processors: Sequence[int], error_code: int) -> tuple[int, ctypes.c_int32]:
    """Which of them is the processor object, and its ``exception_index``.  The delivery routine begins by
    loading that and the error code, ``mov disp32(%rdi),%reg`` each: the second displacement proves the
    object, and that the first is what it is.
    """
    code = ctypes.string_at(ctypes.cast(_do_interrupt, ctypes.c_void_p).value or 0, 64)
    load = code.find(b"\x8b\xb7")
    for processor in processors if load >= 0 else ():
        if code.find((error_code - processor).to_bytes(4, "little"), load) >= 0:
            offset = int.from_bytes(code[load + 2 : load + 6], "little")
            return processor, ctypes.c_int32.from_address(processor + offset)
    raise BackendError(_WRONG_VERSION)
