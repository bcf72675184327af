"""Images: what is loaded where, and what is refused."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kvmgdb import loader
from kvmgdb.arch.identity import ArchInfo, ElfMatch, Variant
from kvmgdb.errors import ImageError
from kvmgdb.loader import Image, combine, read_image, variant_of
from tests.support.guests import sample

PT_LOAD, PT_NOTE = 1, 4
_EHDR, _PHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")


def elf(
    *segments: tuple[int, int, bytes, int], entry: int = 0x1000, phnum: int | None = None, phentsize: int = 56
) -> bytes:
    """A 64-bit x86 ELF from (type, physical address, bytes, size in memory)."""
    offset = _EHDR.size + _PHDR.size * len(segments)
    headers, body = b"", b""
    for kind, address, data, size in segments:
        headers += _PHDR.pack(kind, 7, offset + len(body), 0xFFFF_0000, address, len(data), size, 1)
        body += data
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    count = len(segments) if phnum is None else phnum
    return _EHDR.pack(ident, 2, 62, 1, entry, 64, 0, 0, 64, phentsize, count, 64, 0, 0) + headers + body


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    """A file with these bytes."""

    def put(data: bytes) -> Path:
        path = tmp_path / "image"
        path.write_bytes(data)
        return path

    return put


Put = Callable[[bytes], Path]


class TestElf:
    def test_a_segment_goes_to_its_physical_address(self, put: Put) -> None:
        path = put(elf((PT_LOAD, 0x1000, b"code", 4), (PT_LOAD, 0x8000, b"data", 4), entry=0x1002))

        assert read_image(path, None) == Image(
            path, ((0x1000, b"code"), (0x8000, b"data")), 0x1002, "EM_X86_64", 64
        )

    def test_what_the_file_leaves_out_is_zero(self, put: Put) -> None:
        assert read_image(put(elf((PT_LOAD, 0x1000, b"data", 10))), None).segments == (
            (0x1000, b"data" + bytes(6)),
        )

    def test_only_what_is_to_be_loaded_is(self, put: Put) -> None:
        path = put(elf((PT_NOTE, 0x9000, b"note", 4), (PT_LOAD, 0x2000, b"", 0), (PT_LOAD, 0x1000, b"x", 1)))

        assert read_image(path, None).segments == ((0x1000, b"x"),)

    @pytest.mark.parametrize(
        ("arch", "machine", "bits"),
        [("x86:64", "EM_X86_64", 64), ("x86:32", "EM_386", 32), ("ppc:440", "EM_PPC", 32)],
    )
    def test_the_sample_guests(self, arch: str, machine: str, bits: int) -> None:
        guest = sample(arch)

        image = read_image(guest.elf, None)

        assert (image.machine, image.bits, image.entry) == (machine, bits, guest.symbol("_start"))


class TestRaw:
    def test_a_raw_file_goes_where_it_is_told(self, put: Put) -> None:
        path = put(b"\xf4")

        assert read_image(path, 0x7C00) == Image(path, ((0x7C00, b"\xf4"),), None)

    def test_it_has_no_address_of_its_own(self, put: Put) -> None:
        path = put(b"\xf4")

        with pytest.raises(ImageError, match=r"not an ELF file, so it needs an address: .*/image@ADDRESS"):
            read_image(path, None)


class TestRefused:
    def test_an_elf_with_an_address(self, put: Put) -> None:
        with pytest.raises(ImageError, match="leave out @0x1000"):
            read_image(put(elf((PT_LOAD, 0, b"x", 1))), 0x1000)

    def test_an_object_file(self, put: Put) -> None:
        with pytest.raises(ImageError, match="nothing to load"):
            read_image(put(elf()), None)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="missing: cannot be read: No such file"):
            read_image(tmp_path / "missing", None)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="not a regular file"):
            read_image(tmp_path, None)

    def test_a_device_or_pipe_that_has_no_end(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        for path in (Path("/dev/zero"), tmp_path / "pipe"):
            with pytest.raises(ImageError, match="not a regular file"):
                read_image(path, 0)

    def test_an_empty_file(self, put: Put) -> None:
        with pytest.raises(ImageError, match="an empty file"):
            read_image(put(b""), 0x1000)

    def test_a_raw_image_that_goes_past_the_guests_memory(self, put: Put) -> None:
        path = put(bytes(11))

        assert read_image(path, 0x1000, 0x100B).segments
        with pytest.raises(ImageError, match="image: reaches 0x100c, past the guest's 0x100b bytes"):
            read_image(path, 0x1001, 0x100B)

    def test_a_segment_that_goes_past_the_guests_memory(self, put: Put) -> None:
        """As the guest's memory is checked first, this takes no gigabyte to find out."""
        path = put(elf((PT_LOAD, 0x1000, b"code", 1 << 30)))

        with pytest.raises(ImageError, match="image: reaches 0x40001000, past the guest's 0x1000000 bytes"):
            read_image(path, None, 16 << 20)

    def test_a_file_larger_than_any_memory_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "image"
        with path.open("wb") as file:
            file.truncate(1 << 40)

        with pytest.raises(ImageError, match="past the guest's 0xc0000000 bytes"):
            read_image(path, 0)

    @pytest.mark.parametrize(
        "size", [loader.MAX_MEMORY, loader.MAX_MEMORY + 1, 1 << 40, (1 << 64) - 1], ids=hex
    )
    def test_a_segment_larger_than_memory_can_be(self, put: Put, size: int) -> None:
        """It is not left out silently, and no memory is taken to find out."""
        path = put(elf((PT_LOAD, 0x1000, b"x", 1), (PT_LOAD, 0x2000, b"", size)))

        with pytest.raises(ImageError, match=f"0 bytes in the file and {size} in memory"):
            read_image(path, None)

    def test_a_file_that_ends_within_a_segment(self, put: Put) -> None:
        whole = elf((PT_LOAD, 0x1000, b"0123456789", 10))

        with pytest.raises(ImageError, match=r"damaged.*the file ends 3 bytes before its segment does"):
            read_image(put(whole[:-3]), None)

    def test_a_segment_with_more_in_the_file_than_in_memory(self, put: Put) -> None:
        with pytest.raises(ImageError, match="10 bytes in the file and 4 in memory"):
            read_image(put(elf((PT_LOAD, 0x1000, b"0123456789", 4))), None)

    def test_program_headers_without_end(self, put: Put) -> None:
        """A header size of 0 puts all 65,535 of them in the same place."""
        with pytest.raises(ImageError, match="65535 program headers"):
            read_image(put(elf((PT_LOAD, 0x1000, b"x", 1), phnum=0xFFFF, phentsize=0)), None)

    @pytest.mark.parametrize("size", [4, 5, 6, 16, 20, 63])
    def test_a_file_that_ends_within_its_header(self, put: Put, size: int) -> None:
        with pytest.raises(ImageError, match="a damaged ELF file"):
            read_image(put(elf((PT_LOAD, 0, b"x", 1))[:size]), None)


