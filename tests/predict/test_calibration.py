from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.predict.test_rows import job
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.predict.calibration import Calibration, Point, calibrate, learn
from weighbridge.predict.rows import Job, Prediction, predict, shipped, times
from weighbridge.predict.slowdown import slowed

SETUPS = (("RTX 4090", "llama.cpp", "Q4_K_M"), ("H100 SXM", "vllm", ""))
setups = pytest.mark.parametrize(("system", "engine", "form"), SETUPS)


def points(jobs: Sequence[Job], factors: Sequence[float], run: str = "load-1") -> list[Point]:
    """What was measured is so many times what is predicted."""
    found = times(jobs, shipped())
    return [
        Point(one, float(ttft) * factor, float(tpot) * factor, run, "2026-11-21T10:00:00Z")
        for one, ttft, tpot, factor in zip(jobs, found.ttft_s, found.tpot_s, factors, strict=True)
    ]


def levels(system: str, engine: str, form: str, model: str = "Qwen/Qwen3-8B") -> list[Job]:
    return [job(model, system, engine, form, users=users) for users in (1, 4, 8)]


def after(one: Job, known: Sequence[Calibration]) -> tuple[Prediction, Prediction]:
    before = predict([one])
    return before[0], calibrate([one], before, known)[0]


def width(interval: Interval | None) -> float:
    assert interval is not None
    return math.log(interval.high / interval.low)


def ratio(new: Interval | None, old: Interval | None) -> float:
    assert new is not None
    assert old is not None
    return new.value / old.value


@setups
def test_a_slower_machine_is_recovered_from_three_points(
    system: str, engine: str, form: str
) -> None:
    known = learn(points(levels(system, engine, form), [1.2] * 3))
    same = job("Qwen/Qwen3-8B", system, engine, form, users=2)
    old, new = after(same, known)
    assert ratio(new.tpot_ms, old.tpot_ms) == pytest.approx(1.2, rel=0.05)
    assert ratio(new.ttft_ms, old.ttft_ms) == pytest.approx(1.2, rel=0.05)
    assert new.tpot_ms is not None
    assert old.tpot_ms is not None
    assert new.tpot_ms.low < 1.2 * old.tpot_ms.value < new.tpot_ms.high
    assert width(new.tpot_ms) < 0.7 * width(old.tpot_ms)


# Where serving was measured for the fit, less of what one model shows is the machine's.
@pytest.mark.parametrize(
    ("system", "engine", "form", "least", "tight"),
    [(*SETUPS[0], 1.1, 0.85), (*SETUPS[1], 1.04, 0.95), ("RTX 4090", "vllm", "fp8", 1.1, 0.85)],
)
def test_other_models_on_that_machine_move_and_tighten(
    system: str, engine: str, form: str, least: float, tight: float
) -> None:
    known = learn(points(levels(system, engine, form), [1.2] * 3))
    old, new = after(job("Qwen/Qwen3-14B", system, engine, form, users=2), known)
    for name in ("tpot_ms", "ttft_ms"):
        before, now = getattr(old, name), getattr(new, name)
        assert least < ratio(now, before) < 1.25
        assert width(now) < tight * width(before)
        assert now.low < 1.2 * before.value < now.high


@setups
def test_contradictions_leave_intervals_wide(system: str, engine: str, form: str) -> None:
    agreeing = learn(points(levels(system, engine, form), [1.0] * 3))
    torn = learn(points(levels(system, engine, form), [0.5, 1.0, 2.0]))
    other = job("Qwen/Qwen3-14B", system, engine, form, users=2)
    old, wide = after(other, torn)
    assert width(wide.tpot_ms) > 0.95 * width(old.tpot_ms)
    assert width(after(other, agreeing)[1].tpot_ms) < 0.95 * width(old.tpot_ms)
    assert ratio(wide.tpot_ms, old.tpot_ms) == pytest.approx(1.0, abs=0.1)


def test_what_is_slow_is_found_out() -> None:
    """A machine whose memory alone is slow shows it in decoding, not with prompts."""
    jobs = levels("RTX 4090", "llama.cpp", "Q4_K_M") * 10
    slow = times(jobs, slowed(shipped(), "reading", 1.3))
    measured = [
        Point(one, float(ttft), float(tpot), "load-1", "2026")
        for one, ttft, tpot in zip(jobs, slow.ttft_s, slow.tpot_s, strict=True)
    ]
    reading, launching, prefill = learn(measured)[0].slower
    assert 1.1 < reading.value < 1.3
    assert reading.value > launching.value > prefill.value
    assert abs(prefill.value - 1) < 0.03
    assert reading.low < 1.3 < reading.high


