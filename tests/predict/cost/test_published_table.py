"""The table of break-evens in million tokens a day: 3:1 in:out, whole GPUs billed around the clock.

The table was made with a month of 30.44 days where ours has 30.4375: a ten-thousandth, which shows
where a figure has four digits.
"""

from decimal import Decimal

import pytest

from tests.predict.cost.examples import DEMAND, api, owned, rented
from weighbridge.core.cost import SelfHosted
from weighbridge.predict.cost.bills import bill, costed
from weighbridge.predict.cost.break_even import break_even
from weighbridge.predict.cost.comparing import Pair

APIS = ((0.02, 0.05), (0.12, 0.24), (0.40, 3.0), (0.23, 0.40), (2.0, 10.0), (5.0, 25.0), (10, 50))

TABLE: tuple[tuple[SelfHosted, int, str], ...] = (
    (rented(0.44), 321, "384 70 10 39 2.6 1.1 0.5"),
    # The third is printed as 30: 29.49, rounded twice.
    (rented(1.29), 942, "1126 206 29.5 114 7.7 3.1 1.5"),
    (rented(2.29), 1673, "1998 366 52 202 13.7 5.5 2.7"),
    # Of this machine the sum alone is printed, 154 USD: here 42.43 of it are power.
    (owned(), 154, "183 34 4.8 19 1.3 0.5 0.3"),
    (rented(2.29, ops=1500), 3173, "3790 695 99 383 26 10 5.2"),
    (owned(ops=1500), 1654, "1975 362 52 199 13.6 5.4 2.7"),
)


@pytest.mark.parametrize(("own", "printed"), [(own, printed) for own, _, printed in TABLE])
def test_all_rows_and_columns(own: SelfHosted, printed: str) -> None:
    for prices, text in zip(APIS, printed.split(), strict=True):
        found = break_even(Pair(DEMAND, own, api(*prices))).ignoring_capacity / 1e6
        half_a_digit = 0.5 * 10.0 ** Decimal(text).as_tuple().exponent  # type: ignore[operator]
        assert abs(found - float(text)) <= half_a_digit + 1.1e-4 * found, (prices, found)


@pytest.mark.parametrize(("own", "usd"), [(own, usd) for own, usd, _ in TABLE])
def test_the_month_of_each_row(own: SelfHosted, usd: int) -> None:
    assert round(costed(bill(DEMAND, own, 0, 10)).usd_per_month.value) == usd


def test_384_million_tokens_a_day_do_not_fit_on_one_l4() -> None:
    # 384 million a day are 4,444 tokens a second on average, a quarter of them output.
    found = break_even(Pair(DEMAND, rented(0.44, tokens_per_s=500, max_gpus=1), api(0.02, 0.05)))
    assert found.tokens_per_day is None
    assert not found.within_capacity
    assert found.crossings == ()
    assert found.ignoring_capacity == pytest.approx(384e6, rel=1e-4)
    # 500 output tokens/s in the peak hour are 500/1.97 on average, times 4 for the prompts.
    assert found.capacity_tokens_per_day == pytest.approx(500 / 1.97 * 4 * 86_400)
