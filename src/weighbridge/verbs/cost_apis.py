"""The APIs of a cost question: their prices at the prompts and hours of the traffic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.core.cost import (
    Demand,
    Hosted,
    HostedPrice,
    PriceStep,
    Uncertain,
    certain,
)
from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, TokenPrice, is_stale
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import plural
from weighbridge.facts.prices import Prices
from weighbridge.verbs.cost_words import parse_uncertain

# Hours of other prices begin at any minute; none known begins at other than multiples of these.
_PER_HOUR: Final = 12
# What hosts add to a model's name for the format and the speed they serve it in, and what names
# leave out: none of it tells one model from another.
_NO_MODEL: Final = frozenset(
    {"fp8", "fp4", "nvfp4", "bf16", "int8", "int4", "awq", "turbo", "fast", "lite", "tee", "maas"}
    | {"meta", "instruct", "it", "chat", "hf", "free", "latest"}
)
_MOST_NAMED: Final = 4


def hosted(
    text: str,
    prices: Prices,
    demand: Demand,
    origin: Provenance,
    *,
    same_model: bool,
    ratio_of: Callable[[str], Uncertain],
) -> tuple[Hosted, tuple[str, ...]]:
    """An API by its name in the price books or by its price, and what there is to say of it.

    Args:
        text: the name, or the price.
        prices: that are known.
        demand: how long its prompts are, and at what hours they come.
        origin: of what the user says.
        same_model: whether it serves the model that would be served oneself.
        ratio_of: by the name of an API, the tokens that it counts per own token.

    Raises:
        InputError: no price, or several, go by that name; the provider has ended it; or prompts
            are longer than it takes.
    """
    if ".." in text:
        found = _ranged(text, origin, same_model=same_model)
        return replace(found, token_ratio=ratio_of(found.name)), ()
    known = prices.find_api(text)
    if not known.provider and known.provenance.kind == "assumed" and known not in prices.api:
        known = replace(known, provenance=origin)
    _check_alive(known, prices.today)
    ratio = ratio_of(known.name)
    prompt = _product(demand.prompt_tokens, ratio)
    _check_context(known, prompt)
    tier = _tier(known, prompt.base)
    usd = _quantities(known, prompt.base, demand)
    price = HostedPrice(
        input=usd.pop("input") or certain(known.price.input),
        output=usd.pop("output") or certain(known.price.output),
        **usd,
        tier=f"prompts from {tier} tokens on" if tier else "",
        is_stale=is_stale(known.provenance, prices.today),
        steps=tuple(_steps(known, prompt.base, demand)),
    )
    notes = tuple(_about(known, prompt, price))
    return Hosted(known.name, price, same_model=same_model, token_ratio=ratio), notes


def same_model_notes(
    model: str, texts: Sequence[str], apis: Sequence[Hosted], prices: Prices
) -> tuple[str, ...]:
    """Hosts of the model that nobody asked for, and those asked for that may be of another.

    Args:
        model: that would be served oneself; empty if that is not said.
        texts: how hosts of the same model were given.
        apis: all that are compared with.
        prices: that are known.
    """
    if not model:
        return ()
    wanted = _words(model)
    others = [
        price.name
        for price in map(prices.find_api, (text for text in texts if ".." not in text))
        if price in prices.api and not any(_words(name) == wanted for name in _names(price))
    ]
    notes = [
        f"{name} is given as a host of the same model, and its name does not say {model}: if it is "
        "another model, give it with --api."
        for name in others
    ]
    if not texts:
        notes += _hosts(wanted, model, {one.name for one in apis}, prices)
    return tuple(notes)


def _hosts(wanted: Sequence[str], model: str, have: set[str], prices: Prices) -> Iterator[str]:
    """That some hosts seem to serve the model."""
    named = [
        price.name
        for price in prices.api
        if price.name not in have
        and not price.has_ended(prices.today)
        and any(_words(name) == wanted for name in _names(price))
    ]
    if named:
        more = " …" if len(named) > _MOST_NAMED else ""
        yield (
            f"{plural(len(named), 'host')} of {model} by name: {', '.join(named[:_MOST_NAMED])}"
            f"{more}. --same-model-api NAME compares with one."
        )


def _names(price: ApiPrice) -> tuple[str, ...]:
    return (price.model, *price.aliases)


def _words(name: str) -> list[str]:
    """What tells a model from others: the words of its name after the last slash."""
    last = name.lower().rpartition("/")[2]
    return [word for word in re.split(r"[^a-z0-9.]+", last) if word and word not in _NO_MODEL]


def _check_alive(known: ApiPrice, today: str) -> None:
    if known.has_ended(today):
        raise InputError(
            f"{known.name} has ended on {known.retires}: nobody can buy it any more.",
            fix="Name its successor (`weigh prices` lists all); or, to reckon with it still, "
            f"state its price: ended={known.price.input:g}/{known.price.output:g}.",
        )


def _check_context(known: ApiPrice, prompt: Uncertain) -> None:
    if known.context is not None and prompt.base > known.context:
        raise InputError(
            f"{known.name} takes {known.context:,} tokens at most, and prompts have "
            f"{prompt.base:,.0f}.",
            fix="Name an API with a longer context (`weigh prices --sort context`), or state a "
            f"price: longer={known.price.input:g}/{known.price.output:g}.",
        )


def _product(one: Uncertain, other: Uncertain) -> Uncertain:
    """Tokens as the API counts them; the ends only bound it."""
    return replace(
        one, base=one.base * other.base, low=one.low * other.low, high=one.high * other.high
    )


def _tier(found: ApiPrice, prompt_tokens: float) -> int:
    return max(
        (one.from_prompt_tokens for one in found.tiers if prompt_tokens >= one.from_prompt_tokens),
        default=0,
    )


def _quantities(known: ApiPrice, prompt: float, demand: Demand) -> dict[str, Uncertain | None]:
    """All prices by their name in :class:`HostedPrice`, at prompts of that length.

    A day that is only assumed says nothing of where its hours are on the provider's clock, so that
    the range is over all places where they may be.
    """
    shifts = range(24 if known.hours and demand.profile_source.startswith("assumed") else 1)
    means = [_over_day(known, prompt, demand, shift) for shift in shifts]
    found: dict[str, Uncertain | None] = {}
    for name, base in means[0].items():
        values = [value for each in means if (value := each[name]) is not None]
        if base is None:
            found[name] = None
        elif max(values) > min(values):
            found[name] = Uncertain(base, min(values), max(values), "triangular", known.provenance)
        else:
            found[name] = certain(base, known.provenance)
    return found


def _over_day(
    known: ApiPrice, prompt: float, demand: Demand, shift: int = 0
) -> dict[str, float | None]:
    """Mean prices over the traffic's day, which is so many hours behind UTC."""
    rates = _rates(known, prompt, demand, shift)
    every = [tier.price for tier in known.tiers] + [each.price for each in known.hours]
    cached = any(price.cached is not None for price in every)
    written = any(price.cache_write is not None for price in every)
    batch = known.at(prompt, batch=True) if known.batch is not None else None

    def mean(of: Callable[[TokenPrice], float]) -> float:
        return sum(share * of(price) for share, price in rates)

    return {
        "input": mean(lambda price: price.input),
        "output": mean(lambda price: price.output),
        "cached_input": mean(lambda price: price.cached_or_input) if cached else None,
        "written_input": mean(lambda price: price.cache_write_or_input) if written else None,
        "batch_input": batch.input if batch else None,
        "batch_output": batch.output if batch else None,
        "batch_cached_input": batch.cached if batch else None,
        "batch_written_input": batch.cache_write if batch else None,
    }


