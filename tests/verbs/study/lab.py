"""A study over two scripted endpoints: real stages, real files, no engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm_thread
from weighbridge.core.errors import EngineError
from weighbridge.core.study import StageState, StudyRun
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.started import Engine
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.jobs import Effects
from weighbridge.verbs.study.reading import read_study
from weighbridge.verbs.study.running import Options, run_study, stages_now
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.folder import Workspace

MACHINE = "a machine"
ITEMS = 6

STUDY = """\
name: lab
seed: 3
candidates:
  good: {{url: "{url}", context: 512, inspect: "demo:tally-f16.gguf"}}
  fair: {{url: "{url}", context: 512}}
suites:
  - suite: sums
    compare: [[fair, good]]
  - words
workload: {{users: [1], prompt_tokens: 8, output_tokens: 4, volume: 2M-tokens/day}}
bench: {{requests: 3, send: lengths}}
machine: RTX 4090
prices: {{api: [big=1/2], hardware: {{gpu_price: 1}}}}
route: {{traffic: traffic.jsonl}}
"""


def answer(request: ServerRequest, _number: int) -> Behaviour:
    """``good`` is right about everything, ``fair`` about words only."""
    body = msgspec.json.decode(request.body)
    prompt = str(body["messages"][-1]["content"])
    number = prompt.rpartition(" ")[2]
    right = f"w{number}" if prompt.startswith("Word") else number
    return Behaviour(text=right if body["model"] == "good" or right[0] == "w" else "no idea")


def write_suite(folder: Path, name: str, prompt: str, answers: list[str]) -> None:
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    (home / "suite.yaml").write_text(
        f"name: {name}\nprompt: '{prompt} {{question}}'\nscorer: exact\nmax_tokens: 4\n"
    )
    lines = [
        json.dumps({"id": f"{name}-{n}", "question": str(n), "answer": said})
        for n, said in enumerate(answers)
    ]
    (home / "items.jsonl").write_text("\n".join(lines) + "\n")


class Lab:
    """A folder with a study, its suites and traffic, and what runs it."""

    def __init__(self, folder: Path, url: FakeUrl) -> None:
        self.folder = folder
        self.url = url
        self.path = folder / "study.yaml"
        self.root = folder / "ws"
        self.machine = MACHINE
        self.path.write_text(STUDY.format(url=url))
        write_suite(folder, "sums", "Sum", [str(n) for n in range(ITEMS)])
        write_suite(folder, "words", "Word", [f"w{n}" for n in range(ITEMS)])
        traffic = [
            {"id": f"{task}-{n}", "task": task, "prompt": f"{word} {n}", "answer": f"{mark}{n}"}
            for task, word, mark in (("sums", "Sum", ""), ("words", "Word", "w"))
            for n in range(10, 14)
        ]
        lines = "\n".join(json.dumps(line) for line in traffic)
        (folder / "traffic.jsonl").write_text(lines + "\n")

    def change(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    @property
    def asked(self) -> Asked:
        return read_study(self.path)

    def effects(self, client: Client) -> Effects:
        clock = SystemClock()
        store = Workspace(self.root, clock, lambda: self.machine)
        return Effects(
            self.root, store, client, clock, Silent(), NoEngines(), {}, self.machine
        )  # fmt: skip

    def run(self, how: Options | None = None) -> StudyRun:
        async def work() -> StudyRun:
            async with Client() as client:
                return await run_study(self.asked, self.effects(client), how)

        return asyncio.run(work())

    def stages(self, how: Options | None = None) -> tuple[StageState, ...]:
        return stages_now(self.asked, self.effects(None), how)  # type: ignore[arg-type]

    def to_do(self, how: Options | None = None) -> set[str]:
        """Units that a run would do."""
        return {
            f"{stage.name}: {unit.name}"
            for stage in self.stages(how)
            for unit in stage.units
            if unit.state != "done"
        }


class NoEngines:
    """A launcher that can start nothing."""

    async def launch(self, wanted: Wanted, deadline_s: float) -> Engine:
        del deadline_s
        raise EngineError(f"{wanted.model} cannot be started.")


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    with fake_llm_thread(answer, model=["good", "fair"]) as url:
        yield Lab(folder, url)


def ran(before: StudyRun, after: StudyRun) -> set[str]:
    """Units that were done in the second of two runs."""
    old = {(unit.stage, unit.name): unit.runs for stage in before.stages for unit in stage.units}
    return {
        f"{unit.stage}: {unit.name}"
        for stage in after.stages
        for unit in stage.units
        if old.get((unit.stage, unit.name)) != unit.runs
    }
