"""Questions that several tests ask."""

from weighbridge.core.cost import (
    NOTHING,
    Capacity,
    Demand,
    FixedLine,
    Hosted,
    HostedPrice,
    Owned,
    Rented,
    SelfHosted,
    Uncertain,
    certain,
)

# Three prompt tokens for each of output.
DEMAND = Demand(certain(20e6), certain(750.0), certain(250.0))


def between(low: float, base: float, high: float) -> Uncertain:
    """A triangular quantity."""
    return Uncertain(base, low, high)


def rented(
    usd_per_hour: float | Uncertain = 0.44,
    *,
    name: str = "rented",
    tokens_per_s: float | Uncertain = 500.0,
    ops: float = 0.0,
    max_gpus: int | None = None,
    spare: int = 0,
    least: float = 1,
) -> SelfHosted:
    """A model on rented GPUs, one a replica."""
    price = usd_per_hour if isinstance(usd_per_hour, Uncertain) else certain(usd_per_hour)
    tokens = tokens_per_s if isinstance(tokens_per_s, Uncertain) else certain(tokens_per_s)
    return SelfHosted(
        name,
        "model",
        "GPU",
        Capacity(tokens),
        rented=Rented(price),
        fixed=(FixedLine("operations", certain(ops)),),
        max_gpus=max_gpus,
        spare_replicas=spare,
        min_replicas=certain(least),
    )


def owned(*, ops: float = 0.0, **changed: float) -> SelfHosted:
    """A model on a bought RTX 5090: 4,000 USD with everything, written off over three years."""
    hardware = {
        "capex_gpu": 4000.0, "capex_host": 0.0, "years": 3.0, "residual": 0.0,
        "load_w": 575.0, "idle_w": 575.0, "usd_per_kwh": 0.101, "pue": 1.0,
    } | changed  # fmt: skip
    return SelfHosted(
        "owned",
        "model",
        "RTX 5090",
        Capacity(certain(500.0)),
        owned=Owned(**{name: certain(value) for name, value in hardware.items()}),
        fixed=(FixedLine("operations", certain(ops)),),
    )


def api(price_in: float | Uncertain, price_out: float | Uncertain, **more: object) -> Hosted:
    """An API by its two prices."""
    both = [one if isinstance(one, Uncertain) else certain(one) for one in (price_in, price_out)]
    return Hosted(str(more.pop("name", "api")), HostedPrice(*both), **more)  # type: ignore[arg-type]


__all__ = ["DEMAND", "NOTHING", "api", "between", "owned", "rented"]
