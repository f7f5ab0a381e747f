"""The conversations of a dataset, asked again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import cycle, islice, repeat
from random import Random

from weighbridge.core.errors import FormatError
from weighbridge.core.traffic import Conversation, LoadShape, Message, Turn
from weighbridge.measure.load.traffic.datasets import Recorded, RecordedTurn, read_dataset
from weighbridge.measure.load.traffic.maker import Maker
from weighbridge.measure.load.traffic.spec import DEFAULT_MAX_TOKENS
from weighbridge.measure.load.traffic.timing import speed_of, timed


def from_dataset(maker: Maker, shape: LoadShape, count: int | None) -> tuple[Conversation, ...]:
    """The first ``count`` requests of the dataset, from its start again where it ends.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is damaged, or is to be replayed and has no times.
    """
    spec = maker.spec
    if spec.dataset is None:
        raise ValueError(spec)
    recorded = read_dataset(spec.dataset, limit=count)
    replayed = shape.kind == "replay"
    if replayed:
        recorded = tuple(sorted(recorded, key=_time))
    total = sum(len(one.turns) for one in recorded)
    wanted = total if count is None or (replayed and total < count) else count
    drawn: Iterator[int | None] = repeat(None)
    if spec.output is not None:
        drawn = iter(maker.answers(wanted))
    openings = _openings(maker)
    made: list[tuple[Turn, ...]] = []
    left = wanted
    for one in cycle(recorded):
        if left <= 0:
            break
        turns = list(islice(_asked(maker, one, drawn), left))
        if spec.bust_cache:
            turns[0] = _opened(turns[0], next(openings), maker)
        made.append(tuple(turns))
        left -= len(turns)
    if not replayed:
        return timed(made, shape, spec.seed)
    first_s, speed = _time(recorded[0]), speed_of(shape)
    return tuple(
        Conversation(turns, (_time(one) - first_s) / speed)
        for turns, one in zip(made, recorded, strict=False)
    )


def _asked(maker: Maker, one: Recorded, drawn: Iterator[int | None]) -> Iterator[Turn]:
    for place, turn in enumerate(one.turns):
        answer = next(drawn) or _recorded_length(maker, turn)
        tokens = None
        if maker.counter is not None:
            tokens = sum(maker.counter.count(message.content) for message in turn.messages)
        pause_s = maker.spec.pause_s if place else 0.0
        yield Turn(turn.messages, answer, tokens, pause_s)


def _recorded_length(maker: Maker, turn: RecordedTurn) -> int:
    length = turn.output_tokens
    if length is None and turn.answer:
        length = maker.count(turn.answer)
        if length is None:
            length = round(len(turn.answer.split()) * maker.per_word)
    if not length:
        return maker.spec.max_tokens or DEFAULT_MAX_TOKENS
    return maker.capped(length)


def _openings(maker: Maker) -> Iterator[str]:
    """Numbers of which none comes twice, as different beginnings for recorded prompts."""
    rng, used = Random(f"busting {maker.spec.seed} {maker.spec.salt}"), set[int]()  # noqa: S311
    while True:
        number = rng.randrange(10**8, 10**9)
        if number not in used:
            used.add(number)
            yield f"[{number}] "


def _opened(turn: Turn, opening: str, maker: Maker) -> Turn:
    first = turn.messages[0]
    changed = Message(first.role, opening + first.content)
    tokens = turn.prompt_tokens
    if tokens is not None and maker.counter is not None:
        tokens += maker.counter.count(changed.content) - maker.counter.count(first.content)
    return dataclasses.replace(turn, messages=(changed, *turn.messages[1:]), prompt_tokens=tokens)


def _time(one: Recorded) -> float:
    if one.at_s is None:
        raise FormatError(
            f"{one.where} has no timestamp, so that it cannot be replayed.",
            fix="Send the dataset at a rate or with a number of users instead.",
        )
    return one.at_s
