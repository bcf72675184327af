"""What KVM_SET_GUEST_DEBUG must do, in the order of the kernel's own self test of it.

Bare: control bits in, the payload of KVM_EXIT_DEBUG out.  Source of what is expected: KVM API,
KVM_SET_GUEST_DEBUG; SDM vol. 3, "Debug Exceptions".
"""

from __future__ import annotations

import struct

import pytest

from kvmgdb.arch.kvm import TRIAL_ENTRY
from kvmgdb.arch.kvm_run import KVM_EXIT_DEBUG, KVM_EXIT_HLT, KVM_EXIT_IO
from kvmgdb.backends.kvm.probe import TrialBench
from kvmgdb_x86.debugregs import LEN_ENCODING
from kvmgdb_x86.kvm_delivery import events_of
from kvmgdb_x86.kvm_probe import BLOCKIRQ, ENABLE, MOST_IDLE_EXITS, SINGLESTEP, USE_HW_BP, USE_SW_BP
from kvmgdb_x86.kvm_registers import REGS, SREGS

DB, BP = 1, 3
DATA = 0x5000
GD, BD, BS = 1 << 13, 1 << 13, 1 << 14
SURE = ~(1 << 11 | 1 << 16)
"""DR6.BLD and RTM, active low, are left clear by some hosts."""


def _slot(n: int, address: int, rw: int = 0, length: int = 1, more: int = 0) -> bytes:
    addresses = [0, 0, 0, 0]
    addresses[n] = address
    dr7 = 0x400 | 2 << 2 * n | rw << 16 + 4 * n | LEN_ENCODING[length] << 18 + 4 * n | more
    return struct.pack("<8Q", *addresses, 0, 0, 0, dr7)


def _payload(bench: TrialBench) -> tuple[int, int, int]:
    """Run to a debug exit: exception, pc, events of DR6."""
    found = bench.run()
    assert found.reason == KVM_EXIT_DEBUG, found.reason
    exception, _, pc, dr6, _ = struct.unpack_from("<IIQQQ", found.data)
    return exception, pc, events_of(dr6) & SURE


def _step(bench: TrialBench, more: int = 0) -> tuple[int, int, int]:
    """The payload of a single step; an exit in which nothing has happened, as some hosts have, is passed."""
    before = bench.state.get(REGS).rip
    for _ in range(1 + MOST_IDLE_EXITS):
        assert bench.debug(ENABLE | SINGLESTEP | more)
        found = _payload(bench)
        if found[1] != before:
            break
    return found


@pytest.mark.parametrize("variant", ["64", "32", "16"])
def test_software_breakpoint_payload(bench: TrialBench, variant: str) -> None:
    bench.start(variant, b"\x90\xcc\x90\xf4")
    bench.write(4 * BP, struct.pack("<HH", 0x7000, 0))  # where real mode goes if it is not reported
    bench.write(0x7000, b"\xf4")
    assert bench.debug(ENABLE | USE_SW_BP)
    exception, pc, _ = _payload(bench)
    assert (exception, pc) == (BP, TRIAL_ENTRY + 1)
    assert bench.state.get(REGS).rip == TRIAL_ENTRY + 1


@pytest.mark.parametrize("variant", ["64", "32", "16"])
@pytest.mark.parametrize("n", range(4))
def test_execution_breakpoint_in_each_register(bench: TrialBench, n: int, variant: str) -> None:
    bench.start(variant, b"\x90" * 4 + b"\xf4")
    assert bench.debug(ENABLE | USE_HW_BP, _slot(n, TRIAL_ENTRY + 3))
    assert _payload(bench) == (DB, TRIAL_ENTRY + 3, 1 << n)


STORES = {1: b"\x88\x07", 2: b"\x66\x89\x07", 4: b"\x89\x07", 8: b"\x48\x89\x07"}


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize("length", STORES)
@pytest.mark.parametrize("rw", [1, 3])
def test_data_watch_in_each_register(bench: TrialBench, n: int, length: int, rw: int) -> None:
    code = STORES[length]
    bench.start("64", b"\x90" + code + b"\xf4")
    bench.state.get(REGS).rdi = DATA
    bench.state.put(REGS)
    assert bench.debug(ENABLE | USE_HW_BP, _slot(n, DATA, rw, length))
    assert _payload(bench) == (DB, TRIAL_ENTRY + 1 + len(code), 1 << n)


def test_a_load_is_an_access(bench: TrialBench) -> None:
    bench.start("64", b"\x8b\x07\xf4")
    bench.state.get(REGS).rdi = DATA
    bench.state.put(REGS)
    assert bench.debug(ENABLE | USE_HW_BP, _slot(0, DATA, 3, 4))
    assert _payload(bench) == (DB, TRIAL_ENTRY + 2, 1)


