"""litellm's list of API prices, as a CSV table, in our names: to compare, and for end dates."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.prices import ApiPrice, known

# What litellm calls providers, where our list calls them otherwise.
PROVIDERS = {
    "azure_ai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "vertex_ai": "google",
    "xai": "x-ai",
}
WITHIN = 0.02
_FIREWORKS = "accounts/fireworks/models/"


@dataclass(frozen=True)
class Entry:
    """A row of the table, in our names; prices are None where it has none, or 0."""

    provider: str
    model: str
    input: float | None
    output: float | None
    retires: str


@dataclass(frozen=True)
class Pair:
    """A model at one provider in both lists; USD of a million tokens in and a million out."""

    provider: str
    model: str
    ours: float
    theirs: float

    @property
    def agrees(self) -> bool:
        """Whether both say the same, but for rounding."""
        return abs(self.ours - self.theirs) <= WITHIN * self.theirs


def read_entries(path: Path) -> dict[tuple[str, str], Entry]:
    """The table by provider and model; of a model under two names the last row counts."""
    with path.open(encoding="utf-8", newline="") as file:
        entries = [_entry(row) for row in csv.DictReader(file)]
    return {(each.provider, each.model): each for each in entries}


def pairs(prices: Sequence[ApiPrice], entries: Sequence[Entry]) -> list[Pair]:
    """Every model of which both lists have a price at the same provider."""
    ours = _by_name(prices)
    found = []
    for each in entries:
        mine = ours.get((each.provider, each.model))
        if mine is None or each.input is None or each.output is None:
            continue
        both = mine.price.input + mine.price.output
        found.append(Pair(each.provider, each.model, both, each.input + each.output))
    return found


def _entry(row: dict[str, str]) -> Entry:
    """Their models carry their name of the provider in front, and Fireworks' a path of its own."""
    model = row["model"].removeprefix(f"{row['provider']}/").removeprefix(_FIREWORKS)
    usd = [known(float(row[f"{way}_usd_per_mtok"] or 0)) for way in ("in", "out")]
    provider = PROVIDERS.get(row["provider"], row["provider"])
    return Entry(provider, model.lower(), usd[0], usd[1], row["deprecation_date"])


def _by_name(prices: Sequence[ApiPrice]) -> dict[tuple[str, str], ApiPrice]:
    """Prices by provider and name; a model's own name counts before another's alias."""
    table: dict[tuple[str, str], ApiPrice] = {}
    for price in prices:
        for alias in price.aliases:
            table.setdefault((price.provider, alias.lower()), price)
    return table | {(price.provider, price.model.lower()): price for price in prices}
