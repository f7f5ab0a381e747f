from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve.config.files import ENVIRONMENT, GOOD, folder_for, read, swapped
from weighbridge.serve.config import check_config, warnings


def test_the_good_file_has_nothing_to_warn_of(tmp_path: Path) -> None:
    assert warnings(read(GOOD, folder_for(tmp_path))) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  - {use: [far]}\n", "", "no route is without a condition"),
        ("  - {use: [far]}\n", "  - {use: [far]}\n  - {use: [own]}\n", "routes[2] can never apply"),
        ("task: arithmetic, tier", "model: small, tier", "'small' is a model"),
        ("tier: gold}, use", "tier: silver}, use", "no key has the tier 'silver'"),
        ("use: [small, far]", "use: [small, tally]", "routes[0] uses a model twice"),
        ("use: [far]", "use: [own], prefer: cheapest", "prefers the cheapest, and 'own' has"),
        ("{small: [own, far]}", "{small: [own], tally: [far]}", "two of its names"),
        ('["127.0.0.1:8080"', '["0.0.0.0:8080"', "clear text"),
        ("  - ${env.ALICE}", "  - wb-a-plain-token", "keys[0] is a token"),
        ("budget: team, ", "", "nobody spends from the budget 'team'"),
        ("pinned: true", "pinned: true\n    ttl: 5m", "pinned and has a `ttl`"),
        ("memory: 80%, device", "memory: 2.5 GiB, device", "take 2.00 GiB together"),
        ("memory: 80%, device", "memory: 2.5 GiB, device", "'own' can never start"),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_told(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = swapped(old, new)
    checked = check_config(text, folder_for(tmp_path), origin="text", environment=ENVIRONMENT)
    assert checked.written is not None, checked.faults
    told = warnings(checked.written)
    assert any(words in sentence for sentence in told), told


def test_without_routes_nothing_answers_auto(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("routes:")] + GOOD[GOOD.index("fallbacks:") :]
    told = warnings(read(text, folder_for(tmp_path)))
    assert any("`routes` is empty" in sentence for sentence in told)
