"""The Solidity suite: its own solutions pass, and fail once something in them is wrong."""

from __future__ import annotations

import json
import runpy
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import weighbridge
from weighbridge.core.errors import InputError
from weighbridge.facts.documents import read_yaml
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.command import COMMAND, CommandOptions, judge_command, judged
from weighbridge.measure.evals.scoring import Score
from weighbridge.measure.evals.suite import load_suite
from weighbridge.measure.sandbox.limits import Ended
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.tools import SOLIDITY, Tools, find_tools, solidity_tools

_FOLDER = Path(weighbridge.__file__).parent / "measure/evals/suites_shipped/solidity"

_TOOL = Path(weighbridge.__file__).parents[2] / "tools/suite_solidity.py"


def _options() -> CommandOptions:
    return msgspec.convert(read_yaml(_FOLDER / "suite.yaml", SuiteFile).options, CommandOptions)


def _rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_FOLDER / "items.jsonl").read_text().splitlines()]


def _item(row: dict[str, Any]) -> Item:
    return Item(row["id"], "", None, {"files": row["files"]})


@pytest.fixture
def tools() -> Tools:
    try:
        return find_tools(SOLIDITY)
    except InputError as error:
        pytest.skip(str(error))


def _scores(sandbox: Sandbox, tools: Tools, answers: list[tuple[Item, str]]) -> list[Score]:
    def score(answer: tuple[Item, str]) -> Score:
        return judge_command(sandbox, *answer, _options(), tools)

    with ThreadPoolExecutor(sandbox.slots) as pool:
        return list(pool.map(partial(score), answers))


def test_the_suite_is_whole() -> None:
    suite = load_suite(_FOLDER)
    assert len(suite.items) == 20
    assert all(len(row["mutants"]) >= 2 for row in _rows())
    assert all(not COMMAND.complaint(item, _options()) for item in suite.items)


def test_the_suite_is_as_its_sources_have_it() -> None:
    tool = runpy.run_path(str(_TOOL))
    folders = sorted(path.parent for path in tool["TASKS"].glob("*/task.txt"))
    assert [tool["item"](folder) for folder in folders] == _rows()
    assert tool["settings"]() == yaml.safe_load((_FOLDER / "suite.yaml").read_text())


@pytest.mark.slow
def test_reference_solutions_pass(sandbox: Sandbox, tools: Tools) -> None:
    rows = _rows()
    answers = [(_item(row), f"Here it is:\n```solidity\n{row['solution']}```\n") for row in rows]
    scores = _scores(sandbox, tools, answers)
    wrong = {r["id"]: s.detail for r, s in zip(rows, scores, strict=True) if not s.correct}
    assert wrong == {}


@pytest.mark.slow
def test_wrong_solutions_fail_in_a_test_and_not_in_the_compiler(
    sandbox: Sandbox, tools: Tools
) -> None:
    named, answers = [], []
    for row in _rows():
        for number, (old, new) in enumerate(row["mutants"]):
            named.append(f"{row['id']} {number}")
            answers.append((_item(row), row["solution"].replace(old, new)))
    scores = _scores(sandbox, tools, answers)
    kinds = {n: (s.correct, s.notes["reason"]) for n, s in zip(named, scores, strict=True)}
    assert {n: k for n, k in kinds.items() if k != (False, "assertion")} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("contract Nothing {}", "compile"),
        ("this is not Solidity", "compile"),
        ("// nothing but a remark with hevm cheat code in it", "forbidden"),
        ('// first\nimport "../test/Check.sol";\ncontract Guestbook {}', "forbidden"),
    ],
)
def test_other_failures(sandbox: Sandbox, tools: Tools, answer: str, reason: str) -> None:
    (score,) = _scores(sandbox, tools, [(_item(_rows()[0]), answer)])
    assert (score.correct, score.notes["reason"]) == (False, reason)


def _ended(stdout: str, status: int = 0) -> Ended:
    return Ended("finished", status, stdout.encode(), b"", b"ready\n", 0.1)


def test_every_test_of_the_file_must_have_run() -> None:
    item = Item("x", "", None, {"files": {"t": "function testA() {} function testB() {}"}})
    good = {"status": "Success", "reason": None}
    both = {"t:T": {"test_results": {"testA()": good, "testB()": good}}}
    one = {"t:T": {"test_results": {"testA()": good}}}
    assert judged(_ended(json.dumps(both)), item, _options()).correct
    score = judged(_ended(json.dumps(one)), item, _options())
    assert (score.correct, score.value) == (False, 0.5)
    assert "testB: did not run" in score.detail
    assert not judged(_ended("{}"), item, _options()).correct
    assert judged(_ended("no json"), item, _options()).notes["reason"] == "compile"


def test_without_tools_it_says_how_to_get_them(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)}
    with pytest.raises(InputError, match="forge and solc and node") as caught:
        solidity_tools(environment)
    assert "npm install --prefix" in caught.value.fix
    assert "WEIGHBRIDGE_FORGE" in caught.value.fix
