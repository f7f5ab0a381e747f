"""What a study's file says of places, memory and money, and what becomes of a "no"."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verbs.study.lab import Lab, lab
from weighbridge.core.errors import InputError
from weighbridge.core.study import StudyRun
from weighbridge.core.units import MIB
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.study import load_study
from weighbridge.verbs.study.constraining import constraints_of
from weighbridge.verbs.study.status import status


def why_not(run: StudyRun) -> str:
    (unit,) = [unit for unit in run.failed if unit.stage == "decide"]
    return unit.why


def test_the_file_says_what_leaves_what_fits_and_what_is_paid(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("bench: {requests: 3, send: lengths}\n", "")
        made.change("route: {traffic: traffic.jsonl}\n", "memory_budget: 90 MiB\n")
        made.change("users: [1], ", "")
        made.change(", context: 512, inspect", ", memory: 80 MiB, tokens_per_s: 500, inspect")
        made.change(", context: 512}", ", memory: 60 MiB}")
        run = made.run()
        found = load_study(open_workspace(made.root), run.info.id, made.root)
        assert found.verdict is not None
        memory = {one.model: one.bytes for one in found.verdict.verdict.memory}
        assert memory == {"good": 80 * MIB, "fair": 60 * MIB}
        _has_an_interval_of_accepted_requests(made, run)

        made.change("machine: RTX 4090", "machine: RTX 4090\nconstraints: {data_may_leave: false}")
        made.change(", memory:", ", leaves: true, memory:")
        assert dict(constraints_of(made.asked).leaves) == {"good": True, "fair": True}
        no = made.run()
        assert no.said_no
        assert "you say that its prompts leave" in why_not(no)
        told = status(made.asked, made.effects(None))  # type: ignore[arg-type]
        assert told.next_action.startswith("The answer is no. Nothing is left for ")
        assert "run it again" not in told.next_action


def _has_an_interval_of_accepted_requests(made: Lab, run: StudyRun) -> None:
    found = load_study(open_workspace(made.root), run.info.id, made.root)
    assert found.cost is not None
    rates = {one.model: one.pass_rate for one in found.cost.report.question.selfhosted}
    good = rates["good"]
    assert good is not None
    # Right in 6 of 6, twice: not certain to be right always.
    assert good.base == 1.0
    assert good.high == 1.0
    assert 0.5 < good.low < 0.9


def test_a_territory_that_is_none_is_a_fault_of_the_file(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("machine: RTX 4090", "machine: RTX 4090\nconstraints: {territory: EUU}")
        made.change("fair: {", "fair: {territory: Narnia, ")
        with pytest.raises(InputError, match="is no territory") as faults:
            _ = made.asked
        assert "EUU" in str(faults.value)
        assert "Narnia" in str(faults.value)


def test_what_may_be_paid_is_held_against_the_bill_that_the_study_prints(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        made.change("hardware: {gpu_price: 1}", "hardware: {gpu_price: 1}, min_replicas: 3")
        made.change("route: {traffic: traffic.jsonl}\n", "")
        run = made.run()
        found = load_study(open_workspace(made.root), run.info.id, made.root)
        assert found.cost is not None
        assert found.verdict is not None
        due = {}
        for one in found.cost.report.question.selfhosted:
            option = found.cost.report.option(one.name)
            assert option.serving is not None
            assert option.serving.replicas >= 3
            due[one.model] = option.usd_per_month
        decided = {
            one.model: one.spending.usd_per_month
            for task in found.verdict.verdict.tasks
            for one in task.standings
            if one.spending is not None
        }
        assert due
        assert {model: decided[model] for model in due} == due
