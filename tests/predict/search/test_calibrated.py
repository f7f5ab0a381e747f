from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.predict.planned import FEW, asked, facts, machine
from tests.predict.test_calibration import levels, points
from tests.predict.test_rows import job
from weighbridge.core.candidate import Estimate
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import EngineName
from weighbridge.core.plan import Plan
from weighbridge.core.provenance import Interval
from weighbridge.predict.calibration import Calibration, learn
from weighbridge.predict.rows import predict
from weighbridge.predict.search.load import simulated
from weighbridge.predict.search.quality_order import assumed
from weighbridge.predict.search.search import search
from weighbridge.predict.search.verdict import appraise
from weighbridge.predict.search.ways import ways

CASES: tuple[tuple[EngineName, str], ...] = (("llama.cpp", "Q4_K_M"), ("vllm", "fp8"))
cases = pytest.mark.parametrize(("engine", "form"), CASES)
OTHER = "google/gemma-3-12b-it"


def three(engine: str, form: str, slower: float = 1.2) -> tuple[Calibration, ...]:
    return learn(points(levels("RTX 4090", engine, form), [slower] * 3))


def planned(
    engine: EngineName,
    known: tuple[Calibration, ...] = (),
    device: str = "RTX 4090",
    *,
    slo: str = "",
    rate: float | None = None,
) -> Plan:
    wanted = asked(users=4, context=4096, engines=(engine,), slo=slo, rate=rate)
    models = [facts(name) for name in FEW]
    everything = 1000
    return search(
        models,
        machine(device),
        wanted,
        assumed(None),
        per_model=everything,
        calibrations=known,
    )


def of(plan: Plan, model: str) -> dict[str, Estimate]:
    return {one.candidate.quantization: one for one in plan.ranked if one.candidate.model == model}


def width(span: Interval | None) -> float:
    assert span is not None
    return math.log(span.high / span.low)


def value(span: Interval | None) -> float:
    assert span is not None
    return span.value


@cases
def test_times_of_other_models_move_and_their_intervals_narrow(
    engine: EngineName, form: str
) -> None:
    before = planned(engine)
    after = planned(engine, three(engine, form))
    pairs = [(one, of(after, OTHER)[name]) for name, one in of(before, OTHER).items()]
    assert pairs
    for old, new in pairs:
        for name in ("tpot_ms", "ttft_ms"):
            assert 1.08 < value(getattr(new, name)) / value(getattr(old, name)) < 1.25
            assert width(getattr(new, name)) < 0.95 * width(getattr(old, name))
        assert value(new.tokens_per_s) < value(old.tokens_per_s)
        assert "3 points of Qwen/Qwen3-8B on RTX 4090 (load-1)" in new.provenance.source
    assert any("3 measured points of Qwen/Qwen3-8B (load-1" in note for note in after.notes)


@cases
def test_the_plan_says_of_a_model_what_the_calibration_was_measured_to_be(
    engine: EngineName, form: str
) -> None:
    before, after = (
        of(planned(engine, known), "Qwen/Qwen3-8B") for known in ((), three(engine, form))
    )
    for name, old in before.items():
        assert value(after[name].tpot_ms) / value(old.tpot_ms) == pytest.approx(1.2, rel=0.06)


def test_other_devices_and_engines_are_left_alone() -> None:
    known = three("llama.cpp", "Q4_K_M", slower=1.5)
    assert planned("llama.cpp", known, "RTX 3090") == planned("llama.cpp", (), "RTX 3090")
    assert planned("vllm", known) == planned("vllm")


def test_a_slower_machine_has_more_in_flight_at_a_rate_and_saturates_earlier() -> None:
    before, after = (planned("vllm", known, rate=1.0) for known in ((), three("vllm", "fp8", 1.5)))
    old, new = of(before, OTHER), of(after, OTHER)
    assert new.keys() <= old.keys()
    for name, one in new.items():
        assert value(one.tpot_ms) > value(old[name].tpot_ms)
    busy = planned("vllm", three("vllm", "fp8", 1.5), rate=4.0)
    assert sum(one.verdict == "misses" for one in busy.refused) > 0


def test_conditions_are_held_against_corrected_times() -> None:
    """A condition between what is predicted and what was measured."""
    ends = [
        value(min(of(planned("llama.cpp", known), "Qwen/Qwen3-32B").values(),
                  key=lambda one: value(one.tpot_ms)).tpot_ms)
        for known in ((), three("llama.cpp", "Q4_K_M", 1.3))
    ]  # fmt: skip
    slo = f"tpot_p50<{math.sqrt(ends[0] * ends[1]):.2f}ms"
    assert of(planned("llama.cpp", slo=slo), "Qwen/Qwen3-32B")
    assert not of(
        planned("llama.cpp", three("llama.cpp", "Q4_K_M", 1.3), slo=slo), "Qwen/Qwen3-32B"
    )


def test_the_simulated_load_is_that_of_the_users_machine() -> None:
    wanted = asked(users=4, context=4096, engines=("vllm",), slo="tpot_p95<200ms")
    tpot = []
    for known in ((), three("vllm", "fp8", 1.3)):
        each = list(ways(facts(OTHER), machine("RTX 4090"), wanted, known))
        one = next(found for found in appraise(each, wanted) if found.meets)
        summary = simulated(one, wanted).tpot_ms
        assert summary is not None
        tpot.append(summary.p50)
    assert 1.1 < tpot[1] / tpot[0] < 1.4


def test_costs_follow_from_the_price_and_rank() -> None:
    wanted = replace(asked(users=4, context=4096), eur_per_hour=3.6)
    models = [facts(name) for name in FEW]
    found = search(models, machine("RTX 4090"), wanted, assumed(None), order="cost")
    costs = [one.eur_per_million_tokens for one in found.ranked]
    assert costs == sorted(costs, key=lambda cost: cost or math.inf)
    for one, eur in zip(found.ranked, costs, strict=True):
        assert eur == pytest.approx(1000 / value(one.tokens_per_s))
    assert 0 in found.front
    with pytest.raises(InputError, match="--price"):
        search(models, machine("RTX 4090"), asked(), assumed(None), order="cost")


def test_a_plan_and_a_table_of_scenarios_say_the_same_of_users_under_llama_cpp() -> None:
    (row,) = predict([job("Qwen/Qwen3-8B", "RTX 4090", "llama.cpp", "Q4_K_M", users=4)])
    scenario = job("Qwen/Qwen3-8B", "RTX 4090", "llama.cpp", "Q4_K_M", users=4).scenario
    wanted = asked(
        users=4,
        context=4096,
        prompt=round(scenario.isl),
        output=round(scenario.osl),
        engines=("llama.cpp",),
    )
    found = search(
        [facts("Qwen/Qwen3-8B")], machine("RTX 4090"), wanted, assumed(None), per_model=9
    )
    one = of(found, "Qwen/Qwen3-8B")["Q4_K_M"]
    assert value(one.tpot_ms) == pytest.approx(value(row.tpot_ms))
    assert value(one.ttft_ms) == pytest.approx(value(row.ttft_ms))
    assert width(one.ttft_ms) == pytest.approx(width(row.ttft_ms))
    assert one.provenance.kind == row.provenance.kind == "assumed"
