"""What the live page asks a placement with: the fields of its form, as typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.report.plan_form import Choice, Field

MOST_ROWS: Final = 16
MOST_FILE: Final = 6000
"""Characters of a pasted file: what is sent with an address has to stay short."""
_LEAST_ROWS: Final = 3


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A line of the form: one model that is to be served.

    Attributes:
        model: its name.
        rate: requests per second.
        quality: on one scale for all, or empty.
        optional: whether it may be left out.
    """

    model: str = ""
    rate: str = ""
    quality: str = ""
    optional: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked with it."""
        return not (self.model or self.rate or self.quality)


@dataclass(frozen=True, slots=True)
class PlacementForm:
    """The form.

    Attributes:
        fields: what is typed and holds for all.
        rows: the models.
        formats: number formats that may be chosen, and those that are.
        file: a pasted file, which is asked instead of all else.
        devices: names to choose from while typing.
        models: likewise.
    """

    fields: tuple[Field, ...]
    rows: tuple[ModelRow, ...]
    formats: tuple[tuple[Choice, bool], ...]
    file: str
    devices: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def lines(self) -> tuple[ModelRow, ...]:
        """The rows, and empty ones to fill in."""
        count = min(MOST_ROWS, max(_LEAST_ROWS, len(self.rows) + 1))
        return self.rows + (ModelRow(),) * (count - len(self.rows))

    @property
    def most_file(self) -> int:
        """Characters that a pasted file may have."""
        return MOST_FILE
