"""Drivers: every uncertain quantity of a question by its path, and arrays of their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.cost import Demand, FixedLine, Hosted, SelfHosted, Uncertain

Array = NDArray[np.float64]
Values = Mapping[str, Array]
Drivers = dict[str, Uncertain]

# Standard normal quantile of 0.9: low and high of a lognormal are its 10 % and 90 % quantiles.
_Z90: Final = 1.2815515655446004


def drivers(record: object, path: str) -> Drivers:
    """All uncertain quantities inside a record, by dotted path."""
    found: Drivers = {}
    for name, value in _parts(record):
        if isinstance(value, Uncertain):
            found[f"{path}.{name}"] = value
        elif is_dataclass(value):
            found |= drivers(value, f"{path}.{name}")
        elif isinstance(value, tuple):
            for one in value:
                if isinstance(one, FixedLine):
                    found[f"{path}.{name}.{one.name}"] = one.usd_per_month
    return found


def _parts(record: object) -> list[tuple[str, Any]]:
    if not is_dataclass(record):
        return []
    return [(one.name, getattr(record, one.name)) for one in fields(record)]


def drivers_of(demand: Demand, own: SelfHosted | None, api: Hosted | None) -> Drivers:
    """Those of one comparison; of a part that is None there are none."""
    found = drivers(demand, "demand")
    if own is not None:
        found |= drivers(own, "self")
    if api is not None:
        found |= drivers(api, "api")
    return found


def base_values(of: Drivers) -> dict[str, Array]:
    """The base case, as arrays of one element."""
    return {path: np.array([one.base]) for path, one in of.items()}


def drawn(of: Drivers, seed: int, count: int, *, scope: str = "") -> dict[str, Array]:
    """``count`` draws of every driver.

    Each driver has a stream of random numbers of its own, by seed, scope and path: adding a driver
    does not change the draws of the others. ``scope`` tells options apart that are independent.
    """
    return {path: _drawn(one, _stream(seed, scope, path), count) for path, one in of.items()}


def _stream(seed: int, scope: str, path: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\n{scope}\n{path}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _drawn(one: Uncertain, stream: np.random.Generator, count: int) -> Array:
    if one.is_certain:
        return np.full(count, one.base)
    if one.shape == "lognormal":
        z = stream.standard_normal(count)
        down, up = np.log(one.base / one.low) / _Z90, np.log(one.high / one.base) / _Z90
        spread: Array = one.base * np.exp(z * np.where(z < 0, down, up))
        return spread
    return stream.triangular(one.low, one.base, one.high, count)


def broadcast(values: Values, count: int) -> dict[str, Array]:
    """Base values repeated, to be changed in places."""
    return {path: np.repeat(array, count) for path, array in values.items()}
