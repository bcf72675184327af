"""The trials on this host, and what is remembered of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmgdb.arch.kvm import WORKS, Bench, Trial
from kvmgdb.arch.kvm_run import exit_reason
from kvmgdb.backends.kvm import probe
from kvmgdb.backends.kvm.device import Device
from kvmgdb_x86.kvm import X86Kvm
from kvmgdb_x86.kvm_probe import STEP


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kvmgdb"


def test_every_trial_has_a_result(device: Device) -> None:
    port = X86Kvm()
    found = probe.run_trials(device, port)
    assert list(found) == [trial.name for trial in port.trials]
    assert all(found.values())
    assert found[STEP].startswith(WORKS)


def test_the_results_are_remembered(device: Device, cache: Path) -> None:
    first = probe.measure(device, X86Kvm(), "x86")
    [file] = cache.iterdir()
    file.write_text(file.read_text().replace(f'"{STEP}": "{first[STEP]}"', f'"{STEP}": "remembered"'))
    assert probe.measure(device, X86Kvm(), "x86") == dict(first) | {STEP: "remembered"}


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"another trial": "works"}', "\0"])
def test_a_cache_of_something_else_is_made_anew(device: Device, cache: Path, content: str) -> None:
    first = probe.measure(device, X86Kvm(), "x86")
    [file] = cache.iterdir()
    file.write_text(content)
    assert probe.measure(device, X86Kvm(), "x86") == first
    assert STEP in file.read_text()


def test_a_cache_that_cannot_be_written_is_done_without(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert probe.measure(device, X86Kvm(), "x86")[STEP].startswith(WORKS)


def _hangs(bench: Bench) -> str:
    bench.start("64", b"\xfb\xeb\xfe")
    return str(bench.run().reason)


def test_a_guest_that_never_exits_is_ended(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LIMIT", 0.05)
    monkeypatch.setattr(probe, "SECOND_LIMIT", 0.05)
    port = X86Kvm()
    port.trials = (Trial("hangs", "a guest that spins is ended", _hangs),) * 2
    assert probe.run_trials(device, port) == {"hangs": "-1"}


def test_a_host_that_was_busy_is_asked_again(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is remembered until the next boot: it must not be how busy the host was."""
    monkeypatch.setattr(probe, "LIMIT", 0.0)

    def measure(bench: Bench) -> str:
        bench.start("64", b"\xf4")
        time.sleep(0.05)  # so long that the first time is over
        return exit_reason(bench.run().reason).name

    port = X86Kvm()
    port.trials = (Trial("halts", "a guest that halts", measure),)
    assert probe.run_trials(device, port) == {"halts": "KVM_EXIT_HLT"}
