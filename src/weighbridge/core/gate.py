"""Whether a candidate may replace a baseline: no worse than by a margin, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.counting import counted
from weighbridge.core.provenance import Interval

Outcome = Literal["pass", "fail", "inconclusive"]
Basis = Literal["equal", "as seen"]


@dataclass(frozen=True, slots=True)
class Answered:
    """The difference where the baseline's gaps do not count.

    Attributes:
        n: items that the baseline answered.
        difference: candidate − baseline on them, with one-sided 95 % bounds; None where they are
            too few for any.
    """

    n: int
    difference: Interval | None


@dataclass(frozen=True, slots=True)
class GateCheck:
    """The candidate against the baseline on one subject.

    Attributes:
        subject: the suite, task or file.
        n: how many items.
        groups: how many groups they are in, or None where each stands alone.
        candidate: the candidate's mean score with its 95 % interval.
        baseline: the baseline's.
        difference: candidate − baseline; ``low`` and ``high`` are one-sided 95 % bounds each.
        margin: how much worse the candidate may be.
        flips_up: items at which the candidate scores higher.
        flips_down: items at which the baseline does.
        more_items: how many further items would probably settle it; None where it is settled, or
            no number is known to do.
        missing: how many answers the candidate and the baseline lack; they count as wrong.
        method: how the bounds were computed: ``score``, ``t``, ``bonett-price`` or ``cluster``.
        more_items_if: what ``more_items`` supposes: a candidate as good as the baseline, or one
            that differs as seen.
        answered: the same on the items that the baseline answered; None where it answered all.
        asked: how many items the candidate and the baseline were asked, where those that both were
            asked are fewer; None where they are the same.
    """

    subject: str
    n: int
    groups: int | None
    candidate: Interval
    baseline: Interval
    difference: Interval
    margin: float
    flips_up: int
    flips_down: int
    more_items: int | None
    missing: tuple[int, int]
    method: str
    more_items_if: Basis = "equal"
    answered: Answered | None = None
    asked: tuple[int, int] | None = None

    @property
    def outcome(self) -> Outcome:
        """Pass if surely less than the margin worse, fail if surely more.

        Neither where it would be another without the items that the baseline left out.
        """
        return "inconclusive" if self.hangs_on_gaps else _judged(self.difference, self.margin)

    @property
    def hangs_on_gaps(self) -> bool:
        """Whether the answers that the baseline lacks decide it."""
        if self.answered is None:
            return False
        found = _judged(self.difference, self.margin)
        return found != "inconclusive" and found != _judged(self.answered.difference, self.margin)

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        points, low, high = (
            100 * x for x in (self.difference.value, self.difference.low, self.difference.high)
        )
        allowed = _points(self.margin)
        if self.hangs_on_gaps:
            said = (
                "but the baseline's missing answers decide that, so the data cannot tell whether "
                f"it is worse by more than {allowed}"
            )
        elif self.outcome == "pass":
            said = f"not worse by {allowed} or more: the lower bound is {low:+.1f}"
        elif self.outcome == "fail":
            said = f"worse by more than {allowed}: the upper bound is {high:+.1f}"
        else:
            said = (
                f"the data cannot tell whether it is worse by more than {allowed}: bounds "
                f"{low:+.1f} and {high:+.1f}"
            )
        return f"{self.subject}: {points:+.1f} points on {self.items}, {said}."

    @property
    def items(self) -> str:
        """How many items count, and of how many, in words."""
        if self.asked is None:
            return counted(self.n, "item")
        candidate, baseline = self.asked
        if candidate > self.n and baseline > self.n:
            return (
                f"the {counted(self.n, 'item')} that both were asked, of {candidate:,} of the "
                f"candidate and {baseline:,} of the baseline"
            )
        whose, whole = ("baseline", baseline) if baseline > self.n else ("candidate", candidate)
        return f"{self.n:,} of the {whose}'s {counted(whole, 'item')}"

    @property
    def gaps(self) -> str:
        """The answers that are missing and what they do, in plain words; empty where none are."""
        if not any(self.missing):
            return ""
        said = (
            f"Missing answers, counted as wrong: {self.missing[0]} of the candidate, "
            f"{self.missing[1]} of the baseline."
        )
        if self.answered is None:
            return said
        if self.answered.difference is None:
            return f"{said} What the baseline answered is too little to judge by."
        found = self.answered.difference
        return (
            f"{said} On the {self.answered.n} items that the baseline answered: "
            f"{100 * found.value:+.1f} points, bounds {100 * found.low:+.1f} and "
            f"{100 * found.high:+.1f}."
        )


def _points(share: float) -> str:
    points = f"{100 * share:g}"
    return f"{points} point" if points == "1" else f"{points} points"


def _judged(difference: Interval | None, margin: float) -> Outcome:
    if difference is None:
        return "inconclusive"
    if difference.low > -margin:
        return "pass"
    return "fail" if difference.high < -margin else "inconclusive"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """All checks of one candidate.

    Attributes:
        candidate: its name.
        baseline: that of what it would replace.
        margin: how much worse it may be on each subject.
        checks: one per subject.
        notes: what was left out, in sentences.
    """

    candidate: str
    baseline: str
    margin: float
    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Fail if any check fails, pass if all pass."""
        found = {check.outcome for check in self.checks}
        return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        allowed = _points(self.margin)
        if self.outcome == "pass":
            said = f"PASS: {self.candidate} is not worse than {self.baseline} by {allowed} or more."
        elif self.outcome == "fail":
            said = f"FAIL: {self.candidate} is worse than {self.baseline} by more than {allowed}."
        else:
            said = (
                f"INCONCLUSIVE: whether {self.candidate} is worse than {self.baseline} by more "
                f"than {allowed}, the data cannot tell."
            )
        return f"{said} {self.parts}".rstrip()

    @property
    def parts(self) -> str:
        """Where a part of the items only was judged, in plain words; empty where all were."""
        cut = [f"{one.subject} by {one.items}" for one in self.checks if one.asked is not None]
        return f"Only a part was judged: {'; '.join(cut)}." if cut else ""
