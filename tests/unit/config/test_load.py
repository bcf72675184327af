"""Loading: precedence, origins, and the error texts of a whole file."""

from pathlib import Path

import pytest

from kvmgdb.config.listen import TcpAddress
from kvmgdb.config.load import load
from kvmgdb.config.resolved import DEFAULTS
from kvmgdb.config.values import MIB, ImageSpec
from kvmgdb.errors import ConfigError
from kvmgdb.policy import OnDisconnect, SoftwareBreakpoints, UnclaimedExits


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "lab.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(text))
    return str(caught.value).splitlines()


def test_nothing_at_all_is_the_defaults() -> None:
    assert load().config == DEFAULTS


def test_a_whole_file() -> None:
    loaded = load(
        write(
            """\
version: 1
arch: ppc:440
backend: {kind: kvm, device: /dev/kvm, slots: 4}
guest:
  image:
    - hello.elf
    - boot.bin@0x7c00
    - {path: data.bin, address: 0x10000}
  memory: 32MiB
  entry: 0x1000
listen: tcp:127.0.0.1:0
once: yes
run: true
trace: out/trace
policy:
  preset: gdb-owned
  on_disconnect: exit
""",
            "labs/lab.yaml",
        )
    )
    config = loaded.config
    assert config.arch == "ppc:440"
    assert config.backend == "kvm"
    assert config.backend_options == {"device": "/dev/kvm", "slots": 4}
    assert config.images == (
        ImageSpec(Path("labs/hello.elf")),
        ImageSpec(Path("labs/boot.bin"), 0x7C00),
        ImageSpec(Path("labs/data.bin"), 0x10000),
    )
    assert (config.memory, config.entry) == (32 * MIB, 0x1000)
    assert config.listen == TcpAddress("127.0.0.1", 0)
    assert (config.allow_remote, config.once, config.run) == (False, True, True)
    assert config.trace == Path("labs/out/trace")
    assert config.policy.software_breakpoints is SoftwareBreakpoints.GDB
    assert config.policy.on_disconnect is OnDisconnect.EXIT
    assert str(loaded.origins["guest.entry"]) == "file labs/lab.yaml:10:10"
    assert str(loaded.origins["policy.watchpoints"]) == "preset gdb-owned (file labs/lab.yaml:16:11)"


ENVIRONMENT = {"KVMGDB_MEMORY": "2M"}
FLAGS = {"memory": "3M"}


@pytest.mark.parametrize(
    ("file", "environment", "flags", "sets", "memory", "origin"),
    [
        (False, {}, {}, [], 16, "default"),
        (True, {}, {}, [], 1, "file lab.yaml:2:17"),
        (True, ENVIRONMENT, {}, [], 2, "environment KVMGDB_MEMORY"),
        (True, ENVIRONMENT, FLAGS, [], 3, "flag --memory"),
        (True, ENVIRONMENT, FLAGS, ["guest.memory=4M"], 4, "flag --set guest.memory"),
        (True, {}, {}, ["guest.memory=4M", "guest.memory=5M"], 5, "flag --set guest.memory"),
    ],
)
def test_precedence(
    file: bool,
    environment: dict[str, str],
    flags: dict[str, object],
    sets: list[str],
    memory: int,
    origin: str,
) -> None:
    path = write("version: 1\nguest: {memory: 1M}") if file else None
    loaded = load(path, environment, flags, sets)
    assert loaded.config.memory == memory * MIB
    assert str(loaded.origins["guest.memory"]) == origin


def test_paths_of_flags_and_environment_are_relative_to_the_working_directory() -> None:
    path = write("version: 1\nguest: {image: a.elf}", "labs/lab.yaml")
    config = load(path, {"KVMGDB_TRACE": "t"}, {"image": ["b.elf", "c.bin@0x10"]}).config
    assert config.trace == Path("t")
    assert config.images == (ImageSpec(Path("b.elf")), ImageSpec(Path("c.bin"), 0x10))


def test_the_environment_switches_with_1_and_0() -> None:
    assert load(environment={"KVMGDB_ONCE": "1", "KVMGDB_RUN": "0"}).config.once is True


def test_a_flag_can_switch_off_what_a_file_switches_on() -> None:
    path = write("version: 1\nonce: true")
    assert load(path, flags={"once": None}).config.once is True
    assert load(path, flags={"once": False}).config.once is False


def test_a_preset_on_the_command_line_is_the_whole_policy() -> None:
    path = write("version: 1\npolicy: {preset: minimal, on_disconnect: exit}")
    policy = load(path, flags={"policy": "catch-all"}, sets=["policy.on_disconnect=run"]).config.policy
    assert policy.preset == "catch-all"
    assert policy.software_breakpoints is SoftwareBreakpoints.STUB
    assert policy.unclaimed_exits is UnclaimedExits.GDB
    assert policy.on_disconnect is OnDisconnect.RUN


def test_an_included_file_lies_below() -> None:
    write("version: 1\narch: x86\nguest: {memory: 4M, image: base.elf}", "common/base.yaml")
    loaded = load(write("version: 1\ninclude: common/base.yaml\nguest: {memory: 8M}"))
    assert loaded.config.memory == 8 * MIB
    assert loaded.config.images == (ImageSpec(Path("common/base.elf")),)
    assert str(loaded.origins["arch"]) == "file common/base.yaml:2:7"


