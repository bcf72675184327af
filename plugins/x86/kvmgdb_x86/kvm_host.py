"""How debugging is done on a host, by what its trials have found (:mod:`kvmgdb_x86.kvm_probe`)."""

from __future__ import annotations

from kvmgdb.arch.kvm import WORKS, HostDebug, KvmTrap, Measured, Report
from kvmgdb_x86.kvm_probe import (
    ACCESS,
    BLOCK_INTERRUPTS,
    BLOCKIRQ,
    BREAKPOINT_BACK,
    DEBUG_BACK,
    EXECUTION,
    EXTRA_EXITS,
    GENERAL_DETECT,
    HLT,
    INT1,
    INT3,
    INTERNAL_ERROR,
    MODES,
    MOST_IDLE_EXITS,
    STEP,
    STORES,
    int1,
    int3,
    write_watch,
)

_TRAPS = {
    (INT3, WORKS): KvmTrap(INT3, Report.DEBUG, 0),
    (INT3, INTERNAL_ERROR): KvmTrap(INT3, Report.INTERNAL_ERROR, 0),
    (INT1, INTERNAL_ERROR): KvmTrap(INT1, Report.INTERNAL_ERROR, 0),
}
_HALT = KvmTrap(HLT, Report.HALT, 1)
_NAMES = {INT1: "INT1", HLT: "HLT"}


def host_debug(measured: Measured) -> HostDebug:
    """How a debugger's requests are met on a host with these results."""
    traps = {mode: _trap(measured, mode) for mode in MODES}
    watches = all(measured[name] == WORKS for name in (*map(write_watch, STORES), ACCESS))
    return HostDebug(
        traps=traps,
        executes=measured[EXECUTION] == WORKS,
        watches=watches,
        step_control=BLOCKIRQ if measured[BLOCK_INTERRUPTS] == WORKS else 0,
        idle_exits=MOST_IDLE_EXITS if measured[STEP] == EXTRA_EXITS else 0,
        warnings=tuple(_warnings(measured, watches=watches)),
    )


def _trap(measured: Measured, mode: str) -> KvmTrap:
    tried = ((INT3, measured[int3(mode)]), (INT1, measured[int1(mode)]))
    return next((_TRAPS[result] for result in tried if result in _TRAPS), _HALT)


def _warnings(measured: Measured, *, watches: bool) -> list[str]:
    found = []
    if not measured[STEP].startswith(WORKS):
        found.append(f"single steps do not work ({measured[STEP]}): stepping and watchpoints will fail")
    errors = [name for mode, name in MODES.items() if measured[int3(mode)] == INTERNAL_ERROR]
    if errors:
        found.append(f"INT3 in {' and '.join(errors)} is an internal error: at a breakpoint, that is the hit")
    for code, instead in _NAMES.items():
        modes = [name for mode, name in MODES.items() if _trap(measured, mode).code == code]
        if modes:
            found.append(
                f"INT3 in {' and '.join(modes)} is not reported: software breakpoints are {instead} there"
            )
    if measured[EXECUTION] != WORKS:
        found.append(
            f"execution breakpoints do not work ({measured[EXECUTION]}): traps in memory take their place"
        )
    if not watches:
        found.append(
            "data watchpoints do not fire: write watchpoints are found by steps and comparing, at some "
            "50,000 instructions a second; read and access watchpoints are refused"
        )
    return found + [
        f"{name}: {measured[name]}: a guest that debugs itself will not work"
        for name in (BREAKPOINT_BACK, DEBUG_BACK)
        if not measured[name].startswith(WORKS)
    ]


def pushes_after(measured: Measured) -> bool:
    """Whether the host pushes the address after an INT3 by itself when #BP is injected."""
    return measured[BREAKPOINT_BACK] == WORKS


def detects(measured: Measured) -> bool:
    """Whether general detect shows the guest's accesses to its debug registers."""
    return measured[GENERAL_DETECT] == WORKS
