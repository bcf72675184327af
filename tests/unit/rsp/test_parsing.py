"""Payloads and the values they parse to: the table a reader of the GDB manual can check."""

from __future__ import annotations

from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmgdb.arch.breakpoints import BreakpointKind
from kvmgdb.rsp.packets import (
    Action,
    Attached,
    ChecksumMemory,
    CurrentThread,
    Detach,
    EnableErrorStrings,
    HaltReason,
    HostInfo,
    InsertBreakpoint,
    Kill,
    MemoryRegion,
    Monitor,
    MustReplyEmpty,
    PacketValue,
    PhysicalMemory,
    ReadMemory,
    ReadObject,
    ReadRegister,
    ReadRegisters,
    RemoveBreakpoint,
    Resume,
    ResumeKind,
    ResumeOffer,
    SearchMemory,
    SelectThread,
    StartNoAckMode,
    StepFlags,
    Supported,
    ThreadAlive,
    ThreadExtra,
    ThreadList,
    WriteMemory,
    WriteRegister,
    WriteRegisters,
)
from kvmgdb.rsp.parsing import PacketError, parse

CONTINUE, STEP = Action(ResumeKind.CONTINUE), Action(ResumeKind.STEP)

PACKETS: dict[bytes, PacketValue] = {
    b"?": HaltReason(),
    b"g": ReadRegisters(),
    b"G0011ff": WriteRegisters(b"\x00\x11\xff"),
    b"p1f": ReadRegister(0x1F),
    b"P10=00100000": WriteRegister(0x10, b"\x00\x10\x00\x00"),
    b"m100000,40": ReadMemory(0x100000, 0x40),
    b"mffffffff81000000,1": ReadMemory(0xFFFF_FFFF_8100_0000, 1),
    b"x1000,0": ReadMemory(0x1000, 0, binary=True),
    b"M1000,2:cc90": WriteMemory(0x1000, b"\xcc\x90"),
    b"X1000,3:#$}": WriteMemory(0x1000, b"#$}"),
    b"X1000,0:": WriteMemory(0x1000, b""),
    b"Z0,1020,4": InsertBreakpoint(BreakpointKind.SOFTWARE, 0x1020, 4),
    b"Z1,1020,1": InsertBreakpoint(BreakpointKind.HARDWARE, 0x1020, 1),
    b"Z2,2000,8": InsertBreakpoint(BreakpointKind.WRITE, 0x2000, 8),
    b"Z3,2000,2": InsertBreakpoint(BreakpointKind.READ, 0x2000, 2),
    b"Z4,2000,1": InsertBreakpoint(BreakpointKind.ACCESS, 0x2000, 1),
    b"Z0,1020,4;X3,220127": InsertBreakpoint(BreakpointKind.SOFTWARE, 0x1020, 4, (b"\x22\x01\x27",)),
    b"Z1,1020,4;X3,220127": InsertBreakpoint(BreakpointKind.HARDWARE, 0x1020, 4, (b"\x22\x01\x27",)),
    b"z0,1020,4": RemoveBreakpoint(BreakpointKind.SOFTWARE, 0x1020, 4),
    b"c": Resume((CONTINUE,)),
    b"c1000": Resume((CONTINUE,), 0x1000),
    b"C05": Resume((Action(ResumeKind.CONTINUE, signal=5),)),
    b"C05;1000": Resume((Action(ResumeKind.CONTINUE, signal=5),), 0x1000),
    b"s": Resume((STEP,)),
    b"S05;1000": Resume((Action(ResumeKind.STEP, signal=5),), 0x1000),
    b"vCont;c": Resume((CONTINUE,)),
    b"vCont;s:1;c": Resume((Action(ResumeKind.STEP, thread=1), CONTINUE)),
    b"vCont;s:p1.1;c:p1.-1": Resume((Action(ResumeKind.STEP, thread=1), CONTINUE)),
    b"vCont;C05:1": Resume((Action(ResumeKind.CONTINUE, signal=5, thread=1),)),
    b"vCont;s:-1": Resume((STEP,)),
    b"vCont;s:0": Resume((STEP,)),
    b"vCont;r1000,1010:1": Resume((Action(ResumeKind.RANGE, thread=1, within=range(0x1000, 0x1010)),)),
    b"vCont?": ResumeOffer(),
    b"qSearch:memory:100000;100;a;b:": SearchMemory(0x100000, 0x100, b"a;b:"),
    b"qCRC:100000,6b8": ChecksumMemory(0x100000, 0x6B8),
    b"D": Detach(),
    b"D;1": Detach(),
    b"k": Kill(wants_reply=False),
    b"vKill;1": Kill(wants_reply=True),
    b"qSupported": Supported(frozenset({""})),
    b"qSupported:swbreak+;hwbreak+": Supported(frozenset({"swbreak+", "hwbreak+"})),
    b"QStartNoAckMode": StartNoAckMode(),
    b"qXfer:features:read:target.xml:0,ffb": ReadObject("features", "target.xml", 0, 0xFFB),
    b"qXfer:memory-map:read::1000,10": ReadObject("memory-map", "", 0x1000, 0x10),
    b"qfThreadInfo": ThreadList(first=True),
    b"qsThreadInfo": ThreadList(first=False),
    b"qThreadExtraInfo,1": ThreadExtra(1),
    b"qC": CurrentThread(),
    b"Hg0": SelectThread("g", 0),
    b"Hc-1": SelectThread("c", -1),
    b"Hgp1.1": SelectThread("g", 1),
    b"T1": ThreadAlive(1),
    b"qAttached": Attached(),
    b"qAttached:1": Attached(),
    b"vMustReplyEmpty": MustReplyEmpty(),
    b"qRcmd,696e666f": Monitor("info"),
    b"qRcmd,": Monitor(""),
    b"qRcmd,ff20": Monitor("\N{REPLACEMENT CHARACTER}"),
    b"qqemu.PhyMemMode": PhysicalMemory(None),
    b"Qqemu.PhyMemMode:1": PhysicalMemory(True),
    b"Qqemu.PhyMemMode:0": PhysicalMemory(False),
    b"qqemu.sstepbits": StepFlags(query="bits"),
    b"qqemu.sstep": StepFlags(query="value"),
    b"Qqemu.sstep=7": StepFlags(value=7),
    b"qHostInfo": HostInfo(process=False),
    b"qProcessInfo": HostInfo(process=True),
    b"qMemoryRegionInfo:1000": MemoryRegion(0x1000),
    b"QEnableErrorStrings": EnableErrorStrings(),
}


