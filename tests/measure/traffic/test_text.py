from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.measure.load.traffic.text import (
    CLOSE,
    WORDS,
    Calibration,
    TextSource,
    calibrate,
    probe_text,
)
from weighbridge.measure.load.traffic.tokens import TokenCounter


def by_letters(text: str) -> int:
    """A word has a token for every four letters begun, a full stop one of its own."""
    return sum(-(-len(word.rstrip(".")) // 4) + word.count(".") for word in text.split())


def by_pairs(text: str) -> int:
    """Two short words in a row are one token: counts do not add up."""
    count, words = 0, text.split()
    while words:
        word = words.pop(0)
        if len(word) < 4 and words and len(words[0]) < 4:
            words.pop(0)
        count += 1
    return count


def by_characters(text: str) -> int:
    return len(text)


@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 20, 31, 32, 33, 100, 5000])
def test_without_a_tokenizer_words_stand_for_tokens(tokens: int) -> None:
    for per_word in (1.0, 1.3, 2.0):
        passage = TextSource(1, longest=tokens, tokens_per_word=per_word).fresh(tokens)
        assert passage.tokens is None
        words = len(passage.text.split())
        assert words == pytest.approx(tokens / per_word, abs=max(1.0, 0.001 * tokens))
        assert passage.text.endswith(CLOSE) == (tokens >= max(32, 27 * per_word))


@pytest.mark.parametrize("count", [by_letters, by_pairs])
@pytest.mark.parametrize("tokens", [3, 12, 31, 40, 500, 4096])
def test_with_a_tokenizer_lengths_are_exact(count: Callable[[str], int], tokens: int) -> None:
    source = TextSource(2, longest=tokens, counter=TokenCounter("test", count))
    for passage in [source.fresh(tokens) for _ in range(20)]:
        assert passage.tokens == count(passage.text)
        assert passage.tokens == pytest.approx(tokens, abs=1 if tokens < 32 else 0)


def test_where_no_exact_length_exists_the_nearest_is_taken_and_counted() -> None:
    source = TextSource(2, longest=3000, counter=TokenCounter("test", by_characters))
    for tokens in (10, 100, 3000):
        passage = source.fresh(tokens)
        assert passage.tokens == len(passage.text)
        assert passage.tokens == pytest.approx(tokens, abs=12)


@given(st.integers(0, 2**40), st.integers(5, 60))
@settings(max_examples=25)
def test_no_two_fresh_texts_begin_alike(seed: int, tokens: int) -> None:
    source = TextSource(seed, longest=tokens)
    texts = [source.fresh(tokens).text for _ in range(200)]
    assert len({tuple(text.split()[:4]) for text in texts}) == 200


def test_texts_follow_seed_and_salt() -> None:
    def texts(seed: int, salt: str) -> list[str]:
        source = TextSource(seed, longest=50, salt=salt)
        return [*(source.fresh(50).text for _ in range(5)), source.shared("a", 50).text]

    assert texts(1, "") == texts(1, "")
    for other in (texts(2, ""), texts(1, "again")):
        beginnings = [{tuple(text.split()[:4]) for text in one} for one in (texts(1, ""), other)]
        assert not beginnings[0] & beginnings[1]


@pytest.mark.parametrize("counter", [None, TokenCounter("test", by_letters)])
def test_shared_texts_are_the_same_for_the_same_key(counter: TokenCounter | None) -> None:
    source = TextSource(1, longest=600, counter=counter)
    long, short = source.shared("k", 512), source.shared("k", 300)
    assert source.shared("k", 512) == long
    assert source.shared("other", 512).text[:20] != long.text[:20]
    # All but the words that fill up to an exact count.
    assert long.text.startswith(" ".join(short.text.split()[:-8]))


def test_joined_texts_add_up() -> None:
    for count in (by_letters, by_pairs):
        source = TextSource(1, longest=600, counter=TokenCounter("test", count))
        whole = source.joined([source.shared("a", 200), source.fresh(90)])
        assert whole.tokens == count(whole.text)


@pytest.mark.parametrize(("per_word", "overhead"), [(1.0, 0), (1.25, 9), (2.5, 130), (0.75, 40)])
def test_two_probes_tell_ratio_and_overhead(per_word: float, overhead: int) -> None:
    few, many = 48, 480
    short, long = probe_text(3, few, "run"), probe_text(3, many, "run")
    assert (few, many) == (len(short.split()), len(long.split()))
    assert short.split()[:4] != long.split()[:4]  # nothing of one is in a cache for the other
    found = calibrate(
        (few, round(few * per_word) + overhead), (many, round(many * per_word) + overhead)
    )
    assert found is not None
    assert found.tokens_per_word == pytest.approx(per_word, rel=0.01)
    assert found.overhead == pytest.approx(overhead, abs=1)
    assert calibrate((many, 900), (few, 100)) == calibrate((few, 100), (many, 900))


def test_longer_words_by_chance_in_the_longer_text_are_no_overhead_below_zero() -> None:
    assert calibrate((16, 80), (36, 205)) == Calibration(205 / 36, 0)


@pytest.mark.parametrize("words", [4, 7, 16, 31, 32, 33, 200])
def test_a_probe_has_the_words_it_is_asked_for(words: int) -> None:
    assert len(probe_text(1, words).split()) == words


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((48, 10), (480, 10)),  # always the same count
        ((48, 500), (480, 60)),  # fewer for more
        ((48, 1), (480, 9000)),  # too many per word
        ((48, 60), (48, 60)),  # one length
        ((0, 5), (480, 500)),
        ((48, 10), (480, 650)),  # fewer than the words alone would have
    ],
)
def test_counts_of_something_else_calibrate_nothing(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    assert calibrate(first, second) is None
    assert calibrate((10, 12), (110, 132)) == Calibration(1.2, 0)


def test_words_are_plain() -> None:
    assert len(set(WORDS)) == len(WORDS) > 200
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)
