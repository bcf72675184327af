"""The page on troubleshooting quotes what the program says, and has every error that names a remedy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
SOURCES = [path for folder in ("kvmgdb", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| it says")]
QUOTED = [quote for row in ROWS for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])]

USERS = {"BackendError", "ConfigError", "ImageError", "KvmgdbError", "PluginError", "UsageError"}
"""The errors that end a command; packets that are refused (RspError) have their reason in gdb or the log."""
REMEDY = re.compile(
    r"(?:: |; |, |or |\()(?:use|install|leave|give|name|choose|correct|say|link|disable|watch)\b"
)


def _literals() -> str:
    """The program's text with literals that are written one after another put together."""
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    text = re.sub(r"\"\s*\n\s*f?\"", "", text)
    return text.replace("`", "").replace("\\'", "'")


PROGRAM = _literals()


def _fragments(quote: str) -> list[str]:
    """What stands between the places that differ."""
    return [part.strip(" :,;()") for part in quote.replace("`", "").split("…")]


@pytest.mark.parametrize("quote", QUOTED, ids=lambda quote: quote[:40])
def test_what_is_quoted_is_said(quote: str) -> None:
    for fragment in _fragments(quote):
        assert fragment in PROGRAM, fragment


def test_there_is_enough_of_it() -> None:
    assert len(QUOTED) > 60
    assert all(re.fullmatch(r"\| .+ \| .+ \|", row) for row in ROWS)


def _text(node: ast.expr) -> str:
    """A message as it is written, with ``…`` where something is filled in."""
    if isinstance(node, ast.JoinedStr):
        parts = [value.value if isinstance(value, ast.Constant) else "…" for value in node.values]
        return "".join(map(str, parts))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _errors(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        raised = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(raised, ast.Call) and isinstance(raised.func, ast.Name) and raised.func.id in USERS:
            yield from (_text(argument) for argument in raised.args[:1])


REMEDIES = [text for path in SOURCES for text in _errors(path) if REMEDY.search(text)]


@pytest.mark.parametrize("error", REMEDIES, ids=lambda error: error[:60])
def test_an_error_with_a_remedy_is_on_the_page(error: str) -> None:
    """A row quotes the part of it that does not differ."""
    longest = [max(_fragments(quote), key=len) for quote in QUOTED]
    assert any(part in error.replace("`", "") for part in longest if len(part) > 8), (
        f"docs/troubleshooting.md has no row for: {error}"
    )


def test_errors_with_remedies_are_found() -> None:
    assert len(REMEDIES) > 15
