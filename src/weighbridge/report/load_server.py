"""A level as the server saw it: its counters beside the client's, and its state over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from weighbridge.core.load import LoadLevel
from weighbridge.core.telemetry import ServerSample, ServerSide
from weighbridge.report.load_plot import Axis, Chart, Graph, Point, Series, graph

_MOST_SAMPLES = 400
_GIB = 2**30
_Pick = Callable[[ServerSample], float | None]


@dataclass(frozen=True, slots=True)
class Count:
    """A quantity counted by both sides; None where a side did not."""

    name: str
    ours: int | None
    theirs: int | None

    @property
    def agrees(self) -> bool | None:
        """Whether both counted the same; None where only one counted."""
        if self.ours is None or self.theirs is None:
            return None
        return self.ours == self.theirs


def counts(level: LoadLevel) -> list[Count]:
    """The books of client and server side by side, as far as the server's were read."""
    server = level.server
    if server is None:
        return []
    rows = [
        Count("requests finished", level.requests - level.errors, server.requests),
        Count("prompt tokens", level.prompt_tokens, server.prompt_tokens),
        Count("prompt tokens computed", None, server.prefill_tokens),
        Count("prompt tokens from the cache", level.cached_tokens, server.cached_tokens),
        Count(
            "output tokens",
            level.output_tokens if level.tokens_from_usage else None,
            server.output_tokens,
        ),
        Count("preemptions", None, server.preemptions),
    ]
    if level.repeats:
        # The server was watched during the last repeat only, and our books are of all repeats.
        rows = [replace(row, ours=None) for row in rows]
    return [row for row in rows if row.theirs is not None]


def energy_per_1000(level: LoadLevel) -> float | None:
    """Joules of all GPUs per 1,000 successful requests; None where they are of other requests."""
    return None if level.repeats else level.energy_j_per_1000_requests


def server_charts(server: ServerSide) -> list[Graph]:
    """Queue, KV cache, GPU use, memory and power over time, as far as they were read."""
    queue = _chart(
        server,
        "Requests in the server",
        Axis("requests", "requests", kind="linear"),
        [("running", lambda one: one.running), ("waiting", lambda one: one.waiting)],
    )
    share = _chart(
        server,
        "KV cache and GPU in use",
        Axis("share", kind="linear", as_percent=True, ticks=(0, 0.25, 0.5, 0.75, 1), within=(0, 1)),
        [("KV cache", lambda one: one.kv_used), ("GPU", lambda one: one.gpu_use)],
    )
    power = _chart(
        server,
        "Power of all GPUs",
        Axis("W", "W", kind="linear"),
        [("power", lambda one: one.power_w)],
    )
    memory = _chart(
        server,
        "Memory of all GPUs",
        Axis("GiB", "GiB", kind="linear"),
        [("memory", lambda one: _gib(one.gpu_memory_bytes))],
    )
    return [drawn for drawn in (queue, share, power, memory) if drawn]


def _chart(server: ServerSide, title: str, y: Axis, lines: list[tuple[str, _Pick]]) -> Graph | None:
    samples = server.samples
    step = max(1, -(-len(samples) // _MOST_SAMPLES))
    series = tuple(
        Series(name, _points(samples[::step], pick), index, dash=index)
        for index, (name, pick) in enumerate(lines)
    )
    return graph(Chart(title, Axis("s", "s", kind="linear"), y, series))


def _points(samples: tuple[ServerSample, ...], pick: _Pick) -> tuple[Point, ...]:
    known = [(sample.at_s, pick(sample)) for sample in samples]
    return tuple(Point(at_s, value) for at_s, value in known if value is not None)


def _gib(count: int | None) -> float | None:
    return None if count is None else count / _GIB
