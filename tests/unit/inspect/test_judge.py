"""What an exit means, whoever may read it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from kvmgdb.arch.exits import Armed, Event, Owner
from kvmgdb.arch.kvm_run import EXIT_REASONS
from kvmgdb.arch.trace import TraceRecord
from kvmgdb.errors import PayloadError
from kvmgdb.inspect.binary import form_of
from kvmgdb.inspect.decoders import Decoders
from kvmgdb.inspect.judge import Judged, judge
from kvmgdb.inspect.raw import Form, RawExit
from kvmgdb_riscv.exits import RiscvExitDecoder

Judge = Callable[..., Judged]
BRK = 0xF2000022
S390 = struct.pack(">QB", 32, 4)
STEP = struct.pack("<IIQQQ", 1, 0, 0x401000, 0xFFFF4FF0, 0x400)


def kvm_run(reason: int, payload: bytes = b"", order: str = "<", size: int = 400) -> bytes:
    return (bytes(8) + struct.pack(f"{order}I", reason) + bytes(20) + payload).ljust(size, b"\0")


class TestChoosing:
    def test_values_tell_x86_from_powerpc(self, judged: Judge) -> None:
        assert judged(STEP).arch == "x86:64"
        assert judged(struct.pack(">QII", 0xC0001000, 2, 0)).arch == "ppc:440"

    def test_what_was_assumed_is_said(self, judged: Judge) -> None:
        assert judged(struct.pack("<QII", 0xC0001000, 2, 0)).notes == (
            "taken for ppc:440 by its values; --arch names another",
            "taken as little-endian by its values; --byteorder names the other",
        )

    def test_a_name_decides(self, judged: Judge) -> None:
        assert judged(struct.pack(">QII", 0x1000, 0, 0), arch="ppc:power9").arch == "ppc:power9"

    def test_the_header_of_a_dump_gives_the_byte_order(self, judged: Judge) -> None:
        found = judged(
            kvm_run(4, struct.pack(">QII", 0xC000000000001008, 0x12345678, 0), ">"), arch="ppc:power9"
        )

        assert found.values == {"address": 0xC000000000001008, "status": 0x12345678, "reserved": 0}

    def test_bytes_that_look_like_nothing_ask_for_a_name(self, judged: Judge) -> None:
        with pytest.raises(PayloadError, match="look like no architecture's: name one with --arch"):
            judged(b"\x88" * 32)

    def test_a_payload_without_dr7_does_not_blame_the_host(self, judged: Judge) -> None:
        found = judged(STEP[:24])

        assert found.notes[-1] == "not in the input, taken as 0: dr7"
        assert found.verdict.quirks == ()

    def test_an_unknown_name_in_the_input_is_an_error(self, judged: Judge) -> None:
        with pytest.raises(PayloadError, match="unknown architecture 'vax'"):
            judged('{"arch": "vax", "payload": "00"}')


class TestForeign:
    """Architectures without a plugin are recognised, with their fields."""

    @pytest.mark.parametrize(
        ("data", "arch", "name", "fields"),
        [
            ("hsr=0xf2000000 far=0x10", "", "arm64", {"hsr": 0xF2000000, "hsr_high": 0, "far": 0x10}),
            ("{hsr = 7, hsr_high = 0, far = 0}", "", "arm64", {"hsr": 7, "hsr_high": 0, "far": 0}),
            (struct.pack("<IIQ", BRK, 0, 64), "", "arm64", {"hsr": BRK, "hsr_high": 0, "far": 64}),
            (struct.pack("<IIQ", 7, 0, 0), "aarch64", "arm64", {"hsr": 7, "hsr_high": 0, "far": 0}),
            ("addr=0x1000 type=1", "", "s390", {"addr": 0x1000, "type": 1}),
            (kvm_run(4, bytes(16) + S390, ">"), "s390x", "s390", {"addr": 32, "type": 4}),
            (kvm_run(4), "riscv64", "riscv", {}),
        ],
    )  # fmt: skip
    def test_they_need_a_plugin(
        self, judged: Judge, data: bytes | str, arch: str, name: str, fields: dict[str, int]
    ) -> None:
        found = judged(data, arch=arch)

        assert (found.arch, found.values) == (name, fields)
        assert found.verdict.sentence.startswith(f"a debug exit of {name}: no plugin decodes {name}")


class TestAPluginForOne:
    """With a plugin, an architecture is foreign no more.  RISC-V's exits have no payload besides."""

    @pytest.fixture
    def decoders(self, decoders: Decoders) -> Decoders:
        """What a user has who installed the plugin."""
        return Decoders(decoders.defaults, lambda name: RiscvExitDecoder("rv64"), "riscv")

    @pytest.mark.parametrize("raw", [RawExit("", payload=bytes(256)), RawExit("", fields={"pc": 1})])
    def test_it_is_asked(self, decoders: Decoders, raw: RawExit) -> None:
        armed = Armed(software=frozenset({0x1000}), pc=0x1000)

        found = judge(raw, decoders, armed)

        assert (found.arch, found.values) == ("riscv:rv64", {})
        assert (found.verdict.event, found.verdict.owner) == (Event.SOFTWARE_BREAKPOINT, Owner.OURS)

    def test_a_dump_is_no_row_of_payloads(self, decoders: Decoders) -> None:
        assert form_of(kvm_run(4), decoders) is Form.KVM_RUN


