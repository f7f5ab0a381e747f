"""Counts as Prometheus reads them: text exposition format 0.0.4. Pure: records in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from weighbridge import __version__
from weighbridge.core.gateway import EngineState, ModelView, Spending
from weighbridge.serve.observing.counts import HISTOGRAMS, SeriesKey, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

METRICS: dict[str, tuple[str, str]] = {
    "requests_total": ("counter", "Requests that have ended."),
    "request_duration_seconds": ("histogram", "From a request's last byte to its end."),
    "time_to_first_byte_seconds": ("histogram", "From a request's last byte to its answer's first"),
    "queue_seconds": ("histogram", "Waiting for the model."),
    "overhead_seconds": ("histogram", "In the gateway before the engine, without waiting."),
    "tokens_total": ("counter", "Tokens of requests and answers."),
    "retries_total": ("counter", "Further models or replicas tried for a request."),
    "request_bytes_total": ("counter", "Bytes of request bodies."),
    "answer_bytes_total": ("counter", "Bytes of answer bodies."),
    "routes_total": ("counter", "Decisions by route."),
    "in_flight": ("gauge", "Requests that the model is answering."),
    "queued": ("gauge", "Requests that wait for the model."),
    "engine_state": ("gauge", "1 for the state that the model's engine is in."),
    "engine_starts_total": ("counter", "How often the model was started or woken."),
    "engine_memory_bytes": ("gauge", "What the engine takes, where its processes are ours."),
    "engine_expected_bytes": ("gauge", "What the engine takes or will take once it is ready."),
    "replicas": ("gauge", "Addresses that answer for the model."),
    "replicas_up": ("gauge", "Of them, how many are well."),
    "memory_budget_bytes": ("gauge", "What engines may take together."),
    "memory_used_bytes": ("gauge", "What engines take or are about to."),
    "budget_spent_usd": ("gauge", "Money spent in the budget's current period."),
    "budget_limit_usd": ("gauge", "Money that may be spent in it."),
    "budget_used_tokens": ("gauge", "Tokens used in the budget's current period."),
    "budget_limit_tokens": ("gauge", "Tokens that may be used in it."),
    "budget_end_timestamp_seconds": ("gauge", "When the budget's period ends."),
    "events_total": ("counter", "What observers did and lost: captures, log lines, spans."),
    "config_ok": ("gauge", "0 where the configuration on disk cannot be used."),
    "build_info": ("gauge", "Weighbridge's version."),
    "process_start_time_seconds": ("gauge", "When the worker began."),
    "process_resident_memory_bytes": ("gauge", "Memory of the worker."),
    "process_cpu_seconds_total": ("counter", "CPU time of the worker."),
    "process_open_fds": ("gauge", "Open files and connections of the worker."),
}
"""Every metric, without the prefix, with its type and help."""

PREFIX = "weighbridge_"
STATES: tuple[str, ...] = get_args(EngineState)
_TIMES = {
    "duration": "request_duration_seconds",
    "ttft": "time_to_first_byte_seconds",
    "queue": "queue_seconds",
    "overhead": "overhead_seconds",
}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is not counted but looked at when somebody asks.

    Attributes:
        models: every model, by name.
        starts: how often each was started or woken, where that is counted.
        memory_bytes: what engines may take together; None where no budget is known.
        used_bytes: what they take or are about to; None where nobody knows.
        budgets: every budget.
        events: what observers did and lost, by a few fixed words.
        config_ok: whether the configuration on disk is the one in use.
    """

    models: Mapping[str, ModelView] = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)
    memory_bytes: int | None = None
    used_bytes: int | None = None
    budgets: Sequence[Spending] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    config_ok: bool = True


Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]


def render(counted: Snapshot, around: Surroundings) -> bytes:
    """The answer of ``/metrics``; only metrics that have a value now are in it."""
    families: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for samples in (_requests(counted), _times(counted), _models(around), _gauges(counted, around)):
        for family, sample in samples:
            families[family].append(sample)
    lines: list[str] = []
    for name, family_samples in families.items():
        if family_samples:
            kind, text = METRICS[name]
            lines += [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]
            lines += map(_line, family_samples)
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def escaped(value: str) -> str:
    """A label's value as it stands between its quotes."""
    return value.translate(_ESCAPES)


def _line(sample: Sample) -> str:
    name, labels, value = sample
    inside = ",".join(f'{label}="{escaped(text)}"' for label, text in labels)
    return f"{PREFIX}{name}{{{inside}}} {value!r}" if inside else f"{PREFIX}{name} {value!r}"


