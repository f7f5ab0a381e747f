"""``weigh prices``: what tokens cost at hosted APIs, and GPUs by the hour."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, GpuPrice, Terms, TokenPrice, age_days, is_stale
from weighbridge.core.provenance import Provenance
from weighbridge.core.sheet_cells import guarded_row
from weighbridge.facts.prices import Prices, load

if TYPE_CHECKING:
    from weighbridge.facts.prices.update import Update

Sort = Literal["name", "model", "input", "output", "context", "date"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which prices to list.

    Attributes:
        words: each must be in ``provider/model`` or in another name of the model.
        provider: only this one.
        model: must be in the model's name.
        max_output: the most that a million generated tokens may cost, in USD.
        sort: cheapest, longest or newest first; names from A to Z. None keeps providers together.
    """

    words: tuple[str, ...] = ()
    provider: str = ""
    model: str = ""
    max_output: float | None = None
    sort: Sort | None = None


def read(clock: Clock, *, book: Path | None = None, workspace: Path | None = None) -> Prices:
    """All prices that are known now; see :func:`weighbridge.facts.prices.loading.load`."""
    return load(today=clock.now_iso(), book=book, workspace=workspace)


def select(prices: Prices, wanted: Wanted) -> tuple[ApiPrice, ...]:
    """The prices that pass.

    Raises:
        InputError: no price is of that provider.
    """
    _check_provider(prices, wanted.provider)
    found = [price for price in prices.api if _passes(price, wanted)]
    if wanted.sort is not None:
        found.sort(key=lambda price: _rank(price, wanted.sort))
        if wanted.sort == "date":
            found.reverse()
    return tuple(found)


def none_words(prices: Prices, wanted: Wanted) -> str:
    """What to do where no price passes: a GPU that is meant, or names that look alike."""
    from weighbridge.facts.devices.catalogue import matches  # noqa: PLC0415 -- only for a slip

    said = " ".join((*wanted.words, wanted.model)).strip()
    alone = said and not (wanted.provider or wanted.max_output)
    if alone and (matches(said)):
        return f"No API has {said} in its name; GPUs by the hour: `weigh prices --gpu {said!r}`."
    near = prices.near("-".join(said.split())) if alone else []
    if near:
        are = "is" if len(near) == 1 else "are"
        return f"No known price passes. Nearest {are} {', '.join(near)}."
    return "No known price passes; ask for less, or see all with `weigh prices`."


def select_gpus(prices: Prices, device: str, terms: Terms | None) -> tuple[GpuPrice, ...]:
    """The spread of all devices, or of those that a name means.

    Raises:
        InputError: there is no such device.
    """
    from weighbridge.facts.devices.catalogue import find, matches  # noqa: PLC0415 -- only for GPUs

    names = {entry.device.name for entry in matches(device)} if device else None
    if device and not names:
        find(device)  # says which are near
    return tuple(
        price
        for price in prices.gpu_prices()
        if (names is None or price.device in names) and terms in (None, price.terms)
    )


def to_json(prices: Prices, found: Sequence[ApiPrice]) -> dict[str, Any]:
    """The document of ``weigh prices --json``."""
    return {
        "today": prices.today,
        "prices": [_api(price, prices) for price in found],
        "unknown": len(prices.unknown),
        "notes": list(prices.notes),
    }


def gpus_to_json(prices: Prices, found: Sequence[GpuPrice]) -> dict[str, Any]:
    """The document of ``weigh prices --gpu --json``."""
    return {
        "today": prices.today,
        "gpus": [_gpu(price, prices.today) for price in found],
        "notes": list(prices.notes),
    }


def to_csv(prices: Prices, found: Sequence[ApiPrice]) -> str:
    """API prices as a table with a header line; what is unknown is empty."""
    rows = []
    for price in found:
        batch = price.batch
        rows.append({
            "provider": price.provider,
            "model": price.model,
            "input_usd_per_mtok": price.price.input,
            "output_usd_per_mtok": price.price.output,
            "cached_usd_per_mtok": price.price.cached,
            "cache_write_usd_per_mtok": price.price.cache_write,
            "batch_input_usd_per_mtok": batch.input if batch else None,
            "batch_output_usd_per_mtok": batch.output if batch else None,
            "context": price.context,
            "retires": price.retires,
            **_origin(price.provenance, prices.today),
        })  # fmt: skip
    return _csv(rows)


