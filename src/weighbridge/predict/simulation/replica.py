"""Continuous batching, event by event: the state of one engine.

Time advances in steps of the engine. While nothing comes, goes or is read, all steps are alike but
for the sequences' growing lengths, so that a whole block of them is taken at once: up to the next
completion, the next arrival that could be let in, or the moment when the cache is full. What is
left to be worked through one by one are steps that read prompts, a few per request.
"""

from __future__ import annotations

import math
from collections import deque
from heapq import heapify, heappop, heappush
from typing import Final

from weighbridge.predict.simulation.gaps import Gaps
from weighbridge.predict.simulation.outcome import Arrivals, Served, Simulated
from weighbridge.predict.simulation.room import Room
from weighbridge.predict.simulation.rules import Cache, Scheduler
from weighbridge.predict.simulation.sequence import Sequence
from weighbridge.predict.simulation.step_table import StepTable

# Sums of floats: what differs less than this is equal.
_ROUNDING: Final = 1e-9


class Replica:
    """The state of one engine: who waits, is being read, or decodes."""

    def __init__(
        self, arrivals: Arrivals, table: StepTable, rules: Scheduler, cache: Cache
    ) -> None:
        self.arrivals, self.table, self.rules = arrivals, table, rules
        self.room, self.gaps = Room(cache), Gaps()
        self.now = 0.0
        self.step = 0  # decoding steps so far
        self.waiting: deque[Sequence] = deque()
        self.reading: deque[Sequence] = deque()
        self.decoding: dict[int, Sequence] = {}  # in the order in which they began
        self.finishing: list[tuple[int, int]] = []  # heap of (step, index), some of them gone
        self.held = 0.0  # tokens of the decoding sequences
        self.busy_s = self.reading_s = self.sequence_s = 0.0
        self.served: dict[int, Served] = {}
        prompts = [request.prompt_tokens for request in arrivals.requests]
        self.common = arrivals.prefix_share * sum(prompts) / len(prompts)
        self.prefix_kept = False
        self.sent = 0
        self.coming = self._first_arrivals()

    def run(self) -> Simulated:
        """Serve all requests."""
        while self._advance_to_work():
            self._make_room()
            plan = self._plan()
            if plan:
                self._read(plan)
            else:
                self._decode(self._block())
            self._finish_due()
        size = self.room.cache.size
        return Simulated(
            served=tuple(self.served[index] for index in sorted(self.served)),
            gaps=tuple(self.gaps.pooled),
            busy_s=self.busy_s,
            reading_s=self.reading_s,
            finished_s=self.now,
            sequence_s=self.sequence_s,
            peak_cache=self.room.peak / size if math.isfinite(size) and size else 0.0,
        )

    # Arrivals

    def _first_arrivals(self) -> list[tuple[float, int, float]]:
        """A heap: when the scheduler sees which request, and when that was sent."""
        requests, intake, users = self.arrivals.requests, self.table.intake_s, self.arrivals.users
        if users is None:
            coming = [(r.arrival_s + intake, i, r.arrival_s) for i, r in enumerate(requests)]
            heapify(coming)
        else:
            starts = [self.arrivals.ramp_s * i / users for i in range(min(users, len(requests)))]
            coming = [(start + intake, i, start) for i, start in enumerate(starts)]
        self.sent = len(coming)
        return coming

    def _advance_to_work(self) -> bool:
        """Take in whoever has come, waiting for the next if there is nothing to do."""
        if not (self.waiting or self.reading or self.decoding):
            if not self.coming:
                return False
            self.now = max(self.now, self.coming[0][0])
        while self.coming and self.coming[0][0] <= self.now:
            _, index, sent_s = heappop(self.coming)
            request = self.arrivals.requests[index]
            fixed = self.room.cache.fixed(request.prompt_tokens + request.output_tokens)
            self.waiting.append(Sequence(index, request, sent_s, fixed))
        return True

    # Letting requests in, and taking them back

    @property
    def _running(self) -> int:
        return len(self.reading) + len(self.decoding)

    def _plan(self) -> list[tuple[Sequence, float]]:
        """How much of which prompts the next step reads; nothing, if it only decodes."""
        budget = float(self.rules.tokens - (len(self.decoding) if self.rules.mixed else 0))
        plan: list[tuple[Sequence, float]] = []
        for sequence in self.reading:
            budget -= self._take(sequence, budget, plan)
        while self.waiting and budget > 0 and self._running < self.rules.sequences:
            sequence = self.waiting[0]
            self._find_prefix(sequence)
            too_long = sequence.to_read - sequence.read > budget and not self.rules.chunked
            if (plan and too_long) or not self._fits(sequence):
                break
            self._admit(self.waiting.popleft())
            budget -= self._take(sequence, budget, plan)
        return plan

    def _take(self, sequence: Sequence, budget: float, plan: list[tuple[Sequence, float]]) -> float:
        tokens = sequence.to_read - sequence.read
        if self.rules.chunked:
            tokens = min(tokens, max(budget, 0.0))
        if tokens > 0:
            plan.append((sequence, tokens))
        return tokens

    def _find_prefix(self, sequence: Sequence) -> None:
        """Skip what the cache holds for all; a prompt's last token is read in any case."""
        common = min(self.common, sequence.request.prompt_tokens - 1.0)
        sequence.prefix = sequence.read = common if self.prefix_kept else 0.0

    def _fits(self, sequence: Sequence) -> bool:
        """Whether there is room now, for everybody's next token, and by the rules later."""
        if not self._running:
            return True
        return self.room.admits(
            sequence.to_read - sequence.prefix,
            sequence.left,
            sequence.fixed,
            due=(self._running + 1) * self.table.tokens_per_step,
            reserve=self.rules.reserve,
        )

    def _admit(self, sequence: Sequence) -> None:
        if self.rules.keeps:
            # Ends are overwritten first. To the last token something has to be read.
            left = min(sequence.kept - self.room.taken, sequence.to_read - 1)
            sequence.read = max(sequence.read, left)
        self.room.enter(sequence.to_read - sequence.prefix, sequence.left, sequence.fixed)
        if sequence.admitted_s < 0:
            sequence.admitted_s = self.now
        self.reading.append(sequence)

    def _make_room(self) -> None:
        """Take back the last that were let in, while not all get another token (recompute)."""
        while not self.room.has(self._running * self.table.tokens_per_step):
            if self._running <= 1:
                self.room.forget()
                self.prefix_kept = False
                return
            if self.reading:
                self._take_back(self.reading.pop(), 0)
            else:
                _, sequence = self.decoding.popitem()
                done = self.step - sequence.began
                self.held -= self._length(sequence, done)
                self._take_back(sequence, done)

    def _take_back(self, sequence: Sequence, done: int) -> None:
        self._release(sequence, done)
        sequence.kept = self.room.taken + (self._length(sequence, done) if done else sequence.read)
        if sequence.first_s >= 0 and sequence.paused_s < 0:
            self.gaps.interrupt(sequence.meter)
            sequence.paused_s = self.now
        produced = min(sequence.left - 1, int(done * self.table.tokens_per_step + _ROUNDING))
        sequence.left -= produced
        sequence.to_read += produced
        sequence.read = sequence.prefix = 0.0
        sequence.preemptions += 1
        self.waiting.appendleft(sequence)

    # Steps

    def _read(self, plan: list[tuple[Sequence, float]]) -> None:
        """A step that reads prompts, and decodes beside it where the engine mixes."""
        beside = len(self.decoding) if self.rules.mixed else 0
        seconds = self.table.decode_s(max(beside, 1), self.held if beside else 0.0)
        seconds += self.table.prefill_step_s
        for sequence, tokens in plan:
            seconds += self.table.prefill_s(sequence.read, sequence.read + tokens)
            sequence.read += tokens
        self._pass(seconds)
        self.reading_s += seconds
        if beside:
            self._grow(1, seconds, seconds)
        elif self.decoding:
            self.gaps.stand_still(seconds)
        for sequence, _ in plan:
            if sequence.read >= sequence.to_read:
                self.reading.remove(sequence)
                self._begin(sequence)

    def _begin(self, sequence: Sequence) -> None:
        """All is read, which gives the next token."""
        sequence.left -= 1
        sequence.to_read += 1
        self.room.grow(1)
        if sequence.first_s < 0:
            sequence.first_s = self.now
        if sequence.paused_s >= 0:
            self.gaps.resume(sequence.meter, self.now - sequence.paused_s)
            sequence.paused_s = -1.0
        if self.common and not self.prefix_kept:
            self.prefix_kept = self.room.share(self.common)
        sequence.began = self.step
        sequence.steps = math.ceil(sequence.left / self.table.tokens_per_step - _ROUNDING)
        if not sequence.left:
            self._leave(sequence, 0)
            return
        self.held += sequence.to_read
        self.gaps.join(sequence.meter, self.step)
        self.decoding[sequence.index] = sequence
        heappush(self.finishing, (self.step + sequence.steps, sequence.index))

    def _block(self) -> int:
        """Decoding steps until something else may happen."""
        steps = self._next_finish() - self.step
        room = self.room.steps(len(self.decoding) * self.table.tokens_per_step)
        steps = max(1, int(min(steps, room)))
        if self.coming and not self.waiting and self._running < self.rules.sequences:
            steps = self._steps_until(self.coming[0][0] - self.now, steps)
        return steps

    def _steps_until(self, seconds: float, most: int) -> int:
        """The fewest steps, but no more than ``most``, that take at least so long."""
        first, last = self._ends(most)
        if most == 1 or most * (first + last) / 2 <= seconds:
            return most
        # n · first + slope · n(n-1)/2 = seconds, solved for n
        slope = (last - first) / (most - 1)
        linear = first - slope / 2
        root = math.sqrt(max(0.0, linear**2 + 2 * slope * seconds))
        steps = 2 * seconds / (linear + root)
        return max(1, min(most, math.ceil(steps - _ROUNDING)))

    def _ends(self, steps: int) -> tuple[float, float]:
        """Seconds of the first and the last of so many decoding steps."""
        count = len(self.decoding)
        longer = count * self.table.tokens_per_step * (steps - 1)
        return self.table.decode_s(count, self.held), self.table.decode_s(count, self.held + longer)

    def _decode(self, steps: int) -> None:
        first, last = self._ends(steps)
        seconds = steps * (first + last) / 2
        self._pass(seconds)
        self._grow(steps, seconds, max(first, last))

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        self.busy_s += seconds
        self.sequence_s += seconds * self._running

    def _grow(self, steps: int, seconds: float, longest: float) -> None:
        """Each decoding sequence gets its tokens of so many steps."""
        count = len(self.decoding)
        growth = count * steps * self.table.tokens_per_step
        self.step += steps
        self.held += growth
        self.room.grow(growth)
        self.gaps.note(self.step, steps, seconds, longest, count)

    # Leaving

    def _next_finish(self) -> int:
        """In which step the next sequence has all its tokens."""
        while True:
            step, index = self.finishing[0]
            sequence = self.decoding.get(index)
            if sequence is not None and sequence.began + sequence.steps == step:
                return step
            heappop(self.finishing)

    def _finish_due(self) -> None:
        while self.decoding and self._next_finish() <= self.step:
            _, index = heappop(self.finishing)
            sequence = self.decoding.pop(index)
            self.held -= self._length(sequence, sequence.steps)
            sequence.meter.longest = self.gaps.longest(sequence.meter)
            self._leave(sequence, sequence.steps)
        if not self.decoding:
            self.held = 0.0
            self.gaps.clear()

    def _length(self, sequence: Sequence, done: int) -> float:
        """Tokens that it holds after so many steps of decoding."""
        return sequence.to_read + done * self.table.tokens_per_step

    def _release(self, sequence: Sequence, done: int) -> None:
        own = self._length(sequence, done) - sequence.prefix
        most = sequence.to_read + sequence.left - sequence.prefix
        self.room.leave(own, most, sequence.fixed)

    def _leave(self, sequence: Sequence, done: int) -> None:
        self._release(sequence, done)
        request = sequence.request
        self.served[sequence.index] = Served(
            arrival_s=sequence.sent_s,
            admitted_s=sequence.admitted_s,
            first_s=sequence.first_s,
            finished_s=self.now,
            prompt_tokens=request.prompt_tokens,
            output_tokens=request.output_tokens,
            preemptions=sequence.preemptions,
            longest_gap_s=sequence.meter.longest,
        )
        if self.arrivals.users is not None and self.sent < len(self.arrivals.requests):
            sent_s = self.now + self.arrivals.think_s
            heappush(self.coming, (sent_s + self.table.intake_s, self.sent, sent_s))
            self.sent += 1
