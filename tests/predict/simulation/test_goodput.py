from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.steps import ROOMY, rules, table
from weighbridge.core.workload import Request, Slo, parse_slo
from weighbridge.predict.simulation.goodput import meets, most, most_whole, steady_rate, summarise
from weighbridge.predict.simulation.outcome import Arrivals, Served, Simulated
from weighbridge.predict.simulation.run import simulate

ONE_AFTER_ANOTHER = [Request(float(i), 100, 11) for i in range(20)]


def run() -> Simulated:
    """Twenty requests, a second apart: 110 ms to the first token, 10 ms for each of ten more."""
    return simulate(Arrivals(ONE_AFTER_ANOTHER), table(), rules(), ROOMY)


def test_a_quiet_load_in_figures() -> None:
    summary = summarise(run())
    assert summary.requests == 20
    assert summary.ttft_ms.p50 == pytest.approx(110)
    assert summary.ttft_ms.p99 == pytest.approx(110)
    assert summary.tpot_ms is not None
    assert summary.tpot_ms.mean == pytest.approx(10)
    assert summary.e2e_ms.p95 == pytest.approx(210)
    assert summary.queue_ms.mean == pytest.approx(0, abs=1e-9)
    assert summary.duration_s == pytest.approx(19.21)
    assert summary.requests_per_s == pytest.approx(1.0)
    assert summary.output_tokens_per_s == pytest.approx(11.0)
    assert summary.utilisation == pytest.approx(20 * 0.21 / 19.21)
    assert summary.running == pytest.approx(1.0)
    assert summary.preemptions == 0
    assert summary.holds


def test_gaps_are_pooled_by_tokens() -> None:
    # Alone for ten tokens at 10 ms each; the tenth of them waits for the other's prompt.
    requests = [Request(0.0, 10, 11), Request(0.1, 100, 1)]
    summary = summarise(simulate(Arrivals(requests), table(), rules(), ROOMY))
    assert summary.itl_ms is not None
    assert summary.itl_ms.count == 10
    assert summary.itl_ms.mean == pytest.approx((9 * 10 + 110) / 10)
    assert summary.itl_ms.p50 == pytest.approx(10)
    assert summary.itl_ms.p99 == pytest.approx(110)


def test_answers_of_one_token_have_no_time_per_token_and_break_no_bound_on_it() -> None:
    single = simulate(Arrivals([Request(0, 100, 1)]), table(), rules(), ROOMY)
    summary = summarise(single, parse_slo("tpot<1ms,itl<1ms"))
    assert summary.tpot_ms is None
    assert summary.itl_ms is None
    assert summary.holds
    assert summary.within == 1


def test_an_slo_holds_or_names_what_is_broken() -> None:
    slo = parse_slo("ttft_p95<200ms,tpot_p95<9ms,e2e<1s")
    summary = summarise(run(), slo)
    assert not summary.holds
    assert [str(bound) for bound in summary.broken] == ["tpot_p95<9ms"]
    assert summary.within == 0
    assert summary.goodput_per_s == 0


def test_goodput_counts_requests_that_meet_every_bound_by_themselves() -> None:
    # The second waits for the first, and so does the fourth for the third.
    requests = [Request(0, 100, 1), Request(0, 100, 1), Request(5, 100, 1), Request(5, 100, 1)]
    queued = simulate(Arrivals(requests), table(), rules(sequences=1), ROOMY)
    summary = summarise(queued, parse_slo("ttft_p50<170ms"))
    assert summary.within == 0.5
    assert summary.holds
    assert summary.goodput_per_s == pytest.approx(summary.requests_per_s / 2)


@pytest.mark.parametrize(
    ("slo", "good"),
    [("ttft<101ms", True), ("ttft<100ms", False), ("itl<51ms,e2e<2s", True), ("itl<50ms", False)],
)
def test_bounds_are_met_below_their_limit(slo: str, good: bool) -> None:
    one = Served(1.0, 1.0, 1.1, 1.5, 10, 21, 0, 0.05)
    assert meets(one, parse_slo(slo)) is good


def test_convoys_count_whole() -> None:
    # Ten waves of eight that all finish together, every 110 + 90 ms.
    arrivals = Arrivals([Request(0, 100, 10)] * 80, users=8)
    convoy = simulate(arrivals, table(read_s=0.001 / 8), rules(mixed=False), ROOMY)
    assert steady_rate(convoy) == pytest.approx(8 / 0.2)


@given(st.lists(st.floats(0.001, 10), min_size=2, max_size=60))
def test_percentiles_are_those_of_the_statistics_module(times: list[float]) -> None:
    served = tuple(Served(0, 0, t, t, 1, 1, 0, 0) for t in times)
    summary = summarise(Simulated(served, (), 1.0, 0.0, max(times), 1.0, 0.0), Slo())
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    assert summary.ttft_ms.p95 == pytest.approx(cuts[94] * 1e3)
    assert summary.ttft_ms.p50 == pytest.approx(cuts[49] * 1e3)


@given(st.floats(0.02, 50))
def test_the_largest_rate_is_found_by_halving(limit: float) -> None:
    found = most(lambda rate: rate <= limit, 0.01, 20.0, 12)
    assert found <= limit
    assert found == 20.0 if limit >= 20 else found > 0.99 * limit


def test_a_rate_that_nothing_meets_is_none() -> None:
    assert most(lambda rate: rate > 20, 0.01, 20.0, 12) == 0


@given(st.integers(0, 200), st.integers(1, 150))
def test_the_largest_whole_number_is_found_exactly(limit: int, high: int) -> None:
    asked = []

    def holds(number: int) -> bool:
        asked.append(number)
        return number <= limit

    assert most_whole(holds, high) == min(limit, high)
    assert len(asked) <= 20