def gpus_to_csv(prices: Prices, found: Sequence[GpuPrice]) -> str:
    """GPU prices as a table with a header line."""
    return _csv([
        {
            "device": price.device,
            "terms": price.terms,
            "min_usd_per_hour": price.low,
            "median_usd_per_hour": price.median,
            "max_usd_per_hour": price.high,
            "offers": price.offers,
            **_origin(price.provenance, prices.today),
        }
        for price in found
    ])  # fmt: skip


def update(clock: Clock, *, url: str | None = None) -> Update:
    """Fetch the newest list of API prices and keep it; see :mod:`weighbridge.facts.prices.update`.

    Raises:
        EndpointError: it cannot be fetched; the prices known so far stay.
        InputError: there is nothing at that address, or no price list.
        WorkspaceError: it cannot be kept.
    """
    from weighbridge.facts.prices import update as updates  # noqa: PLC0415 -- the only network

    return updates.update(today=clock.now_iso(), environment=os.environ, url=url or updates.URL)


def update_to_json(done: Update) -> dict[str, Any]:
    """The document of ``weigh prices update --json``."""
    return {
        "url": done.url,
        "path": str(done.path),
        "date": done.date,
        "models": done.models,
        "skipped": done.skipped,
        "new": list(done.new),
        "gone": list(done.gone),
        "changed": list(done.changed),
    }


def _check_provider(prices: Prices, provider: str) -> None:
    known = {price.provider.lower(): price.provider for price in prices.api}
    if not provider or provider.lower() in known:
        return
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    near = difflib.get_close_matches(provider.lower(), known, n=3)
    listed = ", ".join(known[name] for name in near or sorted(known))
    said = "Nearest" if near else "Known"
    raise InputError(
        f"No price of a provider {provider!r} is known.",
        fix=f"{said} {'is' if len(near) == 1 else 'are'} {listed}.",
    )


def _passes(price: ApiPrice, wanted: Wanted) -> bool:
    if wanted.provider and price.provider.lower() != wanted.provider.lower():
        return False
    if wanted.max_output is not None and price.price.output > wanted.max_output:
        return False
    models = [name.lower() for name in (price.model, *price.aliases)]
    if not any(wanted.model.lower() in name for name in models):
        return False
    names = [f"{price.provider.lower()}/{name}" for name in models]
    return all(any(word.lower() in name for name in names) for word in wanted.words)


def _rank(price: ApiPrice, sort: Sort | None) -> tuple[Any, ...]:
    first: dict[Sort, Any] = {
        "name": price.name.lower(),
        "model": price.model.lower().rpartition("/")[2],
        "input": price.price.input,
        "output": price.price.output,
        "context": -(price.context or 0),
        "date": price.provenance.date,
    }
    return (first[sort or "name"], price.name.lower())


def _api(price: ApiPrice, prices: Prices) -> dict[str, Any]:
    return {
        "name": price.name,
        "provider": price.provider,
        "model": price.model,
        "aliases": list(price.aliases),
        "usd_per_mtok": _rate(price.price),
        "batch_usd_per_mtok": _rate(price.batch),
        "tiers": [
            {
                "from_prompt_tokens": tier.from_prompt_tokens,
                "usd_per_mtok": _rate(tier.price),
                "batch_usd_per_mtok": _rate(tier.batch),
            }
            for tier in price.tiers
        ],
        "hours": [
            {
                "from_hour": each.from_hour,
                "to_hour": each.to_hour,
                "usd_per_mtok": _rate(each.price),
            }
            for each in price.hours
        ],
        "context": price.context,
        "retires": price.retires or None,
        "own": price.name in prices.own,
        **_dated(price.provenance, prices.today),
    }


def _gpu(price: GpuPrice, today: str) -> dict[str, Any]:
    return {
        "device": price.device,
        "terms": price.terms,
        "usd_per_hour": {"min": price.low, "median": price.median, "max": price.high},
        "offers": price.offers,
        **_dated(price.provenance, today),
    }


def _rate(price: TokenPrice | None) -> dict[str, float | None] | None:
    if price is None:
        return None
    return {
        "input": price.input,
        "output": price.output,
        "cached": price.cached,
        "cache_write": price.cache_write,
    }


def _dated(provenance: Provenance, today: str) -> dict[str, Any]:
    return {
        "age_days": age_days(provenance, today),
        "stale": is_stale(provenance, today),
        "provenance": {
            "kind": provenance.kind,
            "source": provenance.source,
            "date": provenance.date or None,
        },
    }


def _origin(provenance: Provenance, today: str) -> dict[str, Any]:
    return {
        "date": provenance.date,
        "stale": is_stale(provenance, today),
        "kind": provenance.kind,
        "source": provenance.source,
    }


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(guarded_row, rows))
    return text.getvalue()
