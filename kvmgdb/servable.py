"""Whether what a configuration says can be served, as far as plugins and files tell.

The configuration itself knows no plugin and opens no image.  What is wrong is a line that begins with the
place of the value, as all lines about a configuration do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kvmgdb.app import choose_guest, unheld
from kvmgdb.backends.base import BackendInfo, BackendOption
from kvmgdb.config.resolve import Loaded
from kvmgdb.config.text import did_you_mean, shown
from kvmgdb.errors import BackendError, ImageError, KvmgdbError, UsageError
from kvmgdb.plugins import Plugins

_EXPECTED = {
    bool: "true or false",
    int: "a number",
    str: "text",
    Path: "a path",
    list: "a list of words, or a line",
}


def unfit(loaded: Loaded, plugins: Plugins) -> list[str]:
    """What no plugin brings: the architecture, the backend, an option of the backend's; a line each."""
    config = loaded.config
    lines = []
    for key, name, look_up in (
        ("arch", config.arch, plugins.resolve),
        ("backend.kind", config.backend, plugins.backend),
    ):
        try:
            if name is not None:
                look_up(name)
        except UsageError as problem:
            lines.append(f"{loaded.origins[key].place}: {key}: {problem}")
    info = plugins.backends.get(config.backend)
    return lines if info is None else [*lines, *_wrong_options(loaded, info)]


def _wrong_options(loaded: Loaded, info: BackendInfo) -> Iterator[str]:
    if info.options is None:
        return
    known = {option.name: option for option in info.options}
    for name, value in loaded.config.backend_options.items():
        option = known.get(name)
        problem = _unknown(info, name) if option is None else _wrong_type(option, value)
        if problem:
            key = f"backend.{name}"
            yield f"{loaded.origins[key].place}: {key}: {problem}"


def _unknown(info: BackendInfo, name: str) -> str:
    names = [option.name for option in info.options or ()]
    hint = did_you_mean(name, names)
    return f"the backend {info.name} has no such option{hint} (it has: {', '.join(names) or 'none'})"


def _wrong_type(option: BackendOption, value: object) -> str:
    as_written = str if option.type is Path else option.type
    if type(value) is as_written and value != "":
        return ""
    if option.type is list and type(value) is str:
        return ""
    return f"expected {_EXPECTED[option.type]}, found {shown(value)}"


def unusable(loaded: Loaded, plugins: Plugins) -> list[str]:
    """What :func:`unfit` finds, or else what is wrong with the images, or with this backend for them."""
    lines = unfit(loaded, plugins)
    if lines:
        return lines
    key = "guest.image" if loaded.config.images else "guest.memory"  # too little for the sample guest
    try:
        arch, _ = choose_guest(loaded.config, plugins)
        key = "backend.kind"
        plugins.backend(loaded.config.backend).supports(arch)
    except (BackendError, ImageError) as problem:
        return [f"{loaded.origins[key].place}: {key}: {problem}"]
    except UsageError as problem:  # no sample guest
        return [f"{loaded.origins['arch'].place}: arch: {problem}"]
    return []


def remarks(loaded: Loaded, plugins: Plugins) -> list[str]:
    """What is no mistake and yet worth knowing: what of the policy comes to nothing on the backend, whatever
    the host, and why this host cannot run a guest that another might.  Asked where nothing is wrong.
    """
    arch, _ = choose_guest(loaded.config, plugins)
    backend = plugins.backend(loaded.config.backend)
    lines = unheld(loaded.config.policy, arch, backend)
    try:
        backend.can_run(arch)
    except KvmgdbError as problem:
        lines.append(f"not here: {problem}")
    return lines
