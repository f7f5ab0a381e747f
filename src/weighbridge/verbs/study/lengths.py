"""How long requests and answers are: as the file says, captured, measured, or as suites are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Final

from weighbridge.core.cost import Demand, certain
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun
from weighbridge.core.study_file import CAPTURED
from weighbridge.verbs.study.asked import Asked
from weighbridge.workspace.traffic import Captured, Traffic, captured_in

# English has about so many letters a token; for a plan, which asks for no more.
_LETTERS: Final = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """Lengths that were measured.

    Attributes:
        prompt: tokens of a request.
        output: tokens of an answer.
        source: where from.
        candidates: whose servers counted.
    """

    prompt: int
    output: int
    source: Provenance
    candidates: int

    @property
    def note(self) -> str:
        """What they rest on, as a sentence."""
        middle = ", the middle one of the candidates'" if self.candidates > 1 else ""
        return (
            f"The file does not say how long requests are, so they are as measured: {self.prompt} "
            f"prompt and {self.output} output tokens in the mean{middle}. A request of the load "
            "test counts as a request of the traffic."
        )

    def put_into(self, demand: Demand) -> Demand:
        """A demand whose lengths say where they are from."""
        return replace(
            demand,
            prompt_tokens=certain(self.prompt, self.source),
            output_tokens=certain(self.output, self.source),
        )


def said_lengths(asked: Asked) -> bool:
    """Whether the file says how long requests and answers are."""
    load = asked.file.workload
    return load.prompt_tokens is not None and load.output_tokens is not None


def sent(asked: Asked) -> str:
    """What the load test sends: ``suites``, ``lengths`` or ``traffic``."""
    bench, load = asked.file.bench, asked.file.workload
    if bench is not None and bench.send:
        return bench.send
    return "traffic" if load.traffic else "lengths" if load.prompt_tokens else "suites"


def captured_requests(asked: Asked, root: Path) -> list[Captured]:
    """The captured requests that the workload names.

    Raises:
        InputError: there are none.
    """
    text = asked.file.workload.traffic or ""
    if text == CAPTURED:
        found = list(Traffic(root).all())
        where = f"the workspace {root}"
    else:
        path = asked.file_of(text)
        found = list(captured_in(path))
        where = str(path)
    if not found:
        raise InputError(
            f"There is no captured traffic in {where}.",
            fix="Let `weigh serve` capture some, or say what users ask under `workload`.",
        )
    return found


def typical_lengths(asked: Asked, root: Path) -> tuple[int, int] | None:
    """Tokens of a typical prompt and answer: as the file says, else the captured traffic's medians.

    Raises:
        InputError: there is no captured traffic.
    """
    load = asked.file.workload
    if load.prompt_tokens is not None and load.output_tokens is not None:
        return load.prompt_tokens, load.output_tokens
    if load.traffic is None:
        return None
    used = [one.use for one in captured_requests(asked, root) if one.use is not None]
    if not used:
        return None
    prompt = load.prompt_tokens or round(median(use.prompt for use in used))
    return max(1, prompt), max(1, load.output_tokens or round(median(use.output for use in used)))


def suite_lengths(asked: Asked) -> tuple[int, int] | None:
    """Tokens for a plan, which comes before anything is measured: by the tasks' own prompts.

    A token is taken to have four letters, and answers to be as long as the suites allow.
    """
    items = [len(item.prompt) for one in asked.tasks for item in one.suite.items]
    if not items:
        return None
    load = asked.file.workload
    longest = max(one.suite.settings.max_tokens for one in asked.tasks)
    prompt = load.prompt_tokens or max(1, round(median(items) / _LETTERS))
    return prompt, load.output_tokens or longest


def measured_lengths(
    asked: Asked, store: Store, evals: Mapping[str, Sequence[str]], loads: Mapping[str, str | None]
) -> Measured | None:
    """What the candidates' servers counted: on the tasks in their mix, else in the load tests."""
    found: list[tuple[float, float]] = []
    runs: list[str] = []
    created: list[str] = []
    for name, ids in evals.items():
        answered = [store.load(run, EvalRun) for run in ids]
        each = _of_tasks(asked, answered)
        used = [run.info for run in answered]
        if each is None and (load_id := loads.get(name)) is not None:
            load = store.load(load_id, LoadRun)
            each, used = _of_load(load), [load.info]
        if each is not None:
            found.append(each)
            runs += [info.id for info in used]
            created += [info.created for info in used]
    if not found:
        return None
    said = asked.file.workload
    prompt = said.prompt_tokens or round(median(one[0] for one in found))
    output = said.output_tokens or round(median(one[1] for one in found))
    source = Provenance("measured", ", ".join(runs), max(created))
    return Measured(max(1, prompt), max(1, output), source, len(found))


def _of_tasks(asked: Asked, runs: Sequence[EvalRun]) -> tuple[float, float] | None:
    """Mean tokens over the mix of tasks; None where a task was not measured, or not counted."""
    if not runs or len(runs) < len(asked.tasks):
        return None
    mix = asked.file.workload.mix or {run.suite: 1.0 for run in runs}
    total = sum(mix[run.suite] for run in runs)
    prompt = output = 0.0
    for run in runs:
        counted = [one for one in run.items if one.prompt_tokens and one.output_tokens]
        if not counted:
            return None
        share = mix[run.suite] / total
        prompt += share * mean(one.prompt_tokens for one in counted)
        output += share * mean(one.output_tokens for one in counted)
    return prompt, output


def _of_load(run: LoadRun) -> tuple[float, float] | None:
    """Mean tokens of the answered requests of a load test, where its server counted them."""
    answered = [one for one in run.requests if one.error is None and one.output_tokens]
    prompts = [one.prompt_tokens for one in answered if one.prompt_tokens]
    if not prompts:
        return None
    return mean(prompts), mean(one.output_tokens for one in answered)
