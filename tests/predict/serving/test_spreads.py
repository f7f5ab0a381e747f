from __future__ import annotations

from dataclasses import replace
from math import log

import pytest

from tests.predict.scenarios import device
from weighbridge.predict.serving.coefficients import OTHERS, Spread, fitted
from weighbridge.predict.serving.spreads import (
    crowd,
    is_fitted,
    spreads_on,
    stranger,
    stretched,
)


def width(spread: Spread) -> float:
    return log(spread.high / spread.low)


def test_devices_that_were_never_measured_have_wider_intervals() -> None:
    others = spreads_on(device("RTX 4090"))
    assert others == spreads_on(replace(device("H100 SXM"), name="H900"))
    for name in fitted().devices:
        for known, unknown in zip(spreads_on(device(name)), others, strict=True):
            assert width(known) < width(unknown)


@pytest.mark.parametrize("name", ["GB200", "B300 SXM"])
def test_devices_that_predictions_missed_have_the_widest(name: str) -> None:
    for own, others in zip(spreads_on(device(name)), spreads_on(device("L40S")), strict=True):
        assert width(own) > width(others)


def test_every_device_of_the_fit_has_its_intervals() -> None:
    found = fitted().intervals
    assert found.ttft.keys() == found.tpot.keys()
    assert {OTHERS, *fitted().devices} <= found.ttft.keys()
    for spread in (*found.ttft.values(), *found.tpot.values()):
        assert 0 < spread.low < 1 < spread.high


def test_less_is_known_of_first_tokens_in_a_crowd() -> None:
    ends = [spreads_on(device("H200"), users) for users in (1, 32, 256, 1024, 5000)]
    widths = [width(ttft) for ttft, _ in ends]
    assert widths[:4] == sorted(set(widths[:4]))
    # No run had more users than that.
    assert widths[4] == widths[3]
    assert len({tpot for _, tpot in ends}) == 1
    assert spreads_on(device("H200"), 32) == spreads_on(device("H200"))


def test_typical_users_change_nothing() -> None:
    assert crowd(32, 0.3) == 1
    assert crowd(64, 0.0) == 1
    assert crowd(0.5, 0.5) == crowd(1, 0.5) == pytest.approx(32**-0.5)


def test_stretching_is_in_logarithms() -> None:
    wide = stretched(Spread(0.5, 3), 2)
    assert (wide.low, wide.high) == pytest.approx((0.25, 9))


def test_strangers_are_told_of() -> None:
    assert is_fitted(device("H100 SXM"))
    assert stranger(device("H100 SXM")) == ""
    assert "RTX 4090" in stranger(device("RTX 4090"))


def test_a_device_with_few_runs_is_not_much_wider_than_devices_left_out() -> None:
    """GB200 has eight runs of known load: what a handful says must not decide a decile."""
    for own, others in zip(spreads_on(device("GB200")), spreads_on(device("L40S")), strict=True):
        assert width(own) < 1.5 * width(others)