def _rates(
    known: ApiPrice, prompt: float, demand: Demand, shift: int
) -> list[tuple[float, TokenPrice]]:
    """Shares of the traffic, and what each is billed at."""
    if not known.hours:
        return [(1.0, known.at(prompt))]
    # Requests that may wait come evenly, and are billed like others where batches have no price.
    waiting = demand.batch_share.base if known.batch is None else 0.0
    whole = sum(demand.profile)
    rates = []
    for hour, weight in enumerate(demand.profile):
        share = ((1 - waiting) * weight / whole + waiting / 24) / _PER_HOUR
        rates += [
            (share, known.at(prompt, hour=hour + shift + (part + 0.5) / _PER_HOUR))
            for part in range(_PER_HOUR)
        ]
    return rates


def _steps(known: ApiPrice, prompt: float, demand: Demand) -> Iterator[PriceStep]:
    """Each length's prices over those at the base's length."""
    if len(known.tiers) == 1:
        return
    base = _over_day(known, prompt, demand)
    for tier in known.tiers:
        there = _over_day(known, tier.from_prompt_tokens, demand)
        times = {
            name: (there[name] or usd) / usd if usd is not None else 1.0
            for name, usd in base.items()
        }
        yield PriceStep(tier.from_prompt_tokens, **times)


def _about(known: ApiPrice, prompt: Uncertain, price: HostedPrice) -> Iterator[str]:
    tier = _tier(known, prompt.base)
    if tier:
        yield f"{known.name} bills prompts of {tier:,} tokens and more at another price."
    crossed = [
        f"{one.from_prompt_tokens:,}"
        for one in known.tiers
        if prompt.low < one.from_prompt_tokens <= prompt.high
    ]
    if crossed:
        yield (
            f"{known.name} changes its price at {' and '.join(crossed)} tokens of prompt: each "
            "length in the range is billed at its own."
        )
    if known.hours:
        yield (
            f"{known.name} has other prices at some hours: ${price.input.base:.4g} in and "
            f"${price.output.base:.4g} out per million tokens are its mean over this day, read as "
            f"UTC{_where(price.input)}."
        )
    if known.context is not None and prompt.high > known.context:
        yield (
            f"{known.name} takes {known.context:,} tokens at most: the longest prompts of the "
            "range would be refused, and are billed here."
        )
    if known.retires:
        yield f"{known.name} ends on {known.retires}: moving away is a cost of its own."


def _where(one: Uncertain) -> str:
    if one.is_certain:
        return ""
    return f"; elsewhere ${one.low:.4g} to ${one.high:.4g} in, which is the range that is taken"


def _ranged(text: str, origin: Provenance, *, same_model: bool) -> Hosted:
    """``NAME=1.5..2/8..10`` in USD per million tokens; a third part is of cached input."""
    name, _, stated = text.strip().rpartition("=")
    parts = stated.split("/")
    if not 2 <= len(parts) <= 3:
        raise InputError(
            f"{text!r} is no price.", fix="Write for example our-host=0.02..0.04/0.05."
        )
    usd = [parse_uncertain(part, "price", origin) for part in parts]
    cached = usd[2] if len(usd) == 3 else None
    return Hosted(name.strip() or stated, HostedPrice(usd[0], usd[1], cached), same_model)
