from __future__ import annotations

from functools import cache

import pytest

from weighbridge.core.constraints import NO_LOAD, ExpectedLoad
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import GIB
from weighbridge.core.workload import Slo, parse_slo
from weighbridge.decide.expected import Asked, Expected, expected
from weighbridge.facts.catalog.catalogue import load as load_catalogue
from weighbridge.facts.devices import read_machine
from weighbridge.facts.quantizations.what_if import what_if


@cache
def inspection(name: str = "Qwen/Qwen3-8B") -> Inspection:
    architecture = load_catalogue().find(name).architecture()
    source = Provenance("catalogue", name, "2026-01-05")
    return Inspection(name, architecture, what_if("bf16", architecture), None, source)


def found(load: ExpectedLoad = NO_LOAD, slo: str = "") -> Expected | None:
    asked = Asked(inspection(), read_machine("H100 SXM"), "vllm", 1024, 256)
    return expected(asked, load, parse_slo(slo) if slo else Slo())


def test_more_load_is_slower_and_takes_more_memory_and_is_marked_as_predicted() -> None:
    one, many = found(ExpectedLoad(users=1)), found(ExpectedLoad(users=48))
    assert one is not None
    assert many is not None
    assert one.served.e2e_ms is not None
    assert many.served.e2e_ms is not None
    assert many.served.e2e_ms.value > one.served.e2e_ms.value
    assert many.served.at.startswith("48 users")
    assert many.served.provenance.kind == "predicted"
    assert many.served.percentile == "typical"
    # 8.2 billion weights of 16 bits, and what else a server needs.
    assert 15.2 * GIB < one.memory_bytes < many.memory_bytes < 60 * GIB


def test_a_rate_is_served_by_as_few_users_as_do() -> None:
    slow, fast = found(ExpectedLoad(requests_per_s=0.1)), found(ExpectedLoad(requests_per_s=8.0))
    assert slow is not None
    assert fast is not None
    assert slow.served.at.startswith("1 user,")
    assert fast.served.covers_load is True
    assert int(fast.served.at.split()[0]) > 8


def test_an_answer_takes_its_first_token_and_all_that_follow() -> None:
    one = found(ExpectedLoad(users=1))
    assert one is not None
    times = one.served
    assert times.ttft_ms is not None
    assert times.tpot_ms is not None
    assert times.e2e_ms is not None
    assert times.e2e_ms.value == pytest.approx(times.ttft_ms.value + 255 * times.tpot_ms.value)


def test_only_what_surely_fails_fails() -> None:
    impossible, easy = found(slo="tpot<0.1ms"), found(slo="e2e<10min")
    assert impossible is not None
    assert easy is not None
    assert (impossible.served.holds_slo, impossible.served.capacity) == (False, None)
    assert easy.served.holds_slo is True
    assert easy.served.capacity is not None
    tight = found(slo="tpot<8ms")
    assert tight is not None
    assert tight.served.capacity is not None
    assert tight.served.capacity.value < easy.served.capacity.value
