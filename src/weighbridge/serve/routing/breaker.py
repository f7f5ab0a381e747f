"""When a replica is left out, and when it is tried again. Pure: state and event in, state out.

Closed, requests pass. After failures in a row, or too large a share of them, it opens: nothing
passes for a while. Then it is half open: one request is let through to see, and what comes of it
closes the breaker or opens it again, for twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, Literal, TypeVar

BreakerState = Literal["closed", "open", "half-open"]
NameT = TypeVar("NameT")

_FADE: Final = 0.1  # the weight of the newest request in the shares and times that are smoothed
_FORGOTTEN: Final = 1e-4


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """What is too bad, and for how long.

    Attributes:
        in_row: failures one after another that open it.
        share: of failures, smoothed over about ten requests, that opens it …
        least: … once so many requests have ended since it was closed.
        first_s: how long it stays open the first time; each time in a row twice as long …
        most_s: … up to this.
        claim_s: how long a place for the probe is kept for a request that was never sent.
    """

    in_row: int = 3
    share: float = 0.5
    least: int = 10
    first_s: float = 1.0
    most_s: float = 60.0
    claim_s: float = 5.0


RULES: Final = BreakerRules()


@dataclass(frozen=True, slots=True)
class Breaker:
    """How one replica has done lately.

    Attributes:
        state: closed, open or half open.
        in_row: failures since the last success.
        failing: share of failures, smoothed.
        seen: requests ended since it was closed, counted up to what the rules ask for.
        openings: how often it opened without a success in between.
        until_s: when it may be tried again, or until when the probe's place is kept.
        probing: whether the probe has been sent.
    """

    state: BreakerState = "closed"
    in_row: int = 0
    failing: float = 0.0
    seen: int = 0
    openings: int = 0
    until_s: float = 0.0
    probing: bool = False


CLOSED: Final = Breaker()


def admits(breaker: Breaker, now_s: float) -> bool:
    """Whether a request may be sent now."""
    if breaker.state == "closed":
        return True
    return not breaker.probing and now_s >= breaker.until_s


def claimed(breaker: Breaker, now_s: float, rules: BreakerRules = RULES) -> Breaker:
    """A request is about to be sent: half open, it is the probe, and no other may follow."""
    if breaker.state == "closed":
        return breaker
    return replace(breaker, state="half-open", until_s=now_s + rules.claim_s)


def insisted(breaker: Breaker, now_s: float, rules: BreakerRules = RULES) -> Breaker:
    """As :func:`claimed` before its time, for want of anybody else: a failure is no further one."""
    if breaker.state != "open":
        return claimed(breaker, now_s, rules) if admits(breaker, now_s) else breaker
    fewer = replace(breaker, openings=max(0, breaker.openings - 1))
    return claimed(fewer, now_s, rules)


def sent(breaker: Breaker) -> Breaker:
    """The request has been sent: the probe's place is now taken until its end."""
    return replace(breaker, probing=True) if breaker.state == "half-open" else breaker


def ended(breaker: Breaker, now_s: float, *, failed: bool, rules: BreakerRules = RULES) -> Breaker:
    """A request has ended. While open, it is one that was sent before, which tells nothing new."""
    if breaker.state == "open":
        return breaker
    if not failed:
        return _succeeded(breaker, rules)
    if breaker.state == "half-open":
        return opened(breaker, now_s, rules)
    worse = replace(
        breaker,
        in_row=breaker.in_row + 1,
        failing=breaker.failing + _FADE * (1.0 - breaker.failing),
        seen=min(rules.least, breaker.seen + 1),
    )
    too_many = worse.seen >= rules.least and worse.failing >= rules.share
    return opened(worse, now_s, rules) if too_many or worse.in_row >= rules.in_row else worse


def opened(breaker: Breaker, now_s: float, rules: BreakerRules = RULES) -> Breaker:
    """Left out from now on, for longer each time in a row."""
    wait = min(rules.most_s, rules.first_s * 2.0 ** min(breaker.openings, 60))
    return Breaker("open", openings=breaker.openings + 1, until_s=now_s + wait)


def _succeeded(breaker: Breaker, rules: BreakerRules) -> Breaker:
    """A success closes it; the memory of earlier openings fades once enough have succeeded."""
    if breaker.state == "half-open":
        return Breaker(openings=breaker.openings)
    if breaker.seen >= rules.least and breaker.failing == breaker.in_row == breaker.openings == 0:
        return breaker  # the usual case makes no new record
    failing = breaker.failing * (1.0 - _FADE)
    seen = min(rules.least, breaker.seen + 1)
    return Breaker(
        failing=failing if failing > _FORGOTTEN else 0.0,
        seen=seen,
        openings=0 if seen >= rules.least else breaker.openings,
    )


@dataclass(frozen=True, slots=True)
class Health:
    """What siblings are compared by: smoothed over the latest requests.

    Attributes:
        requests: ended, counted without end.
        failing: share of failures.
        ttft_s: until the first byte; None before any.
    """

    requests: int = 0
    failing: float = 0.0
    ttft_s: float | None = None


def healthier(health: Health, *, failed: bool, ttft_s: float | None) -> Health:
    """The health after one more request."""
    known = health.ttft_s
    if failed or ttft_s is None:
        ttft = known
    else:
        ttft = ttft_s if known is None else known + _FADE * (ttft_s - known)
    failing = health.failing + _FADE * (float(failed) - health.failing)
    return Health(health.requests + 1, failing, ttft)


@dataclass(frozen=True, slots=True)
class OutlierRules:
    """When a replica does so much worse than its siblings that it is left out.

    Attributes:
        least: requests that both it and a sibling must have ended.
        slower: its time to the first byte is so many times the siblings' median …
        least_s: … and longer than that by at least so much.
        worse: its share of failures is so much above the siblings' median.
    """

    least: int = 20
    slower: float = 4.0
    least_s: float = 0.2
    worse: float = 0.25


OUTLIERS: Final = OutlierRules()


def is_outlier(
    name: NameT,
    healths: Mapping[NameT, Health],
    left_out: int,
    rules: OutlierRules = OUTLIERS,
) -> bool:
    """Whether a replica is to be left out for being unlike its siblings.

    Never more than half of them: where all are slow, the cause lies elsewhere.

    Args:
        name: the replica.
        healths: of it and its siblings.
        left_out: how many of them are left out already.
        rules: what is too unlike.
    """
    own = healths[name]
    if 2 * (left_out + 1) > len(healths) or own.requests < rules.least:
        return False
    others = [
        health for key, health in healths.items() if key != name and health.requests >= rules.least
    ]
    if not others:
        return False
    if own.failing > rules.worse + median(health.failing for health in others):
        return True
    times = [health.ttft_s for health in others if health.ttft_s is not None]
    if not times or own.ttft_s is None:
        return False
    usual = median(times)
    return own.ttft_s > max(rules.slower * usual, usual + rules.least_s)
