"""Defaults filled in, and what cannot stand together."""

from pathlib import Path
from typing import Any

import pytest

from kvmgdb.config.layers import Layer, Setting
from kvmgdb.config.listen import StdioAddress, TcpAddress, UnixAddress
from kvmgdb.config.resolve import contradictions, resolve
from kvmgdb.config.resolved import DEFAULTS, ServeConfig
from kvmgdb.config.tree import Origin, Source
from kvmgdb.policy import PRESETS, HardwareBreakpoints, OnDisconnect


def layer(values: dict[str, Any]) -> Layer:
    return {key: Setting(value, Origin(Source.FLAG, f"--set {key}")) for key, value in values.items()}


def origins(values: dict[str, Any]) -> dict[str, str]:
    return {key: str(origin) for key, origin in resolve(layer(values)).origins.items()}


def test_nothing_said_is_all_defaults() -> None:
    loaded = resolve({})
    assert loaded.config == DEFAULTS == ServeConfig()
    assert contradictions(loaded) == []


def test_the_defaults() -> None:
    assert DEFAULTS.arch is None
    assert DEFAULTS.backend == "emulator"
    assert DEFAULTS.memory == 16 * 1024 * 1024
    assert DEFAULTS.listen == TcpAddress("127.0.0.1", 1234)
    assert DEFAULTS.policy == PRESETS["transparent"].policy


def test_every_value_has_an_origin() -> None:
    found = origins({"guest.memory": 4096, "backend.kind": "kvm", "backend.device": "/dev/kvm"})
    assert found["guest.memory"] == "flag --set guest.memory"
    assert found["backend.device"] == "flag --set backend.device"
    assert found["guest.entry"] == "default"
    assert found["policy.watchpoints"] == "preset transparent (default)"


def test_backend_options_are_what_is_not_the_kind() -> None:
    config = resolve(layer({"backend.kind": "kvm", "backend.device": "/dev/kvm"})).config
    assert config.backend == "kvm"
    assert config.backend_options == {"device": "/dev/kvm"}


def test_a_policy_is_a_preset_with_what_overrides_it() -> None:
    values = {"policy.preset": "minimal", "policy.on_disconnect": OnDisconnect.EXIT}
    policy = resolve(layer(values)).config.policy
    assert policy.preset == "minimal"
    assert policy.hardware_breakpoints is HardwareBreakpoints.REFUSE
    assert policy.on_disconnect is OnDisconnect.EXIT
    found = origins(values)
    assert found["policy.hardware_breakpoints"] == "preset minimal (flag --set policy.preset)"
    assert found["policy.on_disconnect"] == "flag --set policy.on_disconnect"


def test_standard_input_and_output_serve_one_debugger() -> None:
    values = {"listen": StdioAddress()}
    assert resolve(layer(values)).config.once is True
    assert origins(values)["once"] == "listen: stdio (flag --set listen)"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"listen": TcpAddress("0.0.0.0", 1234)},  # noqa: S104
            "flag --set listen: listen: tcp:0.0.0.0:1234 can be reached from other machines, and the "
            "protocol has no password: whoever reaches the port controls the guest; listen on 127.0.0.1, or "
            "say allow_remote: true (--allow-remote)",
        ),
        (
            {"listen": UnixAddress(Path("x" * 108))},
            "flag --set listen: listen: expected a socket path of at most 107 bytes, found one of 108",
        ),
        (
            {"listen": StdioAddress(), "once": False},
            "flag --set once: once: standard input and output serve one debugger only; leave this out with "
            "listen: stdio",
        ),
        (
            {"policy.preset": "hardware", "policy.hardware_breakpoints": HardwareBreakpoints.REFUSE},
            "flag --set policy.hardware_breakpoints: policy.hardware_breakpoints: software_breakpoints: "
            "hardware makes every Z0 a hardware breakpoint, but hardware_breakpoints: refuse turns "
            "those away",
        ),
    ],
)
def test_what_cannot_be_done(values: dict[str, Any], problem: str) -> None:
    assert contradictions(resolve(layer(values))) == [problem]


@pytest.mark.parametrize(
    "values",
    [
        {"listen": TcpAddress("0.0.0.0", 1234), "allow_remote": True},  # noqa: S104
        {"listen": TcpAddress("::1", 0)},
        {"listen": UnixAddress(Path("s"))},
        {"listen": StdioAddress(), "once": True},
        {"listen": TcpAddress("127.0.0.1", 1234), "once": False},
    ],
)
def test_what_can(values: dict[str, Any]) -> None:
    assert contradictions(resolve(layer(values))) == []
