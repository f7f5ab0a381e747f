"""The suite `code`: its own solutions pass in the sandbox."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import weighbridge
from weighbridge.measure.evals.records import Item
from weighbridge.measure.evals.scorers.code import CodeOptions, task_of, whole_program
from weighbridge.measure.sandbox.functions import Judged, judge_functions
from weighbridge.measure.sandbox.sandbox import Sandbox

_ITEMS = Path(weighbridge.__file__).parent / "measure/evals/suites_shipped/code/items.jsonl"
_OPTIONS = CodeOptions(timeout_s=30)


def test_the_solutions_pass_and_empty_functions_fail(sandbox: Sandbox) -> None:
    rows = [json.loads(line) for line in _ITEMS.read_text("utf-8").splitlines()]

    def judge(row: dict[str, str], answer: str) -> Judged:
        task = task_of(Item(row["id"], "", None, row), _OPTIONS)
        source = whole_program(task.given, answer, task.entry_point)
        return judge_functions(sandbox, source, task, _OPTIONS.limits)

    with ThreadPoolExecutor(sandbox.slots) as pool:
        right = list(pool.map(judge, rows, [row["solution"] for row in rows]))
        empty = list(pool.map(judge, rows, [f"{row['signature']} pass" for row in rows]))
    assert {r["id"]: j for r, j in zip(rows, right, strict=True) if not j.passed} == {}
    assert {r["id"]: j for r, j in zip(rows, empty, strict=True) if j.passed} == {}
