"""What a policy asks of a learned route, whose file :mod:`.classifier` reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Learned:
    """What a learned route says of one message.

    Attributes:
        tied: models of which none is known to be better for it than another, in order; ``prefer``
            may choose among these.
        then: models to try after them, the best single model last.
        task: the task recognised with confidence, if any.
        confidence: in that task, 0 to 1, as calibrated on what training had not seen.
        why: the reason in words that are the same for many requests.
    """

    tied: tuple[str, ...]
    then: tuple[str, ...]
    task: str | None
    confidence: float
    why: str


class LearnedRoute(Protocol):
    """Chooses by the text of a message; must return within a hundred microseconds."""

    def choose(self, message: str) -> Learned:
        """The models for it, and why."""
