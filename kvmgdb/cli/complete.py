"""What the shell offers for the values of options, and bash's way of cutting a line into words."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kvmgdb.plugins import Plugins

Offers = list[tuple[str, str]]
"""(value, what it is)"""

VARIABLE = "_KVMGDB_COMPLETE"
"""Set by the shell's script while it asks for completions."""


def _plugins() -> Plugins:
    from kvmgdb import builtin
    from kvmgdb.plugins import load_plugins

    return load_plugins(builtin)


def archs() -> Offers:
    """Architectures, their variants and all their other names."""
    found = []
    for info in _plugins().archs:
        found += [(name, info.summary) for name in (info.name, *info.aliases)]
        for variant in info.variants:
            names = (f"{info.name}:{variant.name}", *variant.aliases)
            found += [(name, variant.summary) for name in names]
    return found


def backends() -> Offers:
    """What can run a guest."""
    return [(info.name, info.summary) for info in _plugins().backends.values()]


def policies() -> Offers:
    """The presets."""
    from kvmgdb.policy import PRESETS

    return [(name, preset.use) for name, preset in PRESETS.items()]


def monitor_commands() -> Offers:
    """What gdb's ``monitor`` takes: core's and plugins'."""
    return [(name, command.summary) for name, command in _plugins().monitor_commands.items()]


def settings(incomplete: str) -> Offers:
    """``KEY=`` for every key of a configuration file; behind it, the words it takes."""
    from kvmgdb.config.schema import guest_schema

    leaves = dict(_leaves(guest_schema()))
    key, equals, _ = incomplete.partition("=")
    fitting = [key] if equals else [name for name in leaves if name.startswith(key)]
    if len(fitting) > 1:
        return [(f"{name}=", str(leaves[name].get("description", ""))) for name in fitting]
    words = [(name, _words(name, leaves.get(name, {}))) for name in fitting]
    return [(f"{name}={word}", about) for name, offers in words for word, about in offers]


def file_names() -> Offers:
    """None: the shell then offers files by itself."""
    return []


Schema = dict[str, Any]


def _leaves(root: Schema) -> Iterator[tuple[str, Schema]]:
    """Every key that ``--set`` takes, with a dot where one is inside another."""

    def walk(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
        for name, value in schema.get("properties", {}).items():
            inner = [_deref(part, root) for part in (value, *value.get("anyOf", ()))]
            is_list = any(part.get("type") == "array" for part in inner)
            mappings = [part for part in inner if "properties" in part and not is_list]
            if not mappings:
                yield f"{prefix}{name}", inner[0] | {k: v for k, v in value.items() if k == "description"}
            for mapping in mappings:
                yield from walk(mapping, f"{prefix}{name}.")

    return ((key, schema) for key, schema in walk(root, "") if key not in ("version", "include"))


def _deref(schema: Schema, root: Schema) -> Schema:
    found: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _words(key: str, schema: Schema) -> Offers:
    named = {"arch": archs, "backend.kind": backends, "policy.preset": policies}
    if key in named:
        return named[key]()
    words = ["true", "false"] if schema.get("type") == "boolean" else schema.get("enum", [""])
    return [(word, "") for word in words]


_AT_THE_FIRST_TAB = """
if [ "$funcstack[1]" = "_%(prog_name)s" ]; then
  %(complete_func)s
fi
"""


def complete_zsh_script() -> None:
    """Have zsh answer the first TAB of a shell: it then loads the installed script by running it, as the
    function ``_kvmgdb`` (zshcompsys(1), "Autoloaded files"), and typer's only defines another one.  A typer
    that keeps its scripts elsewhere is left as it is.
    """
    from typer import _completion_shared

    scripts: dict[str, str] = getattr(_completion_shared, "_completion_scripts", {})
    if "zsh" in scripts:
        scripts["zsh"] += _AT_THE_FIRST_TAB


_BREAKS = re.compile(r"[:=]+")
"""Of the characters at which bash cuts words (COMP_WORDBREAKS), those that are in ours."""


def glued(words: list[str], current: int) -> tuple[list[str], int]:
    """Words as the user wrote them, from those bash has cut: ``x86``, ``:``, ``16`` is one."""
    whole: list[str] = []
    at = current
    for number, word in enumerate(words):
        if whole and (_BREAKS.fullmatch(word) or whole[-1].endswith((":", "="))):
            whole[-1] += word
            at -= number <= current
        else:
            whole.append(word)
    return whole, at


def for_bash(run: Callable[[], object]) -> None:
    """Answer bash's question with ``run``, in words as bash cuts them: it puts an answer in place of what
    stands behind the last colon or equals sign.
    """
    words, current = glued(os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"]))
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(current)
    incomplete = words[current] if current < len(words) else ""
    value = incomplete.partition("=")[2] if incomplete.startswith("--") else incomplete
    kept = max(value.rfind(":"), value.rfind("=")) + 1
    answer = StringIO()
    try:
        with redirect_stdout(answer):
            run()
    finally:
        sys.stdout.writelines(f"{line[kept:]}\n" for line in answer.getvalue().splitlines())
