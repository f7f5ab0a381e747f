from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from weighbridge.core.load import RequestRecord
from weighbridge.report.load_timeline import spans, stalls, timeline

RECORD = RequestRecord(0, 0, 1000.0, 100.0, 460.0, (20.0, 300.0, 20.0), 4, due_ms=900.0)


def test_a_request_has_its_phases_in_order() -> None:
    assert spans(RECORD, 200.0) == [
        ("queue", 900.0, 1000.0),
        ("wait", 1000.0, 1100.0),
        ("stream", 1100.0, 1460.0),
        ("stall", 1120.0, 1420.0),
    ]


def test_a_failure_before_and_after_the_first_token() -> None:
    early = replace(RECORD, ttft_ms=None, gaps_ms=(), error="timeout", due_ms=None)
    assert spans(early, None) == [("failed", 1000.0, 1460.0)]
    late = replace(RECORD, error="protocol", due_ms=None)
    assert [kind for kind, _, _ in spans(late, None)] == ["wait", "failed"]


@pytest.mark.parametrize(("threshold", "count"), [(None, 0), (300.0, 0), (299.0, 1), (10.0, 3)])
def test_stalls_are_gaps_beyond_the_threshold(threshold: float | None, count: int) -> None:
    assert len(stalls(RECORD, threshold)) == count


def test_many_requests_are_thinned_but_failed_and_stalled_ones_stay() -> None:
    run = sample.closed_run()
    many = [
        replace(RECORD, index=i, sent_ms=10.0 * i, gaps_ms=(1.0,), error=None) for i in range(9000)
    ]
    many[4321] = replace(many[4321], error="timeout")
    many[5000] = replace(many[5000], gaps_ms=(500_000.0,))
    found = timeline(replace(run, requests=tuple(many)), 0)
    assert found is not None
    assert found.total == 9000
    assert found.shown == len(found.data["rows"]) <= 240
    shown = {row[0]: row for row in found.data["rows"]}
    assert shown[4321][-1] == "timeout"
    assert shown[5000][-2] == 1
    assert [row[1] for row in found.data["rows"]] == sorted(row[1] for row in found.data["rows"])


def test_a_level_without_requests_has_no_timeline() -> None:
    assert timeline(replace(sample.closed_run(), requests=()), 0) is None
