"""What the workspace tells the cost page beforehand, and the command that asks the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import QueryParams

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.runs import RunInfo
from weighbridge.verbs.cost_capacity import measured, planned
from weighbridge.verbs.cost_question import Asked
from weighbridge.workspace.folder import Workspace

_MOST_RUNS: Final = 12
_TRIED: Final = 3


@dataclass(frozen=True, slots=True)
class SpeedRun:
    """A run that may tell a replica's speed, as a list has it."""

    id: str
    text: str


def runs_with_speed(store: Workspace) -> tuple[SpeedRun, ...]:
    """Load runs and plans of a workspace, newest first of each."""
    found = [
        SpeedRun(info.id, f"{kind}: {info.id}, {info.model}, {info.subject}")
        for kind, infos in (("measured", store.runs("load")), ("planned", store.runs("plan")))
        for info in infos[:_MOST_RUNS]
    ]
    return tuple(found)


def prefilled(query: QueryParams, store: Workspace) -> QueryParams:
    """What is asked; at a first visit with the newest run that tells a replica's speed.

    A run names its model, and a plan its machine, where nobody else does.
    """
    pairs = query.multi_items()
    name = query.get("from", "").strip()
    if not pairs:
        name = next(_usable(store), "")
        pairs = [("from", name)] if name else []
    told = {key for key, value in pairs if value.strip()}
    try:
        found = _told_by(store, name) if name.startswith(("load-", "plan-")) else {}
    except WeighbridgeError:  # the answer says so, in its place
        found = {}
    return QueryParams([*pairs, *((key, text) for key, text in found.items() if key not in told)])


def _usable(store: Workspace) -> Iterator[str]:
    for info in store.runs("load")[:_TRIED]:
        if _is_usable(store, info):
            yield info.id
    for info in store.runs("plan")[:_TRIED]:
        if _is_usable(store, info):
            yield info.id


def _is_usable(store: Workspace, info: RunInfo) -> bool:
    """Whether it tells a speed; the least that one may be is not taken unasked."""
    try:
        if info.kind == "load":
            run = store.load(info.id, LoadRun)
            measured(run)
            return not run.is_client_limited
        planned(store.load(info.id, PlanRun))
    except WeighbridgeError:
        return False
    return True


def _told_by(store: Workspace, name: str) -> dict[str, str]:
    info = store.find(name)
    if info.kind != "plan":
        return {"model": info.model}
    plan = store.load(info.id, PlanRun).plan
    device = plan.machine.device.name
    count = plan.machine.count
    return {
        "model": info.model,
        "device": device if count == 1 else f"{count}x {device}",
    }


def command_of(asked: Asked, seed: int) -> str:
    """``weigh cost`` with the same question; a terminal can take it as it stands."""
    words = ["weigh", "cost"]
    for flag, value in _options(asked, seed):
        words += [flag] if value is None else [flag, shlex.quote(value)]
    return " ".join(words)


def _options(asked: Asked, seed: int) -> Iterator[tuple[str, str | None]]:
    load, have, gpus, costs = asked.demand, asked.capacity, asked.hardware, asked.operating
    wait = "" if have.wait_s in (None, 1.0) else f"{have.wait_s:g}"
    texts = {
        "volume": load.volume, "prompt": load.prompt, "output": load.output,
        "reasoning": load.reasoning, "cached": load.cached, "written": load.written,
        "batch": load.batch, "profile": "" if load.profile == "day" else load.profile,
        "model": asked.model, "device": asked.device,
        "max-gpus": "" if asked.max_gpus is None else str(asked.max_gpus),
        "from-run": have.from_run, "tokens-per-s": have.tokens_per_s,
        "prefill-per-s": have.prefill_per_s, "slots": "" if have.slots is None else str(have.slots),
        "service": have.service, "slo": have.slo, "quantization": have.quantization,
        "max-wait": wait, "min-replicas": asked.min_replicas,
        "gpu-price": gpus.gpu_price, "on": gpus.on_fraction,
        "terms": "" if gpus.terms == "on-demand" else gpus.terms,
        "cold-start-hours": gpus.cold_start_hours, "owned": gpus.owned,
        "owned-monthly": gpus.owned_monthly, "host": gpus.host,
        "years": gpus.years, "residual": gpus.residual, "maintenance": gpus.maintenance,
        "watts": gpus.watts, "idle-watts": gpus.idle_watts, "pue": gpus.pue, "kwh": gpus.kwh,
        "colocation": gpus.colocation, "fte": costs.fte, "fte-cost": costs.fte_cost,
        "on-call": costs.on_call, "ops": costs.ops, "seed": str(seed) if seed else "",
    }  # fmt: skip
    yield from ((f"--{name}", text) for name, text in texts.items() if text)
    repeated = {
        "api": asked.apis, "same-model-api": asked.same_model_apis, "fixed": costs.fixed,
        "pass-rate": asked.pass_rates, "token-ratio": asked.token_ratios,
    }  # fmt: skip
    yield from ((f"--{name}", text) for name, texts in repeated.items() for text in texts)
    if gpus.spot:
        yield "--spot", None
    if asked.spare_replicas:
        yield "--ha", None
