"""How a plan looks: figures put in by hand, so that no fit changes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weighbridge.cli.plan_print import print_plan
from weighbridge.core.candidate import Candidate, Estimate, Quality
from weighbridge.core.estimate import Engine, MemoryUse, Parallelism, Settings
from weighbridge.core.machine import Machine
from weighbridge.core.plan import NearMiss, Plan, Refusal, Requirements
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.units import GIB
from weighbridge.core.workload import Workload, parse_slo
from weighbridge.facts.devices import parse_machine
from weighbridge.verbs.plan import to_json

GOLDEN = Path(__file__).with_name("golden")


def span(value: float, low: float, high: float, by: float = 1.0) -> Interval:
    return Interval(value * by, low * by, high * by, 0.8)


def use() -> MemoryUse:
    none = span(0, 0, 0)
    return MemoryUse(
        limit_bytes=21 * GIB,
        weights=span(8, 8, 8, GIB),
        activation=span(0.5, 0.3, 0.7, GIB),
        overhead=span(0.5, 0.5, 0.5, GIB),
        graphs=none,
        cache=span(12, 11.8, 12.2, GIB),
        sequence_bytes=1.0 * GIB,
        tokens=span(98304, 96000, 100000),
        concurrency=span(12, 11.8, 12.2),
    )


def estimate(name: str, engine: str, quality: Quality, reasons: tuple[str, ...] = ()) -> Estimate:
    settings = Settings(Engine(engine), 8192, 8, Parallelism(2), max_num_seqs=8)  # type: ignore[arg-type]
    return Estimate(
        candidate=Candidate(name, "bf16", settings, source=name),
        verdict="meets",
        reasons=reasons,
        memory=use(),
        ttft_ms=span(200, 150, 600),
        tpot_ms=span(20, 18, 30),
        tokens_per_s=span(390, 250, 420),
        requests_per_s=1.5,
        most_users=11.0,
        quality=quality,
        eur_per_million_tokens=None,
        provenance=Provenance("predicted", "closed form", "2026-11-21"),
    )


def plan() -> Plan:
    box = parse_machine("2x RTX 3090")
    measured = Quality(0.9, Provenance("measured", "eval-1", "2026-11-01"))
    assumed = Quality(3.2, Provenance("assumed", "size order", "2026-11-21"))
    doubt = "ttft_p95<500ms may not hold: 230 ms expected, 170 to 690 in 8 of 10 cases"
    return Plan(
        machine=Machine(box.device, box.count),
        requirements=Requirements(
            Workload(1024, 256, 8, context=8192), parse_slo("ttft_p95<500ms")
        ),
        task="code",
        order="quality",
        ranked=(
            estimate("org/evaluated-8B", "vllm", measured),
            estimate("org/larger-9B", "sglang", assumed, (doubt,)),
        ),
        front=(0,),
        near_misses=(
            NearMiss(
                estimate("org/huge-30B", "vllm", assumed, ("KV short by 2.00 GiB at 8 × 8k",)),
                ("fp8 KV cache", "5 users"),
            ),
        ),
        refused=(Refusal("org/secret", "not allowed", "licence x: no."),),
        considered=42,
        models=4,
        provenance=Provenance("predicted", "some runs", "2026-11-21"),
        notes=("What it rests on.",),
    )


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(plan(), 2)
    shown = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert shown + "\n" == (GOLDEN / "plan.txt").read_text("utf-8")


def test_the_document() -> None:
    document = to_json(plan())
    del document["machine"]
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    assert text == (GOLDEN / "plan.json").read_text("utf-8")
