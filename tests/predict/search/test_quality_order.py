from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.planned import facts
from weighbridge.core.candidate import Quality
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.predict.search.models import ModelFacts, form
from weighbridge.predict.search.quality_order import assumed, measured, rank

ORDER = assumed("2026-09-01")


def value(of: ModelFacts, format_: str = "native") -> float:
    found = ORDER(of, form(of, format_).quantization)
    assert found is not None
    assert found.provenance.kind == "assumed"
    return found.value


def test_larger_counts_as_better_and_a_mixture_as_the_geometric_mean() -> None:
    small, large = facts("Qwen/Qwen3-8B"), facts("Qwen/Qwen3-32B")
    assert value(large) > value(small)
    mixture = replace(facts("openai/gpt-oss-20b"), released="2026-09-01")
    assert value(mixture) == pytest.approx((20.9 * 3.6) ** 0.5, rel=0.1)


def test_a_year_of_age_halves_and_no_date_counts_as_a_year() -> None:
    new, old, undated = (
        replace(facts("Qwen/Qwen3-8B"), released=day) for day in ("2026-09-01", "2025-09-01", None)
    )
    assert value(old) == pytest.approx(value(new) / 2, rel=1e-2)
    assert value(undated) == pytest.approx(value(new) / 2, rel=1e-2)


def test_of_two_alike_of_one_family_the_newer_comes_first() -> None:
    older, newer = facts("Qwen/Qwen2.5-7B-Instruct"), facts("Qwen/Qwen3-8B")
    assert value(newer) > value(older)


def test_eight_bits_cost_nothing_and_fewer_ever_more() -> None:
    model = facts("Qwen/Qwen3-8B")
    steps = [value(model, name) for name in ("Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M")]
    assert value(model) == value(model, "fp8") == steps[0]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == len(steps)


def test_the_format_that_a_model_was_published_in_costs_nothing() -> None:
    model = facts("openai/gpt-oss-20b")
    longer = Quantization("bf16")
    assert value(model) == ORDER(model, longer).value  # type: ignore[union-attr]


def test_evaluated_models_come_before_assumed_ones_whatever_the_number() -> None:
    scores = {"Qwen/Qwen3-8B": (0.2, Provenance("measured", "eval-1", "2026-01-01"))}
    order = measured(scores, ORDER)
    weak, strong = (
        order(facts(name), facts(name).native) for name in ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B")
    )
    assert weak is not None
    assert weak.provenance.kind == "measured"
    assert rank(weak) < rank(strong) < rank(None)
    better = Quality(0.9, weak.provenance)
    assert rank(better) < rank(weak)
