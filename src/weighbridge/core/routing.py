"""The gateway's configuration, as written in ``router.config.yaml``."""

from __future__ import annotations

from typing import Literal

import msgspec

AUTO = "auto"

Duration = int | float | str
"""Seconds as a number, or text such as ``90s``, ``5m``, ``2h``: see ``units.parse_seconds``."""

Size = int | str
"""Bytes as a number, or text such as ``24 GiB``: see ``units.parse_size``."""

Preference = Literal["order", "fastest", "cheapest", "warmest"]
Period = Literal["hour", "day", "week", "month", "ever"]


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What a person writes: a key that is not known is an error."""


class Price(_Written, frozen=True):
    """Money for tokens, in US dollars per million of them.

    Attributes:
        prompt: for tokens of the prompt.
        output: for tokens of the answer.
        cached: for tokens of the prompt that the engine had kept; as ``prompt`` where absent.
    """

    prompt: float = 0.0
    output: float = 0.0
    cached: float | None = None


class ModelEntry(_Written, frozen=True):
    """A model to route to: an engine that the gateway starts, or servers that somebody else runs.

    Exactly one of ``engine`` with ``source``, ``cmd``, and ``url`` says where it comes from.

    Attributes:
        engine: ``llamacpp-embedded``, ``llamacpp``, ``vllm``, ``sglang``, ``trtllm``, ``ollama``.
        source: model file or folder, absolute or relative to the configuration file, or the name
            under which the engine finds it (Hub, Ollama).
        args: further arguments of the engine's command.
        cmd: any command that starts a server on ``${PORT}``; run without a shell.
        stop: a command that ends it, where a signal does not.
        env: environment variables of the engine; ``${env.NAME}`` stands for the gateway's own.
        url: OpenAI-compatible address of a server that somebody else runs, or several replicas.
        model: the model's name at that server, when it differs from the name here.
        key_env: environment variable that holds the bearer token for ``url``, if it wants one.
        aliases: further names by which clients may ask for it.
        context: tokens of context per request slot; the engine's own default where nothing is
            said, which for ``llamacpp-embedded`` is what the model was trained for, 4096 at most.
        slots: requests that the engine serves at once.
        max_concurrency: requests passed to it at once; further ones wait. By default ``slots``
            for engines that the gateway starts, and no limit for servers of others.
        memory: what it takes while ready, where that is known; predicted, then measured otherwise.
        ttl: how long it may idle before it is stopped; never where nothing is said.
        sleep: vLLM's sleep level (1 or 2) to use instead of stopping it.
        pinned: never evicted.
        preload: started with the gateway.
        ready_path: what its server answers 200 to once it can serve.
        cold_start: how long it may take until it is ready.
        price: money for tokens, for budgets and ``prefer: cheapest``.
        can: what it can do beyond chat, where that is known: ``tools``, ``json_schema``,
            ``images``, ``embeddings``, ``rerank``, ``responses``, ``messages``.
    """

    engine: str | None = None
    source: str | None = None
    args: tuple[str, ...] = ()
    cmd: str | None = None
    stop: str | None = None
    env: dict[str, str] = {}
    url: str | tuple[str, ...] | None = None
    model: str | None = None
    key_env: str | None = None
    aliases: tuple[str, ...] = ()
    context: int | None = None
    slots: int = 4
    max_concurrency: int | None = None
    memory: Size | None = None
    ttl: Duration | None = None
    sleep: Literal[1, 2] | None = None
    pinned: bool = False
    preload: bool = False
    ready_path: str = "/health"
    cold_start: Duration = "5m"
    price: Price | None = None
    can: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address of a server that somebody else runs."""
        if self.url is None:
            return ()
        return (self.url,) if isinstance(self.url, str) else self.url


class TaskSignal(_Written, frozen=True):
    """How one task is recognised: words in the last user message that speak for it.

    Attributes:
        keywords: words in small letters, and operators such as ``+``, which count after a number.
    """

    keywords: tuple[str, ...]