@pytest.mark.parametrize(("payload", "value"), PACKETS.items(), ids=[repr(p)[2:-1][:30] for p in PACKETS])
def test_what_gdb_sends(payload: bytes, value: PacketValue) -> None:
    assert parse(payload) == value


class TestConditionsAndCommands:
    """As gdb 13.1 sends them, and as the manual has them."""

    def test_two_breakpoints_at_one_place(self) -> None:
        packet = parse(b"Z0,100000,1;Xc,240010205019162022011327Xc,240010205019162022021327")

        assert packet == InsertBreakpoint(
            BreakpointKind.SOFTWARE,
            0x100000,
            1,
            conditions=(
                bytes.fromhex("240010205019162022011327"),
                bytes.fromhex("240010205019162022021327"),
            ),
        )

    def test_a_dprintf(self) -> None:
        packet = parse(b"Z0,10001c,4;cmds:0,X11,2200220034000008616761696e5c6e0027")

        assert packet == InsertBreakpoint(
            BreakpointKind.SOFTWARE,
            0x10001C,
            4,
            commands=(bytes.fromhex("2200220034000008616761696e5c6e0027"),),
        )

    def test_dprintfs_that_stay_when_gdb_leaves_and_a_condition(self) -> None:
        packet = parse(
            b"Z0,100000,1;X3,220127;cmds:1,Xd,2200220034000004785c6e0027Xd,2200220034000004795c6e0027"
        )

        assert packet == InsertBreakpoint(
            BreakpointKind.SOFTWARE,
            0x100000,
            1,
            conditions=(b"\x22\x01\x27",),
            commands=(
                bytes.fromhex("2200220034000004785c6e0027"),
                bytes.fromhex("2200220034000004795c6e0027"),
            ),
            persist=True,
        )

    def test_separators_between_expressions_are_passed_over(self) -> None:
        assert parse(b"Z0,0,1;X1,27;X1,28;cmds:1,X1,29;X1,2a") == parse(
            b"Z0,0,1;X1,27X1,28;cmds:1,X1,29X1,2a"
        )

    @given(st.lists(st.binary(max_size=20)), st.lists(st.binary(max_size=20)), st.booleans())
    def test_any_expressions(self, conditions: list[bytes], commands: list[bytes], persist: bool) -> None:
        written = [
            b"".join(b"X%x,%b" % (len(e), e.hex().encode()) for e in es) for es in (conditions, commands)
        ]

        assert parse(b"Z0,1020,1;%b;cmds:%x,%b" % (written[0], persist, written[1])) == InsertBreakpoint(
            BreakpointKind.SOFTWARE, 0x1020, 1, tuple(conditions), tuple(commands), persist
        )


