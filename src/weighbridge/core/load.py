"""Load runs: what came of each request, and what follows from all of them.

Definitions of the metrics: docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from weighbridge.core.runs import RunInfo
from weighbridge.core.telemetry import ClientHealth, ServerSide
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import Slo

TokenSource = Literal["usage", "tokenizer", "arrivals"]
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One streamed request of a load run. Times in ms, from sending it unless said otherwise.

    Attributes:
        level: index of its level in the run.
        index: position of its conversation in the level's schedule.
        due_ms: when it was due, from the level's start; None in a closed loop.
        sent_ms: when its first byte was handed to the socket, from the level's start.
        ttft_ms: first content, reasoning included; None when none came.
        answer_ms: first content that is no reasoning; None when none came.
        e2e_ms: end of the answer.
        gaps_ms: between arrivals of content after the first (several tokens may arrive as one).
        output_tokens: see ``tokens_from``.
        tokens_from: whether the server's usage, our tokenizer or the number of arrivals gave them.
        prompt_tokens: by the server's usage, or None.
        cached_tokens: of the prompt, found in the server's cache by its own usage, or None.
        turn: position in its conversation.
        attempts: sendings, more than 1 where a busy server asked to wait.
        finish_reason: why the answer ended, in the server's word.
        error: kind of failure, or None.
        message: what the failure said, or nothing.
    """

    level: int
    index: int
    sent_ms: float
    ttft_ms: float | None
    e2e_ms: float
    gaps_ms: tuple[float, ...]
    output_tokens: int
    tokens_from: TokenSource = "usage"
    due_ms: float | None = None
    answer_ms: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    turn: int = 0
    attempts: int = 1
    finish_reason: str = ""
    error: str | None = None
    message: str = ""

    @property
    def tpot_ms(self) -> float | None:
        """(last content - first content) / (tokens - 1).

        None for fewer than two tokens, and where all arrived in one read: the pace of tokens that
        come together cannot be told.
        """
        span_ms = sum(self.gaps_ms)
        if self.error or self.output_tokens < 2 or not span_ms:
            return None
        return span_ms / (self.output_tokens - 1)

    @property
    def queue_ms(self) -> float:
        """From when it was due until it was sent; 0 in a closed loop."""
        return 0.0 if self.due_ms is None else max(0.0, self.sent_ms - self.due_ms)

    @property
    def tokens_inside(self) -> int:
        """Tokens that arrived together with the one before: gaps of 0 inside an arrival."""
        return max(0, self.output_tokens - 1 - len(self.gaps_ms))


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sample in five numbers; all NaN-free, in the unit that the owner's name states.

    Attributes:
        intervals: 95 % interval by the name of the number (``mean``, ``p50``, …). An end is None
            where the sample is too small to bound it. Empty where no intervals were computed.
    """

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    intervals: dict[str, Bounds] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Steady:
    """The part of a level that counts, after warm-up and before the last users run dry.

    Attributes:
        from_s: its beginning, from the level's start.
        to_s: its end.
        left_out: requests outside of it, which enter no latency and no rate.
        reason: how it was found, or why the whole level counts.
        is_stationary: whether its two halves agree; False means that the level was too short, or
            that it was overloaded. Of a ramp nobody asks it.
        overloaded: that more came than the server serves, in one sentence; empty where not.
    """

    from_s: float
    to_s: float
    left_out: int
    reason: str
    is_stationary: bool = True
    overloaded: str = ""


@dataclass(frozen=True, slots=True)
class Goodput:
    """Requests that met all conditions of an SLO.

    Attributes:
        slo: the conditions, as ``ttft<500ms,tpot<40ms`` of each single request.
        share: of all requests, failed ones included, 0..1; with its 95 % interval (Wilson).
        low: lower end.
        high: upper end.
        requests_per_s: that met them.
        met: whether each percentile of the SLO is below its limit.
        bounds: per condition: its words, the measured value, its interval, whether it holds.
    """

    slo: Slo
    share: float
    low: float
    high: float
    requests_per_s: float
    met: bool
    bounds: tuple[BoundResult, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundResult:
    """One condition of an SLO, as measured. ``value_ms`` is None when nothing was measured.

    Attributes:
        share_above: of the values, those that are not below the limit; None where unknown.
        effective: how many independent values would tell that share as surely.
    """

    bound: str
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    holds: bool
    share_above: float | None = None
    effective: float = 0.0


@dataclass(frozen=True, slots=True)
class Stalls:
    """Visible freezes: gaps between arrivals of more than ``factor`` times the level's median gap.

    Attributes:
        factor: how many times the median.
        threshold_ms: that is.
        count: of gaps beyond it.
        requests: that had at least one.
        frozen_s: sum of those gaps.
        largest_ms: the largest gap of all.
        largest_gap_ms: largest gap of each request.
    """

    factor: float
    threshold_ms: float
    count: int
    requests: int
    frozen_s: float
    largest_ms: float
    largest_gap_ms: Distribution | None


@dataclass(frozen=True, slots=True)
class RampBin:
    """A part of a ramp: as many requests as each of its others, at about one rate.

    Attributes:
        rate: requests per second that were due in its middle.
        requests: in it, failed ones included.
        errors: failed ones.
        ttft_ms_p50: from when requests were due, as all its latencies; None without any.
        holds: whether it met the SLO; None without one.
    """

    rate: float
    requests: int
    errors: int
    ttft_ms_p50: float | None
    ttft_ms_p95: float | None
    tpot_ms_p50: float | None
    e2e_ms_p50: float | None
    e2e_ms_p95: float | None
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """One level of a load run, summarised over its successful requests.

    Latencies and rates are those of the steady part. In an open loop ``ttft_ms`` and ``e2e_ms``
    count from when a request was due, the ``service_`` ones from when it was sent; in a closed
    loop they are the same and the latter are None.

    Attributes:
        shape: how requests came.
        requests: sent, failed ones included.
        errors: failed ones.
        error_kinds: how often each kind, most frequent first.
        first_error: what the first said.
        duration_s: from the first request sent to the last answer's end.
        requests_per_s: successful ones per second of the steady part.
        output_tokens: of all successful requests.
        output_tokens_per_s: likewise.
        tokens_from: the least sure source of token counts among the requests.
        itl_ms: all gaps between tokens; those of tokens that arrived together are 0.
        chunk_gap_ms: gaps between arrivals only.
        answer_ms: TTFT without reasoning; None when no answer had reasoning.
        queue_ms: from due to sent, in an open loop.
        tokens_per_s_per_user: 1000 / TPOT of each request.
        repeats: requests per second of each repeat, when there was more than one.
        offered_per_s: requests that were due per second of the steady part of an open loop; random
            arrivals keep the rate asked for only on average.
        empty: successful answers without any content, which have no TTFT.
        ramp: latency by rate, of a ramp.
        ramp_breaks_at: the rate from which a ramp no longer held the SLO; None where it held to the
            end, or never, or nobody asked.
    """

    shape: LoadShape
    requests: int
    errors: int
    error_kinds: tuple[tuple[str, int], ...]
    first_error: str
    duration_s: float
    requests_per_s: float
    output_tokens: int
    output_tokens_per_s: float
    tokens_from: TokenSource
    ttft_ms: Distribution | None
    itl_ms: Distribution | None
    tpot_ms: Distribution | None
    e2e_ms: Distribution | None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    chunk_gap_ms: Distribution | None = None
    answer_ms: Distribution | None = None
    service_ttft_ms: Distribution | None = None
    service_e2e_ms: Distribution | None = None
    queue_ms: Distribution | None = None
    tokens_per_s_per_user: Distribution | None = None
    steady: Steady | None = None
    goodput: Goodput | None = None
    stalls: Stalls | None = None
    client: ClientHealth | None = None
    server: ServerSide | None = None
    repeats: tuple[RepeatFigures, ...] = ()
    offered_per_s: float | None = None
    empty: int = 0
    ramp: tuple[RampBin, ...] = ()
    ramp_breaks_at: float | None = None

    @property
    def overloaded(self) -> str:
        """That more came than the server serves, in one sentence; empty where not."""
        return self.steady.overloaded if self.steady else ""

    @property
    def concurrency(self) -> int | None:
        """Users of a closed loop."""
        return self.shape.concurrency if self.shape.kind == "closed" else None

    @property
    def tokens_from_usage(self) -> bool:
        """Whether all token counts are the server's own."""
        return self.tokens_from == "usage"

    @property
    def energy_j_per_1000_requests(self) -> float | None:
        """Energy of the server's GPUs per thousand successful requests, None where unknown."""
        served = self.requests - self.errors
        if self.server is None or self.server.energy_j is None or not served:
            return None
        return self.server.energy_j / served * 1000

    @property
    def rate(self) -> float | None:
        """Requests per second asked of an open loop."""
        return self.shape.rate

    @property
    def users(self) -> float:
        """Requests in flight: the closed loop's, else the mean as counted."""
        if self.concurrency is not None:
            return float(self.concurrency)
        return self.client.in_flight if self.client else 0.0


