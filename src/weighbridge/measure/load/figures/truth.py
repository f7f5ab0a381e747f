"""What really happened during a load level, by the log of the precise server, and what it shows.

Errors are what the client reported minus what the server did; the server's own lateness is part of
the truth and therefore of neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import msgspec

from weighbridge.core.errors import EngineError
from weighbridge.core.load import Distribution, LoadLevel, Steady
from weighbridge.core.self_test import SelfTestLevel
from weighbridge.measure.load.figures.percentiles import distribution

TRUSTED_ERROR_MS = 4.0
TRUSTED_RATE = 0.98
_NS = 1e9
_NS_PER_MS = 1e6


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """One answer of the server, by its own clock: the kernel's arrival stamp, then its sendings."""

    arrived_ns: int
    begun_ns: int
    sent_ns: list[int]

    @property
    def ttft_ms(self) -> float:
        """From the request's arrival to the first token's sending."""
        return (self.sent_ns[0] - self.arrived_ns) / _NS_PER_MS

    @property
    def gaps_ms(self) -> list[float]:
        """Between the sendings of its tokens."""
        return [(late - early) / _NS_PER_MS for early, late in pairwise(self.sent_ns)]


class ServerLog(msgspec.Struct, frozen=True):
    """All answers that ended since the log was last read, and the pace that was meant."""

    ttft_ms: float
    itl_ms: float
    cpu_s: float
    answers: list[Answer]

    def meant_s(self, answer: Answer) -> float:
        """How long the answer would have taken had everything been on time."""
        return (self.ttft_ms + (len(answer.sent_ns) - 1) * self.itl_ms) / 1000

    def late_ms(self, answer: Answer) -> list[float]:
        """How late each token was sent."""
        first = answer.begun_ns / _NS_PER_MS + self.ttft_ms
        return [
            sent / _NS_PER_MS - first - index * self.itl_ms
            for index, sent in enumerate(answer.sent_ns)
        ]


@dataclass(frozen=True, slots=True)
class Truth:
    """A level as the server saw it.

    Attributes:
        ttft_ms: of the answers that the client's distributions count.
        itl_ms: likewise; None when no answer had two tokens.
        late_ms: how late the server sent its tokens.
        requests_per_s: from the first arrival to the last token.
        ideal_per_s: the same of a client that never makes the server wait.
        tokens: of all answers.
        first_ns: first arrival, on the machine's monotonic clock.
        last_ns: last token.
    """

    ttft_ms: Distribution
    itl_ms: Distribution | None
    late_ms: Distribution
    requests_per_s: float
    ideal_per_s: float
    tokens: int
    first_ns: int
    last_ns: int

    @property
    def rate_kept(self) -> float:
        """Share of the ideal rate."""
        return self.requests_per_s / self.ideal_per_s


def read_log(body: bytes) -> ServerLog:
    """The precise server's answer to ``GET /log``.

    Raises:
        EngineError: it is none.
    """
    try:
        return msgspec.json.decode(body, type=ServerLog)
    except msgspec.DecodeError as error:
        raise EngineError(f"The precise server's log cannot be read: {error}.") from None


def truth_of(
    log: ServerLog, *, requests: int, concurrency: int, steady: Steady | None = None
) -> Truth:
    """What the last ``requests`` answers of the log show; those before them were to warm up.

    Raises:
        EngineError: the log has fewer answers.
    """
    answers = sorted(log.answers, key=lambda answer: answer.arrived_ns)[-requests:]
    if len(answers) < requests or not answers:
        raise EngineError(
            f"The precise server finished {len(answers)} of {requests} requests.",
            fix="Measure again without errors; a broken run has no truth to compare with.",
        )
    first = answers[0].arrived_ns
    last = max(answer.sent_ns[-1] for answer in answers)
    counted = _within(answers, first, steady)
    ttft = distribution([answer.ttft_ms for answer in counted])
    late = distribution([late for answer in answers for late in log.late_ms(answer)])
    assert ttft is not None  # noqa: S101 -- there is at least one answer
    assert late is not None  # noqa: S101
    meant_s = sum(log.meant_s(answer) for answer in answers) / len(answers)
    return Truth(
        ttft_ms=ttft,
        itl_ms=distribution([gap for answer in counted for gap in answer.gaps_ms]),
        late_ms=late,
        requests_per_s=len(answers) * _NS / (last - first),
        ideal_per_s=min(concurrency, requests) / meant_s,
        tokens=sum(len(answer.sent_ns) for answer in answers),
        first_ns=first,
        last_ns=last,
    )


