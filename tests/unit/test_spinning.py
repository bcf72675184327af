"""Looking before sleeping: only while it pays, and never for what is already the end."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from kvmgdb import spinning
from kvmgdb.spinning import Spin


class Peer:
    """Says something after it has been looked at so often, or once one sleeps for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.looks_until_it_speaks = 0
        self.looks = self.sleeps = 0

    def look(self) -> bytes | None:
        self.looks += 1
        self._clock.now += spinning.SPIN_SECONDS / 10
        if self.looks_until_it_speaks:
            self.looks_until_it_speaks -= 1
            return None
        return b"said"

    def sleep_for(self, seconds: float) -> Callable[[], bytes]:
        def sleep() -> bytes:
            self.sleeps += 1
            self._clock.now += seconds
            return b"woken"

        return sleep


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(spinning, "perf_counter", clock)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    return clock


NEVER = 1_000_000


def test_what_comes_soon_is_found_without_sleep(clock: Clock) -> None:
    peer = Peer(clock)
    peer.looks_until_it_speaks = 3
    assert Spin().wait(peer.look, peer.sleep_for(1)) == b"said"
    assert (peer.looks, peer.sleeps) == (4, 0)


def test_one_sleeps_for_what_does_not(clock: Clock) -> None:
    peer = Peer(clock)
    peer.looks_until_it_speaks = NEVER
    assert Spin().wait(peer.look, peer.sleep_for(1)) == b"woken"
    assert 8 <= peer.looks <= 12


def test_after_a_long_wait_one_sleeps_at_once_and_after_a_short_one_looks_again(clock: Clock) -> None:
    peer, spin = Peer(clock), Spin()
    peer.looks_until_it_speaks = NEVER
    spin.wait(peer.look, peer.sleep_for(1))
    looks = peer.looks

    spin.wait(peer.look, peer.sleep_for(spinning.SPIN_SECONDS / 2))
    assert peer.looks == looks

    peer.looks_until_it_speaks = 0
    assert spin.wait(peer.look, peer.sleep_for(1)) == b"said"


def test_on_a_single_processor_it_would_only_be_in_the_peers_way(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    peer, spin = Peer(clock), Spin()
    for _ in range(2):
        assert spin.wait(peer.look, peer.sleep_for(0)) == b"woken"
    assert peer.looks == 0
