"""What an evaluation run says: rates with intervals, tokens, costs, and what failed."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.core.provenance import Interval
from weighbridge.core.routing import Price
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.decide.statistics import item_groups, rate, wilson
from weighbridge.measure.evals.answers import Outline, outlines
from weighbridge.measure.evals.pass_at_k import mean_pass_at_k
from weighbridge.measure.evals.records import Suite

_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that counts as wrong without having been judged in full.

    Attributes:
        id: the item's.
        repeat: which of its answers.
        error: kind of failure.
        detail: why, as a sentence.
    """

    id: str
    repeat: int
    error: str
    detail: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What follows from all results of a run.

    Attributes:
        items: how many, each once.
        correct: answers accepted.
        share: of the answers those that were accepted.
        mean_score: over answers.
        accuracy: the mean over items of the share of right answers, with its 95 % interval.
        by_groups: whether the interval is over groups of items.
        failed: what was not answered, in the suite's order.
        cut: answers that ended at ``max_tokens``.
        prompt_tokens: of all answers together.
        output_tokens: likewise.
        pass_at: number of answers → the chance that one of so many is right; empty for one answer
            per item.
        notes: the scorer's own figures: as in docs/json.md.
    """

    items: int
    correct: int
    share: float
    mean_score: float
    accuracy: Interval
    by_groups: bool
    failed: tuple[Failure, ...]
    cut: int
    prompt_tokens: int
    output_tokens: int
    pass_at: dict[int, float]
    notes: dict[str, Any]

    def cost_usd(self, price: Price) -> float:
        """What the tokens cost at these prices per million."""
        return (self.prompt_tokens * price.prompt + self.output_tokens * price.output) / 1e6


class Sum:
    """Results, summed up as they come: those of a large run are never all in memory."""

    def __init__(self) -> None:
        self.correct = self.cut = self.prompt_tokens = self.output_tokens = 0
        self.score = 0.0
        self.failed: list[Failure] = []
        self.notes = _Notes()
        self._number: dict[str, int] = {}
        self._asked, self._right = array("I"), array("I")
        self.grouped = False

    def add(self, result: ItemResult | Outline) -> None:
        """Another one."""
        number = self._number.get(result.id)
        if number is None:
            self._number[result.id] = len(self._asked)
            self._asked.append(1)
            self._right.append(result.correct)
        else:
            self._asked[number] += 1
            self._right[number] += result.correct
        self.correct += result.correct
        self.score += result.score
        self.cut += result.finish_reason == "length"
        self.prompt_tokens += result.prompt_tokens
        self.output_tokens += result.output_tokens
        self.grouped = self.grouped or bool(result.group)
        if result.error is not None:
            failure = Failure(result.id, result.repeat, result.error, result.detail)
            self.failed.append(failure)
        if result.notes:
            self.notes.add(result)

    def counts(self) -> Iterator[tuple[int, int]]:
        """Of each item the number of its answers, and of the right ones."""
        return zip(self._asked, self._right, strict=True)

    def accuracy(self, run: EvalRun) -> tuple[Interval, bool]:
        """The rate, and whether it is by groups."""
        groups = item_groups((run,), list(self._number)) if self.grouped else None
        shares = array("d", (right / asked for asked, right in self.counts()))
        return rate(shares, groups), groups is not None


def figures_of(run: EvalRun) -> Figures:
    """The figures of a run, whose results are read once, or twice where they have groups.

    Raises:
        ValueError: it has no results.
    """
    told = Sum()
    for result in outlines(run.items):
        told.add(result)
    return figures_from(told, run)


def figures_from(told: Sum, run: EvalRun) -> Figures:
    """The figures of a run whose results were summed up before.

    Raises:
        ValueError: it has no results.
    """
    accuracy, by_groups = told.accuracy(run)
    counts = tuple(told.counts()) if run.repeats > 1 else ()
    chances = {k: mean_pass_at_k(counts, k) for k in powers_up_to(run.repeats)} if counts else {}
    answers = len(run.items)
    return Figures(
        items=sum(1 for _ in told.counts()),
        correct=told.correct,
        share=told.correct / answers,
        mean_score=told.score / answers,
        accuracy=accuracy,
        by_groups=by_groups,
        failed=_in_order(told.failed, run),
        cut=told.cut,
        prompt_tokens=told.prompt_tokens,
        output_tokens=told.output_tokens,
        pass_at={k: chance for k, chance in chances.items() if chance is not None},
        notes=told.notes.to_json(),
    )


def _in_order(failed: Sequence[Failure], run: EvalRun) -> tuple[Failure, ...]:
    """As their items stand in the suite; they came in another order."""
    if len(failed) < 2:
        return tuple(failed)
    wanted = {one.id for one in failed}
    place: dict[str, int] = {}
    for number, result in enumerate(outlines(run.items)):
        if result.id in wanted:
            place.setdefault(result.id, number)
    return tuple(sorted(failed, key=lambda one: (place.get(one.id, len(place)), one.repeat)))


def live_note(right: int, seen: int) -> str:
    """The accuracy so far, for a progress line."""
    so_far = wilson(right, seen)
    return f"{100 * so_far.value:.1f} % right [{100 * so_far.low:.1f}, {100 * so_far.high:.1f}]"


def to_json(
    run: EvalRun, price: Price | None = None, figures: Figures | None = None
) -> dict[str, Any]:
    """The figures of ``weigh eval --json``; keys are documented in docs/json.md."""
    told = figures or figures_of(run)
    document = {
        "run": run.info.id,
        "model": run.info.model,
        "suite": run.suite,
        "n": told.items,
        "repeats": run.repeats,
        "correct": told.correct,
        "accuracy": told.accuracy.value,
        "low": told.accuracy.low,
        "high": told.accuracy.high,
        "mean_score": told.mean_score,
        "errors": len(told.failed),
        "failed": [
            {"id": one.id, "repeat": one.repeat, "error": one.error, "detail": one.detail}
            for one in told.failed
        ],
        "cut_at_max_tokens": told.cut,
        "prompt_tokens": told.prompt_tokens,
        "output_tokens": told.output_tokens,
        "wall_s": run.wall_s,
        "memory_bytes": run.memory_bytes,
        "notes": told.notes,
        "provenance": {
            "kind": "measured",
            "source": run.origin or run.info.id,
            "date": run.info.created,
        },
    }
    if told.pass_at:
        document["pass_at"] = {str(k): chance for k, chance in told.pass_at.items()}
    if price is not None:
        document["cost_usd"] = told.cost_usd(price)
    if run.origin:
        document["origin"] = run.origin
    return document


def suite_json(suite: Suite) -> dict[str, Any]:
    """How answers were drawn and judged, as in ``weigh eval --json``."""
    settings = suite.settings
    return {
        "scorer": settings.scorer,
        "max_tokens": settings.max_tokens,
        "sampling": msgspec.to_builtins(settings.sampling),
    }


def results_json(run: EvalRun) -> list[dict[str, Any]]:
    """Every answer and what was made of it, as in ``weigh eval --json --items``."""
    return [
        {
            "id": one.id,
            "repeat": one.repeat,
            "correct": one.correct,
            "score": one.score,
            "expected": one.expected,
            "answer": one.answer,
            "detail": one.detail,
            "error": one.error,
            "finish_reason": one.finish_reason,
            "prompt_tokens": one.prompt_tokens,
            "output_tokens": one.output_tokens,
            "latency_ms": one.latency_ms,
        }
        for one in run.items
    ]


def powers_up_to(repeats: int) -> list[int]:
    """1, 2, 4, …, and the number itself."""
    powers = [2**power for power in range(repeats.bit_length()) if 2**power < repeats]
    return [*powers, repeats]


class _Notes:
    """The scorers' own figures over all results.

    ``wrong``: how often each field, instruction or part was wrong. ``inconsistent``: share of the
    judged answers on which the judge said otherwise when the two texts changed places.
    ``given_up``: answers in which a search took so long that it was ended; they count as wrong.
    """

    def __init__(self) -> None:
        self._wrong: Counter[str] = Counter()
        self._judged = self._inconsistent = 0
        self._given_up: list[dict[str, Any]] = []

    def add(self, result: ItemResult | Outline) -> None:
        """Those of another result."""
        notes = result.notes
        self._wrong.update(notes.get("wrong", ()))
        if "inconsistent" in notes:
            self._judged += 1
            self._inconsistent += bool(notes["inconsistent"])
        if notes.get("given_up"):
            self._given_up.append({"id": result.id, "repeat": result.repeat})

    def to_json(self) -> dict[str, Any]:
        """As ``notes`` of ``weigh eval --json``."""
        found: dict[str, Any] = {}
        if self._wrong:
            found["wrong"] = dict(self._wrong.most_common(_MOST_LISTED))
        if self._judged:
            found["judged"] = self._judged
            found["inconsistent"] = self._inconsistent / self._judged
        if self._given_up:
            found["given_up"] = self._given_up
        return found
