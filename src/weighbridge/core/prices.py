"""What tokens cost at hosted APIs and GPUs by the hour: a price is a fact with a source and a date.

Unknown prices are None or absent, never 0: in lists 0 is what is free, and what nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median_low
from typing import Literal, get_args

from weighbridge.core.provenance import Provenance

# Older prices are marked: providers change them several times a year.
STALE_DAYS = 60
# From three offers on, their own spread is taken. Of fewer it says nothing: they get this range,
# which is about that of the GPUs with many (0.7 to 1.7 times their middle offer, single dear ones
# aside).
FEW_OFFERS = 3
_FEW_SPREAD = (0.7, 1.7)
Terms = Literal["on-demand", "spot", "reserved"]
TERMS: tuple[Terms, ...] = get_args(Terms)


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD per million tokens.

    Attributes:
        input: of a prompt, uncached.
        output: of what is generated, reasoning included.
        cached: of the part of a prompt that is read from a cache; None where no discount is known.
        cache_write: of the part of a prompt that is written to a cache; None where writing is not
            known to cost more than ``input``.
    """

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    @property
    def cached_or_input(self) -> float:
        """What a cached token is billed at: as any other, where no discount is known."""
        return self.input if self.cached is None else self.cached

    @property
    def cache_write_or_input(self) -> float:
        """What a token written to a cache costs: as any other, where no surcharge is known."""
        return self.input if self.cache_write is None else self.cache_write


@dataclass(frozen=True, slots=True)
class PriceTier:
    """What requests with long prompts cost: every token of them, not only those above the limit.

    Attributes:
        from_prompt_tokens: the smallest prompt, cached tokens included, that is billed so.
        price: what it is billed at.
        batch: what it is billed at in a batch; None where no batch price is known.
    """

    from_prompt_tokens: int
    price: TokenPrice
    batch: TokenPrice | None = None


@dataclass(frozen=True, slots=True)
class HourlyPrice:
    """Another price at some hours of the day, UTC; over midnight where it ends before it begins."""

    from_hour: float
    to_hour: float
    price: TokenPrice

    def covers(self, hour: float) -> bool:
        """Whether it holds at an hour of the day, 0 up to 24."""
        hour %= 24
        if self.from_hour <= self.to_hour:
            return self.from_hour <= hour < self.to_hour
        return hour >= self.from_hour or hour < self.to_hour


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """What a provider asks for a model's tokens.

    Attributes:
        provider: who bills, e.g. ``anthropic``; the same model elsewhere is another price.
        model: as the provider's API calls it.
        tiers: by length of the prompt, ascending, the first from 0.
        provenance: who says so, and when it was so.
        hours: other prices by time of day; they come before ``tiers``.
        aliases: other names of the same model at the provider.
        context: the longest prompt in tokens; None if unknown.
        retires: the ISO date on which the provider ends the model; empty if none is known.
    """

    provider: str
    model: str
    tiers: tuple[PriceTier, ...]
    provenance: Provenance
    hours: tuple[HourlyPrice, ...] = ()
    aliases: tuple[str, ...] = ()
    context: int | None = None
    retires: str = ""

    @property
    def name(self) -> str:
        """``provider/model``, by which it is looked up."""
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def price(self) -> TokenPrice:
        """Of a short prompt outside ``hours``, which may be the smaller part of the day."""
        return self.tiers[0].price

    @property
    def batch(self) -> TokenPrice | None:
        """Of a short prompt in a batch; None where no batch price is known."""
        return self.tiers[0].batch

    def has_ended(self, today: str) -> bool:
        """Whether the provider has ended the model by that ISO date, so that nobody can buy it."""
        return bool(self.retires) and self.retires <= today[:10]

    def at(
        self, prompt_tokens: float = 0, *, hour: float | None = None, batch: bool = False
    ) -> TokenPrice:
        """The price of one request.

        Args:
            prompt_tokens: its whole prompt, cached tokens included.
            hour: of the day, in UTC; None for a price that disregards the time of day.
            batch: whether it is sent in a batch. Where no batch price is known the usual one holds,
                so ask ``self.batch`` whether there is one.
        """
        tier = self.tiers[0]
        for each in self.tiers[1:]:
            if prompt_tokens >= each.from_prompt_tokens:
                tier = each
        if batch and tier.batch is not None:
            return tier.batch
        if hour is not None:
            for special in self.hours:
                if special.covers(hour):
                    return special.price
        return tier.price


@dataclass(frozen=True, slots=True)
class GpuOffer:
    """What somebody asks for an hour of a GPU.

    Attributes:
        provider: who rents it out.
        device: as our catalogue of devices calls it.
        terms: on demand, spot (may be taken away), or reserved for months.
        usd_per_gpu_hour: of one GPU, with its share of the server.
        region: as the provider calls it; may be empty.
        provenance: who says so, and when.
    """

    provider: str
    device: str
    terms: Terms
    usd_per_gpu_hour: float
    region: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """What a GPU costs by the hour over all known offers, in USD.

    Attributes:
        median: the middle offer; of an even number the cheaper one of the two in the middle, which
            can be bought while their mean cannot.
        offers: how many there are.
        provenance: the sources, and the date of the oldest.
    """

    device: str
    terms: Terms
    low: float
    median: float
    high: float
    offers: int
    provenance: Provenance

    @property
    def is_thin(self) -> bool:
        """Whether so few single offers are known that their spread says nothing of the market.

        Prices of the user's own are not offers: one is enough.
        """
        return self.offers < FEW_OFFERS and self.provenance.kind == "catalogue"

    @property
    def reckoned(self) -> tuple[float, float]:
        """Least and most to reckon with: as offered, or the usual spread about few offers."""
        if not self.is_thin:
            return self.low, self.high
        down, up = _FEW_SPREAD
        return min(self.low, down * self.median), max(self.high, up * self.median)


def summary(offers: Sequence[GpuOffer]) -> GpuPrice:
    """The spread of offers of one device on the same terms; at least one."""
    prices = [offer.usd_per_gpu_hour for offer in offers]
    sources = list(dict.fromkeys(offer.provenance.source for offer in offers))
    said = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    oldest = min(offer.provenance.date for offer in offers)
    kinds = {offer.provenance.kind for offer in offers}
    kind = kinds.pop() if len(kinds) == 1 else "catalogue"
    return GpuPrice(
        device=offers[0].device,
        terms=offers[0].terms,
        low=min(prices),
        median=median_low(prices),
        high=max(prices),
        offers=len(offers),
        provenance=Provenance(kind, said, oldest),
    )


def age_days(provenance: Provenance, today: str) -> int | None:
    """Days since a price was seen; None where its date is unknown or no date."""
    try:
        seen = date.fromisoformat(provenance.date[:10])
        return (date.fromisoformat(today[:10]) - seen).days
    except ValueError:
        return None


def is_stale(provenance: Provenance, today: str) -> bool:
    """Whether a price is too old to be relied on, or of unknown age."""
    days = age_days(provenance, today)
    return days is None or days > STALE_DAYS


def known(usd: float | None) -> float | None:
    """A price as lists write it: 0, negative and absurd ones are unknown."""
    if usd is None or not math.isfinite(usd) or usd <= 0:
        return None
    return float(usd)
