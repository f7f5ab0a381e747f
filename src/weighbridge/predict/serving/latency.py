"""Time to first token and per output token of a closed loop: so many users, each waiting.

Of a request's life, decoding takes output × step, and while it runs the prompts of the others are
read in between. Each request that runs is overtaken by as many prompts as run beside it, whatever
the scheduler does (Little's law); which part of that falls before the first token and which between
tokens depends on the engine, and is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.predict.serving.coefficients import ServingCoefficients
from weighbridge.predict.serving.scenes import Array, Scenes
from weighbridge.predict.serving.step_time import by_engine, decode_step_s, kernels, prefill_s

_HIDDEN: Final = 5120.0
# Above this, more than all other requests would have been waited for.
_LONGEST_QUEUE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Latency:
    """What one request waits for, in seconds; typical values over all requests, one per scene.

    Attributes:
        ttft_s: from sending it to its first token, waiting for a slot included.
        tpot_s: per further token.
        step_s: one decoding step with no prompt in between.
        prefill_s: that its prompt keeps the devices busy.
        running: requests that run at once; the others wait.
        requests_per_s: finished requests per second.
    """

    ttft_s: Array
    tpot_s: Array
    step_s: Array
    prefill_s: Array
    running: Array
    requests_per_s: Array


def latency(s: Scenes, c: ServingCoefficients) -> Latency:
    """Time every scene in closed form."""
    running = np.minimum(s.users, s.slots)
    step = decode_step_s(s, c, running, s.prompt + s.output / 2)
    step = step / np.where(s.speculative > 0, c.speculation, 1.0)
    prefill = prefill_s(s, c, s.prompt)
    queue = np.where(s.old_sglang > 0, c.first_queue_old, by_engine(c.first_queue, s))
    queue = np.minimum(queue, _LONGEST_QUEUE)
    overtaken = np.maximum(running - 1, 0.0) * (1 - queue)
    tpot = step + c.interference * prefill * overtaken / s.output
    own = prefill * by_engine(c.first_stretch, s) * (1 + queue * (running - 1))
    first = _floor_s(s, c) + _launching_s(s, c) + own + step
    first = first * s.attention_data**c.first_attention_data
    life = s.output * tpot + prefill
    slot = np.maximum(s.users / running - 1, 0.0) * life
    return Latency(first + slot, tpot, step, prefill, running, running / (first + s.output * tpot))


def _floor_s(s: Scenes, c: ServingCoefficients) -> Array:
    return np.where(s.old_trtllm > 0, c.first_floor_old_s, by_engine(c.first_floor_s, s))


def _launching_s(s: Scenes, c: ServingCoefficients) -> Array:
    """Prefill steps are of any length: no graph is captured of them, and they launch slowly."""
    return kernels(s, c) * c.first_launch_s * (s.hidden / _HIDDEN) ** c.first_width
