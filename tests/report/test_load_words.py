from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from weighbridge.core.load import BoundResult, Bounds, LoadLevel, LoadRun, RampBin, Steady
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.report.load_knee import knee
from weighbridge.report.load_verdicts import bound_verdict, level_verdict
from weighbridge.report.load_words import doubts, headline, interval, slo_words


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


def test_a_limit_found_is_the_verdict_with_its_interval() -> None:
    assert plain(headline(sample.open_run())) == (
        "Holds TTFT p95 < 500 ms and TPOT p95 < 40 ms up to 8.4 requests/s "
        "(95 % interval 7.90–8.80)."
    )


def test_a_limit_beyond_what_was_tried_has_no_number_of_its_own() -> None:
    run = sample.open_run()
    assert run.limit is not None
    open_end = replace(run, limit=replace(run.limit, high=None))
    assert "up to 7.9 requests/s and maybe more: every rate tried held it" in headline(open_end)
    below = replace(run, limit=replace(run.limit, rate=None, low=0.0, high=2.0))
    assert plain(headline(below)).startswith("Even the lowest rate tried, 2 requests/s, does not")


def test_a_search_that_ended_without_a_verdict_makes_no_claim() -> None:
    run = sample.open_run()
    assert run.limit is not None
    ended = replace(run, limit=replace(run.limit, rate=None, low=0.0, high=None))
    assert headline(ended).endswith("has no verdict.")


def test_levels_that_hold_an_slo_are_listed() -> None:
    assert plain(headline(sample.closed_run())).startswith(
        "Holds TTFT p95 < 500 ms and TPOT p95 < 40 ms at 1, 4 and 16 users, not at 64 users."
    )


def judged(load: int, result: BoundResult) -> LoadLevel:
    level = sample.closed_run().levels[1]
    assert level.goodput is not None
    goodput = replace(level.goodput, met=result.holds, bounds=(result,))
    return replace(level, shape=LoadShape("closed", load), goodput=goodput)


def test_what_too_few_requests_show_is_not_called_held() -> None:
    levels = (
        judged(8, bound(400, 380, None)),
        judged(16, bound(450, 400, 520)),
        judged(24, bound(700, 650, 750)),
    )
    said = plain(headline(replace(sample.closed_run(), levels=levels)))
    # The interval of 16 users must shrink from 70 to 50: twice the requests, of 240.
    assert said.startswith(
        "Does not hold TTFT p95 < 500 ms and TPOT p95 < 40 ms at 24 users. Not shown to hold at 8 "
        "and 16 users: too few requests; ask for about 480."
    )
    assert "Holds" not in said


def test_what_is_at_the_limit_takes_for_ever() -> None:
    run = replace(sample.closed_run(), levels=(judged(8, bound(499, 400, 600)),))
    assert "Not shown to hold TTFT" in plain(headline(run))
    assert "at 8 users: too close to the limit to tell." in headline(run)


def overloaded(run: LoadRun) -> LoadRun:
    steady = Steady(0, 9, 0, "All of it.", is_stationary=False, overloaded="Too much came.")
    last = replace(run.levels[-1], steady=steady)
    return replace(run, levels=(*run.levels[:-1], last))


def test_an_overload_comes_first_and_holds_nothing() -> None:
    run = overloaded(replace(sample.open_run(), limit=None))
    assert headline(run).startswith("Too much came. Holds ")
    assert level_verdict(run.levels[-1]) == "not held"
    assert not any("halves" in note for note in doubts(run))
    # A search goes beyond the limit on purpose.
    searched = overloaded(sample.open_run())
    assert "Too much" not in headline(searched)
    # Latencies of an overload are no headline.
    bare = tuple(replace(level, goodput=None) for level in run.levels)
    assert headline(replace(run, levels=bare[-1:])) == "Too much came."


def ramp(breaks_at: float | None, *holds: bool) -> LoadRun:
    level = sample.open_run().levels[0]
    bins = tuple(
        RampBin(10.0 + 40 * place, 30, 0, 50.0 + 100 * place, 200, 12, 300, 400, held)
        for place, held in enumerate(holds)
    )
    shape = LoadShape("ramp", rate=100.0)
    made = replace(level, shape=shape, ramp=bins, ramp_breaks_at=breaks_at)
    return replace(sample.open_run(), limit=None, levels=(made,))


def test_a_ramp_says_how_latency_grew_and_where_the_slo_broke() -> None:
    assert plain(headline(ramp(70.0, True, True, False))) == (
        "Ramp up to 100 requests/s: first token after 50.0 ms at about 10, 250 ms at about 90 "
        "requests/s. Stops holding TTFT p95 < 500 ms and TPOT p95 < 40 ms at about 70 requests/s."
    )
    assert "Still holds" in headline(ramp(None, True, True))
    assert "Does not hold" in headline(ramp(None, False, False))


