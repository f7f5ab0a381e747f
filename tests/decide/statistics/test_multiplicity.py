from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.decide.statistics.multiplicity import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.2]) == (0.2,)


@given(P_VALUES)
@settings(deadline=None)
def test_adjusted_values_keep_the_order_and_lie_between_raw_and_bonferroni(
    values: list[float],
) -> None:
    adjusted = holm(values)
    for raw, after in zip(values, adjusted, strict=True):
        assert raw <= after <= min(1.0, len(values) * raw) + 1e-12
    ranked = [after for _, after in sorted(zip(values, adjusted, strict=True))]
    assert ranked == sorted(ranked)
