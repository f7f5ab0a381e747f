"""Traffic in numbers: requests and tokens, over the day and in its busiest hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weighbridge.core.cost import DAYS_PER_MONTH, SECONDS_PER_DAY, Demand
from weighbridge.predict.cost.values import Array, Values


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes, one element per way the world may be.

    Attributes:
        requests_per_day: all of them, batches too.
        peak_factor: requests of the busiest hour over those of the mean hour.
        prompt: tokens of a request, in the self-hosted model's tokens; likewise the next two.
        output: that the user sees.
        reasoning: before these.
        cached: share of the prompt.
        written: share of the prompt.
        batch: share of requests.
    """

    requests_per_day: Array
    peak_factor: Array
    prompt: Array
    output: Array
    reasoning: Array
    cached: Array
    written: Array
    batch: Array

    @property
    def requests_per_month(self) -> Array:
        """Of 730.5 hours."""
        return self.requests_per_day * DAYS_PER_MONTH

    @property
    def mean_per_s(self) -> Array:
        """Requests per second over the day."""
        return self.requests_per_day / SECONDS_PER_DAY

    @property
    def peak_per_s(self) -> Array:
        """Requests per second in the busiest hour."""
        return self.mean_per_s * self.peak_factor

    @property
    def generated(self) -> Array:
        """Tokens that are computed one by one: output and reasoning."""
        return self.output + self.reasoning


def traffic(demand: Demand, values: Values) -> Traffic:
    """The demand with these values. Batches come evenly, the rest by the profile of the day."""
    prompt, output = values["demand.prompt_tokens"], values["demand.output_tokens"]
    reasoning, batch = values["demand.reasoning_tokens"], values["demand.batch_share"]
    by = prompt + output + reasoning if demand.unit == "tokens" else np.ones_like(prompt)
    return Traffic(
        requests_per_day=values["demand.volume"] / by,
        peak_factor=(1 - batch) * demand.peak_to_mean + batch,
        prompt=prompt,
        output=output,
        reasoning=reasoning,
        cached=values["demand.cached_share"],
        written=values["demand.written_share"],
        batch=batch,
    )
