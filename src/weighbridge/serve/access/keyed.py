"""Who may ask, and how much (:class:`seams.Access`): keys, rates and budgets together."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.core.gateway import Asked, Grant, Refusal, Spending, TokenUse
from weighbridge.core.http import Headers
from weighbridge.core.routing import KeyEntry, RouterConfig
from weighbridge.serve.access.keys import digest, presented
from weighbridge.serve.access.rates import Rates
from weighbridge.serve.budgets.meter import Booking, Meter

Resolved = tuple[bytes, KeyEntry]
"""The digest of a token, and what it opens."""

_NO_KEY: Final = Refusal(
    401,
    "This gateway asks for a key. Send it as `Authorization: Bearer …` or `x-api-key: …`.",
    "authentication_error",
)
_WRONG_KEY: Final = Refusal(
    401,
    "The key is not one of this gateway's. "
    "Check that all of it was copied; `weigh keys check` tells whose a key is.",
    "authentication_error",
)
_ANYBODY: Final = Grant()
_MOST_DIGESTS: Final = 256


@dataclass(frozen=True, slots=True)
class _Holder:
    """What is looked up for a token; limits are None where there are none."""

    digest: bytes
    grant: Grant
    row: int
    requests: int | None
    tokens: int | None


class KeyedAccess:
    """Keys in memory, rates in memory that workers share, budgets in the ledger.

    Without keys everybody may do all that the gateway does, except administer it.

    Args:
        config: the configuration.
        keys: its keys, resolved: digests of their tokens with their entries.
        ledger: where spending is kept (``ledger_place``).
        rates: a file that the workers of this gateway share, and nobody else; None for one process.
        tell: hears sentences for whoever runs the gateway.

    Raises:
        ConfigError: the ledger needs an extra that is not installed.
        InputError: there are too many keys.
    """

    def __init__(
        self,
        config: RouterConfig,
        keys: Sequence[Resolved],
        *,
        ledger: str | Path,
        rates: Path | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._now = 0.0
        self._digests: dict[int, tuple[Headers, bytes]] = {}
        self._rates = Rates(rates)
        self._meter = Meter(config, [entry for _, entry in keys], ledger, tell=tell)
        self.reload(config, keys)

    def reload(self, config: RouterConfig, keys: Sequence[Resolved]) -> None:
        """Use another configuration from now on. Buckets and spending stay, by key and budget name.

        Raises:
            ConfigError: as for a new one; then nothing has changed.
        """
        rows = {entry.name: self._rates.row(entry.name) for _, entry in keys}
        self._meter.reload(config, [entry for _, entry in keys])
        holders = [
            _Holder(
                digest=token,
                grant=_grant(entry, config, is_metered=self._meter.is_metered(entry.name)),
                row=rows[entry.name],
                requests=entry.rate.requests_per_minute if entry.rate else None,
                tokens=entry.rate.tokens_per_minute if entry.rate else None,
            )
            for token, entry in keys
        ]
        self._by_digest = {holder.digest: holder for holder in holders}
        self._by_name = {holder.grant.key: holder for holder in holders}
        # Keys whose tokens are missing must not open the gateway to everybody.
        self._is_open = not keys and not config.keys

    @property
    def fault(self) -> str:
        """Why the ledger cannot be written; empty where it can, or nobody needs it."""
        return self._meter.fault

    def admit(self, headers: Headers, now_s: float) -> Grant | Refusal:
        """Who asks for a model; counts against the rate of requests. ``now_s`` is monotonic.

        Work and memory do not depend on how many wrong keys are tried. A digest is looked up, not
        the token: how long that takes tells nothing about any key.
        """
        if self._is_open:
            return _ANYBODY
        holder = self._holder(headers)
        if isinstance(holder, Refusal):
            return holder
        self._now = now_s
        if holder.requests is not None:
            wait = self._rates.request(holder.row, holder.requests, now_s)
            if wait > 0:
                return _too_fast(holder, f"{holder.requests:,} requests", wait)
        return holder.grant

    def who(self, headers: Headers) -> Grant | Refusal:
        """Who asks, counted against nothing."""
        if self._is_open:
            return _ANYBODY
        holder = self._holder(headers)
        return holder if isinstance(holder, Refusal) else holder.grant

    def _holder(self, headers: Headers) -> _Holder | Refusal:
        # Clients send the same headers again and again; parsed, they are then one object.
        same = self._digests.get(id(headers))
        if same is not None and same[0] is headers:
            asked = same[1]
        else:
            token = presented(headers)
            if token is None:
                return _NO_KEY
            asked = digest(token)
            if len(self._digests) >= _MOST_DIGESTS:
                self._digests.clear()
            self._digests[id(headers)] = (headers, asked)
        holder = self._by_digest.get(asked)
        if holder is None or not hmac.compare_digest(holder.digest, asked):
            return _WRONG_KEY
        return holder

    def may_use(self, grant: Grant, asked: Asked, models: Sequence[str]) -> Refusal | None:  # noqa: ARG002 -- the seam's
        """Whether the key may use any of ``models`` and has tokens left, as of the last admission.

        The rate of tokens is known when an answer has ended: requests under way do not count yet.
        """
        if grant.models is not None and grant.models.isdisjoint(models):
            return _not_yours(grant)
        holder = self._by_name.get(grant.key)
        if holder is None or holder.tokens is None:
            return None
        wait = self._rates.wait(holder.row, holder.tokens, self._now)
        return _too_fast(holder, f"{holder.tokens:,} tokens", wait) if wait > 0 else None

    async def reserve(self, grant: Grant, asked: Asked, model: str) -> Booking | Refusal:
        """Set aside what the request may cost at most; asked only of metered grants."""
        return await self._meter.reserve(grant.key, asked, model)

    def count(self, grant: Grant, use: TokenUse, now_s: float) -> None:
        """Tokens that a key has used, for its rate."""
        holder = self._by_name.get(grant.key)
        if holder is not None and holder.tokens is not None:
            used = max(use.prompt, 0) + max(use.output, 0)
            self._rates.tokens(holder.row, used, holder.tokens, now_s)

    def spendings(self, now: float) -> tuple[Spending, ...]:
        """Every budget; ``now`` is the time of day, seconds since 1970."""
        return self._meter.spendings(now)

    async def look(self, now: float) -> None:
        """Wait a moment until all of them are known."""
        await self._meter.look(now)

    async def close(self, limit_s: float = 5.0) -> None:
        """Book what is left; to be called when no request is under way any more."""
        await self._meter.close(limit_s)
        self._rates.close()


def _grant(entry: KeyEntry, config: RouterConfig, *, is_metered: bool) -> Grant:
    names = {alias: name for name, model in config.models.items() for alias in model.aliases}
    models = entry.models
    return Grant(
        key=entry.name,
        tier=entry.tier,
        models=None if models is None else frozenset(names.get(name, name) for name in models),
        admin=entry.admin,
        metered=is_metered,
    )


def _not_yours(grant: Grant) -> Refusal:
    """Which other models there are, is not the key's to know."""
    yours = ", ".join(sorted(grant.models or ())) or "none"
    return Refusal(
        403,
        f"Key {grant.key} may use none of the models for this. Models it may use: {yours}.",
        "permission_error",
    )


def _too_fast(holder: _Holder, what: str, wait: float) -> Refusal:
    return Refusal(
        429,
        f"Key {holder.grant.key} may use {what} a minute. Try again in {max(wait, 0.1):.1f} s.",
        "rate_limit_error",
        retry_after_s=wait,
    )
