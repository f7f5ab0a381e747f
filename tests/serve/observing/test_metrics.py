from __future__ import annotations

import statistics
import timeit

from hypothesis import given
from hypothesis import strategies as st

from tests.serve.outcomes import NOW, outcome
from weighbridge.core.gateway import Asked, Choice, Grant, TokenUse
from weighbridge.serve.observing import metrics
from weighbridge.serve.observing.counts import merge, quantiles_ms
from weighbridge.serve.observing.metrics import Metrics


def counted(*outcomes: object) -> Metrics:
    observer = Metrics()
    for one in outcomes:
        observer.ended(one)  # type: ignore[arg-type]
    return observer


def test_requests_are_counted_by_model_status_end_and_key() -> None:
    snapshot = counted(
        outcome(),
        outcome(attempts=3),
        outcome(use=TokenUse(7, 8, estimated=True)),
        outcome(status=502, end="failed", use=None, ttft_s=None),
    ).record()
    sums = dict(snapshot.requests)
    series = sums["tally", 200, "complete", "anna"]
    assert (series.requests, series.prompt, series.output, series.cached) == (3, 24, 68, 10)
    assert (series.estimated_prompt, series.estimated_output) == (7, 8)
    assert series.retries == 2
    assert series.answer_bytes == 2700
    assert sums["tally", 502, "failed", "anna"].requests == 1
    assert (snapshot.total, snapshot.errors) == (4, 1)
    assert sum(snapshot.times["tally"].duration.counts) == 4
    assert sum(snapshot.times["tally"].ttft.counts) == 3


def test_what_clients_write_is_never_counted_by() -> None:
    observer = counted(
        *(
            outcome(
                asked=Asked(path="/v1/chat/completions", model=f"made-up-{number}"),
                choice=Choice((), None, "unknown model"),
                model="",
                status=404,
                end="refused",
                use=None,
            )
            for number in range(500)
        )
    )
    assert len(observer.record().requests) == 1
    assert b"made-up" not in observer.snapshot()
    assert observer.record().times == {}


def test_combinations_are_bounded() -> None:
    observer = counted(
        *(
            outcome(grant=Grant(key=f"k{n}"), choice=Choice(("m",), None, f"why {n}"))
            for n in range(metrics._MOST_SERIES + 50)
        )
    )
    snapshot = observer.record()
    assert len(snapshot.requests) == metrics._MOST_SERIES + 1
    assert snapshot.total == metrics._MOST_SERIES + 50
    assert sum(count for _, count in snapshot.decisions) == metrics._MOST_SERIES + 50
    assert len(snapshot.decisions) == metrics._MOST_DECISIONS + 1


def test_rates_are_over_the_last_ten_whole_seconds() -> None:
    observer = counted(*(outcome(ended=NOW + second / 4) for second in range(80)))
    # Of 20 seconds with four requests of 34 tokens each, the last ten.
    assert observer.requests_per_s(NOW + 20) == 4.0
    assert observer.tokens_per_s(NOW + 20) == 4.0 * 34
    assert observer.requests_per_s(NOW + 40) == 0.0
    assert Metrics().requests_per_s(NOW) == 0.0


def test_quantiles_are_of_the_latest_answers() -> None:
    observer = counted(
        *(outcome(duration_s=100.0) for _ in range(500)),
        *(outcome(duration_s=n / 1000, ttft_s=n / 2000) for n in range(1, 1001)),
    )
    p50, p90, p99 = observer.recent_duration_ms()
    assert (round(p50), round(p90), round(p99)) == (501, 901, 991)
    assert round(observer.recent_ttft_ms()[0]) == 250
    assert Metrics().recent_ttft_ms() == ()


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=300))
def test_quantiles_are_values_that_were_seen(seconds: list[float]) -> None:
    p50, p90, p99 = quantiles_ms(seconds)
    assert {p50, p90, p99} <= {1000 * value for value in seconds}
    assert p50 <= p90 <= p99
    assert statistics.median_high(seconds) * 1000 == p50


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([200, 429, 502]),
            st.integers(0, 3),
            st.integers(0, 90),
        ),
        max_size=60,
    )
)
def test_workers_together_count_what_one_would_have(
    requests: list[tuple[str, int, int, int]],
) -> None:
    alone, workers = Metrics(), [Metrics(), Metrics(), Metrics()]
    for number, (model, status, route, seconds) in enumerate(requests):
        one = outcome(
            model=model,
            status=status,
            choice=Choice((model,), None, f"route {route}", route),
            duration_s=seconds / 8,
            ttft_s=0.125,  # sums of these are exact in any order
            overhead_s=2**-13,
            ended=NOW + seconds,
        )
        alone.ended(one)
        workers[number % 3].ended(one)
    together, whole = merge([worker.snapshot() for worker in workers]), alone.record()
    assert dict(together.requests) == dict(whole.requests)
    assert together.times == whole.times
    assert sorted(together.decisions) == sorted(whole.decisions)
    assert together.routes() == alone.routes()
    assert together.total == len(requests)
    assert together.duration_ms() == whole.duration_ms()
    assert len(together.processes) == 3
    if requests and max(seconds for *_, seconds in requests) < 5:
        assert together.requests_per_s(NOW + 6) == whole.requests_per_s(NOW + 6)


def test_merging_leaves_the_workers_as_they_are() -> None:
    observer = counted(outcome())
    merge([observer.record(), observer.record()])
    assert observer.total == 1


def test_routes_are_listed_the_most_frequent_first() -> None:
    other = Choice(("clerk",), None, "asked by its name")
    observer = counted(outcome(), outcome(), outcome(choice=other, model="clerk"))
    first, second = observer.routes()
    assert (first.why, first.model, first.requests) == ("route 0: task arithmetic", "tally", 2)
    assert (second.why, second.requests) == ("asked by its name", 1)


def test_counting_is_cheap() -> None:
    # About a microsecond on an idle core; twenty times that would be another way of counting.
    observer, one = Metrics(), outcome()
    best = min(timeit.repeat(lambda: observer.ended(one), number=2000, repeat=5)) / 2000
    assert best < 20e-6
