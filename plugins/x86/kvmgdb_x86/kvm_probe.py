"""What an x86 host's KVM really delivers, asked of it with guests of a few instructions.

Nested and cloud hosts differ from what KVM documents: some interpret the guest, and then know no INT3 or no
data watchpoints.  Every trial ends in a HLT, so that one that does not stop where it should comes to an end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from kvmgdb.arch.kvm import (
    TRIAL_ENTRY,
    WORKS,
    Bench,
    Trial,
    TrialExit,
)
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, KVM_EXIT_HLT, KVM_EXIT_INTERNAL_ERROR, exit_reason
from kvmgdb_x86 import debugregs, modes
from kvmgdb_x86.exits import BP_VECTOR, DB_VECTOR, DR6_BD, DR6_BS
from kvmgdb_x86.kvm_delivery import events_of, inject_breakpoint, inject_debug
from kvmgdb_x86.kvm_registers import DEBUGREGS, REGS, SREGS
from kvmgdb_x86.kvm_structs import KVM_CAP_EXCEPTION_PAYLOAD

ENABLE, SINGLESTEP = 1, 2
USE_SW_BP, USE_HW_BP, BLOCKIRQ = 0x10000, 0x20000, 0x100000
"""KVM_SET_GUEST_DEBUG's control bits (Linux ``arch/x86/include/uapi/asm/kvm.h``)."""

INT3, INT1, HLT, _NOP, _IRET = b"\xcc", b"\xf1", b"\xf4", b"\x90", b"\xcf"
_DATA, _TABLE, _HANDLERS, _STACK = 0x5000, 0x6000, 0x7000, 0x8000
_EXIT = struct.Struct("<IIQQQ")
_HANDED_ON = KVM_EXIT_HLT
_INTERRUPT_GATE = 0x8E
_REP_STOSB = b"\xf3\xaa"
_CONVERTS = b"\xf2\x0f\x2a\xc0"  # cvtsi2sd xmm0, eax

MOST_IDLE_EXITS = 16
"""Exits in which nothing has happened, before a single step is done: nested hosts have one for each page that
is touched for the first time, and an instruction may look up three pages by four levels of tables.
"""

LEFT_TO_THE_GUEST = "left to the guest"
INTERNAL_ERROR = "internal error"
NEVER = "never fires"
BY_ITSELF = "works, without leaving the guest"
EXTRA_EXITS = "works, with exits in which nothing has happened"
PUSHES_RIP = "works, pushing RIP as it is"
NOT_OFFERED = "not offered"

MODES = {"64": "64-bit mode", "32": "32-bit mode", "16": "real mode"}
STEP, STRING_STEP = "single step", "step of a string instruction"
EXECUTION, ACCESS = "execution breakpoint", "access watch of 4 bytes"
BREAKPOINT_BACK, DEBUG_BACK = "INT3 handed back", "debug exception handed back"
RESUME_FLAG, GENERAL_DETECT = "resume flag", "general detect"
BLOCK_INTERRUPTS, SSE, IRET = "steps without interrupts", "SSE arithmetic", "IRET in 32-bit mode"


def int3(mode: str) -> str:
    """The name of the trial of INT3 in ``64``, ``32`` or ``16``."""
    return f"INT3 in {MODES[mode]}"


def int1(mode: str) -> str:
    """The name of the trial of INT1."""
    return f"INT1 in {MODES[mode]}"


def write_watch(length: int) -> str:
    """The name of the trial of a write watchpoint."""
    return f"write watch of {length} byte{'s' if length > 1 else ''}"


def _other(found: TrialExit) -> str:
    """An end that no trial expects."""
    if found.reason == KVM_EXIT_INTERNAL_ERROR:
        return INTERNAL_ERROR
    return exit_reason(found.reason).name if found.reason >= 0 else "does not come back"


def _debug(found: TrialExit) -> tuple[int, int, int]:
    """Exception, linear pc, events; zeros where the exit is none of a debugger's."""
    if found.reason != KVM_EXIT_DEBUG:
        return 0, 0, 0
    exception, _, pc, dr6, _ = _EXIT.unpack_from(found.data)
    return exception, pc, events_of(dr6)


def _step(bench: Bench) -> str:
    bench.start("64", _NOP + HLT)
    for idle in range(MOST_IDLE_EXITS + 1):
        if not bench.debug(ENABLE | SINGLESTEP):
            return NOT_OFFERED
        found = bench.run()
        exception, pc, events = _debug(found)
        if exception != DB_VECTOR or not events & DR6_BS:
            return _other(found)
        if pc == TRIAL_ENTRY + 1:
            return EXTRA_EXITS if idle else WORKS
    return "does not move"


