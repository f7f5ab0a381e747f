"""How far times of serving engines err on a device: errors on models and devices left out."""

from __future__ import annotations

from typing import Final

from weighbridge.core.machine import Device
from weighbridge.predict.serving.coefficients import OTHERS, Intervals, Spread, fitted

# The load that intervals of TTFT are stated for, and the largest that they were measured at.
TYPICAL_USERS: Final = 32.0
_MOST_USERS: Final = 1024.0


def is_fitted(device: Device) -> bool:
    """Whether enough serving runs on such devices were in the fit."""
    return device.name in fitted().devices


def spreads_on(device: Device, users: float = TYPICAL_USERS) -> tuple[Spread, Spread]:
    """Of TTFT and TPOT; wider on devices of which the fit saw little.

    Args:
        device: on what.
        users: requests in flight: the more there are, the less is known of when each has its turn.
    """
    return spreads_from(fitted().intervals, device.name, users)


def spreads_from(found: Intervals, device: str, users: float) -> tuple[Spread, Spread]:
    """The same by any intervals, and the device's name."""
    ttft, tpot = (spreads.get(device, spreads[OTHERS]) for spreads in (found.ttft, found.tpot))
    return stretched(ttft, crowd(users, found.users)), tpot


def crowd(users: float, exponent: float) -> float:
    """How many times as long the logarithm of TTFT's interval is as with typical users."""
    return float((min(max(users, 1.0), _MOST_USERS) / TYPICAL_USERS) ** exponent)


def stranger(device: Device) -> str:
    """What to say of a device of which the fit saw little; "" of others."""
    if is_fitted(device):
        return ""
    return (
        f"Few or none of the serving runs that times are fitted on were on {device.name} (those "
        "that read prompts on other devices than they decode on do not count): intervals are "
        "wider, by the errors on devices left out of the fit."
    )


def stretched(spread: Spread, by: float) -> Spread:
    """A spread whose logarithms are ``by`` times as long."""
    return Spread(spread.low**by, spread.high**by)
