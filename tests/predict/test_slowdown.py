from __future__ import annotations

import numpy as np
import pytest

from tests.predict.test_rows import MIXED, job
from weighbridge.predict.rows import shipped, times
from weighbridge.predict.slowdown import FACTORS, sensitivities, slowed


def test_slower_machines_take_longer_but_never_more_than_in_proportion() -> None:
    base, ttft, tpot = sensitivities(MIXED)
    for moves in (ttft, tpot):
        assert moves.shape == (len(MIXED), len(FACTORS))
        assert (moves > -1e-9).all()
        assert (moves.sum(axis=1) < 1.02).all()
    assert (base.tpot_s > 0).all()
    # A single user's pace owes nothing to other people's prompts.
    assert tpot[1, FACTORS.index("prefill")] == 0
    assert ttft[1, FACTORS.index("prefill")] > 0.5


def test_sensitivity_is_that_of_the_whole_formula() -> None:
    _, _, tpot = sensitivities([job(users=1)])
    half = times([job(users=1)], slowed(shipped(), "reading", 1.1)).tpot_s[0]
    base = times([job(users=1)], shipped()).tpot_s[0]
    assert np.log(half / base) / np.log(1.1) == pytest.approx(tpot[0, 0], abs=0.02)


def test_nothing_changes_by_a_factor_of_one() -> None:
    numbers = shipped()
    for factor in FACTORS:
        assert slowed(numbers, factor, 1.0) == numbers
