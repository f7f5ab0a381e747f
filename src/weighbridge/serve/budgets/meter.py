"""Budgets as the gateway sees them: reserve before a request is sent, settle when it has ended."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.gateway import Asked, Refusal, Spending, TokenUse
from weighbridge.core.routing import Budget, KeyEntry, ModelEntry, Price, RouterConfig
from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot
from weighbridge.serve.budgets.cost import NANO, NOTHING, at_most, cost
from weighbridge.serve.budgets.opening import open_ledger
from weighbridge.serve.budgets.period import Window, window
from weighbridge.serve.budgets.writer import Writer


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget and who spends from it.

    Attributes:
        name: as people know it: the shared budget's, or the key's whose own it is.
        account: under which the ledger keeps it.
        budget: its limits.
        keys: names of keys.
    """

    name: str
    account: str
    budget: Budget
    keys: tuple[str, ...]

    def slot(self, now: float) -> Slot:
        """Its account in the present period."""
        return Slot(self.account, window(self.budget.per, now).name)


def purses(config: RouterConfig, keys: Sequence[KeyEntry]) -> tuple[Purse, ...]:
    """Every budget, shared ones first; those that no key spends from have no keys."""
    shared: dict[str, list[str]] = {name: [] for name in config.budgets}
    own: dict[str, Budget] = {}
    for entry in keys:
        if isinstance(entry.budget, Budget):
            own[entry.name] = entry.budget
        elif entry.budget is not None and entry.name not in shared[entry.budget]:
            shared[entry.budget].append(entry.name)
    return (
        *(
            Purse(name, f"budget:{name}", config.budgets[name], tuple(names))
            for name, names in shared.items()
        ),
        *(Purse(name, f"key:{name}", budget, (name,)) for name, budget in own.items()),
    )


def spending(purse: Purse, account: Account, when: Window) -> Spending:
    """What is left of a budget, as pages show it. What is set aside is not spent."""
    spent = account.spent
    return Spending(
        name=purse.name,
        keys=purse.keys,
        usd=(spent.nano / NANO, purse.budget.usd),
        tokens=(spent.tokens, purse.budget.tokens),
        until=when.until,
    )


class Meter:
    """Budgets of all keys, kept in one ledger. Lives on one event loop; see :meth:`close`.

    The ledger is opened when the first key has a budget, on a thread of its own; a ledger that
    cannot be opened does not keep the gateway from starting.
    """

    def __init__(
        self,
        config: RouterConfig,
        keys: Sequence[KeyEntry],
        place: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._place = place
        self._holds = itertools.count(1)
        self._writer: Writer | None = None
        self.reload(config, keys)

    def reload(self, config: RouterConfig, keys: Sequence[KeyEntry]) -> None:
        """Use other budgets and prices from now on. The ledger stays where it is.

        Raises:
            ConfigError: the first budget appears, and the ledger's extra is not installed.
        """
        found = purses(config, keys)
        if self._writer is None and any(purse.keys for purse in found):
            self._writer = Writer(open_ledger(self._place), tell=self._tell)
        self._purses = found
        self._of_key: Mapping[str, Purse] = {key: purse for purse in found for key in purse.keys}
        self._models = config.models

    @property
    def fault(self) -> str:
        """Why the ledger cannot be written; empty where it can, or nobody needs it."""
        return self._writer.fault if self._writer else ""

    def is_metered(self, key: str) -> bool:
        """Whether a key spends from a budget."""
        return key in self._of_key

    async def reserve(self, key: str, asked: Asked, model: str) -> Booking | Refusal:
        """Set aside the most that a request may cost."""
        purse, entry = self._of_key.get(key), self._models.get(model)
        if purse is None or self._writer is None or entry is None:
            # A reload in between took the budget or the model away: nothing to count, or to send.
            return Booking(None, None, 0, self._models)
        if purse.budget.usd is not None and entry.price is None:
            return _priceless(purse, model)
        now = self._clock()
        slot = purse.slot(now)
        wanted = Reserve(
            hold=next(self._holds),
            slot=slot,
            most=cost(at_most(asked, entry.context), entry.price),
            usd_limit=None if purse.budget.usd is None else round(purse.budget.usd * NANO),
            token_limit=purse.budget.tokens,
        )
        verdict = await self._writer.reserve(wanted)
        if verdict is None:
            return _UNWRITABLE
        if verdict != "granted":
            return _used_up(purse, now, is_spent=verdict == "spent")
        return Booking(self._writer, slot, wanted.hold, self._models, entry.price)

    def spendings(self, now: float) -> tuple[Spending, ...]:
        """Every budget, as of about a second ago.

        Budgets that have not been looked up yet are left out: see :meth:`look`.
        """
        if self._writer is None:
            return ()
        slots = self._slots(now)
        seen = self._writer.accounts(slots)
        return tuple(
            spending(purse, seen[slot], window(purse.budget.per, now))
            for purse, slot in zip(self._purses, slots, strict=True)
            if slot in seen
        )

    async def look(self, now: float) -> None:
        """Wait until the ledger has told of every budget, or cannot; a second at most."""
        if self._writer is not None:
            await self._writer.look(self._slots(now))

    def _slots(self, now: float) -> tuple[Slot, ...]:
        return tuple(purse.slot(now) for purse in self._purses)

    async def close(self, limit_s: float = 5.0) -> None:
        """Book what is left; to be called when no request is under way any more."""
        if self._writer is not None:
            await self._writer.close(limit_s)


class Booking:
    """Money and tokens set aside for one request (:class:`seams.Reservation`)."""

    __slots__ = ("_hold", "_models", "_price", "_slot", "_writer")

    def __init__(
        self,
        writer: Writer | None,
        slot: Slot | None,
        hold: int,
        models: Mapping[str, ModelEntry],
        price: Price | None = None,
    ) -> None:
        self._writer, self._slot, self._hold = writer, slot, hold
        self._models, self._price = models, price

    def settle(self, model: str, use: TokenUse | None) -> None:
        """Book what ``model`` really used and give back the rest; all of it for None."""
        writer, self._writer = self._writer, None
        if writer is None or self._slot is None:
            return
        entry = self._models.get(model)
        # A fallback without a price of its own costs what the first choice would have.
        price = entry.price if entry is not None and entry.price is not None else self._price
        spent = NOTHING if use is None else cost(use, price)
        writer.settle(Settle(self._hold, self._slot, spent))


_UNWRITABLE = Refusal(
    503,
    "Spending cannot be booked at present, so requests of keys with a budget are refused. "
    "Try again in a moment; whoever runs the gateway finds the reason in its log.",
    "service_unavailable",
    retry_after_s=1.0,
)


def _priceless(purse: Purse, model: str) -> Refusal:
    return Refusal(
        403,
        f"The budget {purse.name} is in dollars and model {model} has no price, so it cannot be "
        f"used with this key. Whoever runs the gateway can state one under models.{model}.price.",
        "permission_error",
    )


def _used_up(purse: Purse, now: float, *, is_spent: bool) -> Refusal:
    ends = window(purse.budget.per, now).ends
    if not is_spent:
        return Refusal(
            429,
            f"What is left of the budget {purse.name} is set aside for requests under way. "
            "Try again when they have ended.",
            "insufficient_quota",
            retry_after_s=1.0,
        )
    until = "" if ends is None else f" until {window(purse.budget.per, now).until}"
    return Refusal(
        429,
        f"The budget {purse.name} is used up{until}. "
        "Whoever runs the gateway can raise it in the configuration.",
        "insufficient_quota",
        retry_after_s=None if ends is None else max(ends - now, 1.0),
    )
