"""Where accounts are kept: what a ledger has to do, and how a batch is carried out on any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from weighbridge.serve.budgets.book import Account, Decision, Reserve, Settle, Slot, Verdict, decide
from weighbridge.serve.budgets.cost import Amount


class Transaction(Protocol):
    """Changes that happen together or not at all. The accounts read are locked until the end."""

    def applied(self) -> int:
        """The number of this process's last batch that was carried out."""

    def free(self, holds: Sequence[int]) -> dict[int, Amount]:
        """Remove holds of this process; those that were still there, with what they held."""

    def accounts(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """What budgets have seen of periods; empty accounts where there were none."""

    def write(self, decision: Decision, number: int) -> None:
        """Keep what was decided, and that batch ``number`` is carried out."""


class Ledger(Protocol):
    """Accounts shared by processes. Every method may raise LedgerError, also when it was not open.

    Used by one thread at a time; calls take milliseconds, or seconds where something is wrong.
    """

    def open(self) -> None:
        """Connect, bring the tables up to date and release what dead processes had set aside."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; commit at the end, or take everything back on an error."""

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """Accounts as they are, without locking anything."""

    def beat(self) -> None:
        """Say that this process lives, and release what dead ones had set aside."""

    def close(self) -> None:
        """Let go of the connection; safe to call at any time."""

    def leave(self) -> None:
        """Release what this process still has set aside, and close."""


def carry_out(
    ledger: Ledger, number: int, reserves: Sequence[Reserve], settles: Sequence[Settle]
) -> tuple[Verdict, ...]:
    """Book a batch. Settles that an earlier batch has booked after all are left out.

    A batch whose commit failed may have been carried out nevertheless, when the connection broke
    between the commit and its confirmation; therefore the ledger keeps the number of the last one.
    """
    with ledger.transaction() as transaction:
        # Only what was tried before can have been booked before.
        is_retried = any(settle.first < number for settle in settles)
        applied = transaction.applied() if is_retried else 0
        live = [settle for settle in settles if settle.first > applied]
        freed = transaction.free([settle.hold for settle in live])
        slots = {one.slot for one in live} | {one.slot for one in reserves}
        decision = decide(transaction.accounts(slots), reserves, live, freed)
        transaction.write(decision, number)
    return decision.verdicts


def total(freed: Iterable[tuple[Slot, Amount]]) -> Mapping[Slot, Amount]:
    """What was held of each account, summed."""
    sums: dict[Slot, Amount] = {}
    for slot, amount in freed:
        old = sums.get(slot, Amount(0, 0))
        sums[slot] = Amount(old.nano + amount.nano, old.tokens + amount.tokens)
    return sums
