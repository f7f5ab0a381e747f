"""What an engine says of itself at ``/metrics``, in Prometheus's text format.

Names of the metrics are those of vLLM (V0 and V1), SGLang, llama.cpp's server and TensorRT-LLM.
Everything is pure: bytes in, a reading out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

from weighbridge.core.errors import ProtocolError
from weighbridge.core.http import Url

_LINE_LIMIT = 16 * 1024
_SERIES = re.compile(
    rb"([A-Za-z_:][A-Za-z0-9_:]*)[ \t]*"
    rb"(?:\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\})?[ \t]*"
    rb"([+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|[Nn]a[Nn]|[Ii]nf))(?:\s|$)"
)
_LABEL = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*\"((?:[^\"\\]|\\.)*)\"")

# Every rank of one replica reports the replica's own state.
_RANKS: Final = frozenset({"tp_rank", "pp_rank", "moe_ep_rank"})
# Requests that ended so were not served.
_NOT_SERVED: Final = frozenset({"abort", "error"})


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a name, its labels, its value.

    Attributes:
        is_rounded: whether the value is written with so few digits that it may be rounded.
    """

    name: str
    labels: dict[str, str]
    value: float
    is_rounded: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """What an engine has counted since it started; None where it does not say.

    Attributes:
        requests: served to their end.
        prompt_tokens: of all prompts.
        prefill_tokens: of those, the ones that it had to compute.
        cached_tokens: of those, the ones found in its prefix cache.
        output_tokens: generated.
        preemptions: requests put back into the queue for want of memory.
    """

    requests: float | None = None
    prompt_tokens: float | None = None
    prefill_tokens: float | None = None
    cached_tokens: float | None = None
    output_tokens: float | None = None
    preemptions: float | None = None


@dataclass(frozen=True, slots=True)
class EngineReading:
    """An engine's metrics at one moment; None where it does not say."""

    engine: str
    running: float | None
    waiting: float | None
    kv_used: float | None
    counters: Counters


