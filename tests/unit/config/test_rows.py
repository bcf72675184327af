"""A configuration as rows."""

from kvmgdb.config.load import load
from kvmgdb.config.rows import Row, rows_of


def test_every_value_has_a_row_in_the_order_of_the_file() -> None:
    assert [row.key for row in rows_of(load())] == [
        "arch",
        "backend.kind",
        "guest.image",
        "guest.memory",
        "guest.entry",
        "listen",
        "allow_remote",
        "once",
        "run",
        "trace",
        "policy.preset",
        "policy.software_breakpoints",
        "policy.hardware_breakpoints",
        "policy.watchpoints",
        "policy.unclaimed_exits",
        "policy.on_disconnect",
    ]


def test_values_are_written_as_a_file_would_write_them() -> None:
    rows = {
        row.key: row
        for row in rows_of(
            load(
                flags={"image": ["a.elf", "b.bin@0x10"], "entry": "4096", "backend": "kvm", "trace": "t"},
                sets=["backend.device=/dev/kvm"],
            )
        )
    }
    assert rows["guest.image"] == Row("guest.image", ["a.elf", "b.bin@0x10"], "flag --image")
    assert rows["guest.image"].text == "a.elf b.bin@0x10"
    assert rows["guest.entry"].value == "0x1000"
    assert rows["guest.memory"].value == "16MiB"
    assert rows["backend.device"] == Row("backend.device", "/dev/kvm", "flag --set backend.device")
    assert rows["once"].text == "false"
    assert rows["trace"].value == "t"


def test_what_is_not_set_shows_as_a_dash() -> None:
    rows = {row.key: row for row in rows_of(load())}
    assert rows["arch"].value is None
    assert rows["arch"].text == rows["guest.image"].text == "-"
