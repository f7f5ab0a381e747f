"""Percentiles of latency in closed form: how much worse than the typical request the unlucky fare.

Other requests come at times of their own. How many of them have their prompt read when one arrives
is then binomial, and how many prompts overtake it while it decodes is Poisson; lengths vary as the
workload says. Where queues build up, only a simulation tells
(:mod:`weighbridge.predict.simulation.load`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.core.workload import Metric, Percentile, Workload
from weighbridge.predict.serving.latency import Latency
from weighbridge.predict.serving.scenes import Array

# Standard normal quantiles; a mean is taken for a median.
_Z: Final[dict[Percentile, float]] = {
    "p50": 0.0,
    "mean": 0.0,
    "p90": 1.2816,
    "p95": 1.6449,
    "p99": 2.3263,
}
_SHARE: Final[dict[Percentile, float]] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Tails:
    """Typical latencies and how far they scatter, one entry per scene, in seconds.

    Attributes:
        typical: as the closed form has them.
        ttft_sd: standard deviation over requests of the time to first token.
        tpot_sd: the same of the time per output token.
        e2e_sd: the same of the whole request.
        chunk_s: by how much a step is longer that reads a piece of a prompt.
        delayed: share of tokens that come out of such a step.
        output: tokens of an answer.
    """

    typical: Latency
    ttft_sd: Array
    tpot_sd: Array
    e2e_sd: Array
    chunk_s: Array
    delayed: Array
    output: float

    def of(self, metric: Metric, percentile: Percentile) -> Array:
        """A percentile of a metric, in seconds."""
        z, typical = _Z[percentile], self.typical
        if metric == "ttft":
            return typical.ttft_s + z * self.ttft_sd
        if metric == "tpot":
            return typical.tpot_s + z * self.tpot_sd
        if metric == "e2e":
            whole = typical.ttft_s + (self.output - 1) * typical.tpot_s
            return whole + z * self.e2e_sd
        if percentile == "mean":
            return typical.tpot_s
        late = self.delayed > 1 - _SHARE[percentile]
        return typical.step_s + np.where(late, self.chunk_s, 0.0)


def tails(typical: Latency, workload: Workload, step_tokens: Array) -> Tails:
    """How far latencies scatter; ``step_tokens`` is how much of a prompt one step reads at most."""
    prompt, output = float(workload.prompt_tokens), float(workload.output_tokens)
    life = typical.ttft_s + output * typical.tpot_s
    others = np.maximum(typical.running - 1, 0.0)
    busy = np.clip(typical.prefill_s / life, 0.0, 1.0)
    company = others * busy * (1 - busy)
    ttft_sd = typical.prefill_s * np.sqrt(company + workload.prompt_spread**2)
    overtakes = others * np.clip(1 - busy, 0.0, 1.0)
    tpot_sd = typical.prefill_s * np.sqrt(overtakes) / output
    decode = output * typical.tpot_s * workload.output_spread
    pieces = np.ceil(prompt / np.maximum(step_tokens, 1.0))
    return Tails(
        typical=typical,
        ttft_sd=ttft_sd,
        tpot_sd=tpot_sd,
        e2e_sd=np.sqrt(ttft_sd**2 + ((output - 1) * tpot_sd) ** 2 + decode**2),
        chunk_s=typical.prefill_s / pieces,
        delayed=np.minimum(1.0, others * pieces / output),
        output=output,
    )
