"""How long training takes: operations per token over what a device does of its dense 16-bit rate.

A forward pass multiplies every active weight once (two operations), the backward pass as often for
the activations and, where weights are trained, once more for them; checkpointing repeats the
forward pass. Hence 4 operations per weight with adapters, 6 in full fine-tuning, and 2 more.
"""

from __future__ import annotations

from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.machine import Device
from weighbridge.core.provenance import Interval
from weighbridge.core.tuning import TuningRun, TuningTime
from weighbridge.predict.tuning.memory import LEVEL
from weighbridge.predict.tuning.shapes import Shape

# 35 ± 15 % of the dense rate in operations of 4 per weight: an assumption that is wide on purpose,
# below the 34 to 56 % that torchtune's published runs reach. In operations that are executed, those
# with adapters and checkpointing being 6 per weight, it is half as much again.
_ASSUMED: Final = (0.35, 0.20, 0.50)
_EXECUTED: Final = 6 / 4
# Eager PyTorch against torch.compile: 7,075 and 8,998 tokens/s (torchtune, Llama 3.2 3B, A100).
_EAGER: Final = 7075 / 8998
# Padded batches of short instructions against packed ones: 2,091 and 7,075 tokens/s (the same).
_PADDED: Final = 2091 / 7075
# Weights and optimizer in the host's memory: 36 % of the dense rate where adapters on the same
# machine reach 60 % (torchtune, Llama 3.1 70B, 8 × A100).
_OFFLOADED: Final = 0.6
# Routed experts, over a dense model of as many active weights: an assumption, wide on purpose. No
# run with a known speed was there; experts one after the other fill a GPU badly, and only kernels
# that group them come near to dense speed.
_EXPERTS: Final = (0.5, 1 / 6, 1.0)


def utilisation(run: TuningRun, *, packed: bool, experts: bool = False) -> Interval:
    """Share of the dense rate that executed operations reach."""
    factor = _EXECUTED
    factor *= 1.0 if run.compiled else _EAGER
    factor *= _OFFLOADED if run.weights_offload else 1.0
    by = _EXPERTS if experts else (1.0, 1.0, 1.0)
    value, low, high = (one * factor * other for one, other in zip(_ASSUMED, by, strict=True))
    if packed:
        return Interval(value, low, high, LEVEL)
    # Examples as long as the sequence lose nothing by padding.
    return Interval(value * _PADDED, low * _PADDED, high, LEVEL)


def flops_per_token(shape: Shape, run: TuningRun, length: int | None = None) -> float:
    """Operations for one token; attention looks at ``length`` tokens, or at the whole sequence."""
    seen = min(length or run.sequence, run.sequence)
    score = sum(2 * width * min(seen / 2, window or seen / 2) for width, window in shape.attention)
    again = 1 if run.checkpointing else 0
    backward = 2 if run.method == "full" else 1
    return 2 * shape.active * (1 + backward + again) + score * (1 + 2 + again)


def training_time(
    shape: Shape,
    run: TuningRun,
    device: Device,
    tokens: float,
    *,
    packed: bool = True,
    length: int | None = None,
) -> TuningTime:
    """How long so many tokens take on the run's devices together.

    Args:
        shape: the model.
        run: how it is trained.
        device: one of the run's devices.
        tokens: of all epochs together.
        packed: whether sequences are filled with several examples each.
        length: tokens of one example, where known.

    Raises:
        InputError: the device's dense rate is not known.
    """
    rate = device.rate("bf16")
    if rate is None:
        raise InputError(
            f"The 16-bit rate of {device.name} is not known, so hours are not either.",
            fix="Describe it in a `machine:` block with `tflops: {bf16: …}`, dense and not sparse.",
        )
    each = flops_per_token(shape, run, length)
    share = utilisation(run, packed=packed, experts=shape.expert_adapters > 0)
    value, slow, fast = (
        rate.flops * run.devices * part / each for part in (share.value, share.low, share.high)
    )
    per_hour = tokens / 3600
    return TuningTime(
        flops_per_token=each,
        tokens_per_s=Interval(value, slow, fast, LEVEL),
        hours=Interval(per_hour / value, per_hour / fast, per_hour / slow, LEVEL),
    )
