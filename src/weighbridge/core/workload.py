"""What users ask of a model, and what they expect in return."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

from weighbridge.core.errors import InputError

Metric = Literal["ttft", "tpot", "itl", "e2e"]
Percentile = Literal["p50", "p90", "p95", "p99", "mean"]

_BOUND: Final = re.compile(r"([a-z0-9]+?)(?:_([a-z0-9]+))?\s*<=?\s*(-?\d+(?:\.\d+)?)\s*([a-zµ]*)")
_MILLISECONDS: Final = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4}
_METRICS: Final[dict[str, Metric]] = {name: name for name in get_args(Metric)}
_PERCENTILES: Final[dict[str, Percentile]] = {name: name for name in get_args(Percentile)}
_USUAL: Final[Percentile] = "p95"
_Name = TypeVar("_Name")
_EXAMPLE: Final = "Write for example ttft_p95<500ms,tpot_p95<40ms."


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests as a plan imagines them.

    Attributes:
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        users: requests in flight at once (closed loop).
        requests_per_s: arrivals per second instead (open loop), or None.
        context: the longest sequence that must fit, in tokens: prompt and answer.
        prefix_share: part of a prompt that requests have in common and an engine can reuse, 0..1.
        prompt_spread: coefficient of variation of prompt lengths, 0 for all alike.
        output_spread: the same of answers.
        lengths: how lengths with a spread are distributed about their mean.
        arrivals: whether arrivals of an open loop are random (Poisson) or evenly spaced.
        think_s: what a user of the closed loop waits between an answer and the next request.
    """

    prompt_tokens: int
    output_tokens: int
    users: int
    requests_per_s: float | None = None
    context: int = 0
    prefix_share: float = 0.0
    prompt_spread: float = 0.0
    output_spread: float = 0.0
    lengths: Literal["lognormal", "uniform"] = "lognormal"
    arrivals: Literal["poisson", "even"] = "poisson"
    think_s: float = 0.0

    @property
    def longest(self) -> int:
        """Tokens that one sequence may come to."""
        return max(self.context, self.prompt_tokens + self.output_tokens)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a trace.

    Attributes:
        arrival_s: when it comes, counted from the trace's beginning.
        prompt_tokens: what it asks.
        output_tokens: what is answered.
    """

    arrival_s: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Bound:
    """One condition of an SLO: ``ttft_p95<500ms``.

    Attributes:
        metric: time to first token, per output token, between tokens, or of the whole request.
        percentile: of all requests.
        limit_ms: which it must stay below.
    """

    metric: Metric
    percentile: Percentile
    limit_ms: float

    def __str__(self) -> str:
        return f"{self.metric}_{self.percentile}<{self.limit_ms:g}ms"


@dataclass(frozen=True, slots=True)
class Slo:
    """All conditions that must hold together; none at all always hold."""

    bounds: tuple[Bound, ...] = ()

    def __str__(self) -> str:
        return ",".join(map(str, self.bounds))

    def limit(self, metric: Metric) -> float | None:
        """The strictest limit on a metric, in ms, or None."""
        limits = [bound.limit_ms for bound in self.bounds if bound.metric == metric]
        return min(limits, default=None)


def parse_slo(text: str) -> Slo:
    """The conditions that ``text`` lists, separated by commas; without a percentile, p95 is meant.

    >>> str(parse_slo("ttft<0.5s, tpot_p99<40ms"))
    'ttft_p95<500ms,tpot_p99<40ms'

    Raises:
        InputError: a condition is not one, or cannot be met by anything.
    """
    return Slo(tuple(_bound(part.strip()) for part in text.split(",") if part.strip()))


def _bound(text: str) -> Bound:
    match = _BOUND.fullmatch(text.lower())
    if match is None:
        raise InputError(f"{text!r} is not a condition on latency.", fix=_EXAMPLE)
    metric, percentile, number, unit = match.groups()
    if not unit:
        raise InputError(
            f"The limit of {text!r} has no unit.", fix=f"Write for example {text}ms or {text}s."
        )
    if unit not in _MILLISECONDS:
        raise InputError(f"{unit!r} in {text!r} is no unit of time.", fix="Write ms or s.")
    limit_ms = float(number) * _MILLISECONDS[unit]
    if limit_ms <= 0:
        raise InputError(
            f"The limit of {text!r} is not above zero, so that nothing can meet it.",
            fix="Give a positive time.",
        )
    return Bound(
        _one_of(metric, _METRICS, "metric", text),
        _one_of(percentile or _USUAL, _PERCENTILES, "percentile", text),
        limit_ms,
    )


def _one_of(word: str, known: dict[str, _Name], what: str, text: str) -> _Name:
    if word in known:
        return known[word]
    near = difflib.get_close_matches(word, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise InputError(
        f"There is no {what} {word!r} (in {text!r}).",
        fix=f"{meant}Choose one of {', '.join(known)}.",
    )
