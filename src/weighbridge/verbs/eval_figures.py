"""What an evaluation run says: rates with intervals, tokens, costs, and what failed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from weighbridge.core.provenance import Interval
from weighbridge.core.routing import Price
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.decide.statistics import wilson

_MOST_LISTED = 20


def accuracy(run: EvalRun) -> Interval:
    """The share of right answers with its 95 % interval.

    Wilson's, over what stands on its own: items, or groups of items where the suite has groups.
    Several answers to an item count as one item that is right in part, so that asking more often
    does not look like knowing more.
    """
    return _rate([(item.group or item.id, float(item.correct)) for item in run.items])


def _rate(parts: Sequence[tuple[str, float]]) -> Interval:
    alone = len({name for name, _ in parts})
    mean = sum(share for _, share in parts) / len(parts)
    return wilson(min(mean, 1.0) * alone, alone)


def live_note(right: int, seen: int) -> str:
    """The accuracy so far, for a progress line."""
    rate = wilson(right, seen)
    return f"{100 * rate.value:.1f} % right [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def to_json(run: EvalRun, price: Price | None = None) -> dict[str, Any]:
    """The figures of ``weigh eval --json``; keys are documented in docs/json.md."""
    rate = accuracy(run)
    document = {
        "run": run.info.id,
        "model": run.info.model,
        "suite": run.suite,
        "n": len({item.id for item in run.items}),
        "repeats": run.repeats,
        "correct": run.correct,
        "accuracy": rate.value,
        "low": rate.low,
        "high": rate.high,
        "mean_score": run.mean_score,
        "errors": run.errors,
        "failed": [_failure(item) for item in run.items if item.error],
        "cut_at_max_tokens": sum(item.finish_reason == "length" for item in run.items),
        "prompt_tokens": sum(item.prompt_tokens for item in run.items),
        "output_tokens": sum(item.output_tokens for item in run.items),
        "wall_s": run.wall_s,
        "memory_bytes": run.memory_bytes,
        "notes": notes(run.items),
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }
    if run.repeats > 1:
        document["pass_at"] = {str(k): pass_at(run, k) for k in powers_up_to(run.repeats)}
    if price is not None:
        document["cost_usd"] = cost_usd(run.items, price)
    if run.origin:
        document["origin"] = run.origin
    return document


def _failure(item: ItemResult) -> dict[str, Any]:
    return {"id": item.id, "repeat": item.repeat, "error": item.error, "detail": item.detail}


def powers_up_to(repeats: int) -> list[int]:
    """1, 2, 4, …, and the number itself."""
    powers = [2**power for power in range(repeats.bit_length()) if 2**power < repeats]
    return [*powers, repeats]


def pass_at(run: EvalRun, k: int) -> float:
    """The chance that at least one of k answers to an item is right, without bias (Chen 2021).

    From n ≥ k answers of which c are right: 1 - C(n-c, k) / C(n, k), averaged over items.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    for item in run.items:
        right[item.id].append(item.correct)
    shares = [
        1.0 - math.comb(len(told) - sum(told), k) / math.comb(len(told), k)
        for told in right.values()
    ]
    return sum(shares) / len(shares)


def cost_usd(items: Sequence[ItemResult], price: Price) -> float:
    """What the tokens cost at these prices per million."""
    asked = sum(item.prompt_tokens for item in items)
    told = sum(item.output_tokens for item in items)
    return (asked * price.prompt + told * price.output) / 1e6


def notes(items: Sequence[ItemResult]) -> dict[str, Any]:
    """The scorers' own figures over all items.

    ``wrong``: how often each field, instruction or part was wrong. ``inconsistent``: share of the
    judged answers on which the judge said otherwise when the two texts changed places.
    """
    found: dict[str, Any] = {}
    wrong = Counter(part for item in items for part in item.notes.get("wrong", ()))
    if wrong:
        found["wrong"] = dict(wrong.most_common(_MOST_LISTED))
    judged = [item.notes["inconsistent"] for item in items if "inconsistent" in item.notes]
    if judged:
        found["judged"] = len(judged)
        found["inconsistent"] = sum(map(bool, judged)) / len(judged)
    return found