class TestNeighbours:
    """A dump of another exit is no dead end."""

    @pytest.mark.parametrize(
        ("reason", "payload", "sentence"),
        [
            (2, struct.pack("<BBHIQ", 1, 1, 0x3F8, 1, 4096), "the guest writes to I/O port 0x3f8, 1 byte(s)"),
            (2, struct.pack("<BBHI", 0, 2, 96, 3), "the guest reads from I/O port 0x60, 2 byte(s), 3 times"),
            (5, b"", "the guest halted and waits for an interrupt"),
            (6, struct.pack("<Q8sIB", 0xFEE00000, b"\1\2\3\4", 4, 1),
             "the guest writes 01 02 03 04 to 4 byte(s) at guest-physical 0xfee00000, where no memory is"),
            (6, struct.pack("<Q8sIB", 0x100, b"", 2, 0),
             "the guest reads 2 byte(s) at guest-physical 0x100, where no memory is"),
            (8, b"", "the guest shut down: on x86 a triple fault, or an entry KVM could not survive"),
            (9, struct.pack("<QI", 0x80000021, 3),
             "the processor refused to enter the guest: hardware reason 0x80000021 on cpu 3"),
            (17, struct.pack("<IIQ16s", 1, 4, 1, b"\2\x0f\xc7"),
             "KVM gave up: KVM_INTERNAL_ERROR_EMULATION: KVM met an instruction it cannot emulate (0f c7)"),
            (17, struct.pack("<II", 9, 0), "KVM gave up: suberror 9, which this kvmgdb has no name for"),
            (24, struct.pack("<IIQ", 2, 0, 0), "the guest asks for a system event: reset"),
            (63, b"", "an exit this kvmgdb does not know"),
        ],
    )  # fmt: skip
    def test_it_is_named_and_explained(
        self, judged: Judge, reason: int, payload: bytes, sentence: str
    ) -> None:
        found = judged(kvm_run(reason, payload))

        assert found.verdict.sentence == sentence
        assert (
            found.label == EXIT_REASONS[reason].name
            if reason in EXIT_REASONS
            else "unsupported exit reason 63"
        )

    @pytest.mark.parametrize("reason", sorted(EXIT_REASONS.keys() - {4}))
    def test_every_reason_of_the_kernel_is_told(self, judged: Judge, reason: int) -> None:
        assert judged(kvm_run(reason)).verdict.sentence

    def test_fields_by_name_do_as_well(self, judged: Judge) -> None:
        found = judged("exit_reason=6 phys_addr=0x1000 len=4 is_write=0")

        assert "4 byte(s) at guest-physical 0x1000" in found.verdict.sentence

    def test_fields_that_are_not_there_are_named(self, judged: Judge) -> None:
        found = judged("exit_reason=6 phys_addr=0x1000 len=4 is_write=1")

        assert found.notes == ("not in the input, taken as 0: data",)

    def test_the_name_alone_is_no_dead_end(self, judged: Judge) -> None:
        found = judged("exit_reason=KVM_EXIT_IO")

        assert found.verdict.sentence == "KVM_EXIT_IO; its fields are not in the input"

    @pytest.mark.parametrize(
        "data", ["{0x1, 0x2, 0x3, 0x4, 0x0, 0x0, 0x0, 0x0}", '"\\001\\002\\003\\004\\000\\000\\000"']
    )
    def test_gdb_prints_bytes_in_two_ways(self, judged: Judge, data: str) -> None:
        found = judged(f"$1 = {{exit_reason = 6, {{mmio = {{data = {data}, len = 4, is_write = 1}}}}}}")

        assert found.verdict.sentence.startswith("the guest writes 01 02 03 04 to 4 byte(s)")

    def test_a_dump_that_ends_early_says_so(self, judged: Judge) -> None:
        assert judged(kvm_run(17, struct.pack("<II", 3, 0), size=48)).notes == (
            "the dump ends 120 bytes before the end of internal: taken as 0",
        )


class TestTrace:
    def test_a_record_with_a_payload_is_judged_anew(self, judged: Judge) -> None:
        record = TraceRecord(1, 0.5, "x86:64", "exit", 0x401000, STEP, verdict="step")

        found = judged(record.to_json(), Armed(stepping=True))

        assert (found.verdict.event, found.verdict.owner) == (Event.STEP, Owner.OURS)
        assert found.raw.trace == record

    @pytest.mark.parametrize(
        ("event", "verdict", "expected"),
        [
            ("breakpoint", "to the debugger", ("breakpoint", Owner.OURS)),
            ("watchpoint", "to the debugger", ("watchpoint", Owner.OURS)),
            ("step", "to the debugger", ("step", Owner.OURS)),
            ("exception", "to the guest", ("exception", Owner.NOT_OURS)),
            ("exception", "to the debugger", ("exception", Owner.UNKNOWN)),  # it has no handler
            ("halt", "to the debugger", ("halt", Owner.UNKNOWN)),
        ],
    )
    def test_what_serve_writes_is_counted_by_its_own_words(
        self, judged: Judge, event: str, verdict: str, expected: tuple[str, Owner]
    ) -> None:
        record = TraceRecord(1, 0.5, "x86:64", event, 0x1000, verdict=verdict, why="because")

        found = judged(record.to_json())

        assert (found.label, found.verdict.owner) == expected
        assert found.verdict.sentence == f"{verdict}: because"

    def test_a_record_without_one_says_what_it_says(self, judged: Judge) -> None:
        record = TraceRecord(2, 0.5, "ppc:440", "stop", 0x1000, verdict="step", why="gdb asked for it")

        found = judged(record.to_json())

        assert (found.verdict.event, found.verdict.pc) == (Event.STEP, 0x1000)
        assert found.verdict.sentence == "step: gdb asked for it"
