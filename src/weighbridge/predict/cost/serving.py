"""How many machines an option takes at base values, how busy they are, and who has to wait."""

from __future__ import annotations

from typing import Literal

import numpy as np

from weighbridge.core.cost import SelfHosted, Serving
from weighbridge.predict.cost.demand import Traffic
from weighbridge.predict.cost.queueing import erlang_c, wait_percentile
from weighbridge.predict.cost.replicas import (
    Need,
    most_requests_per_day,
    need,
    offered,
    service_seconds,
    slots_of_one,
)
from weighbridge.predict.cost.selfhosted import utilisation
from weighbridge.predict.cost.values import Array, Values


def serving(own: SelfHosted, come: Traffic, values: Values) -> Serving:
    """Replicas, utilisation and waiting, of arrays with one element."""
    wanted = need(own, come, values)
    count = int(wanted.replicas[0])
    busy = float(utilisation(own, come, values, wanted.replicas)[0])
    most = most_requests_per_day(own, come, values, wanted.working)
    slots, waits, wait = _waiting(own, come, values, wanted.working)
    return Serving(
        replicas=count,
        gpus=count * own.gpus_per_replica,
        utilisation=busy,
        peak_utilisation=busy * float(come.peak_factor[0]),
        slot_utilisation=slots,
        wait_probability=waits,
        wait_s=wait,
        percentile=own.capacity.percentile,
        capacity_tokens_per_day=float((most * (come.prompt + come.generated))[0]),
        within_capacity=own.max_replicas is None or count <= own.max_replicas,
        bound_by=_bound_by(wanted),
        up_front_usd=_up_front(own, count),
    )


def _bound_by(wanted: Need) -> Literal["minimum", "throughput", "waiting"]:
    least, tokens, queue = (
        float(one[0]) for one in (wanted.minimum, wanted.throughput, wanted.waiting)
    )
    if least >= max(tokens, queue):
        return "minimum"
    return "throughput" if tokens >= queue else "waiting"


def _up_front(own: SelfHosted, replicas: int) -> float | None:
    if own.owned is None:
        return None
    return own.owned.up_front_usd * replicas * own.gpus_per_replica


def _waiting(
    own: SelfHosted, come: Traffic, values: Values, working: Array
) -> tuple[float | None, float | None, float | None]:
    """Share of slots taken over the day; who waits in the busiest hour, and how long."""
    have = own.capacity
    if have.slots is None or have.service_s is None:
        return None, None, None
    service, each = service_seconds(own, come, values), slots_of_one(own, come)
    slots, load = working * each, offered(own, come, values)
    taken = come.mean_per_s * service / (slots + own.spare_replicas * each)
    wait = float(wait_percentile(slots, load, service, have.percentile, have.cv)[0])
    waits = float(erlang_c(slots, load)[0])
    return float(taken[0]), waits, wait if np.isfinite(wait) else None
