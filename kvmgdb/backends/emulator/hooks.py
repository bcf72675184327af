"""Hooks that share one callback.

The binding makes a new C thunk for every hook; with one per armed breakpoint that costs more than the
hook.  Here one thunk serves any number of address ranges.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from unicorn.unicorn_py3.unicorn import (
    HOOK_CODE_CFUNC,
    HOOK_MEM_ACCESS_CFUNC,
    uccallback,
    uclib,
)

from kvmgdb.arch.emulator import Engine
from kvmgdb.errors import BackendError

CodeCallback = Callable[[Engine, int, int, int], None]
"""(engine, linear address, instruction size, unused)"""
MemoryCallback = Callable[[Engine, int, int, int, int, int], None]
"""(engine, access, physical address, size, value, unused)"""


class SharedHook:
    """One callback for many ranges of one hook type.

    An exception in the callback stops the run and is raised by the engine's start call.  A range must
    not be removed while the engine runs.
    """

    def __init__(self, engine: Engine, hook_type: int, prototype: Any, callback: Callable[..., None]) -> None:
        self._handle = engine._uch
        self._type = hook_type
        self._thunk = uccallback(engine, prototype)(callback)  # kept: the engine holds a bare pointer

    def add(self, begin: int, end: int) -> int:
        """Hook the addresses ``begin`` to ``end``, both included; a handle for :meth:`remove`."""
        hook = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(hook),
            self._type,
            self._thunk,
            None,
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status:
            raise BackendError(f"the emulator refuses a hook at {begin:#x} (error {status})")
        return hook.value

    def remove(self, hook: int) -> None:
        """Take one range out."""
        uclib.uc_hook_del(self._handle, ctypes.c_size_t(hook))


def code_hook(engine: Engine, hook_type: int, callback: CodeCallback) -> SharedHook:
    """A hook on executed instructions."""
    return SharedHook(engine, hook_type, HOOK_CODE_CFUNC, callback)


def memory_hook(engine: Engine, hook_type: int, callback: MemoryCallback) -> SharedHook:
    """A hook on memory accesses."""
    return SharedHook(engine, hook_type, HOOK_MEM_ACCESS_CFUNC, callback)
