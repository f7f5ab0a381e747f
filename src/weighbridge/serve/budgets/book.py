"""What may be spent, decided: a pure function from accounts and requests to new accounts.

A request is admitted while what is spent and what is set aside are below the limit, and then sets
aside the most that it may cost. So a budget is exceeded by one request at most, and its last part
can still be used by a request that might cost more than is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from weighbridge.serve.budgets.cost import NOTHING, Amount

Verdict = Literal["granted", "spent", "held"]
"""``spent``: the budget is used up; ``held``: what is left is set aside for requests under way."""

# Below what a signed 64-bit column holds, by far.
_CEILING = 2**61


class Slot(NamedTuple):
    """One budget in one period."""

    budget: str
    period: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a budget has seen of a period."""

    spent: Amount = NOTHING
    held: Amount = NOTHING


@dataclass(frozen=True, slots=True)
class Reserve:
    """Set something aside.

    Attributes:
        hold: its number, unique within the process that asks.
        slot: whose.
        most: how much.
        usd_limit: nano-dollars; None for no limit.
        token_limit: likewise.
    """

    hold: int
    slot: Slot
    most: Amount
    usd_limit: int | None
    token_limit: int | None


@dataclass(frozen=True, slots=True)
class Settle:
    """Give a hold back and book what was really spent.

    Attributes:
        first: the batch in which this was first tried; 0 before any.
    """

    hold: int
    slot: Slot
    spent: Amount = NOTHING
    first: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a batch.

    Attributes:
        accounts: those that have changed.
        holds: what has been set aside.
        verdicts: one per reservation asked for, in order.
    """

    accounts: dict[Slot, Account]
    holds: tuple[Reserve, ...]
    verdicts: tuple[Verdict, ...]


def decide(
    accounts: Mapping[Slot, Account],
    reserves: Sequence[Reserve],
    settles: Sequence[Settle],
    freed: Mapping[int, Amount],
) -> Decision:
    """Settle first, then reserve in order. ``freed`` are the holds that were still there.

    A hold that is gone had a process that was taken for dead: its spending is booked all the same.
    """
    changed: dict[Slot, Account] = {}
    for settle in settles:
        account = changed.get(settle.slot) or accounts.get(settle.slot) or Account()
        held = _less(account.held, freed.get(settle.hold, NOTHING))
        changed[settle.slot] = Account(_more(account.spent, settle.spent), held)
    holds, verdicts = [], []
    for reserve in reserves:
        account = changed.get(reserve.slot) or accounts.get(reserve.slot) or Account()
        verdict = _verdict(account, reserve)
        verdicts.append(verdict)
        if verdict == "granted":
            changed[reserve.slot] = Account(account.spent, _more(account.held, reserve.most))
            holds.append(reserve)
    return Decision(changed, tuple(holds), tuple(verdicts))


def _verdict(account: Account, reserve: Reserve) -> Verdict:
    spent, both = account.spent, _more(account.spent, account.held)
    limits = ((reserve.usd_limit, 0), (reserve.token_limit, 1))
    if any(limit is not None and spent[kind] >= limit for limit, kind in limits):
        return "spent"
    if any(limit is not None and both[kind] >= limit for limit, kind in limits):
        return "held"
    return "granted"


def _more(one: Amount, other: Amount) -> Amount:
    return Amount(min(one.nano + other.nano, _CEILING), min(one.tokens + other.tokens, _CEILING))


def _less(one: Amount, other: Amount) -> Amount:
    return Amount(max(one.nano - other.nano, 0), max(one.tokens - other.tokens, 0))
