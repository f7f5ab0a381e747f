from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes.gateway import BUDGETS, FIGURES, GIB, MODELS
from weighbridge import __version__
from weighbridge.core.gateway import EngineState, GatewayView, ModelView
from weighbridge.serve.admin.view import Figures, gateway_view, percentiles_ms, taken_bytes

BY_NAME = {one.model: one for one in MODELS}


def view(figures: Figures = FIGURES, **more: Any) -> GatewayView:
    return gateway_view(
        time=1e9, uptime_s=60.0, listen=["http://x"], models=BY_NAME, figures=figures, **more
    )


def test_all_of_it_together() -> None:
    made = view(memory_bytes=24 * GIB, spendings=BUDGETS, recent=[str(n) for n in range(99)])
    assert made.version == __version__
    assert made.models == MODELS
    assert (made.requests_per_s, made.tokens_per_s) == (12.3, 4567.8)
    assert made.in_flight == 4, "those that wait are in flight as well"
    assert made.used_bytes == 5 * GIB
    assert made.ttft_ms == pytest.approx((50.0, 90.0, 99.0))
    assert made.budgets == BUDGETS
    assert made.recent == tuple(str(n) for n in range(49, 99))
    assert msgspec.json.decode(msgspec.json.encode(made), type=GatewayView) == made


def test_a_ledger_knows_better_what_is_taken() -> None:
    assert view(used_bytes=7).used_bytes == 7


def test_a_gateway_that_has_just_begun_tells_no_rate_from_an_instant() -> None:
    made = view(Figures(window_s=0.01, requests_in_window=2))
    assert made.requests_per_s == 2.0
    assert made.ttft_ms == ()


@pytest.mark.parametrize(
    ("state", "now", "expected", "taken"),
    [
        ("starting", None, 9, 9),
        ("starting", 4, 9, 9),
        ("waking", 10, 9, 10),
        ("ready", 5, 9, 5),
        ("ready", None, 9, 9),
        ("draining", None, 9, 9),
        ("asleep", 1, 9, 1),
        ("asleep", None, 9, 0),
        ("stopping", 3, 9, 3),
        ("stopped", None, 9, 0),
        ("failed", None, None, 0),
    ],
)
def test_what_a_model_takes(
    state: EngineState, now: int | None, expected: int | None, taken: int
) -> None:
    one = ModelView("m", state, memory_bytes=now, expected_bytes=expected, is_ours=True)
    assert taken_bytes(one) == taken
    assert taken_bytes(replace(one, is_ours=False)) == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_percentiles_are_samples_that_so_many_do_not_exceed(samples: list[float]) -> None:
    found = percentiles_ms(samples)
    assert list(found) == sorted(found)
    for value, share in zip(found, (0.5, 0.9, 0.99), strict=True):
        assert value in {1000 * sample for sample in samples}
        below = sum(1000 * sample < value for sample in samples)
        within = sum(1000 * sample <= value for sample in samples)
        assert within >= share * len(samples)
        assert below < share * len(samples)
