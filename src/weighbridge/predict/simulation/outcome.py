"""What goes into a simulation, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.workload import Request


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Who sends when.

    Attributes:
        requests: in the order in which they are sent.
        users: who each wait for their answer before they send the next (closed loop); their
            requests' own times are ignored. None lets each come at its time (open loop).
        think_s: what users wait between an answer and their next request.
        ramp_s: over which users come in, evenly; 0 for all at once.
        prefix_share: part of each prompt that the engine has in its cache from the requests before.
    """

    requests: Sequence[Request]
    users: int | None = None
    think_s: float = 0.0
    ramp_s: float = 0.0
    prefix_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one request; times in seconds from the beginning.

    Attributes:
        arrival_s: when it was sent.
        admitted_s: when the engine began to read it.
        first_s: when its first token arrived.
        finished_s: when its last did.
        prompt_tokens: that it had.
        output_tokens: that it got.
        preemptions: how often it was taken back and read again.
        longest_gap_s: between two of its tokens; 0 for a single one.
    """

    arrival_s: float
    admitted_s: float
    first_s: float
    finished_s: float
    prompt_tokens: int
    output_tokens: int
    preemptions: int
    longest_gap_s: float

    @property
    def queue_s(self) -> float:
        """From sending it to its being read."""
        return self.admitted_s - self.arrival_s

    @property
    def ttft_s(self) -> float:
        """From sending it to its first token."""
        return self.first_s - self.arrival_s

    @property
    def e2e_s(self) -> float:
        """From sending it to its last token."""
        return self.finished_s - self.arrival_s

    @property
    def tpot_s(self) -> float | None:
        """Per token after the first; None for a single one."""
        if self.output_tokens < 2:
            return None
        return (self.finished_s - self.first_s) / (self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a replica did.

    Attributes:
        served: all requests, in the order in which they were sent.
        gaps: seconds between tokens, and how many tokens came after such a gap.
        busy_s: that the engine was at work.
        reading_s: of these, in steps that read prompts.
        finished_s: when the last token arrived, from the first request on.
        sequence_s: sequences running, summed over time.
        peak_cache: the most of the cache that was in use, as a share.
    """

    served: tuple[Served, ...]
    gaps: tuple[tuple[float, int], ...]
    busy_s: float
    reading_s: float
    finished_s: float
    sequence_s: float
    peak_cache: float
