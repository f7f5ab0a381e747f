"""Results that stay in the log of the run that they are of."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.fakes.runs import item_result
from weighbridge.measure.evals.answers import HeldAnswers, LoggedAnswers, outlines
from weighbridge.workspace.journal import FileJournal

RESULTS = [item_result(number, correct=number % 3 == 0) for number in range(50)]


def logged(path: Path, *, fresh: bool = False) -> tuple[FileJournal, LoggedAnswers]:
    journal = FileJournal(path)
    return journal, LoggedAnswers(journal, len(RESULTS), fresh=fresh)


def test_results_are_in_order_however_they_came_and_outlive_the_log(tmp_path: Path) -> None:
    journal, answers = logged(tmp_path / "j")
    for number in reversed(range(50)):
        answers.keep(number, RESULTS[number])
    results = answers.results()
    journal.discard()
    assert not (tmp_path / "j").exists()
    assert list(results) == RESULTS
    assert results == tuple(RESULTS)
    assert (results[3], results[-1], len(results)) == (RESULTS[3], RESULTS[-1], 50)
    assert results[10:13] == RESULTS[10:13]
    assert [bytes(raw) for raw in results.as_written()] == list(map(msgspec.json.encode, RESULTS))
    assert [one.correct for one in outlines(results)] == [one.correct for one in RESULTS]


def test_the_last_line_of_a_sample_counts(tmp_path: Path) -> None:
    journal, answers = logged(tmp_path / "j")
    wrong, right = item_result(7, correct=False), item_result(7, correct=True)
    for result in (wrong, right):
        answers.keep(7, result)
    assert answers.results()[7] == right
    journal.close()
    journal, again = logged(tmp_path / "j")
    found = again.earlier(7, ("item-7", 0))
    assert found is not None
    assert found.correct
    assert again.results()[7] == right
    assert again.earlier(8, ("item-8", 0)) is None
    again.keep(8, RESULTS[8])
    assert again.results()[8] == RESULTS[8]
    journal.close()


def test_fresh_finds_nothing_and_appends(tmp_path: Path) -> None:
    journal, answers = logged(tmp_path / "j")
    answers.keep(0, RESULTS[0])
    journal.close()
    journal, again = logged(tmp_path / "j", fresh=True)
    assert again.earlier(0, ("item-0", 0)) is None
    again.keep(0, RESULTS[1])
    assert again.results()[0] == RESULTS[1]
    journal.close()


@pytest.mark.parametrize("line", [b'{"id":"item-0"}', b'{"id":"item-0","repeat":"x"}', b"[]", b"{"])
def test_lines_of_another_shape_are_none(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "j").write_bytes(line + b"\n")
    journal, answers = logged(tmp_path / "j")
    assert answers.earlier(0, ("item-0", 0)) is None
    answers.keep(0, RESULTS[0])
    assert answers.results()[0] == RESULTS[0]
    journal.close()


def test_held_answers_are_in_order_and_passed_on() -> None:
    seen: list[str] = []
    held = HeldAnswers(lambda result: seen.append(result.id))
    for number in (1, 0):
        held.keep(number, RESULTS[number])
    assert held.results() == tuple(RESULTS[:2])
    assert seen == ["item-1", "item-0"]
