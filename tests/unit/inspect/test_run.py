"""The command: what it prints, and its exit code."""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from kvmgdb.arch.arming import ArmedSlot
from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.arch.exits import NOTHING_KNOWN, Armed
from kvmgdb.inspect.picture import picture
from kvmgdb.inspect.run import MAX_PROBLEMS, Format
from kvmgdb.inspect.summary import ADDRESS_LIMIT
from tests.unit.inspect.conftest import Ran

Inspect = Callable[..., Ran]
WATCH_HIT = struct.pack("<IIQQQ", 1, 0, 0x401000, 0xFFFF0FF2, 0)
ARMED = Armed((ArmedSlot("DR1", BreakpointKind.WRITE, 0x2000, 4),), stepping=False)
STEPS = "".join(f"exception=1 pc={pc:#x} dr6=0xffff4ff0 dr7=0x400\n" for pc in (0x10, 0x10, 0x20))
DOCS = Path(__file__).parents[3] / "docs" / "inspect-exit.md"


class TestText:
    def test_it_is_plain_when_piped(self, inspect: Inspect) -> None:
        ran = inspect(WATCH_HIT, armed=ARMED, arch="x86")

        assert ran.code == 0
        assert ran.out == (
            "input: KVM_EXIT_DEBUG, x86:64\n"
            "  a 4-byte write watchpoint, DR1 at 0x2000, hit by the instruction before 0x401000 [ours]\n"
            "  exception  0x1  #DB, debug exception\n"
            "  pc         0x401000\n"
            "  dr6        0x00000000ffff0ff2\n"
            "               B1     0x00000002  the condition of breakpoint 1 was met\n"
            "  dr7        0x0000000000000000\n"
            "  warning: dr7 lacks its always-one bit 10: this host never writes it, so it says nothing "
            "(dr7-unwritten)\n"
            "\n"
        )

    def test_what_it_cannot_know_it_says(self, inspect: Inspect) -> None:
        assert (
            "what would decide it: whether a software breakpoint is set"
            in inspect("address=0x10 status=0").out
        )

    def test_a_record_without_a_payload_is_no_exit_of_kvms(self, inspect: Inspect) -> None:
        trace = {"kvmgdb_trace": 1, "seq": 1, "time": 0, "arch": "x86:64", "event": "exit", "why": "done"}
        assert inspect(json.dumps(trace)).out.startswith("input:1: a recorded exit, x86:64\n")


class TestPicture:
    def test_bits_are_boxes_with_names(self, judged: Callable[..., object]) -> None:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)

        console.print(picture(judged(WATCH_HIT, ARMED), None, 100))  # type: ignore[arg-type]

        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert re.search(r"│ B3 │ B2 │ B1 │ B0 │", text)
        assert "[ours]" in text
        assert all(len(line) <= 100 for line in text.splitlines())


class TestJson:
    def test_one_object_a_line(self, inspect: Inspect) -> None:
        ran = inspect(STEPS, format=Format.JSON)

        found = [json.loads(line) for line in ran.out.splitlines()]
        assert [(f["schema"], f["version"]) for f in found] == [("kvmgdb.exit", 1)] * 3
        assert found[0]["fields"] == {"exception": "0x1", "pc": "0x10", "dr6": "0xffff4ff0", "dr7": "0x400"}
        assert found[0]["registers"]["dr6"]["BS"] == 1
        assert found[0]["verdict"]["event"] == "step"

    def test_its_output_is_input_again(self, inspect: Inspect) -> None:
        first = inspect(STEPS, format=Format.JSON).out

        second = inspect(first, format=Format.JSON).out

        assert [json.loads(line)["verdict"] for line in second.splitlines()] == [
            json.loads(line)["verdict"] for line in first.splitlines()
        ]

    @pytest.mark.parametrize("summary", [False, True])
    def test_every_key_is_documented(self, inspect: Inspect, summary: bool) -> None:
        documented = set(re.findall(r"`(\w+)`", DOCS.read_text()))

        document = json.loads(inspect(STEPS, format=Format.JSON, summary=summary).out.splitlines()[0])

        keys = set(document)
        for value in document.values():
            keys |= set(value) if isinstance(value, dict) else set()
        keys -= {*document.get("fields", {}), "dr6", "dr7"}
        assert keys <= documented


class _Page(HTMLParser):
    """Collect what a page loads, and check that its tags match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [name for name, _ in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestHtml:
    def test_it_is_one_page_that_loads_nothing(self, inspect: Inspect) -> None:
        ran = inspect(STEPS, format=Format.HTML)

        page = _Page(ran.out)
        assert page.open == []
        assert page.loads == []
        assert "<script" not in ran.out
        assert ran.out.count("<article>") == 3

    def test_foreign_text_is_escaped(self, inspect: Inspect) -> None:
        trace = {"kvmgdb_trace": 1, "seq": 1, "time": 0, "arch": "x86", "event": "stop", "why": "<b>x</b>"}

        assert "<b>x</b>" not in inspect(json.dumps(trace), format=Format.HTML).out


class TestSummary:
    def test_it_counts_by_verdict_and_address(self, inspect: Inspect) -> None:
        assert inspect(STEPS, summary=True).out == (
            "3 exits\n"
            "          3  step (unknown)\n"
            "by address\n"
            "          2  0x10  step\n"
            "          1  0x20  step\n"
        )

    def test_other_exits_and_warnings_are_counted_too(self, inspect: Inspect) -> None:
        out = inspect("exception=3 pc=0x10 dr6=1 dr7=0\nexit_reason=5\n", summary=True).out

        assert "          1  KVM_EXIT_HLT (unknown)\n" in out
        assert "warnings\n          1  stale-dr6\n" in out

    def test_addresses_do_not_fill_the_memory(self, inspect: Inspect) -> None:
        text = "".join(f"exception=1 pc={pc} dr6=0xffff4ff0 dr7=0x400\n" for pc in range(ADDRESS_LIMIT + 5))

        found = json.loads(inspect(text, summary=True, format=Format.JSON).out)

        assert (found["total"], len(found["addresses"]), found["other_addresses"]) == (
            ADDRESS_LIMIT + 5,
            ADDRESS_LIMIT,
            5,
        )


class TestProblems:
    def test_unusable_input_is_one_line_and_exit_code_two(self, inspect: Inspect) -> None:
        ran = inspect("garbage")

        assert (ran.code, ran.out) == (2, "")
        assert ran.err == "input: offset 0: no known form of an exit begins with 'garbage'\n"

    def test_a_stream_goes_on_after_a_bad_line(self, inspect: Inspect) -> None:
        ran = inspect("exception=1 pc=1\nnonsense\nexception=1 pc=2\n")

        assert (ran.code, ran.out.count("KVM_EXIT_DEBUG")) == (2, 2)
        assert ran.err == "input:2: offset 0: 'nonsense' is not key=value\n"

    def test_many_bad_lines_are_counted(self, inspect: Inspect) -> None:
        ran = inspect("exception=1 pc=1\n" + "x\n" * (MAX_PROBLEMS + 7))

        assert len(ran.err.splitlines()) == MAX_PROBLEMS + 1
        assert ran.err.endswith("7 more exits could not be used\n")

    def test_no_context_is_no_problem(self, inspect: Inspect) -> None:
        assert inspect(WATCH_HIT, armed=NOTHING_KNOWN).code == 0
