"""A resolved configuration as rows of text: what ``kvmgdb config show`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kvmgdb.config.resolve import POLICY_KEYS, Loaded
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.config.text import printable
from kvmgdb.config.values import format_size


@dataclass(frozen=True, slots=True)
class Row:
    """One key."""

    key: str
    value: object
    """As a file would write it: text, truth values and lists; None where nothing is set."""
    origin: str

    @property
    def text(self) -> str:
        """The value for people."""
        if self.value is None or self.value == []:
            return "-"
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return printable(" ".join(map(str, self.value)) if isinstance(self.value, list) else str(self.value))


def rows_of(loaded: Loaded) -> list[Row]:
    """List every value with its origin, in the order of the file format."""
    return [Row(key, value, str(loaded.origins[key])) for key, value in values_of(loaded.config).items()]


def lab_rows(guests: Mapping[str, Loaded]) -> list[Row]:
    """The same of each guest of a lab, as ``guests.NAME.KEY``."""
    return [
        replace(row, key=f"guests.{name}.{row.key}")
        for name, loaded in guests.items()
        for row in rows_of(loaded)
    ]


def values_of(config: ServeConfig) -> dict[str, object]:
    """Every key with its value as a file would write it, in the order of the format; None: not set."""
    policy = config.policy
    return {
        "arch": config.arch,
        "backend.kind": config.backend,
        **{f"backend.{name}": value for name, value in config.backend_options.items()},
        "guest.image": [str(image) for image in config.images],
        "guest.memory": format_size(config.memory),
        "guest.entry": None if config.entry is None else f"{config.entry:#x}",
        "listen": str(config.listen),
        "allow_remote": config.allow_remote,
        "once": config.once,
        "run": config.run,
        "trace": None if config.trace is None else str(config.trace),
        "policy.preset": policy.preset,
        **{f"policy.{name}": getattr(policy, name).value for name in POLICY_KEYS},
    }