@dataclass(frozen=True, slots=True)
class _Engine:
    """How an engine names its metrics; of several names the first that is there counts."""

    name: str
    prefix: str
    running: tuple[str, ...]
    waiting: tuple[str, ...]
    kv_used: tuple[str, ...]
    counters: dict[str, tuple[str, ...]]
    rounds: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All metrics that are read, without the prefix."""
        groups = (self.running, self.waiting, self.kv_used, *self.counters.values())
        return frozenset(name for group in groups for name in group)


_ENGINES: Final = (
    _Engine(
        name="vLLM",
        prefix="vllm_",
        running=("num_requests_running",),
        waiting=("num_requests_waiting",),
        kv_used=("kv_cache_usage_perc", "gpu_cache_usage_perc"),
        counters={
            "requests": ("request_success_total",),
            "prompt_tokens": ("prompt_tokens_total",),
            "cached_tokens": (
                "prompt_tokens_cached_total",
                "prefix_cache_hits_total",
                "gpu_prefix_cache_hits_total",
            ),
            "output_tokens": ("generation_tokens_total",),
            "preemptions": ("num_preemptions_total",),
        },
    ),
    _Engine(
        name="SGLang",
        prefix="sglang_",
        running=("num_running_reqs",),
        waiting=("num_queue_reqs",),
        kv_used=("token_usage", "full_token_usage"),
        counters={
            "requests": ("num_requests_total",),
            "prompt_tokens": ("prompt_tokens_total",),
            "cached_tokens": ("cached_tokens_total",),
            "output_tokens": ("generation_tokens_total",),
            # A retraction is its word for a preemption; num_retracted_reqs is a gauge of one batch.
            "preemptions": ("num_retracted_requests_total",),
        },
    ),
    _Engine(
        name="llama.cpp",
        prefix="llamacpp_",
        running=("requests_processing",),
        waiting=("requests_deferred",),
        kv_used=("kv_cache_usage_ratio",),
        counters={
            # Its prompt_tokens_total leaves out what was found in the cache.
            "prefill_tokens": ("prompt_tokens_total",),
            "cached_tokens": ("prompt_tokens_cached_total",),
            "output_tokens": ("tokens_predicted_total",),
        },
        rounds=True,
    ),
    _Engine(
        name="TensorRT-LLM",
        prefix="trtllm_",
        running=("num_requests_running", "num_active_requests"),
        waiting=("num_requests_waiting", "server_queue_length", "num_queued_requests"),
        kv_used=("kv_cache_utilization",),
        counters={
            "requests": ("request_success_total",),
            "prompt_tokens": ("prompt_tokens_total",),
            "cached_tokens": ("prompt_cached_tokens_total",),
            "output_tokens": ("generation_tokens_total",),
        },
    ),
)
_WANTED: Final = frozenset(engine.prefix + name for engine in _ENGINES for name in engine.names)
_PREFIXES: Final = tuple(
    form.encode() for engine in _ENGINES for form in (engine.prefix, engine.prefix[:-1] + ":")
)


def metrics_urls(base: Url) -> tuple[Url, ...]:
    """Where an engine whose API is at ``base`` may show its metrics, likeliest first."""
    path = base.path.rstrip("/").removesuffix("/v1")
    root = Url(base.scheme, base.host, base.port, path or "/")
    # TensorRT-LLM keeps JSON of its own at /metrics.
    return root.join("metrics"), root.join("prometheus/metrics")


def read_metrics(body: bytes, model: str) -> EngineReading:
    """What the engine behind ``body`` says of ``model``.

    Raises:
        ProtocolError: these are no metrics of an engine that we know, or of several models of which
            none goes by that name.
    """
    series = parse_series(body)
    for engine in _ENGINES:
        own = [one for one in series if one.name.startswith(engine.prefix)]
        if own:
            return _reading(engine, _of_model(own, model))
    is_page = body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
    what = "HTML" if is_page else "no metrics of an engine that we know"
    raise ProtocolError(f"It answered with {what}.")


def parse_series(body: bytes) -> list[Series]:
    """The lines that matter to us; anything else, and whatever is malformed, is passed over.

    Names are given with ``_`` after the engine's prefix, which some relays write for ``:``.
    """
    found = []
    for line in body.splitlines():
        if not line.startswith(_PREFIXES) or len(line) > _LINE_LIMIT:
            continue
        # Most lines are buckets of histograms: cheaper to drop before taking them apart.
        written = line.partition(b"{")[0].partition(b" ")[0]
        name = written.decode("ascii", "replace").replace(":", "_", 1)
        if name not in _WANTED:
            continue
        match = _SERIES.match(line)
        if match is not None and (value := _number(match[3])) is not None:
            found.append(Series(name, _labels(match[2] or b""), value, _is_rounded(match[3])))
    return found


def difference(before: Counters, after: Counters) -> tuple[dict[str, int], bool]:
    """What was counted between two readings, by name, and whether a counter went backwards.

    One that did is left out: its engine was started anew meanwhile.
    """
    counted: dict[str, int] = {}
    went_back = False
    for field in fields(Counters):
        first, last = getattr(before, field.name), getattr(after, field.name)
        if first is None or last is None:
            continue
        if last < first:
            went_back = True
        else:
            counted[field.name] = round(last - first)
    # After a new start none of the others can be trusted either.
    return ({}, True) if went_back else (counted, False)


def _reading(engine: _Engine, series: Sequence[Series]) -> EngineReading:
    def first_of(names: Iterable[str], join: Callable[[list[float]], float]) -> float | None:
        for name in names:
            same = [one for one in series if one.name == engine.prefix + name]
            if same:
                return join(_by_replica(same))
        return None

    counted = {
        key: first_of(names, sum)
        for key, names in engine.counters.items()
        if not (engine.rounds and _any_rounded(series, engine.prefix, names))
    }
    return EngineReading(
        engine=engine.name,
        running=first_of(engine.running, sum),
        waiting=first_of(engine.waiting, sum),
        kv_used=first_of(engine.kv_used, _mean),
        counters=_completed(Counters(**counted)),
    )


def _completed(counters: Counters) -> Counters:
    """Whichever of prompt, computed and cached tokens follows from the other two."""
    prompt, prefill = counters.prompt_tokens, counters.prefill_tokens
    cached = counters.cached_tokens
    if cached is not None and prompt is None and prefill is not None:
        prompt = prefill + cached
    elif cached is not None and prefill is None and prompt is not None:
        prefill = prompt - cached
    return Counters(
        counters.requests, prompt, prefill, cached, counters.output_tokens, counters.preemptions
    )


def _by_replica(series: Sequence[Series]) -> list[float]:
    """The value of each series that counts: of a replica's ranks, one."""
    values: dict[tuple[tuple[str, str], ...], float] = {}
    for one in series:
        # SGLang repeats a gauge for each priority beside the total.
        if one.labels.get("priority") or one.labels.get("finished_reason") in _NOT_SERVED:
            continue
        kept = (item for item in one.labels.items() if item[0] not in _RANKS)
        key = tuple(sorted(kept))
        values[key] = max(one.value, values.get(key, -math.inf))
    return list(values.values())


def _of_model(series: list[Series], model: str) -> list[Series]:
    names = {one.labels["model_name"] for one in series if "model_name" in one.labels}
    if model in names:
        return [one for one in series if one.labels.get("model_name", model) == model]
    if len(names) > 1:
        raise ProtocolError(f"Its metrics are of {len(names)} models, none of them {model}.")
    return series


def _any_rounded(series: Sequence[Series], prefix: str, names: Sequence[str]) -> bool:
    wanted = {prefix + name for name in names}
    return any(one.is_rounded for one in series if one.name in wanted)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _number(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_rounded(text: bytes) -> bool:
    """llama.cpp writes six digits: from a million on it rounds, and says so by an exponent."""
    return b"e" in text.lower()


def _labels(text: bytes) -> dict[str, str]:
    return {
        key.decode("ascii"): value.decode("utf-8", "replace") for key, value in _LABEL.findall(text)
    }
