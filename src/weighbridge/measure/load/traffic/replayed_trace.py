"""Conversations with the lengths, times and common beginnings of a recorded trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from weighbridge.core.errors import FormatError
from weighbridge.core.traffic import Conversation, LoadShape, Message, Turn
from weighbridge.measure.load.traffic.maker import Maker, refuse_if_huge
from weighbridge.measure.load.traffic.text import Passage
from weighbridge.measure.load.traffic.timing import speed_of, timed
from weighbridge.measure.load.traffic.traces import MOONCAKE_BLOCK, TraceRequest, read_trace

_BLOCK_SIZES: Final = (MOONCAKE_BLOCK, 16, 32, 64, 128, 256, 1024, 2048, 4096)


def from_trace(maker: Maker, shape: LoadShape, count: int | None) -> tuple[Conversation, ...]:
    """The first ``count`` requests of the trace's window.

    Raises:
        InputError: the file cannot be read, or its prompts do not fit into memory.
        FormatError: it is damaged.
    """
    spec = maker.spec
    if spec.trace is None:
        raise ValueError(spec)
    requests = read_trace(
        spec.trace, start_s=spec.trace_start_s, duration_s=spec.trace_duration_s, limit=count
    ).requests
    refuse_if_huge(sum(request.prompt_tokens for request in requests))
    passages = _trace_passages(maker, requests)
    answers: Iterable[int] = (request.output_tokens for request in requests)
    if spec.output is not None:
        answers = maker.answers(len(requests))
    turns = [
        (Turn((Message("user", passage.text),), maker.capped(answer), passage.tokens),)
        for passage, answer in zip(passages, answers, strict=True)
    ]
    if shape.kind != "replay":
        return timed(turns, shape, spec.seed)
    speed = speed_of(shape)
    return tuple(
        Conversation(turn, request.due_s / speed)
        for turn, request in zip(turns, requests, strict=True)
    )


def _trace_passages(maker: Maker, requests: Sequence[TraceRequest]) -> Iterator[Passage]:
    """Prompts of the recorded lengths that have in common what the recorded ones had."""
    source = maker.source(max(request.prompt_tokens for request in requests))
    size = _block_size(requests)
    uses = Counter(name for request in requests for name in request.blocks)
    kept: dict[int, Passage] = {}
    for request in requests:
        left = max(1, request.prompt_tokens - maker.overhead)
        parts: list[Passage] = []
        # From the first block that no other request has, a prompt shares nothing that is cached.
        for name in takewhile(lambda name: uses[name] > 1, request.blocks):
            if left < size:
                break
            parts.append(kept.get(name) or kept.setdefault(name, source.shared(name, size)))
            left -= size
        if left > 0:
            parts.append(source.fresh(left))
        yield source.joined(parts)


def _block_size(requests: Sequence[TraceRequest]) -> int:
    """Tokens of a block, found by which size explains how many blocks the prompts have."""
    told = [request for request in requests[:200] if len(request.blocks) > 1]
    fitting = (
        size
        for size in _BLOCK_SIZES
        if all(-(-one.prompt_tokens // size) == len(one.blocks) for one in told)
    )
    size = next(fitting, None)
    if size is None:
        raise FormatError(
            "The hash_ids of the trace do not fit its prompt lengths.",
            fix=f"Blocks must have {MOONCAKE_BLOCK} tokens, or another power of two from 16 on.",
        )
    return size
