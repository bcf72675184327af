"""The table of the contract tests leaves nobody out."""

from __future__ import annotations

from kvmgdb import builtin
from kvmgdb.plugins import load_plugins
from tests.support.guests import EVERY
from tests.support.machines import BACKENDS


def test_every_variant_the_emulator_runs_is_in_it() -> None:
    plugins = load_plugins(builtin, environment={})
    names = [f"{info.name}:{variant.name}" for info in plugins.archs for variant in info.variants]
    assert {name for name in names if plugins.resolve(name).emulator is not None} == set(EVERY)


def test_every_backend_is_in_it() -> None:
    assert set(load_plugins(builtin, environment={}).backends) == set(BACKENDS)
