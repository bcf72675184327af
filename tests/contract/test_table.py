"""The table of the contract tests leaves nobody out."""

from __future__ import annotations

from tests.support.machines import BACKENDS, plugins


def test_every_variant_the_emulator_runs_is_in_it() -> None:
    names = [f"{info.name}:{variant.name}" for info in plugins().archs for variant in info.variants]
    runnable = {name for name in names if plugins().resolve(name).emulator is not None}
    assert runnable == set(BACKENDS["emulator"])


def test_every_backend_is_in_it() -> None:
    assert set(plugins().backends) == set(BACKENDS)
