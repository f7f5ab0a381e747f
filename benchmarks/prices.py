"""Our API prices against another list of the same models: how many agree.

    python benchmarks/prices.py ../shared/data/prices/api_prices_litellm_1.109.1.csv

A row of the table is matched where our list has the same provider and model, by name or alias; two
prices agree where a million tokens in and a million out cost the same within 2 %.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1] / "tools")

from litellm_prices import WITHIN, pairs, read_entries  # noqa: E402
from weighbridge.facts.prices import load  # noqa: E402


def main() -> None:
    """Print how many agree, in all and by provider, and which do not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--today", default="2026-11-21")
    arguments = parser.parse_args()
    prices = load(today=arguments.today, environment={"XDG_CACHE_HOME": "/nonexistent"})
    found = pairs(prices.api, list(read_entries(arguments.table).values()))
    agree = sum(pair.agrees for pair in found)
    print(f"{agree} of {len(found)} agree within {WITHIN:.0%}: {agree / len(found):.1%}")
    matched = Counter(pair.provider for pair in found)
    good = Counter(pair.provider for pair in found if pair.agrees)
    for provider, count in matched.most_common():
        print(f"  {provider}: {good[provider]} of {count}")
    for pair in found:
        if not pair.agrees:
            print(f"  {pair.provider}/{pair.model}: ours {pair.ours:g}, theirs {pair.theirs:g}")


if __name__ == "__main__":
    main()
