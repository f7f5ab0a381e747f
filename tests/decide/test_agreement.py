from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decide.test_preferences import panda_lm
from weighbridge.core.errors import InputError
from weighbridge.decide.agreement import cohen, fleiss

LABELS = st.lists(st.tuples(*[st.sampled_from("abt")] * 3), min_size=1, max_size=40)


def judged(*columns: str) -> dict[str, dict[str, str]]:
    return {
        f"r{rater}": {f"i{item}": label for item, label in enumerate(column)}
        for rater, column in enumerate(columns)
    }


def test_real_raters_agree_as_published() -> None:
    rows = panda_lm()
    raters = {
        f"r{rater}": {str(row["idx"]): row[f"annotator{rater}"] for row in rows}
        for rater in (1, 2, 3)
    }
    kappas = [one.kappa for one in cohen(raters)]
    assert kappas == pytest.approx([0.852, 0.879, 0.862], abs=0.0005)
    assert {one.n for one in cohen(raters)} == {999}
    assert fleiss(raters).kappa == pytest.approx(sum(filter(None, kappas)) / 3, abs=0.001)


def test_cohens_kappa_by_hand() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: share 0.7, by chance 0.5 (Cohen's example).
    first = "y" * 25 + "n" * 25
    second = "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    (found,) = cohen(judged(first, second))
    assert (found.n, found.share) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_fleisss_kappa_by_hand() -> None:
    found = fleiss(judged("aab", "aab", "abb"))
    # Agreeing pairs 1, 1/3, 1; a stands 5 times, b 4 times of 9.
    chance = (25 + 16) / 81
    assert found.share == pytest.approx(7 / 9)
    assert found.kappa == pytest.approx((7 / 9 - chance) / (1 - chance))


@given(LABELS)
@settings(deadline=None)
def test_kappas_are_at_most_one_and_one_for_copies(rows: list[tuple[str, str, str]]) -> None:
    columns = ["".join(row[rater] for row in rows) for rater in range(3)]
    for found in (*cohen(judged(*columns)), fleiss(judged(*columns))):
        assert found.kappa is None or -1 <= found.kappa <= 1 + 1e-12
    copies = fleiss(judged(columns[0], columns[0]))
    assert copies.share == 1
    assert copies.kappa is None or copies.kappa == pytest.approx(1)


def test_raters_who_always_say_the_same_leave_nothing_to_agree_on() -> None:
    assert cohen(judged("aaa", "aaa"))[0].kappa is None
    assert fleiss(judged("aaa", "aaa")).kappa is None


def test_only_items_that_both_judged_count() -> None:
    raters = {"x": {"i": "a", "j": "b"}, "y": {"j": "b", "k": "a"}, "z": {"l": "a"}}
    (found,) = cohen(raters)
    assert (found.raters, found.n) == (("x", "y"), 1)
    with pytest.raises(InputError, match="every rater"):
        fleiss(raters)
    with pytest.raises(InputError, match="two raters"):
        cohen({"x": {}})
    with pytest.raises(InputError, match="two raters"):
        fleiss({"x": {}})
