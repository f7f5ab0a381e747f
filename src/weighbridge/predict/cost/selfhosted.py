"""The bill of GPUs that one rents or owns, and of the people who look after them."""

from __future__ import annotations

import numpy as np

from weighbridge.core.cost import HOURS_PER_MONTH, AllIn, Owned, Rented, SelfHosted
from weighbridge.predict.cost.demand import Traffic
from weighbridge.predict.cost.lines import Line, fixed_lines
from weighbridge.predict.cost.replicas import need, seconds_per_request
from weighbridge.predict.cost.values import Array, Values


def self_lines(
    own: SelfHosted, come: Traffic, values: Values, replicas: Array | None = None
) -> list[Line]:
    """Its lines, USD a month, with as many replicas as are needed or as are given.

    A GPU that is on is paid whether anybody asks or not: utilisation is no factor of rent.
    """
    many = need(own, come, values).replicas if replicas is None else replicas
    gpus = many * own.gpus_per_replica
    hardware = []
    busy = np.minimum(1.0, utilisation(own, come, values, many))
    if own.owned is not None:
        hardware += _owned(own.owned, gpus, busy, values)
    if own.rented is not None:
        hardware.append(_rented(own.rented, gpus, busy, values))
    if own.all_in is not None:
        hardware.append(_all_in(own.all_in, gpus, values))
    return [*hardware, *_people(own, values), *fixed_lines(own.fixed, "self", values)]


def utilisation(own: SelfHosted, come: Traffic, values: Values, replicas: Array) -> Array:
    """Share of the replicas' capacity that the traffic uses, over the day."""
    return come.mean_per_s * seconds_per_request(own, come, values) / replicas


def _rented(have: Rented, gpus: Array, busy: Array, values: Values) -> Line:
    # What works is on: no rule switches off what the traffic keeps busy.
    hours = HOURS_PER_MONTH * np.maximum(values["self.rented.on_fraction"], busy)
    hours = hours + values["self.rented.cold_start_hours"]
    usd = gpus * hours * values["self.rented.usd_per_gpu_hour"]
    return Line("GPUs, rented", usd, have.usd_per_gpu_hour.provenance)


def _owned(have: Owned, gpus: Array, busy: Array, values: Values) -> list[Line]:
    def of(name: str) -> Array:
        return values[f"self.owned.{name}"]

    bought = of("capex_gpu") + of("capex_host")
    watts = of("load_w") * busy + of("idle_w") * (1 - busy)
    power = watts / 1000 * HOURS_PER_MONTH * of("pue") * of("usd_per_kwh")
    months = 12 * of("years")
    lines = (
        ("GPUs and hosts, written off", bought * (1 - of("residual")) / months, have.capex_gpu),
        ("maintenance", bought * of("maintenance") / 12, have.maintenance),
        ("power", power, have.load_w),
        ("colocation", of("colocation"), have.colocation),
    )
    return [Line(name, gpus * usd, origin.provenance) for name, usd, origin in lines]


def _all_in(have: AllIn, gpus: Array, values: Values) -> Line:
    usd = gpus * values["self.all_in.usd_per_gpu_month"]
    return Line("GPUs, all in", usd, have.usd_per_gpu_month.provenance)


def _people(own: SelfHosted, values: Values) -> list[Line]:
    fte = values["self.people.fte"] * values["self.people.usd_per_year"] / 12
    return [
        Line("people", fte, own.people.fte.provenance),
        Line("on-call", values["self.people.on_call"], own.people.on_call.provenance),
    ]
