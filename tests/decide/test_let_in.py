"""Where nothing is left: at which value of a constraint something would be."""

from __future__ import annotations

import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.constraints import Constraints, ExpectedLoad, NothingLeftError, Removed
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.tradeoffs import Bounded, Served, Spending
from weighbridge.core.units import GIB
from weighbridge.core.verdict import ModelMemory
from weighbridge.core.workload import parse_slo
from weighbridge.decide.evidence import NOTHING_ELSE, Evidence
from weighbridge.decide.verdict import decide

SOURCE = Provenance("measured", "test", "2026-01-05")
RUNS = [
    eval_run("own", "s", accurate(133, 200)),
    eval_run("hosted", "s", accurate(180, 200)),
]
MEMORY = [ModelMemory("own", 20 * GIB, SOURCE), ModelMemory("hosted", 8 * GIB, SOURCE)]


def months(**usd: float) -> Evidence:
    return Evidence(
        spending={
            model: Spending(None, None, Interval(one, one, one), is_hosted=False, provenance=SOURCE)
            for model, one in usd.items()
        }
    )


def nothing(evidence: Evidence = NOTHING_ELSE, **asked: object) -> NothingLeftError:
    budget = asked.pop("budget", None)
    with pytest.raises(NothingLeftError) as found:
        decide(
            RUNS,
            MEMORY,
            budget,  # type: ignore[arg-type]
            constraints=Constraints(**asked),  # type: ignore[arg-type]
            evidence=evidence,
        )
    return found.value


def sentences(error: NothingLeftError) -> list[str]:
    return [flip.sentence for flip in error.flips]


def test_money_names_the_sum_from_which_each_option_is_back_the_cheapest_first() -> None:
    error = nothing(months(own=730.0, hosted=456.3), usd_per_month=300.0)
    assert sentences(error) == [
        "From 457 USD a month on: hosted.", "From 730 USD a month on: own.",
    ]  # fmt: skip
    assert [(flip.now, flip.flips_at) for flip in error.flips] == [(300.0, 456.3), (300.0, 730.0)]
    assert "\n  Something would be left: From 457 USD a month on: hosted." in str(error)
    # At the sum that is named it really is.
    found = decide(
        RUNS, MEMORY, None, constraints=Constraints(usd_per_month=457.0),
        evidence=months(own=730.0, hosted=456.3),
    )  # fmt: skip
    assert found.chosen.models == ("hosted",)


def test_options_that_the_same_sum_lets_in_are_named_together() -> None:
    error = nothing(months(own=87.2, hosted=87.4), usd_per_month=20.0)
    assert sentences(error) == ["From 88 USD a month on: own or hosted."]


def test_memory_and_accuracy_name_what_would_do() -> None:
    assert sentences(nothing(budget=4 * GIB)) == [
        "From 8.00 GiB of memory on: hosted.", "From 20.00 GiB of memory on: own.",
    ]  # fmt: skip
    # 133 of 200 are 66.5 %: rounded down, so that asking for it lets it in.
    assert sentences(nothing(min_accuracy=(("s", 0.95),))) == [
        "If no more were asked than 90.0 % of s: hosted.",
        "If no more were asked than 66.5 % of s: own.",
    ]


def test_latency_names_what_was_measured_at_the_load_that_comes_nearest() -> None:
    time = Bounded(611.2, None, None)
    served = Served(
        "p95", time, None, time, "1 user", None, None, "requests/s", False, SOURCE,
        nearest=(("ttft_p95", 611.2),),
    )  # fmt: skip
    error = nothing(Evidence(served={("hosted", None): served}), slo=parse_slo("ttft_p95<500ms"))
    assert sentences(error) == ["If ttft_p95 of 612 ms were enough: hosted."]


def test_what_two_constraints_keep_out_comes_back_by_neither_alone() -> None:
    ruled = Removed("hosted", "data", "It answers elsewhere.")
    evidence = months(own=730.0, hosted=456.0)
    both = Evidence(spending=evidence.spending, removed=(ruled,))
    assert sentences(nothing(both, usd_per_month=300.0)) == ["From 730 USD a month on: own."]
    kept = Evidence(removed=(ruled,))
    assert sentences(nothing(kept, budget=8 * GIB)) == [
        "From 20.00 GiB of memory on: own.", "If prompts might leave your machines: hosted.",
    ]  # fmt: skip


def test_room_is_made_for_nothing_that_has_nothing_right() -> None:
    runs = [
        eval_run("adder", "sums", accurate(90, 100)), eval_run("adder", "words", accurate(0, 100)),
        eval_run("namer", "words", accurate(90, 100)), eval_run("namer", "sums", accurate(0, 100)),
    ]  # fmt: skip
    served: dict[tuple[str, str | None], Served] = {
        (model, None): Served("p95", None, None, None, "", None, Bounded(5.0, None, None),
                              "requests/s", None, SOURCE)
        for model in ("adder", "namer")
    }  # fmt: skip
    memory = [ModelMemory(model, GIB, SOURCE) for model in ("adder", "namer")]
    spending = months(adder=100.0, namer=100.0).spending
    asked = Constraints(usd_per_month=150.0, load=ExpectedLoad(requests_per_s=10.0))
    with pytest.raises(NothingLeftError) as found:
        decide(runs, memory, None, constraints=asked,
               evidence=Evidence(served=served, spending=spending))  # fmt: skip
    assert sentences(found.value) == ["From 200 USD a month on: adder for sums, namer for words."]


def test_what_does_not_fit_together_names_the_money_and_the_load_that_would() -> None:
    served: dict[tuple[str, str | None], Served] = {
        (model, None): Served("p95", None, None, None, "", None, Bounded(5.0, None, None),
                              "requests/s", None, SOURCE)
        for model in ("own", "hosted")
    }  # fmt: skip
    evidence = months(own=100.0, hosted=120.0)
    error = nothing(
        Evidence(served=served, spending=evidence.spending),
        usd_per_month=250.0, load=ExpectedLoad(requests_per_s=14.0),
    )  # fmt: skip
    # Three replicas: 360 of hosted, 300 of own. For 250 there are two: 10 requests/s.
    assert sentences(error) == [
        "From 300 USD a month on: own for everything.",
        "Up to about 10 requests/s: hosted for everything.",
    ]
