from __future__ import annotations

import json
import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predict.planned import FEW, asked, facts, machine
from weighbridge.core.errors import InputError
from weighbridge.core.plan import Order, Plan, Requirements
from weighbridge.predict.search.quality_order import assumed
from weighbridge.predict.search.search import search
from weighbridge.predict.search.verdict import needed_bytes

ORDER = assumed("2026-09-01")
MODELS = [facts(name) for name in FEW]


def plan(text: str, requirements: Requirements, **more: object) -> Plan:
    return search(MODELS, machine(text), requirements, ORDER, **more)  # type: ignore[arg-type]


def test_it_ranks_what_fits_by_quality_and_says_why_the_rest_does_not() -> None:
    found = plan("RTX 4090", asked(users=2, context=8192))
    names = [one.candidate.model for one in found.ranked]
    assert len(names) == len(set(names))
    assert all(one.verdict == "meets" for one in found.ranked)
    values = [one.quality.value for one in found.ranked if one.quality]
    assert values == sorted(values, reverse=True)
    refused = {one.model: one for one in found.refused}
    assert set(names) | set(refused) == set(FEW)
    huge = refused["deepseek-ai/DeepSeek-R1"]
    assert huge.verdict == "does not fit"
    assert "exceed the 23.53 GiB of 1 × RTX 4090" in huge.reason


@pytest.mark.parametrize(
    ("order", "attribute", "sign"),
    [("tpot", "tpot_ms", 1), ("ttft", "ttft_ms", 1), ("throughput", "tokens_per_s", -1)],
)
def test_other_orders(order: Order, attribute: str, sign: int) -> None:
    found = plan("2x RTX 3090", asked(users=4, context=4096), order=order, per_model=50)
    values = [sign * getattr(one, attribute).value for one in found.ranked]
    assert len(values) > 20
    assert values == sorted(values)


def test_all_ways_of_a_model_can_be_kept() -> None:
    box, load = "2x RTX 3090", asked(users=2, context=4096)
    one, many = plan(box, load), plan(box, load, per_model=1000)
    assert len(many.ranked) > 3 * len(one.ranked)
    assert many.considered == one.considered


def test_no_member_of_the_front_is_surpassed() -> None:
    found = plan("2x RTX 3090", asked(users=4, context=4096), per_model=1000)
    rows = np.array(
        [
            (
                one.quality.value if one.quality else 0,
                -one.tpot_ms.value if one.tpot_ms else 0,
                -one.ttft_ms.value if one.ttft_ms else 0,
                one.tokens_per_s.value if one.tokens_per_s else 0,
                -needed_bytes(one.memory, one.candidate.settings).value * one.candidate.devices
                if one.memory
                else 0,
            )
            for one in found.ranked
        ]
    )
    assert 0 < len(found.front) < len(rows)
    for place in range(len(rows)):
        beaten = np.all(rows >= rows[place], axis=1) & np.any(rows > rows[place], axis=1)
        assert (place in found.front) is not bool(beaten.any())


@given(st.integers(1, 64), st.integers(2048, 32768))
@settings(max_examples=25, deadline=None)
def test_who_meets_for_more_users_or_a_longer_context_meets_for_less(
    users: int, context: int
) -> None:
    much = plan("RTX 4090", asked(users=2 * users, context=context), near_misses=0)
    less = plan("RTX 4090", asked(users=users, context=context // 2), near_misses=0)
    assert {one.candidate.model for one in much.ranked} <= {
        one.candidate.model for one in less.ranked
    }


def test_a_slo_leaves_out_what_is_too_slow() -> None:
    loose = plan("RTX 4090", asked(users=8, context=4096))
    tight = plan("RTX 4090", asked(users=8, context=4096, slo="tpot_p95<15ms"))
    assert 0 < len(tight.ranked) < len(loose.ranked)
    assert all(one.tpot_ms and one.tpot_ms.value < 15 for one in tight.ranked)
    slow = [one for one in tight.refused if one.verdict == "misses"]
    assert slow
    assert all("tpot_p95 would be" in one.reason for one in slow)


def test_a_condition_that_only_probably_holds_is_said_to() -> None:
    loose = plan("RTX 4090", asked(users=8, context=4096), near_misses=0)
    first = loose.ranked[0]
    assert first.ttft_ms is not None
    between = (first.ttft_ms.value + first.ttft_ms.high) / 2
    found = plan("RTX 4090", asked(users=8, context=4096, slo=f"ttft_p50<{between}ms"),
                 per_model=1000)  # fmt: skip
    same = next(one for one in found.ranked if one.candidate == first.candidate)
    assert "may not hold" in same.reasons[0]


def test_arrivals_above_what_can_be_served_are_refused_with_the_most_that_can() -> None:
    fine = plan("RTX 4090", asked(users=1, context=4096, rate=0.5))
    assert fine.ranked
    assert all(one.requests_per_s == 0.5 for one in fine.ranked)
    flooded = plan("RTX 4090", asked(users=1, context=4096, rate=5000))
    assert not flooded.ranked
    assert any("saturates at" in one.reason for one in flooded.refused)


def test_an_engine_that_does_not_run_there_is_bad_input() -> None:
    with pytest.raises(InputError, match=r"sglang does not run on M3 Max 40-core 64GB .*llama"):
        plan("M3 Max 64GB", asked(engines=("sglang",)))
    with pytest.raises(InputError, match=r"no backend for it.*vllm-gaudi"):
        plan("Gaudi 3", asked())
    with pytest.raises(
        InputError, match=r"vllm runs on M3 Max 40-core 64GB by .*not modelled.*llama\.cpp"
    ):
        plan("M3 Max 64GB", asked(engines=("vllm",)))


def test_models_whose_format_is_not_known_are_refused_by_name() -> None:
    strange = replace(facts("Qwen/Qwen3-8B"), native=replace(facts("Qwen/Qwen3-8B").native,
                                                             known=False))  # fmt: skip
    found = search([strange], machine("RTX 4090"), asked(), ORDER)
    (only,) = found.refused
    assert only.verdict == "not known"
    assert "number format" in only.reason


def test_a_plan_survives_json() -> None:
    found = plan("RTX 4090", asked(slo="ttft_p95<2s"))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Plan) == found
    json.loads(msgspec.json.encode(found))


def test_the_search_of_eight_devices_is_quick() -> None:
    """The whole catalogue's second leaves so many models far less; slow machines get some slack."""
    plan("8x H100 SXM", asked())
    begin = time.perf_counter()
    found = plan("8x H100 SXM", asked(users=16))
    assert found.considered > 200
    assert time.perf_counter() - begin < 1.0
