"""All layers together: the resolved configuration, where each value came from, what cannot stand together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kvmgdb.config.layers import Layer
from kvmgdb.config.listen import StdioAddress, TcpAddress, UnixAddress
from kvmgdb.config.resolved import DEFAULTS, ServeConfig
from kvmgdb.config.tree import Origin, Source
from kvmgdb.policy import PRESETS, Policy

Origins = Mapping[str, Origin]
"""Dotted key (``guest.memory``, ``policy.watchpoints``) -> where its value came from."""

_FIELDS = {
    "arch": "arch",
    "backend.kind": "backend",
    "guest.image": "images",
    "guest.memory": "memory",
    "guest.entry": "entry",
    "listen": "listen",
    "allow_remote": "allow_remote",
    "once": "once",
    "run": "run",
    "trace": "trace",
}
"""Key -> field of :class:`ServeConfig`."""

POLICY_KEYS = (
    "software_breakpoints",
    "hardware_breakpoints",
    "watchpoints",
    "unclaimed_exits",
    "on_disconnect",
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A resolved configuration."""

    config: ServeConfig
    origins: Origins


def resolve(layer: Layer) -> Loaded:
    """Fill ``layer`` with defaults."""
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for key, name in _FIELDS.items():
        if key in layer:
            values[name] = layer[key].value
        origins[key] = layer[key].origin if key in layer else Origin(Source.DEFAULT)
    if "once" not in layer and isinstance(values.get("listen"), StdioAddress):
        values["once"] = True
        origins["once"] = replace(origins["listen"], via="listen: stdio")
    options = {key.removeprefix("backend."): key for key in layer if key.startswith("backend.")}
    options.pop("kind", None)
    values["backend_options"] = {name: layer[key].value for name, key in options.items()}
    origins |= {key: layer[key].origin for key in options.values()}
    values["policy"] = _policy(layer, origins)
    return Loaded(ServeConfig(**values), origins)


def _policy(layer: Layer, origins: dict[str, Origin]) -> Policy:
    """Take the preset with the keys that override it; ``origins`` gets an entry for each."""
    chosen = layer.get("policy.preset")
    preset = chosen.value if chosen else DEFAULTS.policy.preset
    origin = chosen.origin if chosen else Origin(Source.DEFAULT)
    origins["policy.preset"] = origin
    overrides: dict[str, Any] = {}
    for name in POLICY_KEYS:
        key = f"policy.{name}"
        if key in layer:
            overrides[name] = layer[key].value
        origins[key] = layer[key].origin if key in layer else replace(origin, via=f"preset {preset}")
    return replace(PRESETS[preset].policy, **overrides)


def contradictions(loaded: Loaded) -> list[str]:
    """Say what cannot stand together, or cannot be done at all: one line each."""
    config, origins = loaded.config, loaded.origins
    found = [
        ("listen", _listener_problem(config)),
        ("once", _once_problem(config)),
        (_overriding_key(origins), config.policy.contradiction),
    ]
    return [f"{origins[key].place}: {key}: {problem}" for key, problem in found if problem]


def _listener_problem(config: ServeConfig) -> str | None:
    listen = config.listen
    if isinstance(listen, UnixAddress):
        return listen.problem
    if not isinstance(listen, TcpAddress) or listen.is_loopback or config.allow_remote:
        return None
    return (
        f"{listen} can be reached from other machines, and the protocol has no password: whoever reaches "
        "the port controls the guest; listen on 127.0.0.1, or say allow_remote: true (--allow-remote)"
    )


def _once_problem(config: ServeConfig) -> str | None:
    if isinstance(config.listen, StdioAddress) and not config.once:
        return "standard input and output serve one debugger only; leave this out with listen: stdio"
    return None


def _overriding_key(origins: Origins) -> str:
    """Find the policy key that a message points at: one that was written, not a preset's."""
    keys = [f"policy.{name}" for name in POLICY_KEYS]
    return next((key for key in keys if not origins[key].via), "policy.preset")
