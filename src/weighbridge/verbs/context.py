"""``weigh context``: how long a context a model really uses."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from weighbridge.core.counting import counted
from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import InputError, ProtocolError, StatusError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.runs import EvalRun
from weighbridge.decide.effective_context import EffectiveContext, effective_context
from weighbridge.engines.openai import check_model
from weighbridge.measure.context.texts import TASKS, filler, item, settings
from weighbridge.measure.evals.records import Suite, make_suite
from weighbridge.verbs.eval import EvalSettings, evaluate
from weighbridge.wire.chat import decode_completion

LENGTHS: Final = (500, 1000, 2000, 4000, 8000, 16_000, 32_000)
# Of the longer of two texts that tell how long a token is: long enough to tell it well, and short
# enough for a server that takes the shortest length. Such tokens have 2 characters or more.
_PROBE_CHARACTERS: Final = (300, 1100)
_PER_TOKEN_AT_LEAST: Final = 2
_PROBE_DIFFERENCE: Final = 400
_MOST_OVER: Final = 1.25
_TRUNCATED: Final = 0.75
_OFTEN_CUT: Final = 0.1
_TOO_LONG: Final = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What is measured.

    Attributes:
        lengths: tokens of the prompts, growing.
        items: questions per task, the same at every length.
        hops: keys in a chain of ``multi-hop``.
        margin: the loss of accuracy that is accepted.
        seed: of texts and questions.
        max_tokens: longest answer.
        evaluation: how the server is asked.
    """

    lengths: tuple[int, ...] = LENGTHS
    items: int = 50
    hops: int = 2
    margin: float = 0.1
    seed: int = 1
    max_tokens: int = 512
    evaluation: EvalSettings = field(default_factory=EvalSettings)


@dataclass(frozen=True, slots=True)
class ContextReport:
    """The tasks, the runs behind them, and what has to be known with them."""

    model: str
    settings: ContextSettings
    tasks: tuple[EffectiveContext, ...]
    runs: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_known(self) -> bool:
        """Whether any task has a figure."""
        return any(task.tokens is not None for task in self.tasks)


async def measure_context(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    asked: ContextSettings,
    *,
    progress: Progress,
) -> ContextReport:
    """Both tasks at growing length, until the server takes no longer prompt.

    Raises:
        InputError: the lengths do not grow, or the server does not serve this model.
        EndpointError: the server is gone, or does not count the tokens of prompts.
    """
    if list(asked.lengths) != sorted(set(asked.lengths)) or len(asked.lengths) < 2:
        raise InputError(
            "A loss with length takes lengths that grow, two at least.",
            fix="Write for example 1000,4000,16000.",
        )
    await check_model(client, endpoint)
    measuring = _Measuring(store, client, clock, endpoint, asked, progress, [])
    per_token = await measuring.characters_per_token()
    for task in TASKS:  # a length that cannot be made is told before anything is measured
        measuring.suite(task, asked.lengths[0], per_token)
    tasks: list[EffectiveContext] = []
    runs: list[str] = []
    for task in TASKS:
        found = await measuring.task(task, per_token)
        runs.extend(run.info.id for _, run in found)
        tasks.append(
            effective_context(
                task,
                [(_tokens(run), length, _right(run)) for length, run in found],
                margin=asked.margin,
            )
        )
        measuring.notes.extend(_notes(task, found))
    return ContextReport(
        endpoint.model, asked, tuple(tasks), tuple(runs), tuple(dict.fromkeys(measuring.notes))
    )