def test_merge_keys_work_where_keys_are_free() -> None:
    path = write("version: 1\npolicy: &p {preset: minimal}\nguest: {<<: {memory: 4M}, entry: 1}")
    assert load(path).config.memory == 4 * MIB


def test_every_mistake_of_a_file_is_told_in_one_line_with_its_place() -> None:
    text = """\
version: 1
arch: 440
guest:
  image: [{path: a, adress: 1}, {address: 7c00}, 5, ""]
  memory: 16MB
  entry: main
memory: 3
listn: x
listen: 127.0.0.1:1234
once: maybe
policy:
  preset: minmal
  on_disconnect: stop
trace:
backend: [kvm]
"""
    assert problems(text) == [
        "lab.yaml:2:7: arch: expected an architecture such as x86 or ppc:440, found 440",
        'lab.yaml:4:21: guest.image[0].adress: unknown key; did you mean "address"?',
        'lab.yaml:4:33: guest.image[1]: the key "path" is missing',
        'lab.yaml:4:43: guest.image[1].address: expected an address such as 0x7c00, found "7c00"; '
        'did you mean "0x7c00"?',
        "lab.yaml:4:50: guest.image[2]: expected a file name or a mapping, found 5",
        'lab.yaml:4:53: guest.image[3]: expected a file name, found ""',
        'lab.yaml:5:11: guest.memory: expected a size such as 16MiB, 4M or 1048576, found "16MB"; '
        'did you mean "16MiB"?',
        'lab.yaml:6:10: guest.entry: expected an address such as 0x7c00, found "main"',
        'lab.yaml:7:1: memory: unknown key; did you mean "guest.memory"?',
        'lab.yaml:8:1: listn: unknown key; did you mean "listen"?',
        'lab.yaml:9:9: listen: expected tcp:HOST:PORT, unix:PATH or stdio, found "127.0.0.1:1234"; '
        'did you mean "tcp:127.0.0.1:1234"?',
        'lab.yaml:10:7: once: expected true or false, found "maybe"',
        "lab.yaml:12:11: policy.preset: expected transparent, gdb-owned, minimal, hardware or catch-all, "
        'found "minmal"; did you mean "minimal"?',
        'lab.yaml:13:18: policy.on_disconnect: expected run, pause or exit, found "stop"',
        "lab.yaml:14:7: trace: expected a file name, found nothing",
        "lab.yaml:15:10: backend: expected a name or a mapping, found a list",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("arch: x86", 'lab.yaml:1:1: the key "version" is missing'),
        ("version: 2\nfuture: 1", "lab.yaml:1:10: version: this kvmgdb reads version 1, found 2"),
        (
            'version: "1"',
            'lab.yaml:1:10: version: this kvmgdb reads version 1, found "1"; leave out the quotes',
        ),
        ("version: true", "lab.yaml:1:10: version: this kvmgdb reads version 1, found true"),
        ("version: 1\nguest: 5", "lab.yaml:2:8: guest: expected a mapping, found 5"),
        ("version: 1\nguest:", "lab.yaml:2:7: guest: expected a mapping, found nothing"),
        (
            "version: 1\npolicy: minmal",
            "lab.yaml:2:9: policy: expected transparent, gdb-owned, minimal, hardware or catch-all, "
            'found "minmal"; did you mean "minimal"?',
        ),
        ("version: 1\ninclude: 5", "lab.yaml:2:10: include: expected a file name, found 5"),
        ("version: 1\ninclude: no.yaml", 'lab.yaml:2:10: include: expected a file, found no "no.yaml"'),
    ],
)
def test_one_mistake_is_one_line(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_mistakes_of_every_source_come_together() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            write("version: 1\nonce: maybe"),
            {"KVMGDB_MEMORY": "12Q"},
            {"listen": "here"},
            ["gest.entry=1", "x"],
        )
    assert str(caught.value).splitlines() == [
        'lab.yaml:2:7: once: expected true or false, found "maybe"',
        'environment KVMGDB_MEMORY: guest.memory: expected a size such as 16MiB, 4M or 1048576, found "12Q"',
        'flag --listen: listen: expected tcp:HOST:PORT, unix:PATH or stdio, found "here"',
        'flag --set gest.entry: gest: unknown key; did you mean "guest"?',
        'flag --set: expected KEY=VALUE such as guest.memory=16MiB, found "x"',
    ]


def test_a_flag_does_not_hide_a_mistake_of_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^lab.yaml:2:17: guest.memory: "):
        load(write("version: 1\nguest: {memory: 5}"), flags={"memory": "4M"})


def test_what_cannot_stand_together_is_told_at_the_layer_that_brought_it() -> None:
    path = write("version: 1\npolicy: {preset: hardware, hardware_breakpoints: refuse}")
    with pytest.raises(ConfigError, match=r"^lab.yaml:2:50: policy.hardware_breakpoints: "):
        load(path)
    assert load(path, flags={"policy": "hardware"}).config.policy.contradiction is None


def test_an_unreadable_file_is_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path("no.yaml"))
    assert str(caught.value) == "no.yaml: cannot be read: No such file or directory"
