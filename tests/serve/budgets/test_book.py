from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot, decide
from weighbridge.serve.budgets.cost import Amount

SLOT = Slot("key:alice", "2026-11")
LIMIT, MOST = 1000, 300


def reserve(hold: int, tokens: int, limit: int | None = LIMIT) -> Reserve:
    return Reserve(hold, SLOT, Amount(tokens * 7, tokens), None, limit)


def test_requests_are_admitted_until_the_limit_is_reached() -> None:
    wanted = [reserve(n, 400) for n in range(4)]
    decision = decide({}, wanted, [], {})
    assert decision.verdicts == ("granted", "granted", "granted", "held")
    assert decision.accounts[SLOT].held.tokens == 1200


def test_what_is_spent_is_told_from_what_is_only_set_aside() -> None:
    accounts = {SLOT: Account(spent=Amount(0, LIMIT))}
    assert decide(accounts, [reserve(1, 1)], [], {}).verdicts == ("spent",)
    accounts = {SLOT: Account(held=Amount(0, LIMIT))}
    assert decide(accounts, [reserve(1, 1)], [], {}).verdicts == ("held",)


def test_money_and_tokens_are_limited_each() -> None:
    wanted = Reserve(1, SLOT, Amount(5, 5), usd_limit=100, token_limit=None)
    assert decide({SLOT: Account(Amount(99, 10**9))}, [wanted], [], {}).verdicts == ("granted",)
    assert decide({SLOT: Account(Amount(100, 0))}, [wanted], [], {}).verdicts == ("spent",)


def test_what_is_settled_in_a_batch_makes_room_in_it() -> None:
    accounts = {SLOT: Account(held=Amount(0, LIMIT))}
    settles = [Settle(1, SLOT, Amount(0, 10))]
    decision = decide(accounts, [reserve(2, 50)], settles, {1: Amount(0, LIMIT)})
    assert decision.verdicts == ("granted",)
    assert decision.accounts[SLOT] == Account(Amount(0, 10), Amount(350, 50))


def test_spending_of_a_hold_that_is_gone_is_booked_all_the_same() -> None:
    decision = decide({}, [], [Settle(1, SLOT, Amount(0, 10))], {})
    assert decision.accounts[SLOT] == Account(Amount(0, 10))


@given(st.lists(st.integers(0, 2**62), max_size=5))
def test_numbers_stay_within_what_a_column_holds(spent: list[int]) -> None:
    settles = [Settle(n, SLOT, Amount(value, value)) for n, value in enumerate(spent)]
    decision = decide({}, [], settles, {})
    assert all(max(account.spent) < 2**63 for account in decision.accounts.values())


class Conservation(RuleBasedStateMachine):
    """Whatever clients do: limit and one request are never exceeded, and all sums come out."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account()
        self.holds: dict[int, int] = {}
        self.spent = 0
        self.next = 0

    @rule(sizes=st.lists(st.integers(0, MOST), min_size=1, max_size=20))
    def ask(self, sizes: list[int]) -> None:
        wanted = [reserve(self.next + n, size) for n, size in enumerate(sizes)]
        self.next += len(sizes)
        decision = decide({SLOT: self.account}, wanted, [], {})
        self.account = decision.accounts.get(SLOT, self.account)
        self.holds |= {hold.hold: hold.most.tokens for hold in decision.holds}

    @rule(share=st.floats(0, 1), data=st.data())
    def settle(self, share: float, data: st.DataObject) -> None:
        if not self.holds:
            return
        hold = data.draw(st.sampled_from(sorted(self.holds)))
        held = self.holds.pop(hold)
        used = int(held * share)
        self.spent += used
        freed = {hold: Amount(held * 7, held)}
        settles = [Settle(hold, SLOT, Amount(used * 7, used))]
        self.account = decide({SLOT: self.account}, [], settles, freed).accounts[SLOT]

    @invariant()
    def sums_come_out(self) -> None:
        assert self.account.held.tokens == sum(self.holds.values())
        assert self.account.spent.tokens == self.spent
        assert self.account.spent.tokens + self.account.held.tokens < LIMIT + MOST


TestConservation = Conservation.TestCase
