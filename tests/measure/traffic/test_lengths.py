from __future__ import annotations

from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.measure.load.traffic.lengths import LONGEST, fixed, parse_lengths

FORMS = (
    "512", "512±20%", "512+-100", "uniform:100-900", "normal:512,128", "lognormal:512,0.6",
    "lognormal:2048,0.96<=7437", "200:0.3,800:0.7",
)  # fmt: skip


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 -- repeatable, and no secret


@pytest.mark.parametrize("text", FORMS)
def test_samples_have_the_stated_mean_and_cap(text: str) -> None:
    lengths = parse_lengths(text)
    drawn = lengths.samples(seeded(1), 4000)
    assert fmean(drawn) == pytest.approx(lengths.mean, rel=0.005)
    assert min(drawn) >= 1
    assert max(drawn) <= lengths.cap
    one_by_one = seeded(2)
    assert fmean(lengths.sample(one_by_one) for _ in range(20_000)) == pytest.approx(
        lengths.mean, rel=0.03
    )
    assert str(lengths) == text


@pytest.mark.parametrize("text", FORMS)
def test_samples_follow_their_seed_and_come_in_no_order(text: str) -> None:
    lengths = parse_lengths(text)
    drawn = lengths.samples(seeded(5), 200)
    assert drawn == lengths.samples(seeded(5), 200)
    if lengths.kind != "fixed":
        assert drawn != sorted(drawn)
        assert drawn != lengths.samples(seeded(6), 200)


@pytest.mark.parametrize(
    ("text", "mean", "spread"),
    [
        ("normal:512,128", 512, 128),
        ("lognormal:512,0.6", 512, 0.6 * 512),
        ("uniform:100-900", 500, 800 / 12**0.5),
        ("1000±20%", 1000, 400 / 12**0.5),
        ("200:3,800:1", 350, (0.75 * 0.25) ** 0.5 * 600),
    ],
)
def test_the_second_number_is_the_spread(text: str, mean: float, spread: float) -> None:
    drawn = parse_lengths(text).samples(seeded(0), 20_000)
    assert fmean(drawn) == pytest.approx(mean, rel=0.01)
    assert pstdev(drawn) == pytest.approx(spread, rel=0.02)


def test_uniform_lengths_reach_both_ends() -> None:
    assert set(parse_lengths("uniform:3-5").samples(seeded(0), 100)) == {3, 4, 5}
    assert fixed(7).samples(seeded(0), 3) == [7, 7, 7]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no length"),
        ("long", "no length"),
        ("0", "below 1"),
        ("-5", "no length"),
        ("512±100%", "fall below 1"),
        ("uniform:900-100", "uniform:100-900"),
        ("uniform:0-5", "below 1"),
        ("normal:512,300", "at most a third"),
        ("lognormal:512,60", "share of the mean"),
        ("lognormal:512,0.6<=100", "below its mean"),
        ("200:0,800:0", "add up to nothing"),
        ("99999999", "longer than any model"),
        ("9" * 5000, "longer than any model"),
        (f"normal:{'9' * 400},1", "longer than any model"),
        ("lognormal:0.2,1", "below 1"),
        ("²", "no length"),
        ("512±²%", "no length"),
        ("200:0.3,", "no length"),
    ],
)
def test_what_is_no_length_is_refused_with_a_fix(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse_lengths(text)
    assert caught.value.fix


@given(st.text(alphabet="0123456789±%:,.-<=+ _normalguifc", max_size=30) | st.text(max_size=12))
def test_any_text_is_lengths_or_an_input_error(text: str) -> None:
    try:
        lengths = parse_lengths(text)
    except InputError:
        return
    drawn = lengths.samples(seeded(0), 50)
    assert all(1 <= length <= min(lengths.cap, LONGEST) for length in drawn)
    # No further apart than values rounded to whole numbers of at least 1 allow.
    assert 0.4 <= lengths.mean <= LONGEST
