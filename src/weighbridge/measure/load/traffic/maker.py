"""Synthetic conversations of the lengths that a workload describes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import Message, Turn
from weighbridge.measure.load.traffic.lengths import Lengths
from weighbridge.measure.load.traffic.prompts import synthetic_prompts
from weighbridge.measure.load.traffic.spec import DEFAULT_MAX_TOKENS, WorkloadSpec
from weighbridge.measure.load.traffic.text import Passage, TextSource
from weighbridge.measure.load.traffic.tokens import TokenCounter

# Prompts are made before the load, so that making them does not disturb it: they must fit.
_MOST_TOKENS: Final = 100_000_000


class Maker:
    """Makes turns as a workload describes them."""

    def __init__(
        self,
        spec: WorkloadSpec,
        counter: TokenCounter | None,
        tokens_per_word: float,
        overhead: int,
    ) -> None:
        self.spec = spec
        self.counter = counter
        self.per_word = tokens_per_word
        self.overhead = overhead

    def draws(self, what: str) -> Random:
        """Each kind of draw has a generator, so that one may change without the others."""
        return Random(f"{what} {self.spec.seed}")  # noqa: S311 -- repeatable, and no secret

    def source(self, longest: int) -> TextSource:
        """Synthetic texts."""
        return TextSource(
            self.spec.seed,
            longest=longest,
            counter=self.counter,
            tokens_per_word=self.per_word,
            salt=self.spec.salt,
        )

    def answers(self, count: int) -> list[int]:
        """Longest answers where nothing was recorded."""
        if self.spec.output is None:
            return [self.spec.max_tokens or DEFAULT_MAX_TOKENS] * count
        drawn = self.spec.output.samples(self.draws("answers"), count)
        return [self.capped(length) for length in drawn]

    def capped(self, length: int) -> int:
        """No longer than the user allows."""
        return min(length, self.spec.max_tokens or length)

    def count(self, text: str) -> int | None:
        """Tokens of a text, where something counts them."""
        return None if self.counter is None else self.counter.count(text)

    def short(self, count: int) -> Iterator[tuple[Turn, ...]]:
        """Prompts of about twenty words."""
        spec = self.spec
        seed = Random(f"{spec.seed} {spec.salt}").getrandbits(48) if spec.salt else spec.seed  # noqa: S311
        prompts = synthetic_prompts(count, seed)
        for prompt, answer in zip(prompts, self.answers(count), strict=True):
            yield (Turn((Message("user", prompt),), answer, self.count(prompt)),)

    def synthetic(self, count: int, prompt: Lengths) -> Iterator[tuple[Turn, ...]]:
        """Conversations of the lengths described."""
        spec = self.spec
        sizes = list(_sizes(spec.turns, self.draws("turns"), count))
        firsts = prompt.samples(self.draws("prompts"), len(sizes))
        later = (spec.followup or prompt).samples(self.draws("followups"), count - len(sizes))
        refuse_if_huge(sum(firsts) + sum(later))
        source = self.source(max(spec.shared_prefix, *firsts, *later, 1))
        groups = min(spec.prefix_groups, len(sizes)) if spec.shared_prefix else 0
        prefixes = [source.shared(f"prefix {i}", spec.shared_prefix) for i in range(groups)]
        # One object for all who share it: a prefix may be long.
        shared = [Message("system", prefix.text) for prefix in prefixes]
        added, answers = iter(later), iter(self.answers(count))
        for place, (size, tokens) in enumerate(zip(sizes, firsts, strict=True)):
            first = source.fresh(self._net(tokens))
            messages: tuple[Message, ...] = (Message("user", first.text),)
            if prefixes:
                group = place % len(prefixes)
                if spec.prefix_role == "system":
                    messages = (shared[group], *messages)
                    first = _both(prefixes[group], first)
                else:
                    first = source.joined((prefixes[group], first))
                    messages = (Message("user", first.text),)
            turns = [Turn(messages, next(answers), first.tokens)]
            for _ in range(size - 1):
                more = source.fresh(self._net(next(added)))
                said = (Message("user", more.text),)
                turns.append(Turn(said, next(answers), more.tokens, spec.pause_s))
            yield tuple(turns)

    def _net(self, tokens: int) -> int:
        return max(1, tokens - self.overhead)


def _both(prefix: Passage, first: Passage) -> Passage:
    """Tokens of two messages; their texts stay apart."""
    if prefix.tokens is None or first.tokens is None:
        return first
    return Passage(first.text, prefix.tokens + first.tokens)


def _sizes(turns: Lengths, rng: Random, count: int) -> Iterator[int]:
    """How many requests each conversation has, until there are ``count`` of them."""
    left = count
    while left > 0:
        size = min(left, turns.sample(rng))
        left -= size
        yield size


def refuse_if_huge(tokens: int) -> None:
    """Demand that so many tokens of prompts fit into memory.

    Raises:
        InputError: they do not.
    """
    if tokens > _MOST_TOKENS:
        raise InputError(
            f"These prompts have {tokens:,} tokens together; they are made before the load and "
            f"must fit into memory.",
            fix=f"Take fewer requests: at most {_MOST_TOKENS:,} tokens at once.",
        )
