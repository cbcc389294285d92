"""A rate is kept on the whole, whatever each object took."""

from __future__ import annotations

from dicomnode.deliver.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_rate_is_kept() -> None:
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    for _ in range(10):
        clock.now += 0.2
        pace.sent(500)
    assert clock.now == 5.0


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    Pace(0, clock, clock.sleep).sent(10**9)
    assert clock.now == 0


def test_a_slow_peer_costs_no_pause() -> None:
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    clock.now = 10
    pace.sent(500)
    assert clock.now == 10
