"""What users ask of a model, and what they expect in return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal["ttft", "tpot", "itl", "e2e"]
Percentile = Literal["p50", "p90", "p95", "p99", "mean"]


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests as a plan imagines them.

    Attributes:
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        users: requests in flight at once (closed loop).
        requests_per_s: arrivals per second instead (open loop, Poisson), or None.
        context: the longest sequence that must fit, in tokens: prompt and answer.
        prefix_share: part of a prompt that requests have in common and an engine can reuse, 0..1.
        prompt_spread: coefficient of variation of prompt lengths, 0 for all alike.
        output_spread: the same of answers.
    """

    prompt_tokens: int
    output_tokens: int
    users: int
    requests_per_s: float | None = None
    context: int = 0
    prefix_share: float = 0.0
    prompt_spread: float = 0.0
    output_spread: float = 0.0

    @property
    def longest(self) -> int:
        """Tokens that one sequence may come to."""
        return max(self.context, self.prompt_tokens + self.output_tokens)


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
