"""Plans made by hand, for pages: a full one, one that nothing meets, one with hostile names."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.candidate import Candidate, Estimate, Quality, Verdict
from weighbridge.core.estimate import (
    Engine,
    EngineName,
    MemoryUse,
    Offload,
    Parallelism,
    Settings,
    Shortage,
)
from weighbridge.core.machine import Machine
from weighbridge.core.placement import (
    DeviceUse,
    Option,
    Placed,
    Placement,
    Unplaced,
)
from weighbridge.core.plan import NearMiss, Plan, PlanRun, Refusal, Requirements
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.core.units import GIB
from weighbridge.core.workload import Workload, parse_slo
from weighbridge.facts.devices import parse_machine

HOSTILE = "<img src=x onerror=alert(1)>/\"'&{{7*7}}</script>"
FITTED = Provenance("predicted", "a formula fitted on runs", "2026-11-20")
ASSUMED = Provenance("assumed", "size order", "2026-11-21")
MEASURED = Provenance("measured", "eval-0a1b2c", "2026-11-21T08:00:00Z")


def about(value: float) -> Interval:
    """A value with a wide interval."""
    return Interval(value, value * 0.7, value * 1.5, 0.8)


def memory(weights: float, cache: float, *, users: int = 8, need: float = 0.5) -> MemoryUse:
    """GiB on a device of 24; every user's sequence takes ``need`` GiB."""
    return MemoryUse(
        limit_bytes=21.2 * GIB,
        weights=about(weights * GIB),
        activation=about(0.9 * GIB),
        overhead=about(0.4 * GIB),
        graphs=about(0.3 * GIB),
        cache=about(cache * GIB),
        sequence_bytes=need * GIB,
        tokens=about(cache * 16384),
        concurrency=about(cache / need),
        shortage=None if cache >= users * need else Shortage(GIB, "sequence"),
    )


def way(
    model: str,
    quality: float | None = None,
    *,
    form: str = "fp8",
    engine: EngineName = "vllm",
    use: MemoryUse | None = None,
    tpot: float | None = 20.0,
    tensor: int = 1,
    replicas: int = 1,
    source: Provenance = ASSUMED,
    verdict: Verdict = "meets",
    reasons: tuple[str, ...] = (),
    price: float | None = None,
) -> Estimate:
    """One way to serve; times follow from ``tpot``, None leaves them unknown."""
    offload = Offload(cpu_expert_layers=4) if engine == "llama.cpp" else Offload()
    settings = Settings(
        Engine(engine), 16384, 8, Parallelism(tensor), kv_bytes_per_value=1.0, offload=offload
    )
    return Estimate(
        candidate=Candidate(model, form, settings, replicas, published=False),
        verdict=verdict,
        reasons=reasons,
        memory=use,
        ttft_ms=about(tpot * 12) if tpot else None,
        tpot_ms=about(tpot) if tpot else None,
        tokens_per_s=about(8000 / tpot) if tpot else None,
        requests_per_s=30 / tpot if tpot else None,
        most_users=12.0 if use else None,
        quality=None if quality is None else Quality(quality, source),
        eur_per_million_tokens=price,
        provenance=FITTED,
    )


def plan(machine: Machine | None = None) -> Plan:
    """Six ways that meet, in two engines and three formats; two near misses; three refusals."""
    ranked = (
        way("acme/Best-30B", 12.0, form="AWQ int4 g128", use=memory(15, 4.4), tpot=30),
        way("acme/Quick-8B", 8.0, use=memory(8, 10), tpot=12.5),
        way(
            "acme/Doubt-14B", 7.5, use=memory(14, 5.5), tpot=28,
            reasons=("tpot_p95<40ms may not hold: 36 ms expected, 25 to 54 in 8 of 10 cases",),
        ),
        way("far/Spill-26B", 7.0, form="Q4_K_M", engine="llama.cpp", use=memory(16, 4), tpot=1250),
        way("other/Tiny-1B", 1.0, use=memory(1.2, 18), tpot=4.25),
        way("other/Unrated-2B", None, use=memory(2, 17), tpot=6),
    )  # fmt: skip
    misses = (
        way("acme/Big-32B", 14.0, use=memory(19.5, 0.2), tpot=None, verdict="does not fit",
            reasons=("KV short by 2.00 GiB at 8 × 16k",)),
        way("acme/Slow-27B", 13.0, use=memory(15, 4.2), tpot=60, verdict="misses",
            reasons=("tpot_p95 would be 60 ms, not below 40 ms",)),
    )  # fmt: skip
    return Plan(
        machine=machine or parse_machine("RTX 4090"),
        requirements=Requirements(
            Workload(1024, 256, 8, context=16384), parse_slo("ttft_p95<2s,tpot_p95<40ms")
        ),
        task="",
        order="quality",
        ranked=ranked,
        front=(0, 1, 4),
        near_misses=(
            NearMiss(misses[0], ("fp8 KV cache", "5 users")),
            NearMiss(misses[1], ("4 users",)),
        ),
        refused=(
            Refusal("acme/Huge-400B", "does not fit", "weights of 200 GiB exceed the 23.99 GiB"),
            Refusal("acme/Closed-7B", "not allowed", "licence research-only: not for money"),
            Refusal("acme/Odd-3B", "not known", "some of its layers are not modelled."),
        ),
        considered=321,
        models=11,
        provenance=FITTED,
        notes=("The version of vLLM is not given; a recent one is assumed.",),
    )


