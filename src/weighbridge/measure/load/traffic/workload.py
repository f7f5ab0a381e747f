"""What a level sends and when: from a workload's description to conversations with due times."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import Conversation, LoadShape
from weighbridge.measure.load.traffic.maker import Maker
from weighbridge.measure.load.traffic.spec import WorkloadSpec, check, describe, from_preset
from weighbridge.measure.load.traffic.text import TYPICAL_TOKENS_PER_WORD
from weighbridge.measure.load.traffic.timing import timed
from weighbridge.measure.load.traffic.tokens import TokenCounter, load_tokenizer

__all__ = ["WorkloadSpec", "as_replayed", "check", "conversations", "describe", "from_preset"]


def conversations(
    spec: WorkloadSpec,
    shape: LoadShape,
    count: int | None,
    *,
    tokens_per_word: float = TYPICAL_TOKENS_PER_WORD,
    overhead: int = 0,
    counter: TokenCounter | None = None,
) -> tuple[Conversation, ...]:
    """Conversations of ``count`` requests in all; the last may be cut short to fit.

    Args:
        spec: what is sent.
        shape: when. Of an open loop or ramp, ``rate`` counts requests: conversations start that
            much more rarely as they have more turns.
        count: of requests; None for all of a dataset or trace. A dataset begins anew when it
            ends, but when replayed, and a trace does not.
        tokens_per_word: of synthetic text, by a server's usage; used where there is no tokenizer.
        overhead: tokens that a server's chat template adds to a prompt.
        counter: the tokenizer of ``spec.tokenizer``, if it is already read.

    Raises:
        InputError: the workload describes nothing, or would not fit into memory.
        FormatError: its dataset, trace or tokenizer is damaged.
    """
    check(spec)
    if counter is None and spec.tokenizer is not None:
        counter = load_tokenizer(spec.tokenizer)
    maker = Maker(spec, counter, tokens_per_word, overhead)
    if spec.trace is not None:
        # Here and not above, likewise below: most runs read no file, and should start at once.
        from weighbridge.measure.load.traffic.replayed_trace import from_trace  # noqa: PLC0415

        return from_trace(maker, shape, count)
    if spec.dataset is not None:
        from weighbridge.measure.load.traffic.replayed_dataset import from_dataset  # noqa: PLC0415

        return from_dataset(maker, shape, count)
    if shape.kind == "replay":
        raise InputError("Only a trace or dataset with times can be replayed.", fix="Name one.")
    if count is None:
        raise InputError("Synthetic prompts never end.", fix="Give a number of requests.")
    made = maker.short(count) if spec.prompt is None else maker.synthetic(count, spec.prompt)
    return timed(list(made), shape, spec.seed)


def as_replayed(shape: LoadShape, sent: Sequence[Conversation]) -> LoadShape:
    """The shape of a replay with its mean rate, which is known once its trace is read."""
    last_s = max((one.due_s or 0.0 for one in sent), default=0.0)
    requests = sum(len(one.turns) for one in sent)
    # The span from first to last has one gap fewer than conversations. Without a span there is no
    # rate: everything comes at once.
    rate = requests * (1 - 1 / len(sent)) / last_s if last_s > 0 else math.inf
    return dataclasses.replace(shape, rate=rate)
