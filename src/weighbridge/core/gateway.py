"""What the rooms of the gateway tell each other: requests, decisions, engines, outcomes.

What is made for every request is a Struct: a dataclass takes ten times as long to make. None of
them can be part of a circle, so the garbage collector need not look at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from weighbridge.core.http import Headers

EngineState = Literal[
    "stopped", "starting", "ready", "draining", "sleeping", "asleep", "waking", "stopping", "failed"
]

COMPLETIONS: dict[str, str] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
    "/v1/rerank": "rerank",
    "/v1/messages": "messages",
}
"""The paths that are passed on to models, with the kind of each."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What routing reads off a request; everything else passes through unread.

    Attributes:
        path: one of :data:`COMPLETIONS`.
        model: the requested name; ``auto`` where none is given.
        headers: the request's, names in lower case.
        stream: whether the answer is wanted piece by piece.
        prompt_tokens: an estimate from the prompt's length in bytes.
        max_tokens: the most that the answer may have, where the request says so.
        message: the text of the last user message, the prompt, or the input; at most 4,000
            characters of it.
        prefix: a hash of the prompt's beginning, equal for requests whose engine could reuse its
            cache of the other's; 0 for none, and where only one engine could have it.
        tools: whether tools are offered.
        json_schema: whether the answer has to fit a schema.
        images: whether it contains images.
        deadline_s: within which time the client wants its answer; None where it does not say.
        is_plain: whether ``model`` stands in the body just once and as it is, so that it can be
            replaced at a glance.
    """

    path: str
    model: str
    headers: Headers = ()
    stream: bool = False
    prompt_tokens: int = 0
    max_tokens: int | None = None
    message: str = ""
    prefix: int = 0
    tools: bool = False
    json_schema: bool = False
    images: bool = False
    deadline_s: float | None = None
    is_plain: bool = False


class Grant(msgspec.Struct, frozen=True, gc=False):
    """Who asks, and what that allows.

    Attributes:
        key: the key's name; empty where the gateway asks for none.
        tier: what routes see of it.
        models: which models it may use; all for None.
        admin: whether it may start and stop engines.
        metered: whether it has budgets, so that a request has to be reserved before it is sent.
    """

    key: str = ""
    tier: str | None = None
    models: frozenset[str] | None = None
    admin: bool = False
    metered: bool = False


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why a request is not passed on.

    Attributes:
        status: of the answer.
        message: one sentence, with the fix.
        kind: ``error.type`` of the answer.
        retry_after_s: when asking again may help.
    """

    status: int
    message: str
    kind: str
    retry_after_s: float | None = None


class Choice(msgspec.Struct, frozen=True, gc=False):
    """A routing decision.

    Attributes:
        use: models to try in order; empty when the requested name is unknown or no route applies.
        task: the task recognised in the message, if any.
        why: the decision in words, for logs and the answer's header.
        route: which route decided, counted from 0; None for a model asked by its name.
        barred: whether ``use`` is empty because of the key alone.
    """

    use: tuple[str, ...]
    task: str | None
    why: str
    route: int | None = None
    barred: bool = False


class ModelView(msgspec.Struct, frozen=True, gc=False):
    """How a model is doing, as policies, pages and metrics see it.

    Attributes:
        model: its name.
        state: of its engine; ``ready`` for servers that somebody else runs, unless they fail.
        in_flight: requests it is answering.
        queued: requests that wait for it.
        ttft_s: until the first byte of an answer, smoothed; None before any.
        output_tokens_per_s: of one stream, smoothed; None before any.
        memory_bytes: what it takes now; None where its processes are not ours.
        expected_bytes: what it will take when it is ready: predicted, measured or as configured.
        memory_from: where ``expected_bytes`` comes from.
        idle_s: since its last request.
        replicas: how many addresses answer for it, and how many of them are well.
        detail: what is worth knowing of its state, for example why it failed.
        is_ours: whether the gateway starts and stops it.
        can_sleep: whether its engine, which is up, can be put to sleep.
        awaited: whether the gateway is not ready before it: it is to be loaded from the start and
            has neither been ready nor failed yet.
    """

    model: str
    state: EngineState
    in_flight: int = 0
    queued: int = 0
    ttft_s: float | None = None
    output_tokens_per_s: float | None = None
    memory_bytes: int | None = None
    expected_bytes: int | None = None
    memory_from: Literal["configured", "predicted", "measured", "unknown"] = "unknown"
    idle_s: float = 0.0
    replicas: tuple[int, int] = (1, 1)
    detail: str = ""
    is_ours: bool = False
    can_sleep: bool = False
    awaited: bool = False


