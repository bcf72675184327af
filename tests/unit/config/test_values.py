"""Sizes, addresses, names, images, switches."""

from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.config.values import (
    ADDRESS_LIMIT,
    GIB,
    KIB,
    MEMORY_LIMIT,
    MIB,
    PAGE_SIZE,
    ImageSpec,
    format_size,
    parse_address,
    parse_arch,
    parse_backend,
    parse_choice,
    parse_image,
    parse_memory,
    parse_path,
    parse_size,
    parse_switch,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16MiB", 16 * MIB),
        ("4M", 4 * MIB),
        ("4m", 4 * MIB),
        ("3 GiB", 3 * GIB),
        ("64K", 64 * KIB),
        ("1048576", MIB),
        ("0x1000", 4096),
        (4096, 4096),
        (0, 0),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@given(st.integers(min_value=0, max_value=1 << 60))
def test_a_size_survives_being_written_and_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(("size", "text"), [(0, "0"), (4096, "4KiB"), (4097, "4097"), (GIB, "1GiB")])
def test_a_size_is_written_with_its_largest_whole_unit(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    "text", ["", "M", "-1", "1.5G", "0x10M", "0100", "16 MiBs", "9" * 30, -1, True, 1.5, None]
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a size such as 16MiB, 4M or 1048576, found "):
        parse_size(text)


def test_decimal_units_are_not_guessed_at() -> None:
    with pytest.raises(ValueError, match=r'found "16mb"; did you mean "16MiB"\?$'):
        parse_size("16mb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", 'expected a multiple of 4KiB (a page), found "0"'),
        (5000, "expected a multiple of 4KiB (a page), found 5000"),
        (
            "4GiB",
            'expected at most 3GiB, found "4GiB": the rest of the first 4GiB belongs to devices and boot ROM',
        ),
    ],
)
def test_memory_that_no_machine_has(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"expected") as caught:
        parse_memory(text)
    assert str(caught.value) == message


@given(st.integers(min_value=1, max_value=MEMORY_LIMIT // PAGE_SIZE))
def test_every_number_of_pages_up_to_the_limit_is_memory(pages: int) -> None:
    assert parse_memory(format_size(pages * PAGE_SIZE)) == pages * PAGE_SIZE


@given(st.integers(min_value=0, max_value=ADDRESS_LIMIT - 1))
def test_an_address_is_read_from_hex_decimal_and_number(address: int) -> None:
    assert parse_address(f"{address:#x}") == parse_address(str(address)) == parse_address(address) == address


@pytest.mark.parametrize(
    "value", [-1, ADDRESS_LIMIT, str(ADDRESS_LIMIT), "0x", "main", "", True, 1.0, None, []]
)
def test_what_is_no_address(value: object) -> None:
    with pytest.raises(ValueError, match=r"^expected an address such as 0x7c00, found "):
        parse_address(value)


@pytest.mark.parametrize("text", ["7c00", "0100"])
def test_digits_that_could_be_hex_or_octal_are_asked_about(text: str) -> None:
    with pytest.raises(ValueError, match=rf'did you mean "0x{text}"'):
        parse_address(text)


@pytest.mark.parametrize("name", ["x86", "x86:64", "ppc:e500v2", "x86_64", "my-arch:v1.2"])
def test_architectures(name: str) -> None:
    assert parse_arch(name) == name


@pytest.mark.parametrize("name", ["", ":", "x86:", ":64", "x86:64:1", "x 86", "x86\n", 440, None])
def test_what_is_no_architecture(name: object) -> None:
    with pytest.raises(ValueError, match=r"^expected an architecture such as x86 or ppc:440, found "):
        parse_arch(name)


def test_a_backend_is_a_name() -> None:
    assert parse_backend("kvm") == "kvm"
    with pytest.raises(
        ValueError, match=r'^expected a backend such as emulator, kvm or qemu, found "k v m"$'
    ):
        parse_backend("k v m")


@pytest.mark.parametrize("value", ["", "a\0b", None, 5])
def test_what_is_no_file_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a file name, found "):
        parse_path(value)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("hello.elf", ImageSpec(Path("hello.elf"))),
        ("boot.bin@0x7c00", ImageSpec(Path("boot.bin"), 0x7C00)),
        ("boot.bin@31744", ImageSpec(Path("boot.bin"), 0x7C00)),
        ("icon@2x.bin", ImageSpec(Path("icon@2x.bin"))),
        ("a@b@0x10", ImageSpec(Path("a@b"), 0x10)),
        ("@0x10", ImageSpec(Path("@0x10"))),
    ],
)
def test_images(text: str, image: ImageSpec) -> None:
    assert parse_image(text) == image


@given(
    st.text("abc/.@x0", min_size=1).filter(lambda name: "@" not in name),
    st.none() | st.integers(min_value=0, max_value=ADDRESS_LIMIT - 1),
)
def test_an_image_survives_being_written_and_read(name: str, address: int | None) -> None:
    image = ImageSpec(Path(name), address)
    assert parse_image(str(image)) == image


def test_a_mistyped_image_address_is_not_taken_for_a_name() -> None:
    with pytest.raises(ValueError, match=r'expected an address such as 0x7c00, found "0x7g00"'):
        parse_image("boot.bin@0x7g00")


@pytest.mark.parametrize("value", [True, "true", "Yes", "on", "1", 1])
def test_switched_on(value: object) -> None:
    assert parse_switch(value) is True


@pytest.mark.parametrize("value", [False, "FALSE", "no", "off", "0", 0])
def test_switched_off(value: object) -> None:
    assert parse_switch(value) is False


@pytest.mark.parametrize("value", ["", "maybe", 2, 1.0, None, []])
def test_what_is_no_switch(value: object) -> None:
    with pytest.raises(ValueError, match=r"^expected true or false, found "):
        parse_switch(value)


class Fruit(Enum):
    APPLE = "apple"
    PEAR = "pear"
    PLUM = "plum"


def test_a_choice_is_read_by_its_value() -> None:
    assert parse_choice(Fruit, "pear") is Fruit.PEAR


def test_a_wrong_choice_lists_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"expected") as caught:
        parse_choice(Fruit, "paer")
    assert str(caught.value) == 'expected apple, pear or plum, found "paer"; did you mean "pear"?'
