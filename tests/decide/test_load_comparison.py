# ruff: noqa: S311 -- seeded on purpose, nothing is secret
from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from tests.measure.figures.loads import HEALTHY, load_run, users
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.load_comparison import LoadComparison, LoadDifference
from weighbridge.core.traffic import LoadShape
from weighbridge.decide.load_comparison import compare_loads
from weighbridge.measure.load.figures.summary import repeat_figures

SHAPE = LoadShape("closed", 8)


def measured(name: str, seed: int, pace: float = 1.0, requests: int = 200) -> LoadRun:
    """A run whose own luck changes its pace by about 1 %."""
    luck = math.exp(random.Random(seed).gauss(0, 0.01))
    records, duration_s = users(
        8, requests, lambda r, _: 300 * pace * luck * r.lognormvariate(0, 0.25), seed=seed
    )
    return load_run(SHAPE, records, duration_s, name=name)


def interleaved(pairs: int, pace: float, seed: int = 0) -> LoadComparison:
    a = [measured("a", 1000 * seed + 2 * pair) for pair in range(pairs)]
    b = [measured("b", 1000 * seed + 2 * pair + 1, pace) for pair in range(pairs)]
    (found,) = compare_loads(a, b)
    return found


def by_name(found: LoadComparison) -> dict[str, LoadDifference]:
    return {difference.metric: difference for difference in found.differences}


def test_interleaved_pairs_show_a_real_difference() -> None:
    found = interleaved(5, pace=0.8)
    assert (found.a, found.b, found.pairs, found.shape) == ("a", "b", 5, SHAPE)
    metrics = by_name(found)
    for name in ("e2e_ms_p50", "ttft_ms_p95", "tpot_ms_p50"):
        assert metrics[name].is_real
        assert metrics[name].is_better
        assert metrics[name].low < 0.8 < metrics[name].high
    assert metrics["requests_per_s"].is_real
    assert metrics["requests_per_s"].is_better
    assert metrics["requests_per_s"].ratio == pytest.approx(1.25, rel=0.03)
    assert "b's median TTFT is 2" in found.sentence
    assert "% lower (95 % interval " in found.sentence
    assert found.caveats == ()


def test_one_run_each_tells_a_large_difference_and_warns() -> None:
    (found,) = compare_loads([measured("a", 1, requests=600)], [measured("b", 2, 0.8, 600)])
    assert found.pairs == 1
    assert by_name(found)["e2e_ms_p50"].is_real
    assert "take turns" in found.caveats[0]


def test_no_difference_is_said_with_what_it_is_at_most() -> None:
    found = interleaved(4, pace=1.0)
    assert not any(difference.is_real for difference in found.differences)
    assert found.sentence.startswith("No detectable difference: ")
    assert "throughput: no detectable difference, at most " in found.sentence


def test_intervals_and_verdicts_agree() -> None:
    for seed, pace in enumerate((0.9, 0.96, 0.98, 0.99, 1.0, 1.02)):
        for one in interleaved(4, pace, seed + 5).differences:
            excludes = not one.low <= 1 <= one.high
            assert excludes == (one.p <= 0.05), one
            assert one.low <= one.ratio <= one.high


def test_a_against_a_is_rarely_called_different() -> None:
    trials = 60
    called = sum(
        any(difference.is_real for difference in interleaved(4, 1.0, seed).differences)
        for seed in range(100, 100 + trials)
    )
    # At 5 % more than 7 of 60 would come up in one of 100 such tests.
    assert called <= 7


def test_repeats_inside_runs_are_compared_without_pairs() -> None:
    def repeated(name: str, pace: float, seed: int) -> LoadRun:
        runs = [measured(name, seed + index, pace) for index in range(4)]
        level = replace(runs[0].levels[0], repeats=tuple(repeat_figures(r.levels[0]) for r in runs))
        return replace(runs[0], levels=(level,))

    (found,) = compare_loads([repeated("a", 1.0, 50)], [repeated("b", 0.8, 70)])
    assert by_name(found)["requests_per_s"].is_real
    (same,) = compare_loads([repeated("a", 1.0, 50)], [repeated("b", 1.0, 70)])
    assert not any(difference.is_real for difference in same.differences)


def test_less_than_the_client_can_tell_is_no_difference() -> None:
    def exact(name: str, takes_ms: float) -> LoadRun:
        records, duration_s = users(8, 200, lambda r, _: takes_ms + r.uniform(0, 1e-6))
        return load_run(SHAPE, records, duration_s, name=name)

    a, b = [exact("a", 10.0)] * 3, [exact("b", 10.02)] * 3
    metrics = by_name(compare_loads(a, b)[0])
    assert metrics["e2e_ms_p50"].p < 0.05
    assert not metrics["e2e_ms_p50"].is_real


def test_what_cannot_be_compared_is_refused() -> None:
    a, b = measured("a", 1), measured("b", 2)
    limited = replace(b.levels[0], client=replace(HEALTHY, limited=("The loop was late.",)))
    with pytest.raises(InputError, match="CLIENT-LIMITED: The loop was late"):
        compare_loads([a], [replace(b, levels=(limited,))])
    with pytest.raises(InputError, match="same workload"):
        compare_loads([a], [replace(b, workload="long context")])
    other = replace(b.levels[0], shape=LoadShape("closed", 9))
    with pytest.raises(InputError, match="same load"):
        compare_loads([a], [replace(b, levels=(other,))])
    with pytest.raises(InputError, match="cannot be paired"):
        compare_loads([a, a], [b])


def test_short_runs_leave_out_what_they_cannot_bound() -> None:
    (found,) = compare_loads([measured("a", 1, requests=30)], [measured("b", 2, requests=30)])
    assert "ttft_ms_p95" not in by_name(found)
    assert "too few requests" in found.caveats[-1]


def test_longer_answers_are_a_caveat_and_the_same_model_goes_by_its_runs() -> None:
    records, duration_s = users(8, 200, lambda r, _: r.gauss(300, 20), tokens=12)
    long = load_run(SHAPE, records, duration_s, name="b", model="a")
    (found,) = compare_loads([measured("a", 1)], [long])
    assert (found.a, found.b) == ("load-a", "load-b")
    assert any("not equally long (8 and 12 tokens)" in caveat for caveat in found.caveats)