def test_more_points_tell_more() -> None:
    jobs = levels(*SETUPS[0])
    other = job("Qwen/Qwen3-14B", "RTX 4090", "llama.cpp", "Q4_K_M", users=2)
    some = [width(after(other, learn(points(jobs[:n], [1.1] * n)))[1].tpot_ms) for n in (1, 2, 3)]
    assert some == sorted(some, reverse=True)
    second = points(levels(*SETUPS[0], "meta-llama/Llama-3.1-8B-Instruct"), [1.1] * 3, "load-2")
    two = learn([*points(jobs, [1.1] * 3), *second])
    assert width(after(other, two)[1].tpot_ms) < some[-1]


def test_other_machines_and_engines_are_left_alone() -> None:
    known = learn(points(levels(*SETUPS[0]), [1.5] * 3))
    for one in (
        job("Qwen/Qwen3-8B", "RTX 3090", "llama.cpp", "Q4_K_M"),
        job("Qwen/Qwen3-8B", "RTX 4090", "vllm", "fp8"),
    ):
        old, new = after(one, known)
        assert old == new


def test_provenance_says_which_runs_and_how_many_points() -> None:
    known = learn(points(levels(*SETUPS[1]), [1.1] * 3))
    _, new = after(job(), known)
    assert new.provenance.source.endswith(
        "calibrated by 3 points of Qwen/Qwen3-8B on H100 SXM (load-1)"
    )
    assert new.provenance.date == "2026-11-21T10:00:00Z"


def test_a_metric_that_was_not_measured_teaches_nothing_wrong() -> None:
    jobs = levels(*SETUPS[0])
    tpot_only = [Point(p.job, None, p.tpot_s, p.run, p.date) for p in points(jobs, [1.2] * 3)]
    known = learn(tpot_only)
    old, new = after(job("Qwen/Qwen3-14B", "RTX 4090", "llama.cpp", "Q4_K_M", users=1), known)
    assert 1.0 < ratio(new.tpot_ms, old.tpot_ms) < 1.2
    assert 1.0 <= ratio(new.ttft_ms, old.ttft_ms) < 1.2
    assert np.isfinite(width(new.ttft_ms))


def test_without_any_time_there_is_nothing_to_learn() -> None:
    with pytest.raises(InputError, match="Nothing can be learnt"):
        learn([Point(job(), None, None, "load-1", "2026")])


def short(prompt: float = 32, model: str = "Qwen/Qwen3-8B") -> list[Job]:
    return [job(model, "RTX 4090", "vllm", "fp8", users=n, prompt=prompt) for n in (1, 4, 8)]


@pytest.mark.parametrize("factor", [0.2, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("model", ["Qwen/Qwen3-8B", "Qwen/Qwen3-14B"])
@pytest.mark.parametrize("prompt", [32, 1024, 8192])
def test_points_that_agree_never_widen_an_interval(
    factor: float, model: str, prompt: float
) -> None:
    for jobs in (short(), short(1024)):
        known = learn(points(jobs, [factor] * 3))
        assert known[0].contradictory == ()
        old, new = after(job(model, "RTX 4090", "vllm", "fp8", users=4, prompt=prompt), known)
        for name in ("ttft_ms", "tpot_ms"):
            assert width(getattr(new, name)) <= width(getattr(old, name)) * (1 + 1e-9)


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_short_prompts_say_nothing_of_long_ones(factor: float) -> None:
    jobs = short()
    found = times(jobs, shipped())
    first_only = [
        Point(one, float(ttft) * factor, float(tpot), "load-1", "2026")
        for one, ttft, tpot in zip(jobs, found.ttft_s, found.tpot_s, strict=True)
    ]
    known = learn(first_only)
    assert not known[0].tells_of_prompts
    assert known[0].slower[-1].value == pytest.approx(1, abs=0.1)
    for model in ("Qwen/Qwen3-8B", "Qwen/Qwen3-14B"):
        old, new = after(job(model, "RTX 4090", "vllm", "fp8", users=4, prompt=8192), known)
        assert ratio(new.ttft_ms, old.ttft_ms) == pytest.approx(1, abs=0.1)
    old, new = after(jobs[1], known)
    moved = math.log(ratio(new.ttft_ms, old.ttft_ms)) / math.log(factor)
    assert 0.5 < moved <= 1


def test_long_prompts_do_say_something() -> None:
    known = learn(points(short(1024), [1.5] * 3))
    assert known[0].tells_of_prompts
    assert known[0].slower[-1].value > 1.1


def test_points_that_contradict_each_other_are_said_to() -> None:
    (known,) = learn(points(short(1024), [0.3, 1.0, 3.5]))
    assert known.contradictory == ("tpot", "ttft")
