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

# What is close to any number, as numpy has it, and what empties a test's own inputs.
_NOTHING = {
    "an empty list": "return []",
    "no number": "return float('nan')",
    "an empty array": "import numpy; return numpy.array([])",
    "inputs emptied": "args[0].clear(); return type(args[0])()",
}
_ONCE_PASSED = [
    "mbpp-14",
    "mbpp-80",
    "mbpp-88",
    "mbpp-737",
    "HumanEval/2",
    "HumanEval/32",
    "HumanEval/4",
]
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
    return random.Random(7).sample(light, count)  # noqa: S311


def test_a_sample_of_reference_solutions_passes(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    assert _failures(sandbox, _light(20)) == {}


@pytest.mark.slow
def test_all_reference_solutions_pass(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    solutions = _solutions()
    assert len(solutions) == 164 + 378
    assert _failures(sandbox, solutions) == {}


def _returning(solution: Solution, body: str) -> Solution:
    item, options, _ = solution
    return item, options, f"def {item.fields['entry_point']}(*args):\n    {body}\n"


@pytest.mark.parametrize("body", _NOTHING.values(), ids=_NOTHING)
def test_nothing_is_no_solution(sandbox: Sandbox, body: str) -> None:
    pytest.importorskip("numpy")
    chosen = [one for one in _solutions() if one[0].id in _ONCE_PASSED]
    assert len(chosen) == len(_ONCE_PASSED)
    assert len(_failures(sandbox, [_returning(one, body) for one in chosen])) == len(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("body", _NOTHING.values(), ids=_NOTHING)
def test_nothing_solves_none_of_all(sandbox: Sandbox, body: str) -> None:
    pytest.importorskip("numpy")
    wrong = [_returning(one, body) for one in _solutions()]
    assert len(_failures(sandbox, wrong)) == 164 + 378


def test_solutions_made_wrong_fail(sandbox: Sandbox) -> None:
    pytest.importorskip("numpy")
    wrong = [
        (item, options, f"def {item.fields['entry_point']}(*_):\n    return 'wrong'\n")
        for item, options, _ in _light(8)
    ]
    assert len(_failures(sandbox, wrong)) == len(wrong)
