"""A resolved configuration as a file would say it: what one process of a lab hands to another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kvmgdb.config.listen import UnixAddress
from kvmgdb.config.models import VERSION
from kvmgdb.config.resolved import ServeConfig
from kvmgdb.config.rows import values_of


def document(config: ServeConfig) -> dict[str, object]:
    """The mapping that resolves to ``config``; of values that JSON has, so that its JSON is YAML too."""
    top: dict[str, object] = {"version": VERSION}
    for key, value in values_of(config).items():
        if value is None or value == []:
            continue
        section, _, name = key.partition(".")
        if name:
            part = top.setdefault(section, {})
            assert isinstance(part, dict)  # noqa: S101 - no key is both
            part[name] = value
        else:
            top[section] = value
    return top


def absolute(config: ServeConfig) -> ServeConfig:
    """The same with paths that hold wherever the file stands."""
    images = tuple(replace(image, path=image.path.absolute()) for image in config.images)
    trace = None if config.trace is None else config.trace.absolute()
    listen = config.listen
    if isinstance(listen, UnixAddress):
        listen = UnixAddress(Path(listen.path).absolute())
    return replace(config, images=images, trace=trace, listen=listen)
