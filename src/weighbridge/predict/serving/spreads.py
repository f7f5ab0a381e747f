"""How far times of serving engines err on a device, by whether such devices were measured."""

from __future__ import annotations

from typing import Final

from weighbridge.core.machine import Device
from weighbridge.predict.serving.coefficients import Spread, fitted

# Devices on which serving was measured for the fit: those of data centres. Elsewhere the logarithm
# of every interval is half as wide again, which is a guess.
_FITTED_GENERATIONS: Final = frozenset({"Ampere", "Ada", "Hopper", "Blackwell"})
_STRANGER: Final = 1.5


def is_fitted(device: Device) -> bool:
    """Whether serving was measured on devices of its kind."""
    joined = device.link.kind == "nvlink" or device.name == "L40S"
    return device.vendor == "NVIDIA" and joined and device.generation in _FITTED_GENERATIONS


def spreads_on(device: Device) -> tuple[Spread, Spread]:
    """Of TTFT and TPOT; wider on kinds of devices that nobody measured for the fit."""
    found = fitted()
    if is_fitted(device):
        return found.ttft, found.tpot
    return stretched(found.ttft, _STRANGER), stretched(found.tpot, _STRANGER)


def stretched(spread: Spread, by: float) -> Spread:
    """A spread whose logarithms are ``by`` times as long."""
    return Spread(spread.low**by, spread.high**by)
