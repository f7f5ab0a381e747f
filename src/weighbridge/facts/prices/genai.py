"""The document of genai-prices, as its project publishes it, turned into our rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

import msgspec

from weighbridge.core.errors import FormatError
from weighbridge.core.prices import known
from weighbridge.facts.prices.rows import MOST_USD, Hours, Long, Rate, Row

_BATCH: Final = {"processing": "batch"}
_KEYS: Final = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
_CACHE: Final = ("cache_read_mtok", "cache_write_mtok")
# Whose own documentation says that cached tokens cost the same in batches (Gemini's Batch API). Of
# others, such as OpenAI's models before GPT-5, a batch has no cache discount but a stated one.
_CACHED_AS_USUAL: Final = ("google",)
# What reading a model of another form raises: it is left out and counted, as others wrote it.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
)
_LONGEST_NAME: Final = 200
_DEEPEST_MATCH: Final = 4
_MOST_ALIASES: Final = 50


class _Conditional(msgspec.Struct):
    """Prices that hold under a condition."""

    prices: dict[str, Any]
    constraint: dict[str, Any] | None = None


class _Variant(msgspec.Struct):
    """Other prices for requests that are sent in some way."""

    when: dict[str, str]
    prices: dict[str, Any]
    constraint: dict[str, Any] | None = None


class _Model(msgspec.Struct):
    """Of a model what we read."""

    id: str
    prices: dict[str, Any] | list[_Conditional]
    match: Any = None
    context_window: int | None = None
    price_variants: list[_Variant] | None = None


class _Provider(msgspec.Struct):
    """Of a provider what we read; a model that cannot be read spoils no other."""

    id: str
    models: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Converted:
    """What a document holds.

    Attributes:
        rows: its prices, also those that begin later.
        skipped: models that could not be read.
        newest: the newest date from which one of its prices holds and that has come; empty if none.
    """

    rows: tuple[Row, ...]
    skipped: int
    newest: str


def convert(content: bytes, *, today: str, origin: str) -> Converted:
    """The rows of a document.

    Args:
        content: the document.
        today: prices that ended before are left out.
        origin: what to call it in errors.

    Raises:
        FormatError: it is no list of providers with models.
    """
    try:
        providers = msgspec.json.decode(content, type=list[_Provider])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(
            f"{origin} is no price list of genai-prices: {error}.",
            fix="Check the address; the default is the project's own.",
        ) from None
    on = date.fromisoformat(today[:10])
    rows: dict[tuple[str, str], Row] = {}
    skipped = 0
    newest = ""
    for provider in providers:
        for raw in provider.models:
            try:
                model = msgspec.json.decode(raw, type=_Model)
                for row in list(_rows(provider.id, model, on)):
                    rows.setdefault((row.name, row.since), row)
            except _UNREADABLE:
                skipped += 1
                continue
            begun = [each for each in _starts(model) if each <= on]
            newest = max([newest, *(each.isoformat() for each in begun)])
    return Converted(tuple(rows.values()), skipped, newest)


def _rows(provider: str, model: _Model, today: date) -> Iterator[Row]:
    """The price of today, and those that are announced."""
    if not (_is_name(provider) and _is_name(model.id)):
        raise ValueError(model.id)
    yield from _row(provider, model, today, since="")
    for start in sorted(set(_starts(model))):
        if start > today:
            yield from _row(provider, model, start, since=start.isoformat())


def _row(provider: str, model: _Model, on: date, *, since: str) -> Iterator[Row]:
    prices, hourly = _standard(model.prices, on)
    if not (prices.keys() & set(_KEYS.values())) and prices:
        return  # billed by the hour, the image or the request: no price of tokens
    batch = _batch(model.price_variants or (), prices, on, as_usual=provider in _CACHED_AS_USUAL)
    rate = _rate(prices, 0)
    starts = _thresholds(prices)
    yield Row(
        provider=provider,
        model=model.id,
        batch=_stated(batch, 0),
        long=tuple(
            Long(
                above=start,
                batch=_stated(batch, start + 1),
                **_fields(_rate(prices, start + 1)),
            )
            for start in starts
        ),
        hours=tuple(
            Hours(start=start, end=end, **_fields(_rate(each, 0))) for start, end, each in hourly
        ),
        aliases=_aliases(model),
        context=model.context_window if (model.context_window or 0) > 0 else None,
        since=since,
        **_fields(rate),
    )


def _standard(
    prices: dict[str, Any] | list[_Conditional], on: date
) -> tuple[dict[str, Any], list[tuple[float, float, dict[str, Any]]]]:
    """What holds on a day: the usual prices, and those of some hours. Later ones come first."""
    if isinstance(prices, dict):
        return prices, []
    hourly = []
    for each in reversed(prices):
        hours = _hours(each.constraint)
        if hours is not None:
            hourly.append((*hours, each.prices))
        elif _holds(each.constraint, on):
            return each.prices, hourly
    return (prices[0].prices if prices else {}), hourly


def _batch(
    variants: Iterable[_Variant], prices: dict[str, Any], on: date, *, as_usual: bool
) -> dict[str, Any] | None:
    """The usual prices with those of batches in their place; None where there are none.

    Of a cache there is a batch price where one is stated, or where caches cost ``as_usual``.
    """
    other: dict[str, Any] = {}
    for variant in variants:
        if variant.when == _BATCH and _holds(variant.constraint, on):
            other = variant.prices | other
    usual = {key: usd for key, usd in prices.items() if as_usual or key not in _CACHE}
    return usual | other if other else None


def _holds(constraint: Mapping[str, Any] | None, on: date) -> bool:
    if constraint is None:
        return True
    start = _start(constraint)
    return start is not None and start <= on


def _start(constraint: Mapping[str, Any] | None) -> date | None:
    said = (constraint or {}).get("start_date")
    return date.fromisoformat(said) if isinstance(said, str) else None


def _starts(model: _Model) -> list[date]:
    conditions = [each.constraint for each in model.price_variants or ()]
    if isinstance(model.prices, list):
        conditions += [each.constraint for each in model.prices]
    return [start for each in conditions if (start := _start(each)) is not None]


def _hours(constraint: Mapping[str, Any] | None) -> tuple[float, float] | None:
    if constraint is None or "start_time" not in constraint:
        return None
    return _hour(constraint["start_time"]), _hour(constraint["end_time"])


def _hour(text: str) -> float:
    """Of ``16:30:00Z`` the hour in UTC, 16.5."""
    told = time.fromisoformat(text)
    if told.tzinfo is not None:
        told = datetime.combine(date(1970, 1, 2), told).astimezone(UTC).timetz()
    return told.hour + told.minute / 60 + told.second / 3600


def _rate(prices: Mapping[str, Any], prompt: int) -> Rate:
    """What a prompt of that length is billed at."""
    return Rate(**{ours: _usd(prices.get(theirs), prompt) for ours, theirs in _KEYS.items()})


def _usd(value: Any, prompt: int) -> float | None:  # noqa: ANN401 -- as the document has it
    """A price, by length of the prompt where it depends on that; 0 is unknown."""
    if isinstance(value, dict):
        tiers = [tier for tier in value["tiers"] if prompt > tier["start"]]
        highest = max(tiers, key=lambda tier: tier["start"], default=None)
        return _usd(value["base"] if highest is None else highest["price"], prompt)
    if value is None or isinstance(value, bool):
        return None
    usd = known(float(value))
    if usd is not None and usd > MOST_USD:
        raise ValueError(usd)
    return usd


def _thresholds(prices: Mapping[str, Any]) -> list[int]:
    tiered = [prices[key] for key in _KEYS.values() if isinstance(prices.get(key), dict)]
    starts = {int(tier["start"]) for value in tiered for tier in value["tiers"]}
    if any(start < 0 for start in starts):
        raise ValueError(starts)
    return sorted(starts)


def _fields(rate: Rate) -> dict[str, Any]:
    return {name: getattr(rate, name) for name in _KEYS}


def _stated(prices: Mapping[str, Any] | None, prompt: int) -> Rate | None:
    """The rate of a prompt of that length; None where its price is unknown."""
    rate = _rate(prices or {}, prompt)
    return rate if rate.price() is not None else None


def _aliases(model: _Model) -> tuple[str, ...]:
    """Other names that a request may use: those matched as a whole or by their beginning."""
    names = dict.fromkeys(name for name in _names(model.match, 0) if _is_name(name))
    names.pop(model.id, None)
    return tuple(names)[:_MOST_ALIASES]


def _names(match: Any, depth: int) -> Iterator[str]:  # noqa: ANN401 -- as the document has it
    if not isinstance(match, dict) or depth > _DEEPEST_MATCH:
        return
    for key in ("equals", "starts_with"):
        if isinstance(match.get(key), str):
            yield match[key]
    for inner in match.get("or") or ():
        yield from _names(inner, depth + 1)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and text == text.strip()
