"""The rooms around the data plane, as plain as can be; each remembers what it was asked."""

# ruff: noqa: ARG002 -- they are what Protocols ask for

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.gateway import Asked, Choice, Grant, ModelView, Outcome, Refusal, TokenUse
from weighbridge.core.http import Headers
from weighbridge.core.routing import AUTO
from weighbridge.serve.seams import Reservation, Tap


@dataclass
class FakeReservation:
    """Remembers how it was settled."""

    settled: list[tuple[str, TokenUse | None]] = field(default_factory=list)

    def settle(self, model: str, use: TokenUse | None) -> None:
        self.settled.append((model, use))


@dataclass
class FakeAccess:
    """Lets in whoever brings ``key``, or everybody where there is none."""

    key: bytes = b""
    grant: Grant = field(default_factory=Grant)
    too_much: Refusal | None = None
    reserved: FakeReservation = field(default_factory=FakeReservation)
    reserve_s: float = 0.0
    counted: list[TokenUse] = field(default_factory=list)

    def admit(self, headers: Headers, now_s: float) -> Grant | Refusal:
        if self.key:
            shown = dict(headers)
            if self.key not in (
                shown.get(b"authorization", b"").removeprefix(b"Bearer "),
                shown.get(b"x-api-key"),
            ):
                return Refusal(401, "The key is not known.", "authentication_error")
        return self.grant

    def who(self, headers: Headers) -> Grant | Refusal:
        return self.admit(headers, 0.0)

    def may_use(self, grant: Grant, asked: Asked, models: Sequence[str]) -> Refusal | None:
        if grant.models is None or any(model in grant.models for model in models):
            return None
        return Refusal(403, f"The key may not use {models[0]}.", "permission_error")

    async def reserve(self, grant: Grant, asked: Asked, model: str) -> Reservation | Refusal:
        await asyncio.sleep(self.reserve_s)
        return self.too_much or self.reserved

    def count(self, grant: Grant, use: TokenUse, now_s: float) -> None:
        self.counted.append(use)


@dataclass
class FakePolicy:
    """A model by its name, with what to use instead; ``auto`` is the first."""

    use: Mapping[str, tuple[str, ...]]
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def roomier(self, model: str) -> Sequence[str]:
        return self.instead.get(model, ())

    def decide(self, asked: Asked, grant: Grant, models: Mapping[str, ModelView]) -> Choice:
        name = next(iter(self.use)) if asked.model == AUTO else asked.model
        return Choice(self.use.get(name, ()), None, "asked by its name")


@dataclass
class FakeFleet:
    """Endpoints by model; one in ``waits`` is not ready: waiting takes so long, or fails.

    ``inside`` counts the requests that are in: zero when everything has ended.
    """

    endpoints: Mapping[str, Sequence[Endpoint]]
    waits: dict[str, float | Exception] = field(default_factory=dict)
    inside: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    suspected: list[Endpoint] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)

    @property
    def views(self) -> Mapping[str, ModelView]:
        return {
            name: ModelView(name, "ready", is_ours=name in self.ours) for name in self.endpoints
        }

    def enter(self, model: str) -> Sequence[Endpoint]:
        if model in self.waits:
            return ()
        self.inside[model] = self.inside.get(model, 0) + 1
        return self.endpoints[model]

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        wait = self.waits[model]
        if isinstance(wait, Exception):
            raise wait
        self.waiting += 1
        try:
            await asyncio.sleep(min(wait, limit_s))
        finally:
            self.waiting -= 1
        self.inside[model] = self.inside.get(model, 0) + 1
        return self.endpoints[model]

    def leave(self, model: str) -> None:
        self.inside[model] -= 1

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        self.suspected.append(endpoint)


@dataclass
class FakeBalancer:
    """The first replica that was not tried. ``outstanding`` is zero when everything has ended."""

    outstanding: int = 0
    began_count: int = 0
    insisted: int = 0
    failures: list[Endpoint] = field(default_factory=list)
    closed: bool = False
    defect: Exception | None = None

    def pick(
        self, endpoints: Sequence[Endpoint], asked: Asked, tried: Sequence[Endpoint]
    ) -> Endpoint | None:
        if self.defect is not None:
            raise self.defect
        if self.closed:
            return None
        for endpoint in endpoints:
            if endpoint not in tried:
                return endpoint
        return None

    def insist(self, endpoints: Sequence[Endpoint], tried: Sequence[Endpoint]) -> Endpoint | None:
        self.insisted += 1
        return next((one for one in endpoints if one not in tried), None)

    def began(self, endpoint: Endpoint, tokens: int) -> None:
        self.outstanding += tokens
        self.began_count += 1

    def ended(self, endpoint: Endpoint, tokens: int, *, failed: bool, ttft_s: float | None) -> None:
        self.outstanding -= tokens
        if failed:
            self.failures.append(endpoint)


@dataclass
class FakeTap:
    """Keeps everything."""

    data: bytes = b""
    outcomes: list[Outcome] = field(default_factory=list)

    def feed(self, data: bytes) -> None:
        self.data += data

    def close(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@dataclass
class FakeObserver:
    """Remembers every outcome, and taps every answer."""

    began_ids: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    taps: list[FakeTap] = field(default_factory=list)

    def began(self, id: str, asked: Asked, body: bytes) -> Tap | None:  # noqa: A002
        self.began_ids.append(id)
        self.taps.append(FakeTap())
        return self.taps[-1]

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
