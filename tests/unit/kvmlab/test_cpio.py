"""The archive a kernel unpacks: written here, read back by what the format's page says."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.kvmlab.cpio import Archive

HEADER = 110
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


def read(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> (mode, content), by the kernel's buffer format."""
    entries: dict[str, tuple[int, bytes]] = {}
    place = 0
    while True:
        fields = [int(data[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        assert data[place : place + 6] == b"070701"
        name_end = place + HEADER + fields[11]
        name = data[place + HEADER : name_end - 1].decode()
        start = name_end + -name_end % 4
        end = start + fields[6]
        if name == "TRAILER!!!":
            assert end == len(data)
            return entries
        entries[name] = (fields[1], data[start:end])
        place = end + -end % 4


def written(*files: tuple[str, bytes]) -> dict[str, tuple[int, bytes]]:
    out = io.BytesIO()
    archive = Archive(out)
    for path, content in files:
        archive.file(path, content)
    archive.close()
    return read(out.getvalue())


@given(st.dictionaries(NAMES.filter(lambda n: n not in (".", "..")), st.binary(max_size=9), max_size=5))
def test_what_is_written_is_there(files: dict[str, bytes]) -> None:
    found = written(*((f"/{name}", content) for name, content in files.items()))
    assert {name: content for name, (_, content) in found.items()} == files


def test_folders_come_before_what_is_in_them() -> None:
    found = written(("/usr/lib/a", b"a"), ("/usr/lib/b", b"b"))
    assert list(found) == ["usr", "usr/lib", "usr/lib/a", "usr/lib/b"]
    assert [stat.S_ISDIR(mode) for mode, _ in found.values()] == [True, True, False, False]


def test_the_first_of_two_at_one_place_stays() -> None:
    assert written(("/a", b"1"), ("/a", b"2"))["a"][1] == b"1"


def test_a_tree_keeps_links_and_what_may_be_executed(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"#!")
    (tmp_path / "program").chmod(0o755)
    (tmp_path / "link").symlink_to("program")
    (tmp_path / "left").touch()
    out = io.BytesIO()
    archive = Archive(out)
    archive.copy_tree("/bin", tmp_path, skip=lambda path: path.name == "left")
    archive.close()
    found = read(out.getvalue())
    assert set(found) == {"bin", "bin/program", "bin/link"}
    assert found["bin/program"][0] & 0o111
    assert stat.S_ISLNK(found["bin/link"][0])
    assert found["bin/link"][1] == b"program"
