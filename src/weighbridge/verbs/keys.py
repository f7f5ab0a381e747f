"""``weigh keys``: make keys, list those of a configuration, say whose a key is."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from weighbridge.core.errors import InputError, LedgerError
from weighbridge.core.gateway import Spending
from weighbridge.core.routing import Budget, KeyEntry, Period, Rate, RouterConfig
from weighbridge.core.units import parse_count
from weighbridge.serve.access.keys import NewKey, digest, new_key
from weighbridge.serve.budgets.meter import Purse, purses, spending
from weighbridge.serve.budgets.opening import is_postgres, ledger_place, open_ledger
from weighbridge.serve.budgets.period import window
from weighbridge.serve.config import key_digests, read_config

# A number with what it counts; commas set thousands apart.
_AMOUNT = re.compile(
    r"(\$)?\s*(\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,9})?\s*[kKmMbB]?)\s*(usd|\$|dollars?|tokens?)?",
    re.IGNORECASE,
)
_PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month", "ever")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as a list shows it; its budget is None where it has none or the ledger is shut."""

    entry: KeyEntry
    spending: Spending | None


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys of a configuration.

    Attributes:
        fault: why spending could not be read; empty where it could.
    """

    rows: tuple[KeyRow, ...]
    fault: str = ""


def parse_rate(texts: Sequence[str]) -> Rate | None:
    """A rate from words such as ``60rpm`` and ``100000tpm``; None for no words.

    Raises:
        InputError: one of them is no rate.
    """
    found: dict[str, int] = {}
    units = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute"}
    for text in texts:
        number, unit = text[:-3].strip().replace(",", ""), text[-3:].lower()
        if unit not in units or not number.isdecimal() or int(number) < 1:
            raise InputError(f"{text!r} is no rate.", fix="Write for example 60rpm or 100000tpm.")
        found[units[unit]] = int(number)
    return Rate(**found) if found else None


def parse_budget(text: str | None) -> Budget | str | None:
    """A budget such as ``20usd/month``, ``1M tokens/day`` or ``{usd: 20, per: month}``.

    Any other word is the name of a shared one, which stands under ``budgets``.

    Raises:
        InputError: it is an amount without its unit or its period, or no budget at all.
    """
    if text is None:
        return None
    if text.lstrip().startswith("{"):
        return _mapped_budget(text)
    amount, slash, period = (part.strip() for part in text.partition("/"))
    if not slash and amount and not _AMOUNT.fullmatch(amount):
        return amount
    matched = _AMOUNT.fullmatch(amount)
    unit = (matched[1] or matched[3] or "").lower() if matched else ""
    if matched is None or not unit or period not in _PERIODS:
        raise _no_budget(text)
    per: Period = period
    number = matched[2].replace(",", "")
    if not unit.startswith("token"):
        if not number.replace(".", "", 1).isdecimal():
            raise _no_budget(text)
        return Budget(usd=float(number), per=per)
    if "." in number and number[-1:].isdecimal():
        raise _no_budget(text)
    return Budget(tokens=parse_count(number), per=per)


def _mapped_budget(text: str) -> Budget:
    """A budget as it would stand in the file."""
    import msgspec  # noqa: PLC0415 -- heavier than all else here

    try:
        budget = msgspec.convert(yaml.safe_load(text), Budget)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError):
        raise _no_budget(text) from None
    if budget.usd is None and budget.tokens is None:
        raise _no_budget(text)
    return budget


def _no_budget(text: str) -> InputError:
    return InputError(
        f"{text!r} is no budget: it needs an amount with its unit, and for how long that is.",
        fix="Write for example 20usd/month, 1M tokens/day or '{usd: 20, tokens: 5000000, per: "
        "week}', or the name of a budget that stands under `budgets`.",
    )


def made(
    name: str,
    *,
    models: Sequence[str] = (),
    rate: Rate | None = None,
    budget: Budget | str | None = None,
    tier: str | None = None,
    admin: bool = False,
) -> tuple[NewKey, KeyEntry]:
    """A new key and its entry for the configuration.

    Raises:
        InputError: the name is empty or not printable.
    """
    if not name.strip() or not name.isprintable():
        raise InputError("A key needs a name that can be read.", fix="Write for example `alice`.")
    key = new_key(name)
    entry = KeyEntry(
        name=name,
        hash=key.hash,
        models=tuple(models) or None,
        rate=rate,
        budget=budget,
        tier=tier,
        admin=admin,
    )
    return key, entry


def yaml_lines(key: NewKey, entry: KeyEntry) -> str:
    """What to put under ``keys:``."""
    import msgspec  # noqa: PLC0415 -- heavier than all else here

    document = yaml.safe_dump([msgspec.to_builtins(entry)], sort_keys=False, allow_unicode=True)
    # So that people can tell which token this was.
    return "".join(
        f"  {line}  # {key.prefix}…\n" if "sha256:" in line else f"  {line}\n"
        for line in document.splitlines()
    )


def made_json(key: NewKey, entry: KeyEntry) -> dict[str, Any]:
    """The ``--json`` of a new key."""
    return {
        "name": entry.name,
        "token": key.token,
        "prefix": key.prefix,
        "hash": key.hash,
        "yaml": yaml_lines(key, entry),
    }


def listed(
    path: Path, *, environment: Mapping[str, str] | None = None, now: float | None = None
) -> KeyList:
    """The keys of the configuration in ``path`` and what they have spent.

    Raises:
        InputError: the configuration cannot be read or is wrong.
    """
    config = read_config(path, environment=environment)
    entries = [entry for _, entry in key_digests(config, environment)]
    found = purses(config, entries)
    seen: dict[str, Spending] = {}
    fault = ""
    if any(purse.keys for purse in found):
        try:
            seen = _spendings(config, path.parent, found, time.time() if now is None else now)
        except LedgerError as error:
            fault = str(error)
    return KeyList(tuple(KeyRow(entry, seen.get(entry.name)) for entry in entries), fault)


def _spendings(
    config: RouterConfig, folder: Path, found: Sequence[Purse], now: float
) -> dict[str, Spending]:
    """By key."""
    place = ledger_place(config, folder)
    if not is_postgres(place) and not Path(place).exists():
        # Nothing was ever spent. Looking must not make the file.
        from weighbridge.serve.budgets.book import Account  # noqa: PLC0415 -- for this case only

        accounts = {purse.slot(now): Account() for purse in found}
    else:
        ledger = open_ledger(place)
        try:
            ledger.open()
            accounts = ledger.read([purse.slot(now) for purse in found])
        finally:
            ledger.close()
    return {
        key: spending(purse, accounts[purse.slot(now)], window(purse.budget.per, now))
        for purse in found
        for key in purse.keys
    }


def to_json(keys: KeyList) -> list[dict[str, Any]]:
    """The ``--json`` of a list: never tokens or digests."""
    return [_row_json(row) for row in keys.rows]


def _row_json(row: KeyRow) -> dict[str, Any]:
    entry, spent = row.entry, row.spending
    return {
        "name": entry.name,
        "models": None if entry.models is None else list(entry.models),
        "tier": entry.tier,
        "admin": entry.admin,
        "requests_per_minute": entry.rate.requests_per_minute if entry.rate else None,
        "tokens_per_minute": entry.rate.tokens_per_minute if entry.rate else None,
        "budget": None
        if spent is None
        else {
            "name": spent.name,
            "usd_spent": spent.usd[0],
            "usd_limit": spent.usd[1],
            "tokens_used": spent.tokens[0],
            "tokens_limit": spent.tokens[1],
            "until": spent.until or None,
        },
    }


def owner(
    path: Path, token: str, *, environment: Mapping[str, str] | None = None
) -> KeyEntry | None:
    """Whose token this is; None where it is nobody's.

    Raises:
        InputError: the configuration cannot be read or is wrong.
    """
    wanted = digest(token.strip().encode("utf-8", "surrogateescape"))
    config = read_config(path, environment=environment)
    return next((entry for kept, entry in key_digests(config, environment) if kept == wanted), None)
