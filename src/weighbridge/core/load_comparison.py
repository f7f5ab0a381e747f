"""Two load runs side by side, and what the data can tell of their difference."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.traffic import LoadShape


@dataclass(frozen=True, slots=True)
class LoadDifference:
    """B against A in one metric, as a ratio.

    Attributes:
        metric: ``ttft_ms_p95``, ``output_tokens_per_s``, …
        a: A's value, in the metric's unit.
        b: B's value.
        ratio: b / a, with its 95 % interval (adjusted for looking at several metrics).
        low: lower end.
        high: upper end.
        p: two-sided p value of no difference, adjusted likewise (Holm).
        is_real: whether the data can tell the two apart.
        is_better: whether B is the better one; only meaningful where ``is_real``.
    """

    metric: str
    a: float
    b: float
    ratio: float
    low: float
    high: float
    p: float
    is_real: bool
    is_better: bool


@dataclass(frozen=True, slots=True)
class LoadComparison:
    """Two load runs, level by level of equal shape.

    Attributes:
        a: name of the first.
        b: name of the second.
        shape: of the levels compared.
        pairs: how many interleaved repeats stand behind it; 1 where the runs were one after the
            other, so that drift of the machine may pass for a difference.
        differences: per metric.
        sentence: the verdict in plain words.
        caveats: why to be careful, one sentence each.
    """

    a: str
    b: str
    shape: LoadShape
    pairs: int
    differences: tuple[LoadDifference, ...]
    sentence: str
    caveats: tuple[str, ...] = ()
