from __future__ import annotations

import pytest

from tests.report.sample_study import sample_verdict
from weighbridge.report import words


def test_expected_accuracy_lies_within_bounds_weighted_by_the_mix() -> None:
    verdict = sample_verdict().verdict
    expected = words.expected_accuracy(verdict.chosen, verdict)
    assert expected is not None
    winners = [task.winner.accuracy for task in verdict.tasks]
    assert expected.value == verdict.chosen.accuracy
    assert expected.low == pytest.approx(sum(item.low for item in winners) / 2)
    assert expected.high == pytest.approx(sum(item.high for item in winners) / 2)


def test_decision_parts_into_what_to_do_and_the_alternative() -> None:
    verdict = sample_verdict().verdict
    head, alternative = words.decision(verdict)
    assert f"{head} {alternative}" == verdict.sentence
