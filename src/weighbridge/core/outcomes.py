"""How several models did on the same items: what comparisons, gates and correlations start from."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TypeAlias

Scores: TypeAlias = "array[float]"  # arrays take no index at run time before Python 3.12


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A score per item and model, as measured.

    Attributes:
        subject: the suite, task or file that the items are of.
        items: their names, each once.
        models: their names, each once.
        scores: a column per model in the order of the items: 0 to 1, NaN for a missing answer.
        groups: what items of one group share (a document, a template), or None: each stands alone.
    """

    subject: str
    items: tuple[str, ...]
    models: tuple[str, ...]
    scores: tuple[Scores, ...]
    groups: tuple[str, ...] | None = None

    def missing(self, model: int) -> tuple[str, ...]:
        """The items to which a model gave no answer; they count as wrong."""
        column = self.scores[model]
        return tuple(
            item for item, score in zip(self.items, column, strict=True) if math.isnan(score)
        )