class Signals(_Written, frozen=True):
    """What is read off a request before a route is chosen.

    Attributes:
        task: keywords per task.
        learned: file of a route that ``weigh route train`` wrote, relative to the configuration.
    """

    task: dict[str, TaskSignal] = {}
    learned: str | None = None


class Condition(_Written, frozen=True):
    """When a route applies: when all that it names holds; an empty condition always does.

    Attributes:
        model: the requested name is this one (for names that are no model's, such as ``fast``).
        task: the task recognised in the last user message.
        header: each named header has this value.
        min_prompt_tokens: the prompt is estimated to be at least so long.
        max_prompt_tokens: and at most so long.
        tools: whether tools are offered.
        json_schema: whether the answer has to fit a JSON schema.
        images: whether the request contains images.
        language: ISO 639-1 code of the last user message's language.
        tier: the tier of the client's key.
        max_deadline: the client wants its answer within so long (header ``x-weighbridge-deadline``,
            seconds).
        path: the endpoint asked, for example ``/v1/embeddings``.
        warm: whether the first model of ``use`` is ready.
        max_queue: at most so many requests wait for the first model of ``use``.
        max_ttft: the first model of ``use`` lately took at most so long until the first byte.
    """

    model: str | None = None
    task: str | None = None
    header: dict[str, str] = {}
    min_prompt_tokens: int | None = None
    max_prompt_tokens: int | None = None
    tools: bool | None = None
    json_schema: bool | None = None
    images: bool | None = None
    language: str | None = None
    tier: str | None = None
    max_deadline: Duration | None = None
    path: str | None = None
    warm: bool | None = None
    max_queue: int | None = None
    max_ttft: Duration | None = None


