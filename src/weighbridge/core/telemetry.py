"""How the measuring client and the measured server did meanwhile, by their own counters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientHealth:
    """How well the measuring client itself did.

    Attributes:
        cpu_s: CPU time of all its processes during the level.
        cpu_share: of one core, of the busiest process, 0..1.
        loop_lag_ms_p50: how late the event loop woke up for a timer.
        loop_lag_ms_p99: likewise.
        loop_lag_ms_max: likewise.
        send_lag_ms_p99: from when a request could be sent until it was.
        max_rss_mb: largest resident memory (10⁶ bytes), all processes summed.
        workers: processes that sent requests.
        in_flight: mean number of requests in flight, counted as they came and went.
        little_ratio: requests per second × mean E2E / ``in_flight``; 1 when the books agree
            (Little's law). None when too little was measured.
        limited: why the client was the bottleneck, one sentence each; empty when it was not.
    """

    cpu_s: float
    cpu_share: float
    loop_lag_ms_p50: float
    loop_lag_ms_p99: float
    loop_lag_ms_max: float
    send_lag_ms_p99: float
    max_rss_mb: float
    workers: int = 1
    in_flight: float = 0.0
    little_ratio: float | None = None
    limited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSample:
    """What the server and its GPUs said of themselves at one moment; None where unknown.

    Attributes:
        at_s: seconds from the level's start.
        running: requests being served.
        waiting: requests in the server's queue.
        kv_used: share of the KV cache in use, 0..1.
        gpu_memory_bytes: in use, all GPUs summed.
        gpu_use: mean utilisation of the GPUs, 0..1.
        power_w: of all GPUs.
    """

    at_s: float
    running: float | None = None
    waiting: float | None = None
    kv_used: float | None = None
    gpu_memory_bytes: int | None = None
    gpu_use: float | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class ServerSide:
    """A level as the server saw it.

    Attributes:
        engine: which engine's metrics were read; "" when only GPUs were.
        samples: in order of time.
        requests: finished, by the server's own counter over the level; None where unknown.
        prompt_tokens: likewise.
        output_tokens: likewise.
        preemptions: likewise.
        cached_tokens: prompt tokens found in its prefix cache, likewise.
        energy_j: of all GPUs over the level, or None.
        prefill_tokens: prompt tokens that it had to compute, likewise.
        notes: what is missing or to be known, one sentence each.
    """

    engine: str
    samples: tuple[ServerSample, ...] = ()
    requests: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    preemptions: int | None = None
    cached_tokens: int | None = None
    energy_j: float | None = None
    prefill_tokens: int | None = None
    notes: tuple[str, ...] = ()
