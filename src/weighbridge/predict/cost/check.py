"""What a question must be before anything is computed: finite, possible, and with known prices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from weighbridge.core.cost import CostQuestion, Demand, SelfHosted, Uncertain
from weighbridge.core.errors import InputError
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.labels import is_share, label
from weighbridge.predict.cost.replicas import need
from weighbridge.predict.cost.selfhosted import utilisation
from weighbridge.predict.cost.values import base_values, drivers, drivers_of

# Beyond these a slip of the finger is likelier than a plan: all the world's tokens are fewer.
_MOST: Final = 1e12
# What is divided by must not be so small that the result is no number any more.
_LEAST: Final = 1e-9
_MOST_VOLUME: Final = 1e15
_MOST_SERVICE_S: Final = 86_400.0
_LIMITS: Final = {"volume": _MOST_VOLUME, "service_s": _MOST_SERVICE_S}
_ABOVE_ZERO: Final = frozenset({
    "volume", "prompt_tokens", "output_tokens", "output_tokens_per_s", "prefill_tokens_per_s",
    "service_s", "usd_per_gpu_hour", "usd_per_gpu_month", "years", "usd_per_kwh", "pue",
    "min_replicas", "token_ratio", "input", "output", "cached_input", "written_input",
    "batch_input", "batch_output", "batch_cached_input", "batch_written_input",
})  # fmt: skip
_PRICES: Final = "api.price."


def check(question: CostQuestion) -> None:
    """Refuse what nothing can be computed of.

    Raises:
        InputError: says which quantity, and what it may be.
    """
    if not question.selfhosted:
        raise InputError("There is nothing to host.", fix="Give a model with its GPU's price.")
    names = [one.name for one in question.selfhosted] + [one.name for one in question.hosted]
    _once(names, "option")
    _check_demand(question.demand)
    for own in question.selfhosted:
        _check_quantities(own, "self", own.name)
        _check_own(own)
        _check_power(own)
        _check_on(question.demand, own)
    for api in question.hosted:
        _check_quantities(api, "api", api.name)
        _once([one.name for one in api.fixed], "line")


def _once(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"Two {what}s are called {name!r}.", fix="Give each a name of its own."
            )


def _check_demand(demand: Demand) -> None:
    _check_quantities(demand, "demand", "")
    billed = demand.cached_share.high + demand.written_share.high
    if billed > 1 + 1e-9:
        raise InputError(
            f"{100 * billed:.3g} % of a prompt would be read from or written to a cache.",
            fix="Both shares together are at most 1.",
        )
    weights = demand.profile
    if len(weights) != 24:
        raise InputError(
            f"The profile of the day has {len(weights)} weights.", fix="Give one for each hour: 24."
        )
    if not all(math.isfinite(one) and one >= 0 for one in weights) or not sum(weights) > 0:
        raise InputError(
            "The profile of the day has weights that are negative, no numbers, or all 0.",
            fix="Give 24 weights of 0 or more.",
        )


def _check_own(own: SelfHosted) -> None:
    have = own.capacity
    if sum(one is not None for one in (own.rented, own.owned, own.all_in)) != 1:
        raise InputError(
            f"{own.name} needs GPUs that are either rented or owned.",
            fix="Give the price of an hour, the price of a GPU, or what one costs a month.",
        )
    _once([one.name for one in own.fixed], "line")
    counts = (("gpus_per_replica", own.gpus_per_replica), ("slots", have.slots))
    for name, count in (*counts, ("max_gpus", own.max_gpus)):
        if count is not None and not 1 <= count <= 10**7:
            raise InputError(f"{own.name}: {name} is {count}.", fix="Give a whole number above 0.")
    if not 0 <= own.spare_replicas <= 10**4:
        raise InputError(f"{own.name}: {own.spare_replicas} spare replicas make no sense.")
    shares = (("rho", have.rho), ("percentile", have.percentile))
    for name, share in shares:
        if not 0 < share <= 1 or (name == "percentile" and share == 1):
            raise InputError(f"{own.name}: {name} is {share:g}.", fix="Give a number from 0 to 1.")
    for name, value in (("wait_s", have.wait_s), ("cv", have.cv)):
        if value is not None and not (math.isfinite(value) and 0 <= value <= _MOST):
            raise InputError(f"{own.name}: {name} is {value:g}.", fix="Give 0 or more.")


def _check_power(own: SelfHosted) -> None:
    have = own.owned
    if have is not None and have.idle_w.base > have.load_w.base:
        raise InputError(
            f"{own.name}: a GPU draws {have.idle_w.base:g} W when idle and {have.load_w.base:g} W "
            "under load.",
            fix="Idle is the smaller of both: give --watts and --idle-watts.",
        )


def _check_on(demand: Demand, own: SelfHosted) -> None:
    """GPUs cannot be switched off while they work."""
    if own.rented is None or own.rented.on_fraction.base >= 1:
        return
    on = own.rented.on_fraction.base
    values = base_values(drivers_of(demand, own, None))
    come = traffic(demand, values)
    busy = float(utilisation(own, come, values, need(own, come, values).replicas)[0])
    if on < busy * (1 - _LEAST):
        raise InputError(
            f"{own.name}: GPUs billed for {100 * on:.3g} % of the month cannot be at work for "
            f"{100 * busy:.3g} % of it, which this traffic takes.",
            fix=f"Give --on {100 * busy:.3g}% at least, and --cold-start-hours for the time that "
            "starting takes; leave --on out where GPUs stay on.",
        )


def _check_quantities(record: object, path: str, whose: str) -> None:
    for driver, one in drivers(record, path).items():
        _check_quantity(
            driver, one, f"{whose}: the {label(driver)}" if whose else f"The {label(driver)}"
        )


def _check_quantity(driver: str, one: Uncertain, name: str) -> None:
    low, base, high = one.low, one.base, one.high
    if not all(map(math.isfinite, (low, base, high))):
        raise InputError(f"{name} is no finite number.", fix="Give a number.")
    if not low <= base <= high:
        raise InputError(
            f"{name} ranges from {low:g} over {base:g} to {high:g}.",
            fix="Write low..base..high, each at least as large as the one before.",
        )
    if low < 0:
        raise InputError(f"{name} is negative: {low:g}.", fix="Give 0 or more.")
    _check_size(driver, one, name)


def _check_size(driver: str, one: Uncertain, name: str) -> None:
    last = driver.rpartition(".")[2]
    most = 1.0 if is_share(driver) else _LIMITS.get(last, _MOST)
    if one.high > most:
        raise InputError(f"{name} is {one.high:g}.", fix=f"It may be {most:g} at most.")
    must = (last in _ABOVE_ZERO and ".fixed." not in driver) or one.shape == "lognormal"
    if must and one.low < _LEAST:
        unknown = driver.startswith(_PRICES) or last == "usd_per_gpu_hour"
        fix = (
            "In price lists 0 means unknown: leave it out or give the real one." if unknown else ""
        )
        raise InputError(f"{name} is {one.low:g}.", fix=fix or "Give more than 0.")
    if last == "pue" and one.low < 1:
        raise InputError(
            f"{name} is {one.low:g}.",
            fix="A building takes at least what its machines take: 1.",
        )


def all_quantities(question: CostQuestion) -> list[tuple[str, str, Uncertain]]:
    """Every quantity of a question: its option (nothing for the demand's), its path, its values."""
    parts: list[tuple[str, object, str]] = [("", question.demand, "demand")]
    parts += [(one.name, one, "self") for one in question.selfhosted]
    parts += [(one.name, one, "api") for one in question.hosted]
    return [
        (name, driver, one)
        for name, part, whose in parts
        for driver, one in drivers(part, whose).items()
    ]
