"""Every exit of KVM ends in a stop with its reason, which ``monitor exits`` shows; or the guest goes on.

The real ones come from guests that cause them.  Those that no guest of ours can cause are put into the
shared page of a real processor, as the kernel would have.
"""

from __future__ import annotations

import ctypes
import errno
import struct

import pytest

from kvmgdb.arch.kvm_run import UNION_OFFSET
from kvmgdb.arch.stops import StopKind
from kvmgdb.backends.kvm.backend import KvmBackend
from kvmgdb.backends.kvm.vcpu import Vcpu, refusal
from kvmgdb.errors import BackendError
from kvmgdb.guest import Guest
from kvmgdb.policy import PRESETS
from kvmgdb.session import Session
from kvmgdb_x86.kvm_probe import ENABLE
from tests.kvm.conftest import ENTRY, StartGuest
from tests.support.machines import Machine
from tests.support.sessions import ask, monitor, plugins

HLT, NOP = b"\xf4", b"\x90"
INJECT_DB = 0x40000
FAIL_ENTRY, INTERNAL_ERROR, SYSTEM_EVENT, INTR, WINDOW, SET_TPR = 9, 17, 24, 10, 7, 11


def _session(machine: Machine) -> Session:
    return Session(
        Guest(machine.arch, machine.backend), PRESETS["transparent"].policy, plugins().monitor_commands
    )


def _vcpu(machine: Machine) -> Vcpu:
    assert isinstance(machine.backend, KvmBackend)
    return machine.backend._vcpu


REAL = [
    pytest.param(b"\xb0\x07\xe6\xf4", b"W07", "status 7", id="IO"),
    pytest.param(b"\xa0" + struct.pack("<Q", 0xC000_0000), b"T0a", "0xc0000000", id="MMIO"),
    pytest.param(HLT, b"T11", "halted", id="HLT"),
    pytest.param(b"\x0f\x0b", b"T06", "KVM_EXIT_SHUTDOWN", id="SHUTDOWN"),
    pytest.param(b"\xff\xe0", b"T0a", "no memory", id="INTERNAL_ERROR"),
]


@pytest.mark.parametrize(("code", "reply", "reason"), REAL)
def test_a_real_one(start: StartGuest, code: bytes, reply: bytes, reason: str) -> None:
    machine = start("64", NOP + code + NOP)
    machine.backend.write_register("rax", 0xC000_0000)
    session = _session(machine)
    assert ask(session, b"vCont;c").startswith(reply)
    assert reason in monitor(session, "exits").splitlines()[-1]


MADE_UP = [
    pytest.param(
        FAIL_ENTRY, struct.pack("<QI", 0x8000_0021, 3), "hardware reason 0x80000021 on cpu 3", id="FAIL_ENTRY"
    ),
    pytest.param(
        INTERNAL_ERROR, struct.pack("<II", 3, 0), "KVM_INTERNAL_ERROR_DELIVERY_EV", id="INTERNAL_ERROR"
    ),
    pytest.param(
        SYSTEM_EVENT, struct.pack("<II", 1, 0), "asks for a system event: shutdown", id="SYSTEM_EVENT"
    ),
    pytest.param(SYSTEM_EVENT, struct.pack("<II", 99, 0), "system event: 99", id="an unknown SYSTEM_EVENT"),
    pytest.param(0, struct.pack("<Q", 0x1234), "KVM_EXIT_UNKNOWN", id="UNKNOWN"),
    pytest.param(34, b"", "KVM_EXIT_XEN", id="one for another hypervisor"),
    pytest.param(60, b"", "unsupported exit reason 60", id="one that is newer than this"),
]


@pytest.mark.parametrize(("number", "data", "reason"), MADE_UP)
def test_one_that_no_guest_of_ours_causes(
    start: StartGuest, monkeypatch: pytest.MonkeyPatch, number: int, data: bytes, reason: str
) -> None:
    machine = start("64", NOP + HLT)
    session, vcpu = _session(machine), _vcpu(machine)

    def run() -> int:
        vcpu.shared.exit_reason = number
        vcpu.page[UNION_OFFSET : UNION_OFFSET + len(data)] = data
        return number

    for packet in (b"vCont;c", b"vCont;s:1", b"vCont;c"):  # going on ends in the same way, and in no loop
        monkeypatch.setattr(vcpu, "run", run)
        assert ask(session, packet)[:1] == b"T"
        assert session.last_stop is not None
        assert session.last_stop.kind is StopKind.SHUTDOWN
        assert reason in monitor(session, "exits").splitlines()[-1]
    monkeypatch.undo()
    assert machine.run().kind is StopKind.HALT


@pytest.mark.parametrize("number", [INTR, WINDOW, SET_TPR])
def test_where_nothing_has_happened_the_guest_goes_on(
    start: StartGuest, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    machine = start("64", NOP * 3 + HLT)
    vcpu, runs = _vcpu(machine), iter([number] * 3)
    kernel = vcpu.run
    monkeypatch.setattr(vcpu, "run", lambda: next(runs, None) or kernel())
    assert machine.backend.step().pc == ENTRY + 1
    assert machine.run().kind is StopKind.HALT
    assert next(runs, None) is None


def test_a_run_that_the_kernel_refuses(start: StartGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = start("64", NOP)
    vcpu = _vcpu(machine)
    monkeypatch.setattr(vcpu, "_run_number", 0)  # no call of KVM's
    with pytest.raises(BackendError, match="KVM cannot run the guest: KVM_RUN: Invalid argument"):
        machine.run()


# -- debugging that is refused ---------------------------------------------------------------------------


@pytest.fixture
def vcpu(start: StartGuest) -> Vcpu:
    """A processor."""
    return _vcpu(start("64", NOP))


def test_a_host_that_refuses_to_debug_says_why(vcpu: Vcpu) -> None:
    """Two exceptions at once is what every KVM refuses."""
    vcpu.debug(ENABLE | INJECT_DB)
    with pytest.raises(BackendError, match="KVM refuses to debug the guest: Device or resource busy"):
        vcpu.debug(ENABLE | INJECT_DB)
    assert ctypes.get_errno() == errno.EBUSY


def test_an_encrypted_guest_is_named() -> None:
    assert "SEV-ES, TDX" in refusal(errno.EINVAL)
    assert "--backend emulator" in refusal(errno.EINVAL)
    assert "SEV" not in refusal(errno.EBUSY)