def nothing() -> Plan:
    """Nothing meets; one near miss."""
    full = plan()
    return replace(full, ranked=(), front=(), near_misses=full.near_misses[:1])


def several_devices() -> Plan:
    """The first in two replicas of two devices each, on five."""
    full = plan(parse_machine("5x RTX 4090"))
    first = way("acme/Best-30B", 12.0, use=memory(8, 10), tensor=2, replicas=2)
    return replace(full, ranked=(first, *full.ranked[1:]))


def two_sources() -> Plan:
    """Some qualities measured, some assumed; one way has a price."""
    full = plan()
    rated = (
        way("acme/Best-30B", 0.81, use=memory(15, 4.4), tpot=30, source=MEASURED, price=0.4),
        way("acme/Quick-8B", 0.64, use=memory(8, 10), tpot=12.5, source=MEASURED),
    )
    return replace(full, ranked=(*rated, *full.ranked[2:]), task="code")


def hostile() -> Plan:
    """Names, reasons and notes that try to be markup."""
    full = plan()
    bad = replace(
        way(HOSTILE, 12.0, form=HOSTILE, use=memory(15, 4.4), reasons=(HOSTILE,)),
        quality=Quality(12.0, Provenance("assumed", HOSTILE, "2026-11-21")),
    )
    return replace(
        full,
        ranked=(bad, *full.ranked[1:]),
        near_misses=(NearMiss(bad, (HOSTILE,)),),
        refused=(Refusal(HOSTILE, "misses", HOSTILE),),
        notes=(HOSTILE,),
        task=HOSTILE,
    )


def kept(made: Plan) -> PlanRun:
    """A plan as a run."""
    info = RunInfo(
        id="plan-0a1b2c", kind="plan", created="2026-11-21T09:00:00Z", model="acme/Best-30B",
        subject="RTX 4090, 8 × 16384 tokens", key="0" * 16, machine="a machine", version="0.1.2",
    )  # fmt: skip
    return PlanRun(info, made)


def placement() -> Placement:
    """Three models on three devices of 24 GiB: one on two devices, two that share a server."""
    pair = Option("Big fp8 · vllm · TP2", 20 * GIB, 0.5, 0.9, devices=2)
    first = Option("Base fp8", 12 * GIB, 0.2, 0.5, server="base", shared_bytes=10 * GIB)
    second = Option("Base fp8", 13 * GIB, 0.3, 0.5, server="base", shared_bytes=10 * GIB)
    return Placement(
        feasible=True,
        placed=(
            Placed("chat", pair, ("box",), ((0, 1),)),
            Placed("mail", first, ("box",), ((2,),)),
            Placed("notes", second, ("box",), ((2,),)),
        ),
        devices=(
            DeviceUse("box", 0, 24 * GIB, 20 * GIB, 0.5, ("chat",)),
            DeviceUse("box", 1, 24 * GIB, 20 * GIB, 0.5, ("chat",)),
            DeviceUse("box", 2, 24 * GIB, 15 * GIB, 0.5, ("mail", "notes")),
        ),
        unplaced=(Unplaced("code", "memory", "code is short by 3.1 GiB on GPU 0."),),
        objective=0.7,
    )
