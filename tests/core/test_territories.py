from __future__ import annotations

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.territories import territory, within


@pytest.mark.parametrize(
    ("text", "code"), [("eu", "EU"), (" fr ", "FR"), ("UK", "GB"), ("EL", "GR"), ("US", "US")]
)
def test_a_territory_is_a_country_or_the_union(text: str, code: str) -> None:
    assert territory(text) == code


@pytest.mark.parametrize("text", ["Narnia", "EUU", "", "E", "AT BE", "XX"])
def test_what_is_no_territory_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no territory"):
        territory(text)


def test_the_union_contains_its_countries_only() -> None:
    assert within("gr", "EU")
    assert within("EU", "EU")
    assert not within("GB", "EU")
    assert not within("EU", "FR")
