"""Rates of tokens against what can be computed by hand, and their intervals against the truth."""

from __future__ import annotations

import random

import numpy as np
import pytest

from weighbridge.measure.tokens.corpus import Corpus
from weighbridge.measure.tokens.figures import Asked, by_unit, figures, ratio

ASKED = Asked(request_characters=2000, context=1000, prices={"b": 0.5})


def corpus(pieces: list[str], *, files: int = 1) -> Corpus:
    groups = tuple(index % files for index in range(len(pieces)))
    return Corpus("c", tuple(pieces), groups, files, are_requests=False)


def test_rates_are_of_the_whole_corpus() -> None:
    texts = corpus(["one two ", "drei vier fünf"] * 20)
    first, second = figures(texts, {"a": ("x", [2, 4] * 20), "b": ("y", [4, 8] * 20)}, ASKED)
    assert first.tokens == 120
    assert first.per_byte.value == pytest.approx(6 / 23)  # ü takes two bytes
    assert first.per_character.value == pytest.approx(6 / 22)
    assert first.per_word is not None
    assert first.per_word.value == pytest.approx(6 / 5)
    assert (first.ratio, first.cost_usd) == (None, None)
    assert second.ratio is not None
    assert second.ratio.value == pytest.approx(2.0)
    # Twice the tokens everywhere: the ratio is certain although the rates are not.
    assert second.ratio.interval is not None
    assert second.ratio.interval.low == pytest.approx(2.0)
    assert second.ratio.interval.high == pytest.approx(2.0)
    assert second.cost_usd is not None
    assert second.cost_usd.value == pytest.approx(1000 * 2000 * (12 / 22) * 0.5 / 1e6)
    assert first.context_words is not None
    assert first.context_words.value == pytest.approx(1000 / (6 / 5))
    ends = first.context_characters.interval
    assert ends is not None
    assert ends.low < ends.value < ends.high


def test_few_units_have_no_interval() -> None:
    texts = corpus(["some text"] * 19)
    (found,) = figures(texts, {"a": ("x", [2] * 19)}, ASKED)
    assert found.per_byte.interval is None
    assert found.per_byte.into(90).interval is None


def test_the_interval_covers_the_true_ratio_about_95_times_in_100() -> None:
    # Lines of 5 to 60 words, 1.1 to 1.9 tokens each: the true ratio is that of the means.
    generator = random.Random(5)  # noqa: S311 -- guards no secret
    hits, rounds = 0, 200
    for _ in range(rounds):
        words = [generator.randint(5, 60) for _ in range(80)]
        tokens = [count * generator.uniform(1.1, 1.9) for count in words]
        found = ratio(np.array(tokens), np.array(words, dtype=float)).interval
        assert found is not None
        hits += found.low <= 1.5 <= found.high
    assert 0.88 <= hits / rounds <= 0.99


def test_many_files_are_drawn_whole() -> None:
    texts = corpus(["a"] * 100, files=25)
    assert by_unit(texts, [1] * 100).tolist() == [4.0] * 25


def test_very_many_lines_are_bundled_without_loss() -> None:
    texts = corpus(["a"] * 50_001)
    bundled = by_unit(texts, [3] * 50_001)
    assert len(bundled) == 4000
    assert bundled.sum() == 150_003


def test_bundles_have_the_interval_of_the_lines() -> None:
    generator = np.random.default_rng(7)
    sizes = generator.integers(5, 60, 40_000)
    counts = (sizes * generator.uniform(1.1, 1.9, 40_000)).astype(int)
    texts = corpus(["a"] * 40_000)
    found = ratio(by_unit(texts, counts.tolist()), by_unit(texts, sizes.tolist())).interval
    assert found is not None
    # The delta method's error, line by line.
    residuals = counts - found.value * sizes
    error = float(np.sqrt((residuals**2).sum()) / sizes.sum())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