def _int3(bench: Bench, mode: str) -> str:
    bench.start(mode, INT3 + HLT)
    _vectors(bench, mode)
    if not bench.debug(ENABLE | USE_SW_BP):
        return NOT_OFFERED
    found = bench.run()
    exception, pc, _ = _debug(found)
    if exception == BP_VECTOR and pc == TRIAL_ENTRY:
        return WORKS
    return LEFT_TO_THE_GUEST if found.reason == KVM_EXIT_HLT else _other(found)


def _int1(bench: Bench, mode: str) -> str:
    bench.start(mode, INT1 + HLT)
    _vectors(bench, mode)
    if not bench.debug(ENABLE | USE_SW_BP):
        return NOT_OFFERED
    found = bench.run()
    if found.reason != KVM_EXIT_HLT:
        return _other(found)
    entered = bench.state.get(REGS).rip == _HANDLERS + 16 * DB_VECTOR + 1
    return WORKS if entered else "another exception"


def _string_step(bench: Bench) -> str:
    bench.start("64", _REP_STOSB + HLT)
    regs = bench.state.get(REGS)
    regs.rcx, regs.rdi = 3, _DATA
    bench.state.put(REGS)
    rounds = []
    for _ in range(3 + MOST_IDLE_EXITS):
        if not bench.debug(ENABLE | SINGLESTEP):
            return NOT_OFFERED
        found = bench.run()
        if _debug(found)[0] != DB_VECTOR:
            return _other(found)
        rounds.append(bench.state.get(REGS).rcx)
        if rounds[-1] == 0:
            break
    return WORKS if {2, 1, 0} <= set(rounds) else "several rounds in one step"


def _slot(address: int, rw: int, length: int) -> bytes:
    dr7 = debugregs.DR7_RESET | 2 | rw << 16 | debugregs.LEN_ENCODING[length] << 18
    return struct.pack("<8Q", address, 0, 0, 0, 0, 0, 0, dr7)


def _execution(bench: Bench) -> str:
    bench.start("64", _NOP + _NOP + HLT)
    if not bench.debug(ENABLE | USE_HW_BP, _slot(TRIAL_ENTRY + 1, 0, 1)):
        return NOT_OFFERED
    found = bench.run()
    exception, pc, events = _debug(found)
    if exception == DB_VECTOR and pc == TRIAL_ENTRY + 1 and events & 1:
        return WORKS
    return NEVER if found.reason == KVM_EXIT_HLT else _other(found)


def _resume_flag(bench: Bench) -> str:
    bench.start("64", _NOP + _NOP + HLT)
    if not bench.debug(ENABLE | USE_HW_BP, _slot(TRIAL_ENTRY + 1, 0, 1)):
        return NOT_OFFERED
    if _debug(bench.run())[1] != TRIAL_ENTRY + 1:
        return NEVER
    bench.state.get(REGS).rflags |= 1 << 16
    bench.state.put(REGS)
    return WORKS if bench.run().reason == KVM_EXIT_HLT else "does not hold a breakpoint off"


STORES = {1: b"\x88\x07", 2: b"\x66\x89\x07", 4: b"\x89\x07", 8: b"\x48\x89\x07"}
_LOAD = b"\x8b\x07"


def _watch(bench: Bench, code: bytes, rw: int, length: int) -> str:
    bench.start("64", code + _NOP + HLT)
    regs = bench.state.get(REGS)
    regs.rdi = _DATA
    bench.state.put(REGS)
    if not bench.debug(ENABLE | USE_HW_BP, _slot(_DATA, rw, length)):
        return NOT_OFFERED
    found = bench.run()
    exception, pc, events = _debug(found)
    if exception == DB_VECTOR and pc == TRIAL_ENTRY + len(code) and events & 1:
        return WORKS
    return NEVER if found.reason == KVM_EXIT_HLT else _other(found)


def _vectors(bench: Bench, mode: str) -> None:
    """Handlers for #DB and #BP: a HLT each."""
    bench.write(_HANDLERS, HLT * 64)
    for vector in (DB_VECTOR, BP_VECTOR):
        handler = _HANDLERS + 16 * vector
        if mode == "16":
            bench.write(4 * vector, struct.pack("<HH", handler, 0))
        elif mode == "32":
            gate = struct.pack("<HHBBH", handler, modes.CODE_32, 0, _INTERRUPT_GATE, 0)
            bench.write(_TABLE + 8 * vector, gate)
        else:
            gate = struct.pack("<HHBBHII", handler, modes.CODE_64, 0, _INTERRUPT_GATE, 0, 0, 0)
            bench.write(_TABLE + 16 * vector, gate)
    if mode != "16":
        sregs = bench.state.get(SREGS)
        sregs.idt.base, sregs.idt.limit = _TABLE, 0xFFF
        bench.state.put(SREGS)
    bench.state.get(REGS).rsp = _STACK
    bench.state.put(REGS)


