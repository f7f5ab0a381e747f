from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.predict.llamacpp.speculation import expected_tokens, speculative_token_s


@given(st.floats(0, 1), st.integers(0, 12))
def test_it_is_the_sum_of_runs_of_right_guesses(acceptance: float, guesses: int) -> None:
    assert expected_tokens(acceptance, guesses) == pytest.approx(
        sum(acceptance**place for place in range(guesses + 1)), rel=1e-6
    )


def test_free_right_guesses_divide_the_time_and_useless_ones_cost() -> None:
    assert speculative_token_s(0.04, 0.0, 1.0, 3) == pytest.approx(0.01)
    assert speculative_token_s(0.04, 0.01, 0.0, 2) == pytest.approx(0.06)
    assert speculative_token_s(0.04, 0.01, 0.7, 0) == pytest.approx(0.04)


@pytest.mark.parametrize(("acceptance", "guesses"), [(1.2, 3), (-0.1, 3), (0.5, -1)])
def test_impossible_figures_are_refused(acceptance: float, guesses: int) -> None:
    with pytest.raises(InputError):
        expected_tokens(acceptance, guesses)