def test_every_packet_there_is_a_value_for_is_in_the_table_above() -> None:
    assert {type(value) for value in PACKETS.values()} == set(get_args(PacketValue))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"vCont",
        b"vFile:setfs:0",
        b"vFlashErase:0,1000",
        b"qTStatus",
        b"qSymbol::",
        b"qOffsets",
        b"qSearch:registers:0;1;x",
        b"QNonStop:1",
        b"qXfer:features:write:target.xml:0:ff",
        b"qXfer:features",
        b"qqemu.unknown",
        b"bc",
        b"bs",
        b"!",
        b"A1",
        b"R00",
        b"t1",
        b"\x00",
        b"\xff\xff",
    ],
)
def test_what_is_not_ours_to_know(payload: bytes) -> None:
    """The reply to it is the empty packet, which to gdb means that the stub does not have it."""
    assert parse(payload) is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"m1000", "address,length"),
        (b"m,4", "address b''"),
        (b"m1000,", "length b''"),
        (b"mxyz,4", "address b'xyz'"),
        (b"m-8,4", "address b'-8'"),
        (b"m1000,-4", "length b'-4'"),
        (b"m0x1000,4", "address b'0x1000'"),
        (b"m 1000,4", "address b' 1000'"),
        (b"m1_000,4", "address b'1_000'"),
        (b"m10000000000000000,4", "at most 64 bits"),
        (b"p", "register number b''"),
        (b"p" + b"f" * 5000, "at most 64 bits"),
        (b"P1=0", "hexadecimal data"),
        (b"P1=xx", "hexadecimal data"),
        (b"G\xff", "hexadecimal data"),
        (b"M1000,2:cc", "a write of 2 bytes brings 1"),
        (b"M1000,1:c", "hexadecimal data"),
        (b"X1000,1:ab", "a write of 1 bytes brings 2"),
        (b"X1000,1", "a write of 1 bytes brings 0"),
        (b"Z0,1000", "type,address,kind"),
        (b"Z0,1000,4,5", "type,address,kind"),
        (b"Z0,1000,4;220027", "condition b'220027' is not X len,expr"),
        (b"Z0,1000,4;X", "length of a condition b''"),
        (b"Z0,1000,4;X3", "a condition of 3 bytes brings 0"),
        (b"Z0,1000,4;X3,2200", "a condition of 3 bytes brings 2"),
        (b"Z0,1000,4;X3,22002", "a condition of 3 bytes brings 2"),
        (b"Z0,1000,4;X2,220027", "condition b'27' is not X len,expr"),
        (b"Z0,1000,4;X3,22xx27", "hexadecimal data"),
        (b"Z0,1000,4;Xffffffffffffffff,00", "brings 1"),
        (b"Z0,1000,4;X3,220027;cmds:X3,220027", "persist b'X3'"),
        (b"Z0,1000,4;cmds:", "persist b''"),
        (b"Z0,1000,4;cmds:1,220027", "command b'220027' is not X len,expr"),
        (b"Z5,1000,4", "breakpoint type b'5' does not exist"),
        (b"Zx,1000,4", "type b'x'"),
        (b"z9,1000,4", "breakpoint type b'9' does not exist"),
        (b"cxyz", "address b'xyz'"),
        (b"C", "signal b''"),
        (b"vCont;", "vCont action b''"),
        (b"vCont;t", "vCont action b't'"),
        (b"vCont;r1000", "start,end"),
        (b"vCont;rx,2000", "start b'x'"),
        (b"vCont;cx", "vCont action b'cx'"),
        (b"vCont;S", "vCont action b'S'"),
        (b"vCont;s:x", "thread id b'x'"),
        (b"H", "thread id b''"),
        (b"Tp1.", "thread id b''"),
        (b"qThreadExtraInfo,", "thread id b''"),
        (b"qXfer:features:read:target.xml:0", "address,length"),
        (b"qSearch:memory:1000;4", "address;length;pattern"),
        (b"qSearch:memory:1000;4;", "address;length;pattern"),
        (b"qSearch:memory:x;4;a", "address b'x'"),
        (b"qCRC:1000", "address,length"),
        (b"qRcmd,6", "hexadecimal data"),
        (b"Qqemu.PhyMemMode:2", "0 or 1"),
        (b"Qqemu.sstep=", "step flags b''"),
        (b"qMemoryRegionInfo:", "address b''"),
    ],
)
def test_arguments_that_make_no_sense(payload: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as raised:
        parse(payload)

    assert reason in raised.value.text
    assert len(raised.value.text) < 120


_STARTS = st.sampled_from([payload[:size] for payload in PACKETS for size in (1, 6, 20)])


@given(st.one_of(st.binary(), st.builds(bytes.__add__, _STARTS, st.binary(max_size=30))))
def test_any_bytes_are_a_packet_or_unknown_or_refused(payload: bytes) -> None:
    with suppress(PacketError):
        assert parse(payload) is None or isinstance(parse(payload), get_args(PacketValue))


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_any_address_and_length(address: int, length: int) -> None:
    assert parse(b"m%x,%x" % (address, length)) == ReadMemory(address, length)


@given(st.binary(max_size=100))
def test_any_data_can_be_written(data: bytes) -> None:
    written = WriteMemory(0x1000, data)

    assert parse(b"M1000,%x:%b" % (len(data), data.hex().encode())) == written
    assert parse(b"X1000,%x:%b" % (len(data), data)) == written
