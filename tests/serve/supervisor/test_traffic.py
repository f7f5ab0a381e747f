from __future__ import annotations

from weighbridge.serve.supervisor.eviction import Patience
from weighbridge.serve.supervisor.traffic import Traffic


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def requests(traffic: Traffic, clock: Clock, count: int, pause_s: float) -> None:
    for _ in range(count):
        traffic.asked()
        traffic.passed()
        clock.now_s += 1.0
        assert traffic.quiet_s == 0
        traffic.left()
        clock.now_s += pause_s


def test_usual_pauses_are_known_after_a_few() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    assert traffic.quiet_s == 0
    requests(traffic, clock, 4, 0.5)
    assert traffic.usual_s is None
    requests(traffic, clock, 1, 0.5)
    assert traffic.usual_s == 0.5
    assert traffic.quiet_s == 0.5


def test_what_clients_are_made_to_wait_is_no_habit_of_theirs() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    for _ in range(10):
        requests(traffic, clock, 2, 0.1)
        traffic.asked()  # for a model that is not up: nothing happens until it is
        clock.now_s += 20
        assert traffic.quiet_s > 19.9
        traffic.passed()
        traffic.left()
        clock.now_s += 0.1
    assert traffic.usual_s is not None
    assert traffic.usual_s < 0.2


def test_quiet_is_longer_than_the_usual_pauses() -> None:
    patience = Patience(gaps=8, quiet_s=0.1)
    assert not patience.is_quiet(1000, None)
    assert not patience.is_quiet(3.9, 0.5)
    assert patience.is_quiet(4.0, 0.5)
    assert not patience.is_quiet(0.05, 0.0)
    assert patience.is_quiet(0.1, 0.0)