class TokenUse(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one request, by the engine's own ``usage`` where it tells, else estimated."""

    prompt: int
    output: int
    cached: int = 0
    estimated: bool = False


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A request that has ended, for metrics, logs, budgets and captures.

    Attributes:
        id: unique, also in the answer's header ``x-request-id``.
        ended: UTC, seconds since 1970.
        asked: what routing read.
        grant: who asked.
        choice: the routing decision.
        model: who answered; empty where nobody did.
        status: of the answer to the client; 499 where the client left before it began.
        end: how it ended.
        attempts: how many models or replicas were tried.
        queued_s: how long it waited for its model.
        ttft_s: from its last byte to the first of the answer; None where there was none.
        duration_s: from its last byte to the end.
        use: tokens; None where nothing was generated.
        request_bytes: of the body.
        answer_bytes: of the body.
        reason: what went wrong, in a sentence; empty where nothing did.
        overhead_s: time spent in the gateway before the request was handed to the engine, without
            ``queued_s``.
    """

    id: str
    ended: float
    asked: Asked
    grant: Grant
    choice: Choice
    model: str
    status: int
    end: Literal["complete", "client_left", "cut", "refused", "failed"]
    attempts: int = 1
    queued_s: float = 0.0
    ttft_s: float | None = None
    duration_s: float = 0.0
    use: TokenUse | None = None
    request_bytes: int = 0
    answer_bytes: int = 0
    reason: str = ""
    overhead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Spending:
    """What is left of one budget in its current period.

    Attributes:
        name: the budget's, or the key's whose own it is.
        keys: who spends from it.
        usd: spent, and the limit.
        tokens: used, and the limit.
        until: when the period ends, ISO 8601; empty for ever.
    """

    name: str
    keys: tuple[str, ...]
    usd: tuple[float, float | None]
    tokens: tuple[int, int | None]
    until: str


@dataclass(frozen=True, slots=True)
class RouteCount:
    """How often a decision was taken: route and reason, and who answered."""

    why: str
    model: str
    requests: int


class GatewayView(msgspec.Struct, frozen=True):
    """The gateway at one moment, as the live page shows it; ``GET /admin/state`` is its JSON.

    Attributes:
        time: UTC, seconds since 1970.
        version: Weighbridge's.
        listen: where it answers.
        uptime_s: since it began.
        models: every model.
        memory_bytes: what engines may take together; None where no budget is known.
        used_bytes: what they take or are about to.
        requests_per_s: over the last ten seconds.
        tokens_per_s: over the last ten seconds.
        in_flight: requests being answered or waiting.
        requests: since the gateway began.
        errors: of them, how many failed.
        ttft_ms: p50, p90 and p99 of the last thousand or so answers; empty before any.
        duration_ms: likewise.
        routes: decisions since the gateway began, the most frequent first.
        budgets: every budget.
        config_error: why the configuration that lies on disk is not the one in use.
    """

    time: float
    version: str
    listen: tuple[str, ...]
    uptime_s: float
    models: tuple[ModelView, ...]
    memory_bytes: int | None
    used_bytes: int
    requests_per_s: float
    tokens_per_s: float
    in_flight: int
    requests: int
    errors: int
    ttft_ms: tuple[float, ...] = ()
    duration_ms: tuple[float, ...] = ()
    routes: tuple[RouteCount, ...] = ()
    budgets: tuple[Spending, ...] = ()
    config_error: str = ""
    recent: tuple[str, ...] = ()
    """The latest sentences for whoever runs the gateway, the newest last."""