def test_an_answer_without_content_is_noted() -> None:
    run = sample.plain_run()
    one = replace(run, levels=(replace(run.levels[0], empty=1),))
    assert "4 users: 1 answer had no content, and so no time to first token." in doubts(one)


def test_a_limit_out_of_reach_is_said_with_why() -> None:
    run = sample.open_run()
    assert run.limit is not None
    none = replace(run.limit, rate=None, low=0.0, high=0.0, levels=0, reason="One user waits.")
    assert headline(replace(run, limit=none)).startswith("No rate holds TTFT")
    assert headline(replace(run, limit=none)).endswith("One user waits.")


def test_a_search_may_know_its_limit_though_the_client_was_limited_once() -> None:
    run = sample.limited_run()
    found = replace(run, limit=sample.open_run().limit)
    assert not found.is_client_limited
    assert headline(found).startswith("Holds ")


def test_a_client_limited_run_says_nothing_of_the_server() -> None:
    said = headline(sample.limited_run())
    assert said.startswith("CLIENT-LIMITED")
    assert "Holds" not in said


def test_without_an_slo_the_best_throughput_speaks() -> None:
    said = plain(headline(sample.plain_run()))
    assert said.startswith("At 4 users: ")
    assert said.endswith("The run was interrupted.")


def test_nothing_succeeded() -> None:
    assert headline(sample.failed_run()) == "No request succeeded: all 6 failed: protocol."


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((1.0, 2.0), "1.00–2.00"),
        ((None, 2.0), "≤ 2.00"),
        ((12.0, None), "≥ 12.0"),
        ((None, None), ""),
        (None, ""),
    ],
)
def test_open_intervals_say_which_end_is_known(bounds: Bounds | None, text: str) -> None:
    assert interval(bounds) == text


def test_an_slo_is_written_as_it_was_asked() -> None:
    assert plain(slo_words(parse_slo("ttft<1500ms,e2e_p99<9.5s"))) == (
        "TTFT p95 < 1,500 ms and E2E p99 < 9,500 ms"
    )


def bound(value: float, low: float | None, high: float | None) -> BoundResult:
    return BoundResult("ttft_p95<500ms", value, low, high, value < 500)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (bound(400, 380, 420), "held"),
        (bound(490, 470, 510), "held, in doubt"),
        (bound(400, 380, None), "held, in doubt"),
        (bound(600, 550, 650), "not held"),
        (bound(510, 490, 650), "not held, in doubt"),
        (bound(510, None, None), "not held, in doubt"),
    ],
)
def test_an_interval_across_the_limit_leaves_doubt(result: BoundResult, verdict: str) -> None:
    level = sample.closed_run().levels[0]
    assert level.goodput is not None
    goodput = replace(level.goodput, met=result.holds, bounds=(result,))
    assert bound_verdict(result, goodput) == verdict
    judged = replace(level, goodput=goodput)
    assert level_verdict(judged) == verdict
    run = replace(sample.closed_run(), levels=(judged,))
    assert ("Not shown to" in headline(run)) is ("in doubt" in verdict)


def test_one_condition_that_surely_breaks_is_enough() -> None:
    level = sample.closed_run().levels[0]
    assert level.goodput is not None
    other = BoundResult("tpot_p95<40ms", 39.0, 35.0, 44.0, True)
    goodput = replace(level.goodput, met=False, bounds=(bound(600, 550, 650), other))
    assert level_verdict(replace(level, goodput=goodput)) == "not held"


class TestKnee:
    def test_it_is_where_power_is_largest(self) -> None:
        found = knee(sample.closed_run().levels)
        assert found is not None
        powers = [
            level.requests_per_s / level.e2e_ms.mean
            for level in sample.closed_run().levels
            if level.e2e_ms
        ]
        assert found.best.concurrency == 16
        assert max(powers) == powers[2]

    def test_at_an_end_there_is_none(self) -> None:
        assert knee(sample.closed_run().levels[:3]) is None

    def test_without_intervals_there_is_none(self) -> None:
        run: LoadRun = sample.closed_run()
        bare = [
            replace(level, e2e_ms=level.e2e_ms and replace(level.e2e_ms, intervals={}))
            for level in run.levels
        ]
        assert knee(bare) is None

    def test_levels_that_cannot_be_told_apart_share_it(self) -> None:
        levels = sample.closed_run().levels
        third = levels[2].e2e_ms
        assert third is not None
        wide = replace(third, intervals={"mean": (0.1 * third.mean, 10 * third.mean)})
        assert knee([*levels[:2], replace(levels[2], e2e_ms=wide), levels[3]]) is None
