"""How many replicas a demand takes: what they can do in the busiest hour, and who has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.core.cost import SelfHosted
from weighbridge.predict.cost.demand import Traffic
from weighbridge.predict.cost.lengths import scales
from weighbridge.predict.cost.queueing import fewest_slots, most_load
from weighbridge.predict.cost.values import Array, Values

# What rounding of floats adds must not buy a GPU.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Need:
    """Replicas that a demand asks for, one element per way the world may be.

    Attributes:
        minimum: those that run whatever comes.
        throughput: those that the busiest hour's tokens take.
        waiting: those with enough slots that few enough have to wait; 0 where not looked at.
        spare: more, so that one may fail.
    """

    minimum: Array
    throughput: Array
    waiting: Array
    spare: int

    @property
    def working(self) -> Array:
        """Without spares."""
        return np.maximum(self.minimum, np.maximum(self.throughput, self.waiting))

    @property
    def replicas(self) -> Array:
        """With spares: what is missing when one of them fails is then nothing."""
        return self.working + self.spare


def seconds_per_request(own: SelfHosted, come: Traffic, values: Values) -> Array:
    """How long a request keeps a replica that does nothing else.

    Where prefill has a speed of its own it takes turns with decoding on the same GPU, so their
    times add up.
    """
    rate = values["self.capacity.output_tokens_per_s"] * scales(own.capacity, come).rate
    seconds = come.generated / rate
    if own.capacity.prefill_tokens_per_s is not None:
        fresh = come.prompt * (1 - come.cached)
        seconds = seconds + fresh / values["self.capacity.prefill_tokens_per_s"]
    return seconds


def need(own: SelfHosted, come: Traffic, values: Values) -> Need:
    """The replicas that an option takes."""
    busy = come.peak_per_s * seconds_per_request(own, come, values) / own.capacity.rho
    return Need(
        minimum=np.round(values["self.min_replicas"]),
        throughput=np.ceil(busy * (1 - _ROUNDING)),
        waiting=_for_waiting(own, come, values),
        spare=own.spare_replicas,
    )


def looks_at_waiting(own: SelfHosted) -> bool:
    """Whether enough is known to say who has to wait."""
    have = own.capacity
    return have.slots is not None and have.service_s is not None and have.wait_s is not None


def service_seconds(own: SelfHosted, come: Traffic, values: Values) -> Array:
    """How long a request takes without waiting, others at work beside it."""
    return values["self.capacity.service_s"] * scales(own.capacity, come).service


def slots_of_one(own: SelfHosted, come: Traffic) -> Array:
    """Requests that a replica works on at once; longer ones leave room for fewer."""
    slots = float(own.capacity.slots or 1) * scales(own.capacity, come).slots
    fewer: Array = np.maximum(1.0, np.floor(slots * (1 + _ROUNDING)))
    return fewer


def offered(own: SelfHosted, come: Traffic, values: Values) -> Array:
    """Requests at work at once in the busiest hour, if nobody waits (Erlangs)."""
    return come.peak_per_s * service_seconds(own, come, values)


def _for_waiting(own: SelfHosted, come: Traffic, values: Values) -> Array:
    have = own.capacity
    if have.slots is None or have.service_s is None or have.wait_s is None:
        return np.zeros_like(come.peak_per_s)
    service = service_seconds(own, come, values)
    load = offered(own, come, values) * (1 - _ROUNDING)
    slots = fewest_slots(load, service, have.wait_s, have.percentile, have.cv)
    return np.ceil(slots / slots_of_one(own, come))


def most_requests_per_day(own: SelfHosted, come: Traffic, values: Values, working: Array) -> Array:
    """How many requests a day so many working replicas serve with this profile."""
    peak_share = come.peak_factor / 86_400
    most = working * own.capacity.rho / (seconds_per_request(own, come, values) * peak_share)
    have = own.capacity
    if have.slots is None or have.service_s is None or have.wait_s is None:
        return most
    service = np.broadcast_to(service_seconds(own, come, values), most.shape)
    slots = working * slots_of_one(own, come)
    load = most_load(slots, service, have.wait_s, have.percentile, have.cv)
    return np.minimum(most, load / (service * peak_share))
