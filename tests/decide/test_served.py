from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from weighbridge.core.constraints import NO_LOAD, ExpectedLoad
from weighbridge.core.load import Distribution, Limit, LoadLevel, LoadRun, Steady
from weighbridge.core.runs import RunInfo
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.tradeoffs import Bounded, Served
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Slo, parse_slo
from weighbridge.decide.served import about_task, holds, served

ANY = Slo()
INFO = RunInfo("load-1", "load", "2026-01-05T09:00:00Z", "m", "chat", "k", "box", "0")


def level(users: int, rate: float, ms: float, **more: Any) -> LoadLevel:
    sample = Distribution(100, ms, ms, ms, ms, 2 * ms, {"p95": (0.9 * ms, 1.1 * ms)})
    return LoadLevel(
        shape=LoadShape("closed", users), requests=100, errors=more.pop("errors", 0),
        error_kinds=(), first_error="", duration_s=9.0, requests_per_s=rate, output_tokens=1,
        output_tokens_per_s=1.0, tokens_from="usage", ttft_ms=sample, itl_ms=None, tpot_ms=None,
        e2e_ms=replace(sample, intervals={}), **more,
    )  # fmt: skip


LEVELS = (level(1, 2.0, 100), level(4, 6.0, 200), level(16, 9.0, 480), level(64, 10.0, 900))
RUN = LoadRun(INFO, "http://127.0.0.1/v1", 32, LEVELS, ())


def found(load: ExpectedLoad = NO_LOAD, slo: str = "", run: LoadRun = RUN) -> Served:
    one = served([run], load, parse_slo(slo))
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("load", "at", "covers"),
    [
        (ExpectedLoad(users=3), "4 users, 6 requests/s", True),
        (ExpectedLoad(users=4), "4 users, 6 requests/s", True),
        (ExpectedLoad(users=100), "64 users, 10 requests/s", False),
        (ExpectedLoad(requests_per_s=6.5), "16 users, 9 requests/s", True),
        (ExpectedLoad(requests_per_s=50), "64 users, 10 requests/s", False),
        (NO_LOAD, "64 users, 10 requests/s", None),
    ],
)
def test_latency_is_that_of_the_lowest_level_that_has_the_load(
    load: ExpectedLoad, at: str, covers: bool | None
) -> None:
    one = found(load)
    assert (one.at, one.covers_load) == (at, covers)
    assert one.provenance.source == "load-1"


def test_times_are_p95_with_their_intervals_where_there_are_any() -> None:
    one = found(ExpectedLoad(users=4))
    assert one.percentile == "p95"
    assert one.ttft_ms is not None
    assert (one.ttft_ms.value, one.ttft_ms.low) == (200, 180)
    assert one.ttft_ms.high == pytest.approx(220)
    assert one.e2e_ms == Bounded(200, None, None)
    assert one.tpot_ms is None


def test_capacity_is_the_most_at_which_the_slo_holds() -> None:
    # 480 holds but its interval ends at 528, 900 does not hold.
    one = found(ExpectedLoad(requests_per_s=1), "ttft<500ms")
    assert (one.capacity, one.capacity_unit) == (Bounded(9.0, 6.0, 10.0), "requests/s")
    assert one.holds_slo is True
    users = found(ExpectedLoad(users=1), "ttft<500ms")
    assert (users.capacity, users.capacity_unit) == (Bounded(16, 4, 64), "users")
    free = found()
    assert (free.capacity, free.holds_slo) == (Bounded(10.0, 10.0, None), None)


def test_a_search_for_the_limit_of_this_very_slo_is_believed() -> None:
    slo = parse_slo("ttft<500ms")
    run = replace(RUN, limit=Limit(slo, 8.2, 7.5, 8.9, 6, "ttft"))
    assert found(slo="ttft<500ms", run=run).capacity == Bounded(8.2, 7.5, 8.9)
    assert found(slo="ttft<900ms", run=run).capacity == Bounded(9.0, 9.0, 10.0)
    none = replace(RUN, limit=Limit(slo, None, 0.0, 2.0, 6, "ttft"))
    assert found(slo="ttft<500ms", run=none).holds_slo is False


def test_no_load_holds_what_is_too_strict_and_what_was_not_measured_is_not_known() -> None:
    assert found(slo="ttft<50ms").holds_slo is False
    assert found(slo="ttft<50ms").capacity is None
    assert found(slo="ttft<50ms").nearest == (("ttft_p95", 100.0),)
    assert found(slo="ttft<500ms").nearest == ()
    assert found(slo="tpot<50ms").holds_slo is None
    assert found(slo="tpot<50ms").capacity is None
    assert found(slo="ttft<50ms,tpot<50ms").holds_slo is False


def test_levels_that_fail_or_overload_serve_nobody() -> None:
    failing = replace(RUN, levels=(LEVELS[0], level(16, 9.0, 480, errors=2)))
    assert found(run=failing).capacity == Bounded(2.0, 2.0, 9.0)
    over = Steady(0, 9, 0, "", overloaded="More came than is served.")
    flooded = replace(RUN, levels=(*LEVELS[:2], replace(LEVELS[2], steady=over)))
    assert found(run=flooded).at == "4 users, 6 requests/s"
    assert found(run=flooded).capacity == Bounded(6.0, 6.0, 9.0)


def test_percentiles_are_those_of_the_condition() -> None:
    assert holds(LEVELS[0], parse_slo("ttft_p99<200ms")) is False
    assert holds(LEVELS[0], parse_slo("ttft_p99<201ms")) is True
    assert holds(LEVELS[0], parse_slo("ttft_p95<101ms,e2e_mean<101ms")) is True
    assert holds(LEVELS[0], ANY) is True


def test_a_run_without_levels_says_nothing() -> None:
    assert served([replace(RUN, levels=())], NO_LOAD, ANY) is None
    assert served([], NO_LOAD, ANY) is None
    assert served([replace(RUN, levels=()), RUN], NO_LOAD, ANY) is not None


def test_a_task_is_recognised_as_a_word_of_the_subject() -> None:
    infos = [replace(INFO, subject=text) for text in ("code, 100 in", "decode", "code-review", "")]
    assert about_task(infos, "code") == infos[:1]
    assert about_task(infos, "code-review") == infos[2:3]


def test_what_holds_although_the_client_was_the_bottleneck_holds() -> None:
    busy = ClientHealth(8.0, 0.99, 1, 9, 9, 9, 50, limited=("Its processor was busy.",))
    limited = replace(RUN, levels=tuple(replace(one, client=busy) for one in LEVELS))
    assert limited.is_client_limited
    one = found(ExpectedLoad(requests_per_s=1), "ttft<500ms", limited)
    # Times can only be too long, so that more may be served than was.
    assert (one.holds_slo, one.is_client_limited) == (True, True)
    assert one.capacity == Bounded(9.0, 6.0, None)
    # What does not hold may be the client's fault; and a run without a fault goes before.
    assert served([limited], NO_LOAD, parse_slo("ttft<50ms")) is None
    # Without conditions what was served is the least that can be.
    free = served([limited], NO_LOAD, ANY)
    assert free is not None
    assert (free.capacity, free.is_client_limited) == (Bounded(10.0, 10.0, None), True)
    assert found(slo="ttft<50ms", run=RUN).holds_slo is False
    newest = served([limited, RUN], NO_LOAD, parse_slo("ttft<500ms"))
    assert newest is not None
    assert not newest.is_client_limited
