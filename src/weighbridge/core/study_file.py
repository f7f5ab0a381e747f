"""The file of a study, as a person writes it: ``study.yaml``. See docs/study.md."""

from __future__ import annotations

from typing import Literal

import msgspec

from weighbridge.core.routing import ModelEntry, Size

HERE = "here"
CAPTURED = "captured"
DEMO = "demo:"
"""Before a name, it means a file of the package's demo: ``demo:tally-f16.gguf``."""

Quantity = int | float | str
"""A number, or a range of one: ``1.2..1.8``, ``1.2..1.8..2.5``, ``40%``."""


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What a person writes: a key that is not known is an error."""


class MachinePart(_Written, frozen=True):
    """What is to serve, where that is not this machine.

    Attributes:
        device: a name of the device catalogue: `weigh plan --help` lists how it may be written.
        count: how many of them.
        memory: of one device as its driver reports it, such as ``48 GiB``.
    """

    device: str
    count: int = 1
    memory: str | None = None


class WorkloadPart(_Written, frozen=True):
    """What users ask.

    Attributes:
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        users: how many at once; a list for levels of load: [1, 4, 8].
        rate: requests a second that arrive, instead of users.
        volume: tokens or requests a day, such as ``2M-tokens/day``: what costs are for.
        cached_share: of prompt tokens, found in a cache, such as ``40%``.
        batch_share: of requests that may wait for hours.
        profile: ``day``, ``flat``, ``office``, 24 numbers with commas, or a file of them.
        traffic: ``captured`` for what the gateway kept in this workspace, or a file of such lines.
        mix: suite → share of the requests; all alike where nothing is said.
    """

    prompt_tokens: int | None = None
    output_tokens: int | None = None
    users: int | tuple[int, ...] | None = None
    rate: float | None = None
    volume: str | None = None
    cached_share: Quantity | None = None
    batch_share: Quantity | None = None
    profile: str = "day"
    traffic: str | None = None
    mix: dict[str, float] = {}

    @property
    def levels(self) -> tuple[int, ...]:
        """Users at once, level by level."""
        if self.users is None:
            return ()
        return (self.users,) if isinstance(self.users, int) else self.users


class ConstraintsPart(_Written, frozen=True):
    """What must hold whatever else is good: an option that breaks one is out.

    Attributes:
        data_may_leave: whether requests may be answered outside this organisation.
        territory: where models may be served and licensed, such as ``EU``.
        intents: what is meant to be done with the models, such as ``commercial``, ``maas`` or
            ``users=5M``; their licences have to allow it.
        license_read: candidates whose licence somebody has read and accepts.
        usd_per_month: the most that all may cost together.
        min_accuracy: the least share of right answers: of every task, or per suite.
    """

    data_may_leave: bool | None = None
    territory: str | None = None
    intents: tuple[str, ...] = ()
    license_read: tuple[str, ...] = ()
    usd_per_month: float | None = None
    min_accuracy: float | dict[str, float] | None = None


class CandidateEntry(ModelEntry, frozen=True):
    """A model to weigh: as under ``models`` of ``router.config.yaml``, and what only a study asks.

    Of a server that somebody else runs ``memory`` may be given as well: for ``memory_budget``.

    Attributes:
        inspect: where its configuration is read, if not from ``source``: a Hub id, folder or file.
        license: the licence's id, where ``inspect`` and ``source`` do not tell it.
        leaves: whether requests to it leave this organisation; as its address suggests otherwise.
        territory: where a server of others stands, such as ``EU``.
        device: what a replica of it takes, such as ``1x L40S``; for its costs.
        tokens_per_s: output tokens that a replica serves without breaking the SLO, where no load
            test tells it; for its costs.
    """

    inspect: str | None = None
    license: str | None = None
    leaves: bool | None = None
    territory: str | None = None
    device: str | None = None
    tokens_per_s: Quantity | None = None


class SuiteEntry(_Written, frozen=True):
    """A suite, and who answers it.

    Attributes:
        suite: its folder, the name of one that is shipped, or ``demo:NAME``.
        models: candidates that answer it; all of them where nothing is said.
        is_task: whether it stands for a task of the traffic; else it only tells models apart.
        compare: pairs [baseline, other] of candidates whose difference is shown.
        repeats: answers per item.
        limit: only the first so many items.
    """

    suite: str
    models: tuple[str, ...] | None = None
    is_task: bool = True
    compare: tuple[tuple[str, ...], ...] = ()
    repeats: int = 1
    limit: int | None = None


class JudgePart(_Written, frozen=True):
    """A model that votes, beside people.

    Attributes:
        url: its OpenAI-compatible address.
        model: its name there.
        key_env: environment variable that holds the bearer token, if it wants one.
    """

    url: str
    model: str
    key_env: str | None = None


class RatersPart(_Written, frozen=True):
    """Who says which answers are better, blind.

    Attributes:
        inputs: file of what the models are asked; one input a line.
        models: candidates that answer; all of them where nothing is said.
        people: names of who rates; each gets a link.
        ballots: asked of each of them; one per input where nothing is said.
        judge: a model that votes: a candidate's name, or where it answers.
        votes: file of votes that were made elsewhere, instead of ``inputs``.
    """

    inputs: str | None = None
    models: tuple[str, ...] | None = None
    people: tuple[str, ...] = ()
    ballots: int | None = None
    judge: str | JudgePart | None = None
    votes: str | None = None


class HardwarePart(_Written, frozen=True):
    """What machines cost: rented, owned, or both. Quantities may be ranges: ``1.2..1.8..2.5``.

    Attributes:
        gpu_price: USD an hour and GPU, where no known offer is meant.
        spot: whether GPUs may be taken away.
        on_fraction: share of the month that is billed.
        owned: price of a GPU that is bought, in USD.
        host: its share of the server, in USD.
        years: of use.
        residual: share of the price that is got back.
        maintenance: share of the price a year.
        watts: of a GPU under load.
        idle_watts: without.
        pue: power of the building per power of the machines.
        kwh: USD.
        colocation: USD a month and GPU.
    """

    gpu_price: Quantity | None = None
    spot: bool = False
    on_fraction: Quantity | None = None
    owned: Quantity | None = None
    host: Quantity | None = None
    years: Quantity | None = None
    residual: Quantity | None = None
    maintenance: Quantity | None = None
    watts: Quantity | None = None
    idle_watts: Quantity | None = None
    pue: Quantity | None = None
    kwh: Quantity | None = None
    colocation: Quantity | None = None


class PeoplePart(_Written, frozen=True):
    """Who keeps it running, and what else is paid. Quantities may be ranges.

    Attributes:
        fte: full-time people.
        fte_cost: USD a year of one.
        on_call: USD a month.
        ops: USD a month for all of it in one figure.
        fixed: further lines, such as ``audit: 300``: USD a month.
    """

    fte: Quantity | None = None
    fte_cost: Quantity | None = None
    on_call: Quantity | None = None
    ops: Quantity | None = None
    fixed: dict[str, Quantity] = {}


class PricesPart(_Written, frozen=True):
    """What things cost. Prices are USD; what is not known is left out, and never 0.

    Attributes:
        api: APIs that would be displaced: names of `weigh prices`, or ``our-host=0.15/0.60`` for
            USD per million tokens of prompts and answers.
        same_model_api: hosts of the same open model, likewise.
        hardware: what machines cost.
        people: who keeps it running, and what else is paid.
        max_gpus: no more can be had.
        min_replicas: that run whatever the traffic.
        spare_replicas: more than are needed, so that one may fail.
    """

    api: tuple[str, ...] = ()
    same_model_api: tuple[str, ...] = ()
    hardware: HardwarePart = HardwarePart()
    people: PeoplePart = PeoplePart()
    max_gpus: int | None = None
    min_replicas: int | None = None
    spare_replicas: int = 0


class BenchPart(_Written, frozen=True):
    """How candidates are loaded.

    Attributes:
        send: prompts of the tasks' ``suites``, made-up ones of ``lengths``, or ``traffic``; the
            last of them that the file has where nothing is said.
        levels: users at once, level by level; as ``workload.users`` where nothing is said.
        requests: per level.
        duration_s: instead of ``requests``: for so long.
        models: candidates to load; those that answer a task where nothing is said.
        repeats: how often each level is measured.
        workers: processes that send the requests; as many as it takes where nothing is said.
    """

    send: Literal["suites", "lengths", "traffic"] | None = None
    levels: tuple[int, ...] = ()
    requests: int | None = None
    duration_s: float | None = None
    models: tuple[str, ...] | None = None
    repeats: int = 1
    workers: int | None = None


class RoutePart(_Written, frozen=True):
    """Proof that the decision's routing does what it promises.

    Attributes:
        traffic: file of unseen requests with ``id``, ``task``, ``prompt`` and ``answer`` a line.
    """

    traffic: str


class StudyFile(_Written, frozen=True):
    """An experiment in one file: what is weighed, on what, by what, for what money.

    Attributes:
        name: of the study; a workspace holds one study of a name.
        candidates: models to weigh, by the name that verdict and gateway use.
        seed: of all that is drawn; the same seed draws the same.
        machine: ``here``, a line such as ``2x L40S``, or its parts.
        memory_budget: what the models that serve may take together, such as ``24 GiB``.
        workload: what users ask.
        slo: what they expect, such as ``ttft_p95<500ms,tpot_p95<40ms``.
        constraints: what must hold.
        suites: what the candidates are asked, with known answers.
        raters: who says which answers are better.
        prices: what things cost.
        bench: how candidates are loaded.
        route: the proof of the routing.
    """

    name: str
    candidates: dict[str, CandidateEntry]
    seed: int = 0
    machine: str | MachinePart = HERE
    memory_budget: Size | None = None
    workload: WorkloadPart = WorkloadPart()
    slo: str = ""
    constraints: ConstraintsPart = ConstraintsPart()
    suites: tuple[str | SuiteEntry, ...] = ()
    raters: RatersPart | None = None
    prices: PricesPart | None = None
    bench: BenchPart | None = None
    route: RoutePart | None = None

    @property
    def asked_suites(self) -> tuple[SuiteEntry, ...]:
        """The suites, a bare name being all that need be said of one."""
        return tuple(SuiteEntry(s) if isinstance(s, str) else s for s in self.suites)
