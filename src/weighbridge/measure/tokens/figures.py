"""From counts to rates: tokens per byte and word, ratios between models, cost and context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.provenance import Interval
from weighbridge.measure.tokens.corpus import Corpus, words_in

Floats = NDArray[np.float64]

_DRAWS: Final = 2000
_SEED: Final = 20_261_121
_CHUNK: Final = 50
# Below so many units their spread is not known well enough for an interval.
FEWEST_UNITS: Final = 20
# Above so many, units are drawn in bundles of several, which changes the interval by nothing that
# could be seen.
_MOST_UNITS: Final = 4000


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of the whole corpus; ``interval`` is None where there are too few units for one."""

    value: float
    interval: Interval | None

    def times(self, factor: float) -> Rate:
        """The same in another unit."""
        ends = self.interval
        return Rate(
            self.value * factor,
            None if ends is None else Interval(*_scaled(ends, factor), ends.level),
        )

    def into(self, amount: float) -> Rate:
        """``amount`` divided by it: a smaller rate makes more."""
        ends = self.interval
        return Rate(
            amount / self.value,
            None if ends is None else Interval(
                amount / ends.value, amount / ends.high, amount / ends.low, ends.level
            ),
        )  # fmt: skip


def _scaled(ends: Interval, factor: float) -> tuple[float, float, float]:
    return ends.value * factor, ends.low * factor, ends.high * factor


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large each unit of a corpus is; ``words`` is None where they cannot be counted."""

    bytes: Floats
    characters: Floats
    words: Floats | None
    units: Floats


@dataclass(frozen=True, slots=True)
class ModelTokens:
    """A corpus in one model's tokens.

    Attributes:
        model: its name.
        source: where its tokenizer was read or asked.
        tokens: of the whole corpus.
        per_byte: tokens per byte of UTF-8.
        per_character: tokens per character.
        per_word: None where words cannot be counted.
        ratio: to the first model's tokens; None for the first model itself.
        cost_usd: of 1,000 requests' prompts; None without a price.
        context_characters: characters that the context holds.
        context_words: None where words cannot be counted.
    """

    model: str
    source: str
    tokens: int
    per_byte: Rate
    per_character: Rate
    per_word: Rate | None
    ratio: Rate | None
    cost_usd: Rate | None
    context_characters: Rate
    context_words: Rate | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What rates are turned into.

    Attributes:
        request_characters: length of a request; None takes the mean entry of JSONL.
        context: tokens of context.
        prices: US dollars per million prompt tokens, by model.
    """

    request_characters: float
    context: int
    prices: Mapping[str, float]


def sizes_of(corpus: Corpus) -> Sizes:
    """The sizes of the units that are drawn for the intervals."""
    words = None
    if corpus.has_words:
        words = by_unit(corpus, [words_in(piece) for piece in corpus.pieces])
    return Sizes(
        by_unit(corpus, [len(piece.encode("utf-8", "replace")) for piece in corpus.pieces]),
        by_unit(corpus, [len(piece) for piece in corpus.pieces]),
        words,
        by_unit(corpus, [1] * len(corpus.pieces)),
    )


def by_unit(corpus: Corpus, counts: Sequence[int]) -> Floats:
    """Sums over what is drawn together: files, or pieces, or bundles of very many pieces."""
    values = np.array(counts, dtype=np.float64)
    if corpus.by_file:
        _, groups = np.unique(np.array(corpus.groups), return_inverse=True)
        return np.bincount(groups, values).astype(np.float64)
    if len(values) > _MOST_UNITS:
        bundles = np.random.default_rng(_SEED).permutation(len(values)) % _MOST_UNITS
        return np.bincount(bundles, values).astype(np.float64)
    return values


def ratio(numerator: Floats, denominator: Floats) -> Rate:
    """The ratio of two sums over the same units, with its bootstrap interval over units."""
    value = float(numerator.sum() / denominator.sum())
    units = len(numerator)
    if units < FEWEST_UNITS:
        return Rate(value, None)
    generator = np.random.default_rng(_SEED)
    drawn: list[Floats] = []
    both = np.stack((numerator, denominator), axis=1)
    for _ in range(_DRAWS // _CHUNK):
        weights = generator.multinomial(units, np.full(units, 1 / units), size=_CHUNK)
        sums = weights @ both
        # A draw of nothing but empty units tells nothing.
        drawn.append(sums[sums[:, 1] > 0, 0] / sums[sums[:, 1] > 0, 1])
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    return Rate(value, Interval(value, min(value, float(low)), max(value, float(high))))


def figures(
    corpus: Corpus, counts: Mapping[str, tuple[str, Sequence[int]]], asked: Asked
) -> tuple[ModelTokens, ...]:
    """Each model's rates, and their ratio to the first model's.

    Args:
        corpus: what was counted.
        counts: by model, where its tokenizer is from and the tokens of each piece.
        asked: what the rates are turned into.
    """
    sizes = sizes_of(corpus)
    units = {model: by_unit(corpus, told) for model, (_, told) in counts.items()}
    first = next(iter(units.values()))
    found = []
    for model, (source, told) in counts.items():
        tokens = units[model]
        per_character = ratio(tokens, sizes.characters)
        per_word = None if sizes.words is None else ratio(tokens, sizes.words)
        price = asked.prices.get(model)
        cost = None
        if price is not None:
            cost = per_character.times(1000 * asked.request_characters * price / 1e6)
        found.append(
            ModelTokens(
                model=model,
                source=source,
                tokens=sum(told),
                per_byte=ratio(tokens, sizes.bytes),
                per_character=per_character,
                per_word=per_word,
                ratio=None if tokens is first else ratio(tokens, first),
                cost_usd=cost,
                context_characters=per_character.into(asked.context),
                context_words=None if per_word is None else per_word.into(asked.context),
            )
        )
    return tuple(found)
