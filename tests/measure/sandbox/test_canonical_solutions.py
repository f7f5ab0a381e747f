"""The published reference solutions of HumanEval+ and MBPP+ pass their tests in the sandbox."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import pytest

from tests.shared_data import shared
from weighbridge.measure.evals.published.code import humaneval_plus, mbpp_plus
from weighbridge.measure.evals.published.lines import Published
from weighbridge.measure.evals.records import Item
from weighbridge.measure.evals.scorers.code import CodeOptions, task_of, whole_program
from weighbridge.measure.sandbox.functions import Judged, judge_functions
from weighbridge.measure.sandbox.sandbox import Sandbox

# Its test calls `_poly(*candidate(*inp), inp)`: it unpacks the number that the task asks for.
_BROKEN = {"HumanEval/32"}
# One solution of MBPP+ lists millions of tuples, another takes half a minute.
_AMPLE = {"timeout_s": 180, "memory_mib": 4096}

Solution = tuple[Item, CodeOptions, str]


def _solutions() -> list[Solution]:
    suites = shared("data", "suites")
    both = humaneval_plus(suites / "humanevalplus"), mbpp_plus(suites / "mbppplus")
    return [one for published in both for one in _of(published)]


def _of(published: Published) -> list[Solution]:
    options = msgspec.convert({**published.settings["options"], **_AMPLE}, CodeOptions)
    return [
        (Item(str(fields["id"]), "", None, fields), options, fields["solution"])
        for fields in published.items
    ]


def _judge(sandbox: Sandbox, solution: Solution) -> Judged:
    item, options, answer = solution
    task = task_of(item, options)
    source = whole_program(task.given, answer, task.entry_point)
    return judge_functions(sandbox, source, task, options.limits)


def _failures(sandbox: Sandbox, solutions: list[Solution]) -> dict[str, str]:
    with ThreadPoolExecutor(sandbox.slots) as pool:
        judged = list(pool.map(partial(_judge, sandbox), solutions))
    names = [item.id for item, *_ in solutions]
    return {
        name: f"{one.reason}: {one.detail}"
        for name, one in zip(names, judged, strict=True)
        if not one.passed
    }


def _light(count: int) -> list[Solution]:
    light = [one for one in _solutions() if len(one[0].fields["test"]) < 20_000]
    return [one for one in random.Random(7).sample(light, count) if one[0].id not in _BROKEN]  # noqa: S311


def test_a_sample_of_reference_solutions_passes(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    assert _failures(sandbox, _light(20)) == {}


@pytest.mark.slow
def test_all_reference_solutions_pass_but_one_whose_test_is_broken(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    solutions = _solutions()
    assert len(solutions) == 164 + 378
    failures = _failures(sandbox, solutions)
    assert set(failures) == _BROKEN, failures


def test_solutions_made_wrong_fail(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    wrong = [
        (item, options, f"def {item.fields['entry_point']}(*_):\n    return 'wrong'\n")
        for item, options, _ in _light(8)
    ]
    assert len(_failures(sandbox, wrong)) == len(wrong)