_SMALL = elf((PT_LOAD, 0x1000, b"code", 4), (PT_NOTE, 0, b"n", 1), (PT_LOAD, 0x2000, b"data", 100))
_CHANGES = st.dictionaries(st.integers(0, len(_SMALL) - 1), st.integers(0, 255), max_size=8)


@given(_CHANGES, st.integers(0, len(_SMALL)))
@example({0x28 + i: 0xFF for i in range(8)}, len(_SMALL))  # where the sections begin
@example({4: 1}, len(_SMALL))  # 32 bits
@example({5: 2}, len(_SMALL))  # big-endian
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_elf_is_loaded_or_told_wrong(put: Put, changes: dict[int, int], length: int) -> None:
    data = bytearray(_SMALL)
    for place, byte in changes.items():
        data[place] = byte
    try:
        image = read_image(put(bytes(data[:length])), None, 1 << 20)
    except ImageError as refused:
        message = str(refused)
        assert "\n" not in message
        assert len(message) < 400
    else:
        assert image.segments


class TestCombine:
    ELF = Image(Path("a.elf"), ((0x1000, b"code"),), 0x1004, "EM_PPC", 32)
    RAW = Image(Path("b.bin"), ((0x7C00, b"boot"),), None)

    def test_the_entry_is_the_elfs(self) -> None:
        assert combine((self.RAW, self.ELF), None).entry == 0x1004

    def test_or_the_first_byte_of_a_raw_image(self) -> None:
        assert combine((self.RAW,), None).entry == 0x7C00

    def test_unless_another_is_given(self) -> None:
        assert combine((self.ELF,), 0).entry == 0

    def test_everything_is_loaded_in_order(self) -> None:
        assert combine((self.RAW, self.ELF), None).segments == ((0x7C00, b"boot"), (0x1000, b"code"))

    def test_symbols_are_the_elfs(self) -> None:
        assert combine((self.RAW, self.ELF), None).symbols == self.ELF
        assert combine((self.RAW,), None).symbols is None


class TestVariant:
    INFO = ArchInfo(
        "x",
        "",
        (Variant("a", ""), Variant("b", "")),
        elf=(ElfMatch("EM_PPC", 32, "b"), ElfMatch("EM_PPC", 64, "a")),
    )

    @pytest.mark.parametrize(
        ("machine", "bits", "variant"), [("EM_PPC", 32, "b"), ("EM_PPC", 64, "a"), ("EM_386", 32, None)]
    )
    def test_the_header_chooses(self, machine: str, bits: int, variant: str | None) -> None:
        assert variant_of(Image(Path("x"), ((0, b"x"),), 0, machine, bits), self.INFO) == variant
