"""What a user asks of ``weigh cost``, as it was said."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.verbs.cost_options import (
    NOTHING_OF_HARDWARE,
    NOTHING_OF_OPERATING,
    HardwareAsked,
    OperatingAsked,
)


@dataclass(frozen=True, slots=True)
class DemandAsked:
    """What the user says of the traffic; texts as :func:`parse_uncertain` takes them."""

    volume: str = ""
    prompt: str = ""
    output: str = ""
    reasoning: str = ""
    cached: str = ""
    written: str = ""
    batch: str = ""
    profile: str = "day"


@dataclass(frozen=True, slots=True)
class CapacityAsked:
    """What the user says of a replica.

    Attributes:
        tokens_per_s: output tokens, without breaking the SLO.
        prefill_per_s: prompt tokens, where these are not in the figure above.
        slots: requests at once.
        service: seconds of a request.
        cv: spread of these over their mean.
        rho: share of a replica that the busiest hour may use; None for the usual.
        wait_s: the longest wait of the percentile; None where waiting is not looked at.
        percentile: of requests, 0..1.
        slo: conditions, for a prediction.
        from_run: a load run whose goodput is taken, or a plan whose first way is.
        as_requests: whether that run's requests are the demand's, whatever their lengths.
        quantization: format of the weights, for a prediction.
    """

    tokens_per_s: str = ""
    prefill_per_s: str = ""
    slots: int | None = None
    service: str = ""
    cv: float | None = None
    rho: float | None = None
    wait_s: float | None = 1.0
    percentile: float = 0.99
    slo: str = ""
    from_run: str = ""
    as_requests: bool = False
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of ``weigh cost``.

    Attributes:
        model: to be served oneself.
        device: on which GPU, ``H100`` or ``2x RTX 4090``: the GPUs of one replica.
        gpus_per_replica: likewise, where ``device`` does not say; None for that.
        max_gpus: no more can be had.
        min_replicas: at least.
        spare_replicas: more than are needed.
        apis: names or prices of APIs that would be displaced.
        same_model_apis: likewise of hosts of the same model.
        pass_rates: ``VALUE`` of the own model, ``NAME=VALUE`` of an option; an evaluation run too.
        token_ratios: ``VALUE`` of all APIs, ``NAME=VALUE`` of one.
    """

    demand: DemandAsked = DemandAsked()
    capacity: CapacityAsked = CapacityAsked()
    hardware: HardwareAsked = NOTHING_OF_HARDWARE
    operating: OperatingAsked = NOTHING_OF_OPERATING
    model: str = ""
    device: str = ""
    gpus_per_replica: int | None = None
    max_gpus: int | None = None
    min_replicas: str = ""
    spare_replicas: int = 0
    apis: tuple[str, ...] = ()
    same_model_apis: tuple[str, ...] = ()
    pass_rates: tuple[str, ...] = ()
    token_ratios: tuple[str, ...] = ()
