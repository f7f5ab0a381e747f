"""What the live page asks a cost report with: the fields of its form, as typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Provenance
from weighbridge.report.plan_form import Choice

Written = Literal["amount", "usd", "percent", "whole"]


@dataclass(frozen=True, slots=True)
class CostField:
    """One line of text or number; a number may be a range such as ``0.4..0.9``.

    Attributes:
        name: in the address.
        label: beside it.
        value: as typed.
        hint: what an empty field means, or an example.
        unit: after it.
        slider: least and most of the slider that scripts put beside it.
        written: how a slider writes what it means.
        is_linear: whether its steps are equal; else they are equal factors.
        names: id of the list to choose from while typing.
        number: which of several fields of that name, from 0.
        open_end: whether the slider's end means no limit.
    """

    name: str
    label: str
    value: str
    hint: str = ""
    unit: str = ""
    slider: tuple[float, float] | None = None
    written: Written = "amount"
    is_linear: bool = False
    names: str = ""
    number: int = 0
    open_end: bool = False

    @property
    def id(self) -> str:
        """Of the field in the page."""
        return f"ask-{self.name}-{self.number}" if self.number else f"ask-{self.name}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A list of which one entry is chosen."""

    name: str
    label: str
    entries: tuple[tuple[Choice, bool], ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """A box to tick."""

    name: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Speed:
    """A replica's speed as taken, and where it is from."""

    text: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading, in order."""

    title: str
    parts: tuple[CostField | Chosen | Switch, ...]


@dataclass(frozen=True, slots=True)
class CostForm:
    """The form.

    Attributes:
        groups: what is asked always.
        more: what is asked less often.
        unfolded: whether that is shown.
        devices: names to choose from while typing.
        models: likewise.
        apis: likewise, each with its prices.
        speed: a replica's speed as taken; None where there is no answer.
        hidden: names and values that the address carries on unseen.
    """

    groups: tuple[Group, ...]
    more: tuple[Group, ...]
    unfolded: bool
    devices: tuple[str, ...]
    models: tuple[str, ...]
    apis: tuple[Choice, ...]
    speed: Speed | None = None
    hidden: tuple[tuple[str, str], ...] = ()
