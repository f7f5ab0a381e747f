from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.llm_server import Behaviour, fake_llm
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.measure.evals.suite import load_suite
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.route import Answered, answer_traffic, read_traffic
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest

LINES = [
    {"id": "1", "task": "a", "prompt": "1+1=", "answer": "2"},
    {"id": "2", "task": "b", "prompt": "say x", "answer": "x"},
    {"id": "3", "task": "a", "prompt": "2+2=", "answer": "4"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for task in "ab":
        (tmp_path / task).mkdir()
        (tmp_path / task / "suite.yaml").write_text(f"name: {task}\nprompt: p\nscorer: exact\n")
        (tmp_path / task / "items.jsonl").write_text('{"id": 1, "answer": "x"}')
    (tmp_path / "traffic.jsonl").write_text("\n".join(map(json.dumps, LINES)))
    return tmp_path


def test_each_task_is_judged_as_its_suite_judges(folder: Path) -> None:
    def answers(request: ServerRequest, _: int) -> Behaviour:
        text = json.loads(request.body)["messages"][0]["content"]
        return Behaviour(text="2" if "+" in text else "x")

    async def scenario() -> Answered:
        suites = {task: load_suite(folder / task) for task in "ab"}
        traffic = read_traffic(folder / "traffic.jsonl", suites)
        async with fake_llm(answers) as url, Client() as client:
            return await answer_traffic(
                client, SystemClock(), endpoint_at(url, "fake"), traffic, progress=Silent()
            )

    way = asyncio.run(scenario())
    assert way.tasks == ("a", "a", "b")
    assert way.right == [True, False, True]
    shares = {share.task: (share.n, share.accuracy.value) for share in way.shares()}
    assert shares == {"a": (2, 0.5), "b": (1, 1.0), "all": (3, pytest.approx(2 / 3))}
    assert {result.answered_by for result in way.results} == {"fake"}


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "line 4"), ('{"id": "4"}', "line 4"), (json.dumps({**LINES[0], "task": "c"}), "'c'")],
)
def test_wrong_lines_are_named(folder: Path, line: str, said: str) -> None:
    path = folder / "traffic.jsonl"
    path.write_text(path.read_text() + "\n" + line)
    suites = {task: load_suite(folder / task) for task in "ab"}
    with pytest.raises(ConfigError, match=said):
        read_traffic(path, suites)


def test_a_missing_file_is_an_input_error(folder: Path) -> None:
    with pytest.raises(InputError, match="none"):
        read_traffic(folder / "none", {})
