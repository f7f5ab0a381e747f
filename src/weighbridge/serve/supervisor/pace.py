"""How often and how long the supervisor does things: one record, so that tests can hurry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds.

    Attributes:
        round_s: between two looks at whether an engine's process still runs.
        probe_s: between two questions whether it is well.
        probe_limit_s: how long it may take to say so.
        frozen_s: how long it may not say so, before it is killed.
        remote_s: between two questions to a server of somebody else.
        memory_poll_s: between two looks at whether memory has come back.
        memory_s: how long that may take.
        grace_s: how long an engine may take to end by itself.
        first_backoff_s: until one that failed is started again, if it is asked for.
        longest_backoff_s: the most that this grows to, doubling each time.
        stable_s: how long one has to be up for earlier failures to be forgotten.
        waiting_s: between two decisions while somebody waits.
        idle_s: between two decisions otherwise.
    """

    round_s: float = 0.5
    probe_s: float = 3.0
    probe_limit_s: float = 5.0
    frozen_s: float = 15.0
    remote_s: float = 10.0
    memory_poll_s: float = 0.25
    memory_s: float = 30.0
    grace_s: float = 10.0
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    stable_s: float = 60.0
    waiting_s: float = 0.05
    idle_s: float = 0.5

    def backoff_s(self, failures: int) -> float:
        """How long to leave an engine alone that has failed so many times in a row."""
        return min(self.first_backoff_s * 2.0 ** (failures - 1), self.longest_backoff_s)