def _pushed(bench: Bench, vector: int) -> int | None:
    """The return address the handler of ``vector`` got; None if it was not entered."""
    found = bench.run()
    regs = bench.state.get(REGS)
    if found.reason != _HANDED_ON or regs.rip != _HANDLERS + 16 * vector + 1:
        return None
    return int.from_bytes(bench.read(regs.rsp, 8), "little")


def _breakpoint_back(bench: Bench) -> str:
    bench.start("64", INT3 + HLT)
    _vectors(bench, "64")
    if not bench.debug(ENABLE | USE_SW_BP):
        return NOT_OFFERED
    if bench.run().reason == KVM_EXIT_HLT:
        return BY_ITSELF
    inject_breakpoint(bench.state)
    pushed = _pushed(bench, BP_VECTOR)
    if pushed is None:
        return "lost"
    return WORKS if pushed == TRIAL_ENTRY + 1 else PUSHES_RIP


def _debug_back(bench: Bench) -> str:
    bench.start("64", _NOP + HLT)
    _vectors(bench, "64")
    if not bench.debug(ENABLE | USE_SW_BP):
        return NOT_OFFERED
    inject_debug(bench.state, DR6_BS | 1, payload=KVM_CAP_EXCEPTION_PAYLOAD in bench.enabled)
    if _pushed(bench, DB_VECTOR) != TRIAL_ENTRY:
        return "lost"
    return WORKS if events_of(bench.state.get(DEBUGREGS).dr6) & (DR6_BS | 1) == DR6_BS | 1 else "loses DR6"


def _general_detect(bench: Bench) -> str:
    bench.start("64", b"\x0f\x21\xc0" + HLT)  # mov rax, dr0
    arch = bytearray(_slot(_DATA, 0, 1))
    struct.pack_into("<Q", arch, 56, struct.unpack_from("<Q", arch, 56)[0] | 1 << 13)
    if not bench.debug(ENABLE | USE_HW_BP, bytes(arch)):
        return NOT_OFFERED
    found = bench.run()
    exception, _, events = _debug(found)
    if exception == DB_VECTOR and events & DR6_BD:
        return WORKS
    return NEVER if found.reason == KVM_EXIT_HLT else _other(found)


def _iret(bench: Bench) -> str:
    bench.start("32", _IRET + HLT)
    bench.write(_STACK, struct.pack("<III", TRIAL_ENTRY + 1, modes.CODE_32, 2))
    bench.state.get(REGS).rsp = _STACK
    bench.state.put(REGS)
    found = bench.run()
    return WORKS if found.reason == KVM_EXIT_HLT else _other(found)


def _block_interrupts(bench: Bench) -> str:
    return WORKS if bench.control_bits & BLOCKIRQ else NOT_OFFERED


def _sse(bench: Bench) -> str:
    bench.start("64", _CONVERTS + HLT)
    found = bench.run()
    return WORKS if found.reason == KVM_EXIT_HLT else _other(found)


def _trial(name: str, summary: str, measure: Callable[[Bench], str]) -> Trial:
    return Trial(name, summary, measure)


TRIALS = (
    _trial(STEP, "KVM_GUESTDBG_SINGLESTEP stops after one instruction", _step),
    _trial(STRING_STEP, "a step of REP STOSB is one round of it", _string_step),
    *(
        _trial(int3(mode), "INT3 is reported with KVM_GUESTDBG_USE_SW_BP", partial(_int3, mode=mode))
        for mode in MODES
    ),
    *(
        _trial(int1(mode), "INT1 reaches the guest's own handler", partial(_int1, mode=mode))
        for mode in MODES
    ),
    _trial(EXECUTION, "a debug register stops before an instruction", _execution),
    *(
        _trial(
            write_watch(length),
            "a debug register stops after a store",
            partial(_watch, code=code, rw=1, length=length),
        )
        for length, code in STORES.items()
    ),
    _trial(ACCESS, "a debug register stops after a load", partial(_watch, code=_LOAD, rw=3, length=4)),
    _trial(RESUME_FLAG, "EFLAGS.RF lets an instruction pass its breakpoint", _resume_flag),
    _trial(GENERAL_DETECT, "DR7.GD shows the guest's accesses to debug registers", _general_detect),
    _trial(BREAKPOINT_BACK, "the guest's own INT3 reaches its handler", _breakpoint_back),
    _trial(DEBUG_BACK, "a debug exception of the guest's own reaches its handler, with DR6", _debug_back),
    _trial(BLOCK_INTERRUPTS, "KVM_GUESTDBG_BLOCKIRQ keeps a step out of handlers", _block_interrupts),
    _trial(IRET, "a 32-bit guest can return from a handler", _iret),
    _trial(SSE, "the guest's kernel can use SSE arithmetic", _sse),
)
