"""The whole answer: every bill with its interval, and every comparison."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from weighbridge.core.cost import CostQuestion, CostReport, Hosted, SelfHosted
from weighbridge.core.cost_comparison import Comparison
from weighbridge.predict.cost.bills import Bill, bill, costed, differences, interval
from weighbridge.predict.cost.break_even import break_even
from weighbridge.predict.cost.check import check
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.lines import total
from weighbridge.predict.cost.sensitivity import flips, swings
from weighbridge.predict.cost.words import Chances, missing, verdict

DRAWS: Final = 10_000


def answer(
    question: CostQuestion,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    created: str = "",
    notes: Iterable[str] = (),
) -> CostReport:
    """Cost every option, and compare every self-hosted one with every API.

    Args:
        question: what is compared.
        seed: of the draws; the same seed gives the same report.
        draws: how many.
        created: when, ISO 8601.
        notes: sentences of the caller's, put before ours.

    Raises:
        InputError: a quantity is impossible.
    """
    check(question)
    demand = question.demand
    displaced_first = sorted(question.hosted, key=lambda one: one.same_model)
    options: list[SelfHosted | Hosted] = [*question.selfhosted, *displaced_first]
    bills = {one.name: bill(demand, one, seed, draws) for one in options}
    return CostReport(
        question=question,
        options=tuple(costed(one) for one in bills.values()),
        comparisons=tuple(
            _comparison(own, api, bills[own.name], bills[api.name])
            for own in question.selfhosted
            for api in displaced_first
        ),
        notes=(*notes, *missing(question)),
        seed=seed,
        draws=draws,
        created=created,
    )


def _comparison(own: SelfHosted, api: Hosted, mine: Bill, theirs: Bill) -> Comparison:
    pair = Pair(mine.demand, own, api)
    draws = differences(pair, mine, theirs)
    base = pair.difference({**mine.base, **theirs.base})
    difference, fits = interval(base, draws), pair.fits(mine.draws)
    chances = Chances(
        self_cheaper=float(np.mean((draws < 0) & fits)),
        api_cheaper=float(np.mean(draws > 0)),
        fits=float(np.mean(fits)),
    )
    bars = swings(pair)
    known = chances if pair.has_ranges({**mine.draws, **theirs.draws}) else None
    fits_at_base = bool(pair.fits(mine.base)[0])
    # An upper bound that is not the lower bill leaves it open which of the two is cheaper.
    tells = not pair.at_most or (difference.value < 0 and fits_at_base)
    return Comparison(
        option=own.name,
        against=api.name,
        same_model=api.same_model,
        difference=difference,
        median_difference=float(np.median(draws)),
        p_self_cheaper=known.self_cheaper if known is not None and tells else None,
        p_within_capacity=chances.fits,
        break_even=break_even(pair),
        swings=bars,
        flips=flips(pair, bars),
        verdict=verdict(
            pair, difference, known, bills=_bills(mine, theirs),
            fits=fits_at_base,
        ),
        per_accepted=pair.per_accepted,
        at_most=pair.at_most,
    )  # fmt: skip


def _bills(mine: Bill, theirs: Bill) -> float:
    """Self-hosted minus API at base, whatever is accepted of the answers."""
    return float((total(mine.lines(mine.base)) - total(theirs.lines(theirs.base)))[0])