def _within(answers: list[Answer], first_ns: int, steady: Steady | None) -> list[Answer]:
    """The answers whose requests came in the part of the level that the client counts."""
    if steady is None or not steady.left_out:
        return answers
    low, high = (first_ns + edge * _NS for edge in (steady.from_s, steady.to_s))
    return [answer for answer in answers if low <= answer.arrived_ns <= high] or answers


def judge(level: LoadLevel, truth: Truth, concurrency: int) -> SelfTestLevel:
    """The client's own error at one level.

    Raises:
        EngineError: the level has nothing to compare.
    """
    if level.ttft_ms is None or level.itl_ms is None or truth.itl_ms is None or not level.client:
        raise EngineError(
            f"At {concurrency} users nothing was measured that could be compared.",
            fix=level.first_error or "Ask for answers of at least two tokens.",
        )
    ttft = [getattr(level.ttft_ms, at) - getattr(truth.ttft_ms, at) for at in ("p50", "p99")]
    itl = [getattr(level.itl_ms, at) - getattr(truth.itl_ms, at) for at in ("p50", "p99")]
    within = max(map(abs, (*ttft, *itl))) <= TRUSTED_ERROR_MS
    kept = truth.rate_kept >= TRUSTED_RATE
    punctual = truth.late_ms.p99 <= TRUSTED_ERROR_MS
    return SelfTestLevel(
        concurrency=concurrency,
        requests=level.requests,
        ttft_error_ms_p50=ttft[0],
        ttft_error_ms_p99=ttft[1],
        itl_error_ms_p50=itl[0],
        itl_error_ms_p99=itl[1],
        rate_kept=truth.rate_kept,
        cpu_ms_per_1000_tokens=1e6 * level.client.cpu_s / truth.tokens,
        server_late_ms_p99=truth.late_ms.p99,
        client=level.client,
        is_trustworthy=within and kept and punctual,
    )


def tells_nothing(level: SelfTestLevel) -> bool:
    """Whether the server itself was too late, so that the client is not to blame."""
    return level.server_late_ms_p99 > TRUSTED_ERROR_MS


def trusted_up_to(levels: Sequence[SelfTestLevel]) -> int | None:
    """The highest concurrency that can be trusted while the client failed at no lower one."""
    held = None
    for level in sorted(levels, key=lambda level: level.concurrency):
        if level.is_trustworthy:
            held = level.concurrency
        elif not tells_nothing(level):
            break
    return held


def in_words(levels: Sequence[SelfTestLevel]) -> str:
    """How far the client can be trusted here, and the first thing that speaks against it."""
    held = trusted_up_to(levels)
    ordered = sorted(levels, key=lambda level: level.concurrency)
    begin = "The client cannot be trusted at any concurrency tried."
    if held is not None:
        good = [one for one in ordered if one.is_trustworthy and one.concurrency <= held]
        ttft = max(abs(level.ttft_error_ms_p99) for level in good)
        itl = max(abs(level.itl_error_ms_p99) for level in good)
        begin = (
            f"The client can be trusted up to {held} concurrent streams here: its p99 was off by "
            f"at most {ttft:.1f} ms in TTFT and {itl:.1f} ms in ITL."
        )
    against = (level for level in ordered if not level.is_trustworthy)
    return " ".join([begin, *(_what_broke(level) for level in islice(against, 1))])


def _what_broke(level: SelfTestLevel) -> str:
    at = f"At {level.concurrency}"
    if tells_nothing(level):
        return (
            f"{at} the server itself was {level.server_late_ms_p99:.1f} ms late (p99): the "
            "machine, not the client, is the limit, and nothing can be said of the client there. "
            "Try it with nothing else running."
        )
    broken = [
        f"{name} was off by {error:+.1f} ms"
        for name, error in (
            ("TTFT p50", level.ttft_error_ms_p50),
            ("TTFT p99", level.ttft_error_ms_p99),
            ("ITL p50", level.itl_error_ms_p50),
            ("ITL p99", level.itl_error_ms_p99),
        )
        if abs(error) > TRUSTED_ERROR_MS
    ]
    if level.rate_kept < TRUSTED_RATE:
        broken.append(f"only {level.rate_kept:.1%} of the possible rate was kept")
    allowed = f"{TRUSTED_ERROR_MS:g} ms and {TRUSTED_RATE:.0%} of the rate"
    return f"{at} {' and '.join(broken)}, where {allowed} are asked for."
