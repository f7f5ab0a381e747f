"""How far times of serving engines err on a device, by whether such devices were measured."""

from __future__ import annotations

from typing import Final

from weighbridge.core.machine import Device
from weighbridge.predict.serving.coefficients import Spread, fitted

# On devices with few runs in the fit, or none, the logarithm of every interval is half as wide
# again, which is a guess.
_STRANGER: Final = 1.5


def is_fitted(device: Device) -> bool:
    """Whether enough serving runs on such devices were in the fit."""
    return device.name in fitted().devices


def spreads_on(device: Device) -> tuple[Spread, Spread]:
    """Of TTFT and TPOT; wider on devices of which the fit saw little."""
    found = fitted()
    if is_fitted(device):
        return found.ttft, found.tpot
    return stretched(found.ttft, _STRANGER), stretched(found.tpot, _STRANGER)


def stranger(device: Device) -> str:
    """What to say of a device of which the fit saw little; "" of others."""
    if is_fitted(device):
        return ""
    return (
        f"Few or none of the serving runs that times are fitted on were on {device.name}: "
        "intervals are made wider by a guess."
    )


def stretched(spread: Spread, by: float) -> Spread:
    """A spread whose logarithms are ``by`` times as long."""
    return Spread(spread.low**by, spread.high**by)
