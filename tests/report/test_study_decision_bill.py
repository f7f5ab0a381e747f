"""What a decision of several models costs: one machine that they share, or one for each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.sample_full_study import full_study
from weighbridge.core.cost import DAYS_PER_MONTH
from weighbridge.core.study import Study
from weighbridge.core.verdict import Verdict
from weighbridge.predict.cost.labels import money
from weighbridge.report.study_decision_bill import decision_bill
from weighbridge.report.study_first_page import first_page
from weighbridge.report.study_money import focus, tornado_rows

FULL = full_study()


def with_verdict(study: Study, **changes: object) -> Study:
    assert study.verdict is not None
    changed: Verdict = replace(study.verdict.verdict, **changes)  # type: ignore[arg-type]
    return replace(study, verdict=replace(study.verdict, verdict=changed))


def apart(usd: float | None) -> Study:
    """The memory of one machine holds either model, and not both."""
    assert FULL.verdict is not None
    chosen = replace(FULL.verdict.verdict.chosen, usd_per_month=usd)
    return with_verdict(FULL, budget_bytes=30 << 20, chosen=chosen)


def cost_rows(study: Study) -> list[list[str]]:
    grid = first_page(study).block("cost").grid
    assert grid is not None
    return [[cell.text for cell in row] for row in grid.rows]


def test_models_that_fit_one_machine_are_billed_one() -> None:
    found = decision_bill(FULL)
    assert found is not None
    assert found.shared is not None
    (together, *_) = found.shared.options
    assert FULL.cost is not None
    alone = FULL.cost.report.option("tally on rented GPU")
    # Two GPUs (one is a spare) at 1 USD an hour, whichever of the two models a request asks for.
    assert together.usd_per_month.value == alone.usd_per_month.value == 2 * 730.5
    assert together.name == "tally + clerk on rented GPU"
    assert {one.against for one in found.shared.comparisons} == {"big-api", "tally-host"}
    assert cost_rows(FULL)[0][:2] == ["The decision: tally + clerk on rented GPU", "$1,461"]
    assert [row[0] for row in cost_rows(FULL)[1:]] == ["big-api", "tally-host"]


def test_what_is_compared_with_apis_is_the_decision() -> None:
    assert {one.option for one in focus(FULL)} == {"tally + clerk on rented GPU"}
    drawn = tornado_rows(FULL)
    assert drawn is not None
    assert drawn[0].option == "tally + clerk on rented GPU"
    big, same = focus(FULL)
    api = 5 * DAYS_PER_MONTH * (0.75 * 5 + 0.25 * 25)
    assert big.difference.value == pytest.approx(2 * 730.5 - api)
    assert same.difference.value > 0
    said = first_page(FULL).money
    assert said.startswith("Self-hosting (tally + clerk on rented GPU) costs $1,461 a month: ")
    assert f"{money(api - 1461)} less than big-api" in said
    assert f"{money(same.difference.value)} more than tally-host" in said


def test_models_apart_are_an_upper_bound_in_words() -> None:
    study = apart(2922.0)
    found = decision_bill(study)
    assert found is not None
    assert found.shared is None
    assert found.most_usd == 2922.0
    assert cost_rows(study)[0][0] == "The decision: tally + clerk, apart (upper bound)"
    assert cost_rows(study)[0][1] == "≤ $2,922"
    page = first_page(study)
    assert page.money.startswith("Self-hosting the decision costs at most $2,922 a month (upper")
    (line, *_) = page.block("break-even").lines
    assert line.said.text.startswith("These figures are for tally on rented GPU doing everything")
    assert "do not fit one machine together" in line.said.text
    assert "cannot be told" in first_page(apart(None)).money


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"budget_bytes": None}, "no `memory_budget` says"),
        ({"memory": ()}, "memory of one of its models is not known"),
    ],
)
def test_what_is_not_known_is_said_and_not_guessed(changes: dict[str, object], why: str) -> None:
    found = decision_bill(with_verdict(FULL, **changes))
    assert found is not None
    assert found.shared is None
    assert why in found.why


def test_one_model_has_its_own_bill() -> None:
    assert FULL.verdict is not None
    single = FULL.verdict.verdict.single
    study = with_verdict(FULL, chosen=replace(single, models=("clerk",)))  # type: ignore[type-var]
    assert decision_bill(study) is None
    assert {one.option for one in focus(study)} == {"clerk on rented GPU"}
    assert "clerk on rented GPU" in first_page(study).money


def test_a_model_without_a_bill_is_the_reason() -> None:
    study = apart(None)
    assert study.cost is not None
    report = study.cost.report
    own = tuple(one for one in report.question.selfhosted if one.model != "clerk")
    asked = replace(report.question, selfhosted=own)
    study = replace(study, cost=replace(study.cost, report=replace(report, question=asked)))
    found = decision_bill(study)
    assert found is not None
    assert found.most_usd is None
    assert found.why == "clerk has no bill."
    assert first_page(study).money.endswith("cannot be told. clerk has no bill.")