def _requests(counted: Snapshot) -> Iterable[tuple[str, Sample]]:
    by_model: dict[str, list[int]] = {}
    tokens: dict[tuple[str, str, str, str], int] = {}
    for key, series in counted.requests:
        yield "requests_total", ("requests_total", _request_labels(key), series.requests)
        model, _, _, client = key
        sums = by_model.setdefault(model, [0, 0, 0])
        for column, count in enumerate((series.retries, series.request_bytes, series.answer_bytes)):
            sums[column] += count
        for kind, estimated, count in (
            ("prompt", "false", series.prompt),
            ("output", "false", series.output),
            ("cached", "false", series.cached),
            ("prompt", "true", series.estimated_prompt),
            ("output", "true", series.estimated_output),
        ):
            if count:
                place = (model, client, kind, estimated)
                tokens[place] = tokens.get(place, 0) + count
    for place, count in tokens.items():
        labels = tuple(zip(("model", "key", "kind", "estimated"), place, strict=True))
        yield "tokens_total", ("tokens_total", labels, count)
    for model, sums in by_model.items():
        for name, count in zip(
            ("retries_total", "request_bytes_total", "answer_bytes_total"), sums, strict=True
        ):
            yield name, (name, (("model", model),), count)
    routes: dict[tuple[str, str], int] = {}
    for (_, model, route), count in counted.decisions:
        at = ("none" if route < 0 else str(route), model)
        routes[at] = routes.get(at, 0) + count
    for (route_text, model), count in routes.items():
        labels = (("route", route_text), ("model", model))
        yield "routes_total", ("routes_total", labels, count)


def _request_labels(key: SeriesKey) -> Labels:
    model, status, end, client = key
    return (("model", model), ("code", str(status)), ("end", end), ("key", client))


def _times(counted: Snapshot) -> Iterable[tuple[str, Sample]]:
    for model, times in counted.times.items():
        for attribute, bounds in HISTOGRAMS.items():
            name, histogram = _TIMES[attribute], getattr(times, attribute)
            below = 0
            for bound, count in zip((*map(str, bounds), "+Inf"), histogram.counts, strict=True):
                below += count
                yield name, (f"{name}_bucket", (("model", model), ("le", bound)), below)
            yield name, (f"{name}_sum", (("model", model),), histogram.total_s)
            yield name, (f"{name}_count", (("model", model),), below)


def _models(around: Surroundings) -> Iterable[tuple[str, Sample]]:
    for name, view in around.models.items():
        model = (("model", name),)
        values = {
            "in_flight": view.in_flight,
            "queued": view.queued,
            "engine_memory_bytes": view.memory_bytes,
            "replicas": view.replicas[0],
            "replicas_up": view.replicas[1],
            "engine_starts_total": around.starts.get(name),
        }
        for metric, value in values.items():
            if value is not None:
                yield metric, (metric, model, value)
        if view.expected_bytes is not None:
            sourced = (*model, ("source", str(view.memory_from)))
            yield "engine_expected_bytes", ("engine_expected_bytes", sourced, view.expected_bytes)
        for state in STATES:
            named = (*model, ("state", state))
            yield "engine_state", ("engine_state", named, int(view.state == state))


def _gauges(counted: Snapshot, around: Surroundings) -> Iterable[tuple[str, Sample]]:
    for name, number in (
        ("memory_budget_bytes", around.memory_bytes),
        ("memory_used_bytes", around.used_bytes),
        ("config_ok", int(around.config_ok)),
    ):
        if number is not None:
            yield name, (name, (), number)
    for event, count in around.events.items():
        yield "events_total", ("events_total", (("event", event),), count)
    for budget in around.budgets:
        for name, value in _budget_values(budget):
            if value is not None:
                yield name, (name, (("budget", budget.name),), value)
    yield "build_info", ("build_info", (("version", __version__),), 1)
    for number, use in enumerate(counted.processes):
        worker = (("worker", str(number)),)
        for name, value in (
            ("process_start_time_seconds", use.started),
            ("process_resident_memory_bytes", use.rss_bytes),
            ("process_cpu_seconds_total", use.cpu_s),
            ("process_open_fds", use.open_fds),
        ):
            yield name, (name, worker, value)


def _budget_values(budget: Spending) -> tuple[tuple[str, float | None], ...]:
    until = datetime.fromisoformat(budget.until).timestamp() if budget.until else None
    return (
        ("budget_spent_usd", budget.usd[0]),
        ("budget_limit_usd", budget.usd[1]),
        ("budget_used_tokens", budget.tokens[0]),
        ("budget_limit_tokens", budget.tokens[1]),
        ("budget_end_timestamp_seconds", until),
    )
