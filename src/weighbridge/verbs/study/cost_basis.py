"""All that a study's bill rests on besides measurements: what is asked, prices, predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.prices import Terms, is_stale
from weighbridge.core.study_file import PricesPart
from weighbridge.facts.catalog.lines import own_path
from weighbridge.facts.devices.described import split_count
from weighbridge.facts.prices import Prices
from weighbridge.facts.prices import load as load_prices
from weighbridge.verbs.cost_apis import same_model_notes
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.bills import attempts, device_of
from weighbridge.verbs.study.identity import configuration_of, digest_of
from weighbridge.verbs.study.jobs import Effects
from weighbridge.verbs.study.measuring import inspectable
from weighbridge.workspace.calibration import read_points


def prices_of(asked: Asked, effects: Effects) -> Prices:
    """The prices that count in a study's workspace.

    Raises:
        ConfigError: a price book says something that is no price.
    """
    prices = load_prices(
        today=effects.clock.now_iso(), environment=effects.environment, workspace=effects.root
    )
    return replace(prices, said=str(asked.path))


def named_apis(asked: Asked) -> list[str]:
    """The APIs that the file names; a range is a price, and no name."""
    prices = asked.file.prices or PricesPart()
    return [text for text in (*prices.api, *prices.same_model_api) if ".." not in text]


def rests_on(
    asked: Asked,
    effects: Effects,
    lengths: tuple[int, int] | None,
    loads: Mapping[str, str | None],
) -> list[Any]:
    """What another bill would come of, if it changed."""
    file = asked.file
    ways = {
        name: [(one.what, one.asked) for one in attempts(asked, name, lengths, load)]
        for name, load in loads.items()
    }
    models = {one.model for each in ways.values() for _, one in each}
    paid = [
        (name, file.candidates[name].price, file.candidates[name].leaves, asked.entries[name].urls)
        for name in loads
    ]
    return [
        file.prices, file.workload, file.machine, file.seed, loads, ways, paid,
        _or_why(lambda: list(_found(asked, prices_of(asked, effects), models))),
        list(_predictions(asked, effects)),
    ]  # fmt: skip


def _found(asked: Asked, prices: Prices, models: set[str]) -> Iterator[Any]:
    """The very prices that the names in the file mean today, and what is said of them."""
    part = asked.file.prices or PricesPart()
    for text in named_apis(asked):
        known = _or_why(lambda text=text: prices.find_api(text))  # type: ignore[misc]
        if isinstance(known, str):
            yield known
        elif known in prices.api:  # others are as the file states them, today as tomorrow
            yield (known, is_stale(known.provenance, prices.today), known.has_ended(prices.today))
    if part.hardware.gpu_price is None:
        terms: Terms = "spot" if part.hardware.spot else "on-demand"
        for device in sorted({device_of(asked, name) for name in asked.contenders}):
            yield _or_why(lambda device=device: _gpu(prices, device, terms))  # type: ignore[misc]
    for model in sorted(models):
        yield _or_why(
            lambda model=model: same_model_notes(model, part.same_model_api, (), prices)  # type: ignore[misc]
        )


def _gpu(prices: Prices, device: str, terms: Terms) -> Any:  # noqa: ANN401 -- to be hashed
    if not device:
        return None
    known = prices.find_gpu(split_count(device)[1], terms)
    return known, is_stale(known.provenance, prices.today)


def _predictions(asked: Asked, effects: Effects) -> Iterator[Any]:
    """What a capacity is predicted with, where it is: configurations, calibrations, own models."""
    known = {name: inspectable(asked, name) for name in asked.contenders}
    wanted = {name: where for name, where in known.items() if where and device_of(asked, name)}
    if not wanted:
        return
    yield [(name, configuration_of(where)) for name, where in wanted.items()]
    yield read_points(effects.root)
    own = own_path(effects.environment)
    yield digest_of(own) if own is not None and Path(own).is_file() else None


def _or_why(find: Callable[[], Any]) -> Any:  # noqa: ANN401 -- to be hashed
    """What is found, or why not: what is wrong is told when the bill is made."""
    try:
        return find()
    except WeighbridgeError as error:
        return str(error)
