"""How a prediction of what a replica serves depends on the lengths of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log2, sqrt
from typing import Final

from weighbridge.core.cost import Capacity, Demand, LengthPoint, Uncertain
from weighbridge.core.errors import InputError
from weighbridge.verbs.cost_capacity import NothingServesError, Served

Lengths = tuple[int, int]
# A length given as one value is moved by a fifth, to see what would matter if it were wrong.
_MOVED: Final = 1.25
# From one known length to the next it is at most so many times as long, on one axis alone.
_WIDE: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Axis:
    """Lengths to predict at, ascending; the base is among them."""

    base: float
    values: tuple[float, ...]
    is_asked: bool


def lengths_at(prompt: float, generated: float) -> Lengths:
    """As a plan takes them."""
    return max(1, round(prompt)), max(2, round(generated))


def with_lengths(at: Callable[[Lengths], Served], demand: Demand) -> Served:
    """What a replica serves at base lengths, and how that changes with prompts and answers.

    Args:
        at: predicts for a pair of lengths.
        demand: whose lengths they are.

    Raises:
        NothingServesError: nothing serves requests of the base lengths.
        InputError: nothing serves the longest requests that were asked for.
    """
    generated = _sum(demand.output_tokens, demand.reasoning_tokens)
    prompt = demand.prompt_tokens
    base = at(lengths_at(prompt.base, generated.base))

    def ratio(x: float, y: float) -> LengthPoint:
        return _ratio(x, y, at(lengths_at(x, y)).capacity, base.capacity)

    across = _axis(prompt, lambda x: ratio(x, generated.base), alone=generated.is_certain)
    up = _axis(generated, lambda y: ratio(prompt.base, y), alone=prompt.is_certain)
    try:
        points = tuple(_grid(across, up, ratio))
    except NothingServesError as error:
        raise InputError(
            f"The longest requests of the range cannot be served: {error.message}",
            fix="Narrow the range of --prompt or --output, or loosen --slo.",
        ) from error
    return replace(base, capacity=replace(base.capacity, points=points))


def _sum(one: Uncertain, other: Uncertain) -> Uncertain:
    shape = other.shape if one.is_certain else one.shape
    low, base, high = one.low + other.low, one.base + other.base, one.high + other.high
    return replace(one, base=base, low=low, high=high, shape=shape)


def _ratio(prompt: float, generated: float, there: Capacity, base: Capacity) -> LengthPoint:
    service = 1.0
    if there.service_s is not None and base.service_s is not None:
        service = there.service_s.base / base.service_s.base
    rate = there.output_tokens_per_s.base / base.output_tokens_per_s.base
    slots = (there.slots or 1) / (base.slots or 1)
    return LengthPoint(max(1.0, prompt), max(1.0, generated), rate, service, slots)


def _axis(one: Uncertain, try_at: Callable[[float], LengthPoint], *, alone: bool) -> _Axis:
    base = max(1.0, one.base)
    if one.is_certain:
        # Powers of two, so that who asks for many lengths one by one asks for the same neighbours.
        shorter, longer = (
            2.0 ** floor(log2(base / _MOVED)),
            2.0 ** ceil(log2(base * _MOVED)),
        )
        longer = next((one for one in (longer, base * _MOVED) if _serves(try_at, one)), base)
        return _Axis(base, _distinct((shorter, base, longer)), is_asked=False)
    low, high = one.low, one.high
    if one.shape == "lognormal":
        # One draw in ten is beyond each end; as far again holds all but one in a hundred.
        low, high = base * (low / base) ** 2, base * (high / base) ** 2
    between = (sqrt(low * base), sqrt(base * high)) if alone and high > _WIDE * low > 0 else ()
    return _Axis(base, _distinct((low, *between, base, high)), is_asked=True)


def _serves(try_at: Callable[[float], LengthPoint], value: float) -> bool:
    try:
        try_at(value)
    except InputError:
        return False
    return True


def _distinct(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted({max(1.0, value) for value in values}))


def _grid(
    across: _Axis, up: _Axis, ratio: Callable[[float, float], LengthPoint]
) -> list[LengthPoint]:
    """Predicted on both axes; off them too where both are ranges, else as both axes together."""
    rows = {x: ratio(x, up.base) for x in across.values}
    columns = {y: ratio(across.base, y) for y in up.values}
    both = across.is_asked and up.is_asked
    found = []
    for x, row in rows.items():
        for y, column in columns.items():
            on_axis = x == across.base or y == up.base
            found.append(ratio(x, y) if both and not on_axis else _together(row, column))
    return found


def _together(row: LengthPoint, column: LengthPoint) -> LengthPoint:
    return LengthPoint(
        row.prompt_tokens,
        column.generated_tokens,
        row.rate * column.rate,
        row.service * column.service,
        row.slots * column.slots,
    )
