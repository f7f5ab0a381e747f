from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from tests.fakes.gateway import BUDGETS, GIB, MODELS, FakeGateway
from weighbridge.core.gateway import EngineState, ModelView, Spending
from weighbridge.report import gateway_words as words

TALLY = MODELS[0]


def test_the_headline_counts_states_in_one_order() -> None:
    view = FakeGateway().view()
    assert words.headline(view) == "4 models: 2 ready, 1 stopped, 1 failed"
    assert words.headline(replace(view, models=MODELS[:1])) == "1 model: 1 ready"
    assert words.headline(replace(view, models=())) == "No models"


@pytest.mark.parametrize("state", get_args(EngineState))
def test_every_state_has_its_manner_and_offers_what_makes_sense(state: EngineState) -> None:
    assert words.manner(state) in ("well", "moving", "resting", "failed")
    offers = [action for action, _ in words.offered(replace(TALLY, state=state))]
    assert ("start" in offers) == (state in ("stopped", "asleep", "failed"))
    assert "sleep" not in offers, "its engine cannot"
    sleepy = [one for one, _ in words.offered(replace(TALLY, state=state, can_sleep=True))]
    assert ("sleep" in sleepy) == (state == "ready")
    assert words.offered(ModelView("remote", state)) == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3 * 3600 + 125, "3 h 2 min"),
        (86400 + 30, "1 d"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.5, "0.500 ms"), (42, "42.0 ms"), (1500, "1.50 s")]
)
def test_latencies(value: float | None, text: str) -> None:
    assert words.milliseconds(value) == text


def test_memory() -> None:
    assert words.memory_text(TALLY) == "5.00 GiB used of 6.00 GiB, measured"
    assert words.memory_text(MODELS[1]) == "9.00 GiB when ready, predicted"
    assert words.memory_text(MODELS[3]) == "not this gateway's"
    unknown = ModelView("m", "stopped", is_ours=True)
    assert words.memory_text(unknown) == "not known yet"
    assert words.memory_text(replace(unknown, memory_bytes=GIB)) == "1.00 GiB used"
    more = replace(TALLY, memory_bytes=7 * GIB, memory_from="predicted")
    assert words.memory_text(more) == "7.00 GiB used, over the predicted 6.00 GiB"


def test_memory_of_all_engines() -> None:
    view = replace(FakeGateway().view(), used_bytes=5 * GIB, memory_bytes=8 * GIB)
    assert words.budget_text(view) == "5.00 GiB of 8.00 GiB"
    assert words.budget_text(replace(view, memory_bytes=None)) == "5.00 GiB"
    over = words.budget_text(replace(view, memory_bytes=4 * GIB))
    assert over == "5.00 GiB, 1.00 GiB over the budget of 4.00 GiB"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "$0.00"),
        (0.0006, "$0.0006"),
        (0.00999, "$0.01"),
        (0.0123, "$0.012"),
        (0.0999, "$0.10"),
        (0.1, "$0.10"),
        (0.75, "$0.75"),
        (630.0, "$630.00"),
        (12345.678, "$12,345.68"),
        (3e-9, "$0.000000003"),
    ],
)
def test_little_money_is_not_none(value: float, text: str) -> None:
    assert words.usd(value) == text


def test_budgets() -> None:
    team, full, without = BUDGETS
    assert words.usd_text(team) == "$12.50 of $50.00"
    assert words.tokens_text(team) == "1,200,000"
    assert words.spent_share(team) == 0.25
    assert words.spent_share(full) == 1.0
    assert words.usd_text(full) == "–"
    assert words.spent_share(without) is None
    assert words.usd_text(without) == "$0.75"
    nothing = Spending("none", (), (0.0, 0.0), (0, None), "")
    little = Spending("little", (), (0.000606, 20.0), (0, None), "")
    assert words.usd_text(little) == "$0.00061 of $20.00"
    shares = (0.0, 0.00003, 0.25, 0.996)
    assert [words.used_text(one) for one in shares] == ["0 %", "under 1 %", "25 %", "99 %"]
    assert words.spent_share(nothing) == 1.0, "where nothing may be spent, nothing is left"