class Route(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Models to use, the first that can serve, when the condition holds.

    Attributes:
        use: models in order of preference; ``learned`` stands for the learned route's choice.
        when: when the route applies.
        prefer: which of ``use`` comes first where they are equally good: as written, the one that
            answers fastest of late, costs least, or is ready already.
    """

    use: tuple[str, ...]
    when: Condition = Condition()
    prefer: Preference = "order"


class Rate(_Written, frozen=True):
    """How much a key may ask for in a minute.

    Attributes:
        requests_per_minute: requests; no limit where absent.
        tokens_per_minute: tokens of prompts and answers; no limit where absent.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Budget(_Written, frozen=True):
    """What may be spent in a calendar period (UTC).

    Attributes:
        usd: US dollars, by the models' ``price``.
        tokens: tokens of prompts and answers.
        per: the period: ``hour``, ``day``, ``week``, ``month``, or ``ever`` for no end.
    """

    usd: float | None = None
    tokens: int | None = None
    per: Period = "month"


class KeyEntry(_Written, frozen=True):
    """Who may ask. The token itself stands in an environment variable, or only as its digest.

    Attributes:
        name: who it is, in logs, metrics and budgets.
        hash: ``sha256:`` and the digest that ``weigh keys new`` printed.
        env: the environment variable that holds the token.
        models: which models it may use, by name; all where nothing is said.
        rate: requests and tokens a minute.
        budget: a budget of its own, or the name of a shared one under ``budgets``.
        tier: what routes see of it.
        admin: whether it may also start and stop engines.
    """

    name: str
    hash: str | None = None
    env: str | None = None
    models: tuple[str, ...] | None = None
    rate: Rate | None = None
    budget: Budget | str | None = None
    tier: str | None = None
    admin: bool = False


class MachineEntry(_Written, frozen=True):
    """What the engines may take of this machine together.

    Attributes:
        memory: bytes, or a share such as ``80%``, of ``device``'s memory; 90 % by default.
        device: where models lie: ``gpu``, ``cpu``, or ``auto`` for GPUs where there are any.
        reserve: what has to stay free of ``memory``, for example for contexts of sleeping engines.
    """

    memory: Size | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    reserve: Size = 0


class Redaction(_Written, frozen=True):
    """A regular expression whose matches are replaced in what is captured.

    Attributes:
        pattern: the expression, as Python's ``re`` reads it.
        replacement: what stands in place of a match, as it is written.
    """

    pattern: str
    replacement: str = "[redacted]"


class Capture(_Written, frozen=True):
    """Requests and answers kept in the workspace for the next evaluation.

    Attributes:
        share: the share of requests kept, 0 to 1.
        max_size: most disk that captures may take; the oldest go first.
        redact: what is taken out: ``keys``, ``emails``, or expressions of your own.
        models: only requests answered by these; all where nothing is said.
    """

    share: float = 0.0
    max_size: Size = "256 MiB"
    redact: tuple[Literal["keys", "emails"] | Redaction, ...] = ("keys", "emails")
    models: tuple[str, ...] | None = None


class Limits(_Written, frozen=True):
    """What a client may ask of the gateway, and how long anything may take.

    Attributes:
        header: largest request head.
        body: largest request body.
        read: to send a request, from its first byte.
        idle: between requests on a kept connection.
        write: without the client reading anything of an answer that waits for it.
        first_byte: until an engine begins its answer.
        between_bytes: of silence within an answer.
        connect: until an engine accepts a connection.
        queue: requests that may wait for one model; beyond it the answer is 429.
        queue_wait: how long a request may wait for its model; beyond it likewise.
        connections: clients at once, in all.
        drain: how long answers under way may take when the gateway ends.
    """

    header: Size = "64 KiB"
    body: Size = "64 MiB"
    read: Duration = 30
    idle: Duration = 75
    write: Duration = 60
    first_byte: Duration = 600
    between_bytes: Duration = 60
    connect: Duration = 5
    queue: int = 256
    queue_wait: Duration = "5m"
    connections: int = 8192
    drain: Duration = 30


class Tls(_Written, frozen=True):
    """What https needs, relative to the configuration.

    Attributes:
        certificate: file of the certificate chain (PEM).
        key: file of its private key (PEM).
    """

    certificate: str
    key: str


class RouterConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What ``weigh serve`` executes. Routes are tried in order; the first that applies decides.

    Attributes:
        models: what may answer, by the name that clients use.
        routes: how ``auto`` and names that are no model's are decided.
        listen: ``host:port`` or ``unix:path``, or several of them.
        admin: ``host:port`` on loopback for admin actions, which the live page asks; else none.
        workers: processes that share the port.
        tls: serve https.
        keys: who may ask; everybody on this machine where there are none. A plain string is a
            token, ``${env.NAME}`` one from the environment.
        machine: the memory that engines share.
        signals: what is read off a request.
        fallbacks: per model, what to ask instead when it cannot answer.
        context_window_fallbacks: per model, what to ask instead when the prompt is too long for it.
        budgets: shared budgets by name.
        ledger: where spending is kept: a file (SQLite) relative to the configuration, or a
            ``postgresql://`` address.
        capture: what is kept for evaluation.
        limits: sizes and times.
        log: where each request is noted: a file, or ``stderr``; nowhere where nothing is said.
        traces: where OpenTelemetry traces go (OTLP over HTTP); see ``docs/gateway_metrics.md``.
    """

    models: dict[str, ModelEntry]
    routes: tuple[Route, ...] = ()
    listen: str | tuple[str, ...] = "127.0.0.1:8080"
    admin: str | None = None
    workers: int = 1
    tls: Tls | None = None
    keys: tuple[str | KeyEntry, ...] = ()
    machine: MachineEntry = MachineEntry()
    signals: Signals = Signals()
    fallbacks: dict[str, tuple[str, ...]] = {}
    context_window_fallbacks: dict[str, tuple[str, ...]] = {}
    budgets: dict[str, Budget] = {}
    ledger: str | None = None
    capture: Capture = Capture()
    limits: Limits = Limits()
    log: str | None = None
    traces: str | None = None
