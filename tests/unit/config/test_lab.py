"""Lab files: guests resolved like files of their own, sessions checked against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmgdb.config.lab import FREE_PORT, SECONDS, Expect, Lab, is_lab, load_lab
from kvmgdb.config.listen import TcpAddress
from kvmgdb.config.load import load
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.errors import ConfigError


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "lab.yaml"


def read(file: Path, text: str, **more: object) -> Lab:
    file.write_text("version: 1\n" + text, "utf-8")
    return load_lab(file, **more)  # type: ignore[arg-type]


def problems(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(file, text)
    return [line.removeprefix(f"{file}:") for line in str(refused.value).splitlines()]


def test_a_guest_has_what_it_says_and_else_the_defaults(lab: Path) -> None:
    found = read(
        lab,
        "defaults: {arch: 'ppc:440', run: true}\nguests: {a: {run: false}, b: {arch: x86, policy: minimal}}",
    )

    a, b = found.guests["a"].config, found.guests["b"].config
    assert (a.arch, a.run, a.policy) == ("ppc:440", False, DEFAULTS.policy)
    assert (b.arch, b.run, b.policy.preset) == ("x86", True, "minimal")


def test_a_guest_may_include_a_file_of_one_guest(lab: Path) -> None:
    (lab.parent / "sub").mkdir()
    (lab.parent / "sub" / "one.yaml").write_text("version: 1\narch: ppc\nguest: {image: k.elf}", "utf-8")
    [guest] = read(lab, "guests: {a: {include: sub/one.yaml, arch: 'ppc:750'}}").guests.values()

    assert guest.config.arch == "ppc:750"
    assert [image.path for image in guest.config.images] == [lab.parent / "sub" / "k.elf"]
    assert str(guest.origins["guest.image"]) == f"file {lab.parent}/sub/one.yaml:3:16"


def test_each_guest_listens_at_a_port_of_its_own_unless_it_says_where(lab: Path) -> None:
    found = read(lab, "guests: {a: {}, b: {listen: 'tcp:127.0.0.1:5000'}}")

    assert found.guests["a"].config.listen == FREE_PORT
    assert found.guests["b"].config.listen == TcpAddress("127.0.0.1", 5000)


def test_variables_and_sets_hold_for_every_guest(lab: Path) -> None:
    found = read(
        lab, "guests: {a: {arch: x86}, b: {}}", environment={"KVMGDB_ARCH": "ppc"}, sets=["policy=hardware"]
    )

    assert {g.config.arch for g in found.guests.values()} == {"ppc"}
    assert {g.config.policy.preset for g in found.guests.values()} == {"hardware"}


def test_a_session(lab: Path) -> None:
    (lab.parent / "s.py").touch()
    found = read(
        lab,
        """
guests: {a: {}}
sessions:
  first:
    guest: a
    task: Look.
    gdb: [break f, continue]
    expect: {output: x, values: {n: 0x10, s: '"ada"'}, registers: {pc: "0x20"}, memory: {"&n": "DE ad"}}
  second: {guest: a, python: s.py, timeout: 2, expect: {exit: 3, console: [y, z]}}
""",
    )
    first, second = found.sessions["first"], found.sessions["second"]

    assert (first.guest, first.task, first.gdb, first.timeout) == (
        "a",
        "Look.",
        ("break f", "continue"),
        SECONDS,
    )
    assert first.expect == Expect(
        output=("x",), values={"n": 16, "s": '"ada"'}, registers={"pc": 0x20}, memory={"&n": "dead"}
    )
    assert (second.python, second.timeout) == (lab.parent / "s.py", 2)
    assert second.expect == Expect(console=("y", "z"), exit=3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("guests: {a: {memry: 1}}", "2:14: guests.a.memry: unknown key"),
        ("guests:\n  a:\n    guest: {memory: 5}", "4:21: guests.a.guest.memory: expected a multiple"),
        ("defaults: {arch: 5}\nguests: {a: {}}", "2:18: defaults.arch: "),
        ("guests: {a: {include: b.yaml}}", "2:23: include: expected a file"),
        ("guests: {a: {listen: 'tcp:0.0.0.0:1'}}", "2:22: listen: "),
        ("guests: {a: {}}\nsessions: {s: {guest: b, gdb: x}}", "3:23: sessions.s.guest: there is no guest"),
        (
            "guests: {a: {}}\nsessions: {s: {guest: a}}",
            "3:15: sessions.s: expected one of gdb, script, python",
        ),
        ("guests: {a: {}}\nsessions: {s: {guest: a, script: x}}", "3:34: sessions.s.script: expected a file"),
        ("guests: {a: {}}\nsessions: {s: {gdb: x}}", '3:15: sessions.s: the key "guest" is missing'),
        ("guests: {a: {}}\nsesions: {}", '3:1: sesions: unknown key; did you mean "sessions"?'),
        ("guests: {}", "2:9: guests: expected at least one guest"),
        ("guests: {a: }", "2:12: guests.a: expected a mapping, found nothing; write {}"),
        ("guests: {a: {listen: stdio}}", "2:22: guests.a.listen: a guest of a lab needs tcp:HOST:PORT"),
        (
            "defaults: {listen: 'tcp:127.0.0.1:9'}\nguests: {a: {}, b: {}}",
            "2:20: guests.b.listen: the guest a has tcp:127.0.0.1:9 already",
        ),
        (
            "guests: {a: {trace: t}, b: {trace: t}}",
            "2:36: guests.b.trace: the guest a has ",
        ),
        ("include: x\nguests: {a: {}}", '2:1: include: unknown key; did you mean "defaults.include"?'),
        ("sessions: {s: {guest: a, gdb: x}}", '1:1: the key "guests" is missing'),
        (
            "guests: {a: {}}\nsessions: {s: {guest: a, gdb: x, files: [.]}}",
            "3:42: sessions.s.files: expected a file, found the folder",
        ),
        ("guests: {/: {}}", "2:10: guests: expected a name"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_path(lab: Path, text: str, line: str) -> None:
    [said] = problems(lab, text)

    assert said.startswith(line)


def test_all_mistakes_are_told_at_once(lab: Path) -> None:
    said = problems(lab, "guests: {a: {x: 1}, b: {y: 1}}\nsessions: {s: {guest: c, gdb: x}}")

    assert [line.split(":")[2].strip() for line in said] == ["guests.a.x", "guests.b.y", "sessions.s.guest"]


def test_which_files_are_labs(lab: Path) -> None:
    for text in ("guests: {a: {}}", "sessions: {}", "defaults: {}"):
        lab.write_text(text, "utf-8")
        assert is_lab(lab)
    lab.write_text("version: 1\narch: x86", "utf-8")
    assert not is_lab(lab)


def test_serve_is_told_that_a_lab_is_none_of_its_files(lab: Path) -> None:
    read(lab, "guests: {a: {}}\nsessions: {}")

    with pytest.raises(ConfigError) as refused:
        load(lab)
    assert str(refused.value) == f"{lab}:2:1: guests: this is a lab, of many guests; expected a file of one"
