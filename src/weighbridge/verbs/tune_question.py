"""What is asked of a training run beside its settings: on what, how much data, at what price."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weighbridge.core.errors import InputError
from weighbridge.core.machine import Machine


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked beside the run itself.

    Attributes:
        machine: on what, or None.
        tokens: all that the model is trained on, epochs included, or None.
        example_tokens: of one example, where known.
        packed: whether sequences are filled with several examples.
        gpu_price: USD for an hour of one GPU, where the user states it.
        labour: USD for people's work, where the user states it.
    """

    machine: Machine | None = None
    tokens: float | None = None
    example_tokens: int | None = None
    packed: bool = True
    gpu_price: float | None = None
    labour: float | None = None


def total_tokens(
    tokens: float | None, examples: float | None, each: int | None, epochs: float | None
) -> float | None:
    """All that is trained on, epochs included; None where nothing is said.

    Raises:
        InputError: it is said twice, or half.
    """
    if tokens is not None and (examples is not None or epochs is not None):
        raise InputError(
            "--tokens is the whole training already, epochs included.",
            fix="Give either --tokens, or --examples, --tokens-per-example and --epochs.",
        )
    if examples is None:
        if epochs is not None:
            raise InputError("--epochs needs --examples.", fix="Or give the whole with --tokens.")
        return tokens
    if each is None:
        raise InputError(
            "--examples needs --tokens-per-example.",
            fix="Count them with `weigh tokens`, or give the whole with --tokens.",
        )
    return float(examples) * each * (1.0 if epochs is None else epochs)


def labour_cost(hours: float | None, rate: float | None) -> float | None:
    """USD for people's work; None where nothing is said.

    Raises:
        InputError: one is given without the other, or either is no sensible number.
    """
    if hours is None and rate is None:
        return None
    if hours is None or rate is None:
        raise InputError("--labour-hours and --labour-rate belong together.", fix="Give both.")
    if not (math.isfinite(hours) and math.isfinite(rate) and hours >= 0 and rate >= 0):
        raise InputError(
            "Hours and rates of labour are finite and not negative.", fix="Check them."
        )
    return hours * rate


def counted(machine: Machine | None, count: int | None) -> int:
    """Devices that train together, by the machine's description or ``--count``.

    Raises:
        InputError: both are given, and disagree.
    """
    if count is None:
        return 1 if machine is None else machine.count
    if machine is not None and machine.count not in (1, count):
        raise InputError(
            f"--device says {machine.count} devices and --count {count}.", fix="Say it once."
        )
    return count