def test_a_load_is_no_write(bench: TrialBench) -> None:
    bench.start("64", b"\x8b\x07\xf4")
    bench.state.get(REGS).rdi = DATA
    bench.state.put(REGS)
    assert bench.debug(ENABLE | USE_HW_BP, _slot(0, DATA, 1, 4))
    assert bench.run().reason == KVM_EXIT_HLT


WRMSR = b"\x0f\x30"
STEPPED = (
    b"\x31\xc0",  # xor eax, eax
    b"\x0f\xa2",  # cpuid
    b"\xb9\x02\x01\x00\xc0",  # mov ecx, 0xc0000102 (KERNEL_GS_BASE)
    b"\x31\xd2",  # xor edx, edx
    WRMSR,
    b"\xfa",  # cli
    b"\x90",
)


@pytest.mark.parametrize("variant", ["64", "32"])
def test_steps_over_what_the_host_must_emulate(bench: TrialBench, variant: str) -> None:
    bench.start(variant, b"".join(STEPPED) + b"\xf4")
    pc = TRIAL_ENTRY
    for code in STEPPED:
        pc += len(code)
        assert _step(bench) == (DB, pc, BS), code.hex()


APIC_SPURIOUS, APIC_COMMAND, VECTOR = 0xF0, 0x300, 0x30
PENDING = (
    # mov dword [rdi + 0xf0], 0x1ff: the APIC is on; mov dword [rdi + 0x300], 0x44030: an interrupt to itself
    b"\xc7\x87" + struct.pack("<II", APIC_SPURIOUS, 0x1FF),
    b"\xc7\x87" + struct.pack("<II", APIC_COMMAND, 0x44000 | VECTOR),
)


def _with_pending_interrupt(bench: TrialBench, code: bytes) -> int:
    """Run to the first instruction of ``code`` with an interrupt pending and interrupts off; its address."""
    bench.start("64", b"".join(PENDING) + code)
    bench.write(0x7000, b"\x90" * 16)  # longer than the test is: a HLT would wait in the kernel
    bench.write(0x6000 + 16 * VECTOR, struct.pack("<HHBBHII", 0x7000, 0x18, 0, 0x8E, 0, 0, 0))
    sregs = bench.state.get(SREGS)
    sregs.idt.base, sregs.idt.limit = 0x6000, 0xFFF
    bench.state.put(SREGS)
    regs = bench.state.get(REGS)
    regs.rdi, regs.rsp = 0xFEE0_0000, 0x9000
    bench.state.put(REGS)
    for _ in PENDING:
        _step(bench)
    pc: int = bench.state.get(REGS).rip
    assert pc == TRIAL_ENTRY + sum(map(len, PENDING))
    return pc


def test_steps_past_a_pending_interrupt(bench_with_interrupts: TrialBench) -> None:
    """KVM_GUESTDBG_BLOCKIRQ keeps every step out of the handler, STI's shadow notwithstanding."""
    bench, codes = bench_with_interrupts, (b"\xfb", *STEPPED)
    pc = _with_pending_interrupt(bench, b"".join(codes) + b"\xf4")
    addresses = []
    for code in codes:
        pc += len(code)
        addresses.append(pc)
    while pc := bench.state.get(REGS).rip:
        if pc == addresses[-1]:
            break
        _, pc, events = _step(bench, BLOCKIRQ)
        assert pc in addresses
        assert events == BS


def test_a_step_without_blocking_goes_into_the_handler(bench_with_interrupts: TrialBench) -> None:
    """And, where the processor delivers it, runs on there: the trap flag is on the handler's stack."""
    bench = bench_with_interrupts
    _with_pending_interrupt(bench, b"\xfb\x90\x90\x90\xf4")
    bench.write(0x7008, b"\xe6\x80")  # out 0x80, al
    for _ in range(3 + MOST_IDLE_EXITS):
        assert bench.debug(ENABLE | SINGLESTEP)
        assert bench.run().reason in (KVM_EXIT_DEBUG, KVM_EXIT_IO)
        if 0x7000 <= bench.state.get(REGS).rip < 0x7010:
            break
    else:
        raise AssertionError(f"never there, but at {bench.state.get(REGS).rip:#x}")


def test_general_detect(bench: TrialBench) -> None:
    """Before the access, which has not been done."""
    bench.start("64", b"\x90\x0f\x21\xc0\xf4")
    assert bench.debug(ENABLE | USE_HW_BP, _slot(0, DATA, more=GD))
    assert _payload(bench) == (DB, TRIAL_ENTRY + 1, BD)


def test_debugging_that_is_off_is_off(bench: TrialBench) -> None:
    bench.start("64", b"\x90\x90\xf4")
    assert bench.debug(ENABLE | SINGLESTEP)
    _payload(bench)
    assert bench.debug(0)
    assert bench.run().reason == KVM_EXIT_HLT