@dataclass(frozen=True, slots=True)
class _Measuring:
    store: Store
    client: HttpClient
    clock: Clock
    endpoint: Endpoint
    asked: ContextSettings
    progress: Progress
    notes: list[str]

    async def characters_per_token(self) -> float:
        """Of such texts, by what the server counts for two of different length.

        The difference leaves out what its chat template adds to both.
        """
        least, most = _PROBE_CHARACTERS
        longer = min(most, max(least, _PER_TOKEN_AT_LEAST * self.asked.lengths[0]))
        sizes = (longer - min(_PROBE_DIFFERENCE, longer // 2), longer)
        texts = [" ".join(filler(random.Random(0), size)) for size in sizes]  # noqa: S311 -- a text
        short, long = [await self._probe(text) for text in texts]
        if short >= long:
            raise ProtocolError(
                f"The server at {self.endpoint.base} counts {long} tokens for a prompt of "
                f"{len(texts[1])} characters and {short} for one of {len(texts[0])}.",
                fix="Lengths in tokens need a server that counts its prompts and does not cut "
                "them.",
            )
        return (len(texts[1]) - len(texts[0])) / (long - short)

    async def _probe(self, text: str) -> int:
        try:
            return await self._prompt_tokens(text)
        except StatusError as error:
            if error.status not in _TOO_LONG:
                raise
            raise StatusError(
                f"Before any length was tried, a text of {len(text):,} characters was sent to see "
                f"how many tokens it is, and the server did not take it. {error.message}",
                status=error.status,
                fix="Raise the server's context.",
            ) from None

    async def _prompt_tokens(self, prompt: str) -> int:
        body = {
            "model": self.endpoint.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": 1,
        }
        request = Request(
            "POST", self.endpoint.chat, self.endpoint.headers, msgspec.json.encode(body)
        )
        response = await self.client.fetch(request, Timeouts())
        told = decode_completion(response, self.endpoint).prompt_tokens
        if not told:
            raise ProtocolError(
                f"The server at {self.endpoint.base} does not count the tokens of prompts.",
                fix="Lengths in tokens need its `usage`.",
            )
        return told

    async def task(self, task: str, per_token: float) -> list[tuple[int, EvalRun]]:
        """The runs of one task, length by length."""
        found: list[tuple[int, EvalRun]] = []
        for length in self.asked.lengths:
            suite = self.suite(task, length, per_token)
            try:
                run = await self._run(suite)
            except StatusError as error:
                if error.status not in _TOO_LONG:
                    raise
                if not found:
                    raise StatusError(
                        f"The server takes no prompt of {length:,} tokens, the shortest length "
                        f"({task}). {error.message}",
                        status=error.status,
                        fix="Begin with a shorter length, or raise the server's context.",
                    ) from None
                self.notes.append(f"The server takes no prompt of {length:,} tokens: {error}")
                break
            found.append((length, run))
        return found

    def suite(self, task: str, length: int, per_token: float) -> Suite:
        """One task at one length.

        Raises:
            InputError: the facts alone are longer.
        """
        asked = self.asked
        items = tuple(
            item(
                task, index, asked.items, round(length * per_token),
                hops=asked.hops, seed=asked.seed,
            )
            for index in range(asked.items)
        )  # fmt: skip
        longest = max(len(one.prompt) for one in items)
        if longest > _MOST_OVER * length * per_token:
            raise InputError(
                f"The facts of {task} alone take about {longest / per_token:,.0f} tokens, more "
                f"than the length {length:,}.",
                fix="Begin with a longer length, or ask for fewer hops.",
            )
        return make_suite(settings(task, length, asked.max_tokens), items)

    async def _run(self, suite: Suite) -> EvalRun:
        return await evaluate(
            self.store, self.client, self.clock, self.endpoint, suite,
            settings=replace(self.asked.evaluation, is_task=False), progress=self.progress,
        )  # fmt: skip


def _right(run: EvalRun) -> Sequence[bool]:
    return [one.correct for one in run.items]


def _tokens(run: EvalRun) -> int:
    """The median prompt as the server counted it."""
    told = [one.prompt_tokens for one in run.items if one.prompt_tokens]
    return round(statistics.median(told)) if told else 0


def _notes(task: str, found: Sequence[tuple[int, EvalRun]]) -> list[str]:
    notes = []
    for length, run in found:
        at = f"{task} at {length:,} tokens"
        if _tokens(run) < _TRUNCATED * length:
            notes.append(
                f"{at}: the server counted {_tokens(run):,} tokens. It cuts prompts, or they could "
                "not be made so long; raise its context."
            )
        cut = sum(one.finish_reason == "length" for one in run.items)
        if cut > _OFTEN_CUT * len(run.items):
            told = f"{counted(cut, 'answer')} {'was' if cut == 1 else 'were'} cut"
            notes.append(f"{at}: {told}; raise --max-tokens.")
        if run.errors:
            notes.append(f"{at}: {counted(run.errors, 'question')} failed, counted as wrong.")
    return notes


def to_json(report: ContextReport) -> dict[str, Any]:
    """What ``--json`` prints; keys are documented in docs/json.md."""
    asked = report.settings
    return {
        "model": report.model,
        "margin": asked.margin,
        "items": asked.items,
        "hops": asked.hops,
        "seed": asked.seed,
        "tasks": [
            {
                "task": task.task,
                "effective_tokens": task.tokens,
                "low": None if task.tokens is None else task.low,
                "high": None if task.tokens is None or task.at_most_tested else task.high,
                "below": task.below,
                "reason": task.reason or None,
                "caveat": task.caveat or None,
                "lengths": [
                    {
                        "tokens": row.tokens,
                        "asked": row.asked,
                        "n": row.n,
                        "accuracy": row.accuracy.value,
                        "low": row.accuracy.low,
                        "high": row.accuracy.high,
                        "change": row.change.value,
                        "change_low": row.change.low,
                        "change_high": row.change.high,
                    }
                    for row in task.lengths
                ],
            }
            for task in report.tasks
        ],
        "runs": list(report.runs),
        "notes": list(report.notes),
    }
