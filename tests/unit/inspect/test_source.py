"""Every form an exit may be written in, told apart and read."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.trace import TraceRecord
from kvmgdb.errors import UsageError
from kvmgdb.inspect.raw import Form, RawExit
from kvmgdb.inspect.source import LINE_LIMIT, open_sources, read
from tests.unit.inspect.conftest import make_decoders, source

ReadAll = Callable[..., list[RawExit]]
X86 = struct.pack("<IIQQQ", 1, 0, 0x401000, 0xFFFF4FF0, 0x400)
PPC = struct.pack(">QII", 0xC0001000, 2, 0)
FIELDS = {"exception": 1, "pad": 0, "pc": 0x401000, "dr6": 0xFFFF4FF0, "dr7": 0x400}


def kvm_run(reason: int, payload: bytes, order: str = "<", size: int = 4096) -> bytes:
    return (bytes(8) + struct.pack(f"{order}I", reason) + bytes(20) + payload).ljust(size, b"\0")


class TestBinary:
    def test_a_bare_payload(self, read_all: ReadAll) -> None:
        assert [raw.payload for raw in read_all(X86)] == [X86]
        assert [raw.payload for raw in read_all(PPC)] == [PPC]

    def test_payloads_one_after_another(self, read_all: ReadAll) -> None:
        assert [raw.where for raw in read_all(X86 * 2)] == ["input:0x0", "input:0x20"]
        assert [raw.payload for raw in read_all(PPC * 2)] == [PPC, PPC]

    def test_an_x86_payload_may_end_before_dr7(self, read_all: ReadAll) -> None:
        assert [raw.payload for raw in read_all(X86[:24])] == [X86[:24]]

    @pytest.mark.parametrize("size", [64, 288, 2352, 4096, 12288])
    def test_a_dump_of_kvm_run_of_any_length(self, read_all: ReadAll, size: int) -> None:
        (raw,) = read_all(kvm_run(4, X86, size=size))

        assert (raw.reason, raw.byteorder, raw.payload and raw.payload[:32]) == (4, "little", X86)

    def test_a_dump_of_a_big_endian_host(self, read_all: ReadAll) -> None:
        (raw,) = read_all(kvm_run(4, PPC, ">"))

        assert (raw.reason, raw.byteorder) == (4, "big")

    def test_on_s390_the_union_stands_later(self, read_all: ReadAll) -> None:
        (raw,) = read_all(kvm_run(4, bytes(16) + b"x" * 16, ">"), arch="s390")

        assert raw.payload is not None
        assert raw.payload[:16] == b"x" * 16


HEX = X86.hex()
HEX_FORMS = {
    "bare": HEX,
    "with 0x": f"0x{HEX}",
    "bytes with 0x": ", ".join(f"0x{byte:02x}" for byte in X86),
    "escaped": "".join(f"\\x{byte:02x}" for byte in X86),
    "spaced": X86.hex(" "),
    "colons": X86.hex(":"),
    "xxd": (
        "00000000: 0100 0000 0000 0000 0010 4000 0000 0000  ..........@.....\n"
        "00000010: f04f ffff 0000 0000 0004 0000 0000 0000  .O..............\n"
    ),
    "hexdump -C": (
        "00000000  01 00 00 00 00 00 00 00  00 10 40 00 00 00 00 00  |..........@.....|\n"
        "00000010  f0 4f ff ff 00 00 00 00  00 04 00 00 00 00 00 00  |.O..............|\n"
        "00000020\n"
    ),
}


class TestHex:
    @pytest.mark.parametrize("text", HEX_FORMS.values(), ids=HEX_FORMS.keys())
    def test_every_way_of_writing_bytes(self, read_all: ReadAll, text: str) -> None:
        assert [raw.payload for raw in read_all(text)] == [X86]

    def test_one_exit_a_line(self, read_all: ReadAll) -> None:
        found = read_all(f"{HEX}\n# a remark\n{PPC.hex()}\n")

        assert [(raw.where, raw.payload) for raw in found] == [("input:1", X86), ("input:3", PPC)]

    def test_a_whole_kvm_run_in_hex(self, read_all: ReadAll) -> None:
        (raw,) = read_all(kvm_run(5, b"", size=64).hex())

        assert raw.reason == 5


GDB_FORMS = {
    "p run->debug.arch": "$1 = {exception = 1, pad = 0, pc = 4198400, dr6 = 4294922224, dr7 = 1024}",
    "with a cast": "$2 = (struct arch) {exception = 1, pc = 0x401000 <main+4>, dr6 = 0xffff4ff0}",
    "set print pretty": "$3 = {\n  exception = 1,\n  pad = 0,\n  pc = 0x401000,\n  dr6 = 0xffff4ff0\n}\n",
    "bare": "{exception = 1, pc = 0x401000, dr6 = 0xffff4ff0, dr7 = 0x400}",
    "p *run": (
        "$4 = {request_interrupt_window = 0 '\\000', immediate_exit = 0 '\\000', "
        'padding1 = "\\000\\000\\000\\000\\000", exit_reason = 4, '
        "ready_for_interrupt_injection = 1 '\\001', flags = 0, cr8 = 0, apic_base = 4276094976, "
        "{hw = {hardware_exit_reason = 1}, io = {direction = 1 '\\001', size = 0 '\\000', port = 0}, "
        "debug = {arch = {exception = 1, pad = 0, pc = 4198400, dr6 = 4294922224, dr7 = 1024}}, "
        'mmio = {phys_addr = 1, data = "\\000\\020@\\000\\000\\000\\000", len = 0}, '
        "internal = {suberror = 1, ndata = 0, data = {1, 2, 0 <repeats 14 times>}}, "
        "padding = '\\000' <repeats 255 times>}, kvm_valid_regs = 0}"
    ),
}


class TestGdb:
    @pytest.mark.parametrize("text", GDB_FORMS.values(), ids=GDB_FORMS.keys())
    def test_what_gdb_prints(self, read_all: ReadAll, text: str) -> None:
        (raw,) = read_all(text)

        assert raw.reason == 4
        assert {name: raw.fields[name] for name in ("exception", "pc", "dr6")} == {
            "exception": 1,
            "pc": 0x401000,
            "dr6": 0xFFFF4FF0,
        }

    def test_octal(self, read_all: ReadAll) -> None:
        """As ``p/o`` prints it."""
        (raw,) = read_all("$1 = {exception = 01, pad = 0, pc = 020010000, dr6 = 037777747760}")

        assert raw.fields == {"exception": 1, "pad": 0, "pc": 0x401000, "dr6": 0xFFFFCFF0}

    def test_the_exit_reason_chooses_the_member(self, read_all: ReadAll) -> None:
        (raw,) = read_all(GDB_FORMS["p *run"].replace("exit_reason = 4", "exit_reason = 2"))

        assert raw.fields == {"direction": 1, "size": 0, "port": 0}

    def test_several_prints_are_several_exits(self, read_all: ReadAll) -> None:
        found = read_all("$1 = {exception = 1, pc = 1}\n$2 = {exception = 3, pc = 2}\n")

        assert [raw.where for raw in found] == ["input[1]", "input[2]"]


class TestJson:
    @pytest.mark.parametrize(
        "value",
        [
            FIELDS,
            {key: hex(number) for key, number in FIELDS.items()},
            {"debug": {"arch": FIELDS}, "exit_reason": 4},
            {"exit_reason": "KVM_EXIT_DEBUG", "arch": FIELDS},
            {**FIELDS, "cpu": "qemu", "arch": "x86:64"},
        ],
    )
    def test_fields_by_name(self, read_all: ReadAll, value: dict[str, object]) -> None:
        (raw,) = read_all(json.dumps(value))

        assert raw.fields == FIELDS

    def test_a_payload_in_hex(self, read_all: ReadAll) -> None:
        (raw,) = read_all(json.dumps({"payload": HEX, "arch": "x86"}))

        assert (raw.payload, raw.arch) == (X86, "x86")

    def test_an_array_and_a_pretty_printed_object(self, read_all: ReadAll) -> None:
        assert len(read_all(json.dumps([FIELDS, FIELDS]))) == 2
        assert len(read_all(json.dumps(FIELDS, indent=2))) == 1

    def test_lines(self, read_all: ReadAll) -> None:
        found = read_all(f"{json.dumps(FIELDS)}\n\n{json.dumps(FIELDS)}\n")

        assert [raw.where for raw in found] == ["input:1", "input:3"]

    def test_a_trace_with_and_without_payload(self, read_all: ReadAll) -> None:
        records = [
            TraceRecord(1, 0.5, "x86:64", "exit", 0x401000, X86),
            TraceRecord(2, 0.6, "x86:64", "stop", 0x401000, verdict="step", why="gdb asked for it"),
        ]

        found = read_all("\n".join(record.to_json() for record in records))

        assert [raw.trace for raw in found] == records
        assert [raw.payload for raw in found] == [X86, None]


class TestPairs:
    @pytest.mark.parametrize(
        "text",
        [
            "exception=1 pc=0x401000 dr6=0xffff4ff0",
            "exception = 1, pc = 0x401000, dr6 = 0xffff4ff0",
            "debug.arch.exception: 1; debug.arch.pc: 4198400; debug.arch.dr6: 0xffff_4ff0",
        ],
    )
    def test_a_line_of_pairs(self, read_all: ReadAll, text: str) -> None:
        (raw,) = read_all(text)

        assert raw.fields == {"exception": 1, "pc": 0x401000, "dr6": 0xFFFF4FF0}

    def test_another_exit(self, read_all: ReadAll) -> None:
        (raw,) = read_all("exit_reason=KVM_EXIT_HLT")

        assert (raw.reason, raw.fields) == (5, {})


class TestGarbage:
    """One line that names the offset or the field, whatever comes."""

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            ("", "it is empty"),
            ("garbage", "offset 0: no known form of an exit begins with 'garbage'"),
            ("\n\n  zzz", "offset 4: no known form of an exit begins with 'zzz'"),
            (b"\x00" * 5, "5 bytes are too few: a payload has 32 (x86), 16 (ppc), a struct"),
            (b"\xff" * 100, "100 bytes are no payload (32 (x86), 16 (ppc) each), and no struct kvm_run"),
            ('{"exception": }', "offset 14: Expecting value"),
            ('{"exception": "x"', "offset 17"),
            ('{"hello": 1, "pc": "0xzz"}', "pc is not a number: '0xzz'"),
            ('{"pc": 18446744073709551616}', "pc does not fit 64 bits"),
            ('{"pc": 1.5}', "pc is not a number: '1.5'"),
            ('{"payload": "0g"}', "payload is not hex: '0g'"),
            ("[1]", "exit 1 is no JSON object: '1'"),
            ("{exception = 1, pc = }", "offset 21: expected a value, found '}'"),
            ("{exception = 1", "expected , or }, found the end"),
            ("{exception = 1, pc = 0964}", "offset 21: expected a number, found '0964}'"),
            ("{exception = " + "9" * 5000 + "}", "offset 13: expected a number, found '9999"),
            ("exception=1 what", "offset 12: 'what' is not key=value"),
            ("0x123", "offset 0: 3 hex digits are not whole bytes: '123'"),
            ("{" * 2000, "offset"),
            ("[" * 100000, "nested too deeply"),
            ('{"kvmgdb_trace": 9}', "kvmgdb_trace is 9: this kvmgdb reads version 1"),
            ('{"' + "a\\n" * 1000 + '": {}}', "no field of an exit in it, only a?a?a?"),
        ],
    )  # fmt: skip
    def test_it_gets_one_line(self, data: bytes | str, problem: str) -> None:
        problems: list[str] = []

        found = list(read(source(data), None, make_decoders(), problems.append, lambda count: None))

        assert found == []
        assert problem in problems[0]
        assert "\n" not in problems[0]
        assert len(problems) == 1

    @given(st.binary(max_size=400), st.sampled_from([None, *Form]))
    def test_no_bytes_make_it_fail(self, data: bytes, form: Form | None) -> None:
        list(read(source(data), form, make_decoders(), lambda text: None, lambda count: None))

    @given(st.text(alphabet="{}[]=,:\"'<>$ 0x1afgz\\\n", max_size=80), st.sampled_from([None, *Form]))
    def test_no_text_makes_it_fail(self, text: str, form: Form | None) -> None:
        list(read(source(text), form, make_decoders(), lambda text: None, lambda count: None))

    @pytest.mark.parametrize(
        ("data", "form", "problem"),
        [
            (kvm_run(4, b"", size=32), Form.KVM_RUN, "ends before its KVM_EXIT_DEBUG data, at offset 32"),
            (b"1234", Form.KVM_RUN, "ends before exit_reason (offset 8)"),
            ("12 34 zz", Form.HEX, "offset 6: 'zz' is not hex"),
            ('{"a": "' + "b" * LINE_LIMIT + '"}', Form.JSONL, "the line is longer than any exit"),
        ],
    )
    def test_a_form_that_is_forced_says_why_it_does_not_fit(
        self, data: bytes | str, form: Form, problem: str
    ) -> None:
        problems: list[str] = []

        list(read(source(data), form, make_decoders(), problems.append, lambda count: None))

        assert problem in problems[0]

    def test_a_bad_line_does_not_end_a_stream(self) -> None:
        problems: list[str] = []
        text = f"{json.dumps(FIELDS)}\nnonsense\n{json.dumps(FIELDS)}\n"

        found = list(read(source(text), None, make_decoders(), problems.append, lambda count: None))

        assert len(found) == 2
        assert problems == ["input:2: offset 0: Expecting value"]


class TestArguments:
    def test_files_and_exits_may_be_mixed(self, tmp_path: Path) -> None:
        file = tmp_path / "dump.bin"
        file.write_bytes(X86)

        names = [s.name for s in open_sources([str(file), HEX, "{exception = 1}"])]

        assert names == [str(file), "argument 2", "argument 3"]

    def test_pairs_that_follow_each_other_are_one_exit(self) -> None:
        (found,) = open_sources(["exception=1", "pc=0x1000", "dr6=0xffff4ff0"])

        assert found.stream.read() == b"exception=1 pc=0x1000 dr6=0xffff4ff0"

    @pytest.mark.parametrize("word", ["nosuch.bin", "dir/dump", "dump"])
    def test_a_file_that_is_not_there(self, word: str) -> None:
        with pytest.raises(UsageError, match="no such file"):
            list(open_sources([word]))

    def test_a_folder_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            list(open_sources([str(tmp_path)]))
