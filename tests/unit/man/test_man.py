"""The man pages against the command line and the schema: nothing missing, nothing extra."""

from __future__ import annotations

import inspect
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kvmgdb import builtin, hookspec, plugins, policy
from kvmgdb.arch.identity import PLUGIN_API
from kvmgdb.cli.main import app
from kvmgdb.config.load import load
from kvmgdb.config.rows import rows_of
from kvmgdb.config.schema import guest_schema, lab_schema
from kvmgdb.config.sources import NAMES, variable_of
from man.__main__ import MORE, Entry, Place, choices, filled, pages
from tests.support.tools import need

MAN = Path(__file__).parents[3] / "man"
PAGES = {path.name: path.read_text() for path in MAN.glob("*.[1-9]")}

ROOT: Any = get_command(app)
COMMANDS: dict[str, Any] = ROOT.commands
SUBCOMMANDS = {
    (name, inner): command
    for name, group in COMMANDS.items()
    for inner, command in getattr(group, "commands", {}).items()
}


# -- reading mdoc ------------------------------------------------------------------------------------


@dataclass
class Item:
    """One entry of the outermost list of a section: its head, and everything below it."""

    head: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is said, without the lines that are mark-up."""
        return " ".join(line for line in self.lines if not line.startswith("."))

    @property
    def choices(self) -> set[str]:
        """The words it offers: ``Cm a | b`` in the head, or the heads of a list inside."""
        inner = [line for line in self.lines if line.startswith(".It Cm ")]
        offered = self.head.partition(" Cm ")[2].split(" | ") if " Cm " in self.head else []
        return {*offered, *(line.removeprefix(".It Cm ") for line in inner)}


def _section(page: str, name: str) -> str:
    found = re.search(rf"^\.S[hs] {re.escape(name)}\n(.*?)(?=^\.S[hs] |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {name}"
    return found[1]


def _items(text: str) -> list[Item]:
    items: list[Item] = []
    depth = 0
    for line in text.splitlines():
        depth += line.startswith(".Bl ") - line.startswith(".El")
        if line.startswith(".It") and depth == 1:
            items.append(Item(line.removeprefix(".It").strip().replace("\\-", "-")))
        elif depth and items:
            items[-1].lines.append(line)
    return items


# -- the commands ------------------------------------------------------------------------------------


def _options(command: Any) -> dict[str, Any]:
    """``--config -c``, in the order of the alphabet -> the option."""
    return {" ".join(sorted(p.opts)): p for p in command.params if p.param_type_name == "option"}


def _options_section(page: str, title: str) -> dict[str, Item]:
    heads = [item for item in _items(_section(page, title)) if item.head.startswith("Fl ")]
    return {" ".join(sorted("-" + name for name in re.findall(r"Fl (\S+)", i.head))): i for i in heads}


PLACES = [
    ("kvmgdb.1", "OPTIONS", ROOT),
    ("kvmgdb-serve.1", "OPTIONS", COMMANDS["serve"]),
    ("kvmgdb-inspect-exit.1", "OPTIONS", COMMANDS["inspect-exit"]),
    ("kvmgdb-doctor.1", "OPTIONS", COMMANDS["doctor"]),
    *((f"kvmgdb-{name}.1", f"{name} {inner}", command) for (name, inner), command in SUBCOMMANDS.items()),
]
"""(page, section, the command whose options it describes)"""


def test_what_the_program_says_of_itself_is_in_the_pages() -> None:
    """``python -m man`` has nothing to write."""
    assert [name for name, text in pages().items() if text != PAGES[name]] == []


def test_there_is_a_page_for_every_command_and_one_for_the_file_and_for_plugins() -> None:
    others = {"kvmgdb.1", "kvmgdb.yaml.5", "kvmgdb-plugin.7"}
    assert set(PAGES) == {*others, *(f"kvmgdb-{name}.1" for name in COMMANDS)}


def test_the_first_page_names_every_command() -> None:
    items = _items(_section(PAGES["kvmgdb.1"], "DESCRIPTION"))
    assert {item.head.removeprefix("Cm ") for item in items} == set(COMMANDS)


def test_a_command_that_has_no_place_for_options_has_none() -> None:
    placed = {id(command) for _, _, command in PLACES}
    assert [n for n, c in COMMANDS.items() if id(c) not in placed and _options(c)] == []


@pytest.mark.parametrize(("page", "section", "command"), PLACES, ids=[f"{p}-{s}" for p, s, _ in PLACES])
def test_a_page_has_the_options_of_its_command(page: str, section: str, command: Any) -> None:
    options, items = _options(command), _options_section(PAGES[page], section)
    assert set(items) == set(options)
    for name, option in options.items():
        item = items[name]
        assert item.text.startswith(" ".join(option.help.split())), f"{name} says other words than its help"
        assert item.choices == set(choices(command, option)), name
        assert (" Ar " in item.head or " Cm " in item.head) == (not option.is_flag and not option.count), name


@pytest.mark.parametrize(("name", "inner"), SUBCOMMANDS)
def test_the_synopsis_has_each_subcommand_as_it_is_used(name: str, inner: str) -> None:
    command = SUBCOMMANDS[name, inner]
    uses = _section(PAGES[f"kvmgdb-{name}.1"], "SYNOPSIS").split(".Nm kvmgdb\n")
    [usage] = [use.splitlines()[1:] for use in uses if use.startswith(f".Cm {name} {inner}\n")]
    expected = [".Op Ar options"] if _options(command) else []
    for argument in command.params:
        if argument.param_type_name == "argument":
            shown = f"Ar {argument.metavar.replace('...', ' ...')}"
            expected.append(f".{shown}" if argument.required else f".Op {shown}")
    assert usage == expected


def test_every_monitor_command_is_described() -> None:
    items = _items(_section(PAGES["kvmgdb-serve.1"], "MONITOR COMMANDS"))
    known = {command.name for command in builtin.kvmgdb_monitor_commands()}
    assert {item.head.split()[1] for item in items} == known


# -- the file ----------------------------------------------------------------------------------------

KEYS = {item.head.removeprefix("Li "): item for item in _items(_section(PAGES["kvmgdb.yaml.5"], "KEYS"))}


def _schema_keys(schema: Any, root: Any, prefix: str = "") -> dict[str, set[str]]:
    """Every key, with a dot where one is inside another -> the words it takes, if it takes certain words."""
    if "$ref" in schema:
        return _schema_keys(root["$defs"][schema["$ref"].rpartition("/")[2]], root, prefix)
    found: dict[str, set[str]] = {}
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        found |= _schema_keys(part, root, prefix)
    for name, value in schema.get("properties", {}).items():
        key = f"{prefix}{name}"
        found[key] = _enum(value, root)
        found |= _schema_keys(value, root, f"{key}.")
    return found


def _enum(schema: Any, root: Any) -> set[str]:
    if "$ref" in schema:
        return _enum(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    return set(schema.get("enum", ()))


def test_the_file_has_the_keys_of_the_schema_and_the_words_they_take() -> None:
    schema = guest_schema()
    expected = _schema_keys(schema, schema)
    assert {"guest.image.address", "backend.kind", "policy.preset"} <= set(expected)
    assert {key: item.choices for key, item in KEYS.items()} == expected


def test_the_file_of_a_lab_has_the_keys_of_its_schema() -> None:
    schema = lab_schema()
    session = schema["$defs"]["SessionData"]["properties"]
    expect = schema["$defs"]["ExpectData"]["properties"]
    items = _items(_section(PAGES["kvmgdb.yaml.5"], "KEYS OF A LAB"))

    assert [item.head.removeprefix("Li ") for item in items] == [
        *(key for key in schema["properties"] if key != "version"),
        *(f"sessions.NAME.{key}" for key in session),
        *(f"sessions.NAME.expect.{key}" for key in expect),
    ]


def test_the_presets_are_in_their_order() -> None:
    heads = [line for line in KEYS["policy.preset"].lines if line.startswith(".It Cm ")]
    assert [line.removeprefix(".It Cm ") for line in heads] == list(policy.PRESETS)


def test_the_defaults_are_those_that_hold() -> None:
    told = {
        key: found[1]
        for key, item in KEYS.items()
        if (found := re.search(r"^The default is\n\.Ql (\S+)", "\n".join(item.lines), re.MULTILINE))
    }
    assert told == {row.key: row.text for row in rows_of(load(None)) if row.text != "-"}


def test_every_variable_is_described() -> None:
    described = {
        name: set(re.findall(r"^\.It Ev (KVMGDB_\w+)", page, re.MULTILINE)) for name, page in PAGES.items()
    }
    assert described["kvmgdb.yaml.5"] == {variable_of(name) for name in NAMES}
    for name in ("kvmgdb.1", "kvmgdb-plugins.1", "kvmgdb-plugin.7"):
        assert described[name] == {plugins.DISABLE_VARIABLE, plugins.TRACE_VARIABLE}


# -- the plugin contract -----------------------------------------------------------------------------


def _hooks(section: str) -> dict[str, tuple[list[str], str]]:
    """Hook -> its arguments and the type it returns, as the page has them."""
    found = {}
    for item in _items(_section(PAGES["kvmgdb-plugin.7"], section)):
        _, name, _, *arguments = item.head.split()  # Ic NAME Pq Ar ARGUMENT
        found[name] = (arguments[1:], item.text.partition(":")[0])
    return found


def _hooks_of_the_contract(*, collected: bool) -> dict[str, tuple[list[str], str]]:
    found = {}
    for name, hook in vars(hookspec).items():
        if name.startswith("kvmgdb_") and hook.kvmgdb_spec["firstresult"] is not collected:
            answer = str(inspect.signature(hook).return_annotation).removesuffix(" | None")
            answer = answer.replace("list[", "list of ").rstrip("]")
            found[name] = (list(inspect.signature(hook).parameters), answer)
    return found


@pytest.mark.parametrize(
    ("section", "collected"), [("HOOKS ABOUT AN ARCHITECTURE", False), ("COLLECTED HOOKS", True)]
)
def test_the_hooks_are_those_of_the_contract(section: str, collected: bool) -> None:
    expected = _hooks_of_the_contract(collected=collected)
    assert expected
    assert _hooks(section) == expected


def test_the_contracts_number_is_told() -> None:
    assert f".Ql api={PLUGIN_API} .\n" in _section(PAGES["kvmgdb-plugin.7"], "RULES")


# -- the pages as pages ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_refers_to_pages_that_are_there(name: str) -> None:
    ours = re.findall(r"^\.Xr (kvmgdb\S*) (\d)", PAGES[name], re.MULTILINE)
    assert {f"{page}.{section}" for page, section in ours} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_from_each_page_one_gets_to_all(name: str) -> None:
    """The first page names all, and all name the first."""
    ours = {f"{page}.{section}" for page, section in re.findall(r"^\.Xr (kvmgdb\S*) (\d)", PAGES[name], re.M)}
    assert ours >= set(PAGES) - {name} if name == "kvmgdb.1" else "kvmgdb.1" in ours


def test_mandoc_has_nothing_to_say() -> None:
    """But for pages that it does not find, as these are not installed, and gdb's may not be."""
    need("checking the man pages' mark-up", "mandoc")
    command = ["mandoc", "-Tlint", *(str(MAN / name) for name in sorted(PAGES))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if "STYLE: referenced manual not found" not in line] == []


# -- filling them in ---------------------------------------------------------------------------------

ONE = ".Sh OPTIONS\n.Bl -tag\n.It Fl \\-old\n{body}.El\n.Sh NEXT\n"


def _filled(body: str, text: str) -> str:
    entry = Entry("-old", "Fl \\-old Ar FILE", text)
    return filled(ONE.format(body=body), Place("page.1", "OPTIONS", (entry,)))


def test_new_words_come_in_place_of_old_ones_and_what_the_page_adds_stays() -> None:
    filled_in = _filled(f"Old words.\n{MORE}\nThe page's own.\n", "New words. Two of them.")

    assert filled_in == (
        ".Sh OPTIONS\n.Bl -tag\n.It Fl \\-old Ar FILE\nNew words.\nTwo of them.\n"
        f"{MORE}\nThe page's own.\n.El\n.Sh NEXT\n"
    )


def test_what_is_not_the_programs_is_not_lost_without_a_word() -> None:
    with pytest.raises(ValueError, match=r"page\.1: OPTIONS: -old says something of its own: put the line"):
        _filled("Words.\nThe page's own.\n", "Words.")


def test_a_section_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"page\.1: there is no section OPTIONS"):
        filled(".Sh NAME\n", Place("page.1", "OPTIONS", ()))
