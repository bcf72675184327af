"""The report on this host; KVM's part of it is as this machine has it."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from kvmgdb import builtin, doctor
from kvmgdb.arch.architecture import Arch
from kvmgdb.backends.base import Backend, BackendInfo, Finding, GuestSetup
from kvmgdb.doctor import Report, examine
from kvmgdb.errors import BackendError, UsageError
from kvmgdb.gdb_offers import findings as gdb_findings
from kvmgdb.plugins import Plugins, load_plugins
from tests.support import kvm_host


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(builtin, environment={})


def _section(report: Report, title: str) -> dict[str, Finding]:
    [section] = [section for section in report.sections if section.title == title]
    return {finding.name: finding for finding in section.findings}


def test_the_host_and_the_plugins(plugins: Plugins) -> None:
    report = examine(plugins, None, None)
    assert platform.release() in _section(report, "host")["kernel"].value
    assert {"x86", "ppc"} <= set(_section(report, "plugins"))
    assert report.works
    assert "your choice" not in [section.title for section in report.sections]


def test_a_plugin_that_is_not_used_is_named_with_its_reason() -> None:
    report = examine(load_plugins(builtin, environment={"KVMGDB_DISABLE_PLUGINS": "ppc"}), None, None)
    assert _section(report, "plugins")["ppc"] == Finding("ppc", "not used: disabled", ok=False)


def test_kvm_as_it_was_measured(plugins: Plugins) -> None:
    found = _section(examine(plugins, None, None), "backend kvm")
    if kvm_host.unavailable():
        assert found["/dev/kvm"] == Finding("/dev/kvm", kvm_host.unavailable(), ok=False)
        return
    for name, outcome in kvm_host.measured().items():
        assert found[name] == Finding(name, outcome, ok=kvm_host.has(name))


@pytest.mark.gdb
def test_what_the_gdb_offers_and_what_that_means(plugins: Plugins) -> None:
    found = _section(examine(plugins, None, None), "gdb")
    offered = found["gdb-multiarch offers"].value.split(", ")
    assert {"swbreak", "hwbreak", "vContSupported"} <= set(offered)
    assert ("error-message" in offered) == ("without error-message" not in found)


def test_a_gdb_that_says_nothing_is_a_line(tmp_path: Path) -> None:
    mute = tmp_path / "gdb"
    mute.write_text(
        "#!/bin/sh\nexec python3 -c 'import socket, sys\n"
        'socket.create_connection(sys.argv[-1].split()[-1].rsplit(":", 1))\' "$@"\n'
    )
    mute.chmod(0o755)
    [finding] = gdb_findings("gdb", str(mute))
    assert finding == Finding("gdb offers", "cannot be said: it has hung up without a word", ok=False)


def test_limits(plugins: Plugins) -> None:
    found = _section(examine(plugins, None, None), "limits")
    assert int(found["guest memory"].value.split()[0]) > 16
    assert found["processors"].value == "1 in a guest"


def test_a_choice_that_works(plugins: Plugins) -> None:
    report = examine(plugins, "emulator", "x86:16")
    assert report.works
    [finding] = _section(report, "your choice").values()
    assert finding.ok


def test_a_choice_that_cannot_work_says_why(plugins: Plugins) -> None:
    report = examine(plugins, "emulator", "ppc:power9")
    assert not report.works
    [finding] = _section(report, "your choice").values()
    assert "the emulator cannot run ppc:power9" in finding.value


def test_one_backend_that_can_is_enough(plugins: Plugins) -> None:
    assert examine(plugins, None, "ppc:440").works


def test_a_backend_nobody_has(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="there is no backend 'kmv'"):
        examine(plugins, "kmv", None)


def test_an_architecture_nobody_has(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="unknown architecture 'arm'"):
        examine(plugins, None, "arm")


def test_a_backend_of_a_plugin_may_say_nothing(plugins: Plugins) -> None:
    def create(_setup: GuestSetup) -> Backend:
        raise BackendError("not here")

    info = BackendInfo("silent", "says nothing", create)
    arch: Arch = plugins.resolve("x86")
    info.can_run(arch)
    assert info.examine([arch]) == []


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, plugins: Plugins) -> None:
    monkeypatch.setattr(doctor, "GDBS", ("gdb-of-nowhere", "true", "false"))
    found = _section(examine(plugins, None, None), "gdb")
    assert found["gdb-of-nowhere"] == Finding("gdb-of-nowhere", "not installed", ok=False)
    assert found["true"].ok
    assert not found["false"].ok


def test_as_json(plugins: Plugins) -> None:
    report = examine(plugins, "emulator", "x86")
    read = json.loads(json.dumps(report.as_json()))
    assert read["works"] is True
    assert {"title", "findings"} == set(read["sections"][0])
    assert {"name", "value", "ok"} == set(read["sections"][0]["findings"][0])