@dataclass(frozen=True, slots=True)
class RepeatFigures:
    """A level measured again: its headline figures, from which between-run intervals follow."""

    requests_per_s: float
    output_tokens_per_s: float
    ttft_ms_p50: float | None
    ttft_ms_p95: float | None
    tpot_ms_p50: float | None
    itl_ms_p99: float | None
    e2e_ms_p50: float | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The highest rate that holds an SLO.

    Attributes:
        slo: the conditions.
        rate: requests per second; None when not even the lowest rate tried held them.
        low: lower end of its 95 % interval: held with certainty.
        high: upper end; None when even the highest rate tried held them, 0 when no rate can.
        levels: how many rates were tried.
        reason: what broke beyond it, or why the search ended.
    """

    slo: Slo
    rate: float | None
    low: float
    high: float | None
    levels: int
    reason: str


@dataclass(frozen=True, slots=True)
class LoadRun:
    """An endpoint under load, level by level.

    ``requests`` are the raw records behind the levels, in order of sending.

    Attributes:
        workload: what was sent, in words.
        is_partial: whether it was interrupted.
        limit: the result of a search for the highest rate.
        command: the command line that repeats it, without the key.
    """

    info: RunInfo
    url: str
    max_tokens: int
    levels: tuple[LoadLevel, ...]
    requests: tuple[RequestRecord, ...]
    workload: str = ""
    is_partial: bool = False
    limit: Limit | None = None
    command: str = ""

    @property
    def is_client_limited(self) -> bool:
        """Whether the client was the bottleneck of any level, so that there is no verdict.

        A search leaves such levels out, and may have found its limit without them.
        """
        if self.limit is not None and self.limit.rate is not None:
            return False
        return any(level.client is not None and level.client.limited for level in self.levels)
