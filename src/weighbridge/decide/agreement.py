"""How far raters agree beyond chance: Cohen's kappa for two, Fleiss's for several. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

from weighbridge.core.errors import InputError
from weighbridge.core.preferences import Agreement

Judgements = Mapping[str, Mapping[str, Hashable]]  # rater → item → what was judged


def cohen(judgements: Judgements) -> tuple[Agreement, ...]:
    """Every two raters on the items that both judged (Cohen 1960); pairs without any are left out.

    Raises:
        InputError: there are fewer than two raters.
    """
    if len(judgements) < 2:
        raise InputError("It takes two raters to agree.", fix="Let a second person rate.")
    found = []
    for one, other in combinations(judgements, 2):
        shared = [item for item in judgements[one] if item in judgements[other]]
        if shared:
            pairs = [(judgements[one][item], judgements[other][item]) for item in shared]
            found.append(_cohen((one, other), pairs))
    return tuple(found)


def _cohen(raters: tuple[str, str], pairs: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    n = len(pairs)
    share = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(count * second[label] for label, count in first.items()) / n**2
    return Agreement(raters, n, share, None if chance == 1 else (share - chance) / (1 - chance))


def fleiss(judgements: Judgements) -> Agreement:
    """All raters together on the items that each of them judged (Fleiss 1971).

    Raises:
        InputError: there are fewer than two raters, or no item that all judged.
    """
    if len(judgements) < 2:
        raise InputError("It takes two raters to agree.", fix="Let a second person rate.")
    tables = list(judgements.values())
    items = [item for item in tables[0] if all(item in table for table in tables)]
    if not items:
        raise InputError(
            "No item was judged by every rater.", fix="Compare raters pairwise (Cohen's kappa)."
        )
    raters = len(tables)
    counts = [Counter(table[item] for table in tables) for item in items]
    agreeing = [
        sum(count * (count - 1) for count in counter.values()) / (raters * (raters - 1))
        for counter in counts
    ]
    share = sum(agreeing) / len(items)
    totals: Counter[Hashable] = sum(counts, Counter())
    chance = sum((count / (raters * len(items))) ** 2 for count in totals.values())
    is_constant = len(totals) == 1
    kappa = None if is_constant else (share - chance) / (1 - chance)
    return Agreement(tuple(judgements), len(items), share, kappa)
