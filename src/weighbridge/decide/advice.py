"""What would let an option in, in the words of who asked: a command line, or a study's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """Sentences; ``{model}`` and ``{place}`` stand for theirs.

    Attributes:
        at_here: that a model answers on machines of one's own.
        at_place: where a model processes data.
        read: that a licence was read.
        bench: how a latency is found.
        measure: how one that is predicted is measured.
        bench_elsewhere: how it is found where the client was the bottleneck.
        eval: how an accuracy is found.
        month: how a cost is found.
        memory_of: how a memory is given.
    """

    at_here: str
    at_place: str
    read: str
    bench: str
    measure: str
    bench_elsewhere: str
    eval: str
    month: str
    memory_of: str

    def here(self, model: str) -> str:
        """How to say that a model's machine is one's own."""
        return self.at_here.format(model=model)

    def place(self, model: str, place: str) -> str:
        """How to say where a model processes data."""
        return self.at_place.format(model=model, place=place)

    def license_read(self, model: str) -> str:
        """How to say that a model's licence was read."""
        return self.read.format(model=model)

    def usd(self, model: str) -> str:
        """How to say what a model costs."""
        return self.month.format(model=model)

    def memory(self, model: str) -> str:
        """How to say what memory a model takes."""
        return self.memory_of.format(model=model)


COMMAND: Final = Advice(
    at_here="If these are yours, say --at {model}=here.",
    at_place="If it is known to you, say --at {model}={place}.",
    read="Read it, then say --license-read {model}.",
    bench="Run `weigh bench` for it, or say --devices for a prediction.",
    measure="Run `weigh bench` for it on that machine.",
    bench_elsewhere="Run `weigh bench` from another machine, or with more --workers.",
    eval="Run `weigh eval`.",
    month="Run `weigh cost` for it, or say --usd {model}=1200.",
    memory_of="Give it: --memory {model}=24GiB.",
)
STUDY: Final = Advice(
    at_here="If these are yours, write `leaves: false` under `candidates.{model}`.",
    at_place="If it is known to you, write `territory: {place}` under `candidates.{model}`.",
    read="Read it, then add {model} to `constraints.license_read`.",
    bench="Ask for a load test of it under `bench`.",
    measure="Ask for a load test of it under `bench`, on that machine.",
    bench_elsewhere="Run the load tests again from another machine than the servers', with "
    "--from-stage bench.",
    eval="Let it answer that suite: see `models` under `suites`.",
    month="Give `prices`, and the candidate a `device` with `tokens_per_s`, or a `price`.",
    memory_of="Write it under `candidates.{model}`: memory: 24 GiB.",
)
